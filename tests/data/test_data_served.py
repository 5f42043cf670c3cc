"""A data set of the hub, read by the library itself over HTTP, from a hub on this machine."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heedful.corpus import Corpus
from heedful.models.builtin import demo_folder
from hub_server import served

pytest.importorskip("datasets", reason="the hub's library, of the extra 'hub', is not installed")

TEXTS = [{"text": f"A {word} film, number {i}.", "label": i % 2} for i, word in enumerate(["dull", "superb"] * 20)]
SCRIPT = """
import sys
import heedful
from heedful.cli import main
splits = heedful.data.read_splits("someone/reviews")
assert (len(splits.train), len(splits.test)) == (40, 38), splits
assert splits.train.label_names == ("0", "1"), splits
sys.argv = ["heedful", "corpus", "demo", "someone/reviews", "--out", "corpus", "-m", "shapley-exact", "--quiet"]
main()
"""


def parquet(rows: list[dict[str, object]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


@pytest.mark.slow
def test_a_data_set_of_the_hub_is_read_and_explained(tmp_path: Path) -> None:
    demo_folder()  # so that it is not trained below
    files = {
        "README.md": b"---\nlicense: mit\n---\n",
        "data/train-00000-of-00001.parquet": parquet(TEXTS),
        "data/test-00000-of-00002.parquet": parquet(TEXTS[:20]),
        "data/test-00001-of-00002.parquet": parquet(TEXTS[20:38]),
    }
    with served("someone/reviews", files) as hub:
        environment = os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    corpus = Corpus.read(tmp_path / "corpus")
    assert corpus.facts["finished"]
    rows = list(corpus.rows())
    assert [row["label"] for row in rows] == ["negative", "positive"] * 19  # the classes of these numbers
    assert all(row["error"] is None and row["shapley_exact_scores"] for row in rows)
    assert [row["units"][1] for row in rows[:2]] == ["dull", "superb"]
