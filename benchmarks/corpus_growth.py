"""What many machines would do with very many texts: a table of shards, bytes, hours and cost, from measured rates.

    python benchmarks/corpus_growth.py [--texts 1e9] [--machines 10 100] [--rate 300] [--reader 50000] ...

Nothing is measured here. The stages of `heedful corpus --engine ray` work at the same time, so a run takes as long as
the slowest of them:

- workers: texts / (rate x cores x machines)
- readers: texts / (reader x readers); one a run: a second reader is a second run, on other files, into another folder
- storage: texts x (bytes of a text + bytes of its row) / storage, which all runs share
- drivers: shards x driver / readers: what one process spends on a shard to offer it, to wait for it, and to enter it

Machines are paid for as long as the run takes. A last line says how many machines one reader can keep busy.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """What was measured, or is assumed.

    Attributes:
        rate: texts a second and core.
        cores: of a machine.
        text: bytes of a text in the input.
        row: bytes of a text in the output.
        reader: rows a second that one process reads and hands on.
        storage: bytes a second that the shared folder reads and writes, together.
        driver: seconds that the driver spends on a shard.
        rows_a_shard: rows a file.
        price: of a machine and hour.
    """

    rate: float
    cores: int
    text: float
    row: float
    reader: float
    storage: float
    driver: float
    rows_a_shard: int
    price: float

    @property
    def busy(self) -> float:
        """Machines that one reader keeps busy."""
        return self.reader / (self.rate * self.cores)

    def seconds(self, texts: float, machines: int, readers: int) -> dict[str, float]:
        """Seconds that each stage takes by itself."""
        return {
            "workers": texts / (self.rate * self.cores * machines),
            "readers": texts / (self.reader * readers),
            "storage": texts * (self.text + self.row) / self.storage,
            "drivers": math.ceil(texts / self.rows_a_shard) * self.driver / readers,
        }


def line(measured: Measured, texts: float, machines: int, readers: int) -> str:
    """One line of the table."""
    stages = measured.seconds(texts, machines, readers)
    slowest = max(stages, key=lambda name: stages[name])
    hours = stages[slowest] / 3600
    others = ", ".join(f"{name} {seconds / 3600:.2f}" for name, seconds in stages.items() if name != slowest)
    cells = (
        f"{machines:,} x {measured.cores}",
        f"{readers:,}",
        f"{math.ceil(texts / measured.rows_a_shard):,}",
        f"{texts * measured.text / 1e9:,.0f}",
        f"{texts * measured.row / 1e9:,.0f}",
        f"{hours:.2f}",
        slowest,
        others,
        f"{stages['workers'] / stages[slowest]:.0%}",
        f"{machines * hours * measured.price:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, and what it was computed from."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=float, default=1e9)
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--rate", type=float, default=300, help="texts a second and core")
    parser.add_argument("--cores", type=int, default=16, help="of a machine")
    parser.add_argument("--text", type=float, default=1700, help="bytes of a text in the input")
    parser.add_argument("--row", type=float, default=3000, help="bytes of a text in the output")
    parser.add_argument("--reader", type=float, default=50_000, help="rows a second that one process reads")
    parser.add_argument("--storage", type=float, default=1e9, help="bytes a second of the shared folder")
    parser.add_argument("--driver", type=float, default=0.02, help="seconds of the driver for a shard")
    parser.add_argument("--rows-a-shard", type=int, default=2048)
    parser.add_argument("--price", type=float, default=0.7, help="of a machine and hour")
    given = vars(parser.parse_args())
    texts, machines = given.pop("texts"), given.pop("machines")
    measured = Measured(**given)
    print(f"{texts:,.0f} texts; {', '.join(f'{name} {value:,g}' for name, value in given.items())}\n")
    columns = (
        "machines x cores",
        "readers",
        "shards",
        "GB in",
        "GB out",
        "hours",
        "slowest",
        "the others",
        "busy",
        "cost",
    )
    print(f"| {' | '.join(columns)} |")
    print(f"|{' --- |' * len(columns)}")
    for n in machines:
        for readers in sorted({1, math.ceil(n / measured.busy)}):
            print(line(measured, texts, n, readers))
    print(f"\nOne reader keeps {measured.busy:.1f} machines busy.")


if __name__ == "__main__":
    main()
