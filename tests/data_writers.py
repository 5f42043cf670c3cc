"""Generated tables, and every way of writing them that readers of data must undo."""

import csv
import gzip
import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

# Mostly signs that mean something to one format or another.
SIGNS = st.sampled_from(list("ab1 ,;\t|\"'\\#=\n\r\u2028[]{}é\ufeff\0"))
TEXTS = st.text(SIGNS | st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
LABELS = st.sampled_from(["pos", "neg", "so, so", 'a "b"', "3 stars"])
TABLES = st.lists(st.tuples(TEXTS, LABELS), min_size=2, max_size=6).filter(lambda rows: len({b for _, b in rows}) > 1)


def by_csv(**settings):
    def write(rows, names):
        file = io.StringIO()
        csv.writer(file, **settings).writerows([names, *rows])
        return file.getvalue()

    return write


def frame(rows, names):
    return pd.DataFrame(rows, columns=list(names))


def by_parquet(rows, names):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(list(zip(*rows, strict=True)), names), sink)
    return sink.getvalue().to_pybytes()


def by_arrow(rows, names):
    table, sink = pa.table(list(zip(*rows, strict=True)), names), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def by_json(rows, names, ascii_only=True):
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], ensure_ascii=ascii_only)


def by_lines(rows, names):
    return "".join(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


WRITERS = {
    "csv": (".csv", by_csv()),
    "csv, LF": (".csv", by_csv(lineterminator="\n")),
    "csv, CR": (".csv", by_csv(lineterminator="\r")),
    "csv, all quoted": (".csv", by_csv(quoting=csv.QUOTE_ALL)),
    "csv, semicolon": (".csv", by_csv(delimiter=";")),
    "csv, tab": (".csv", by_csv(delimiter="\t")),
    "csv, bar": (".csv", by_csv(delimiter="|")),
    "tsv": (".tsv", by_csv(delimiter="\t", lineterminator="\n")),
    "csv, single quotes": (".csv", by_csv(quotechar="'", quoting=csv.QUOTE_ALL)),
    "csv, single quotes, tab": (".tsv", by_csv(quotechar="'", quoting=csv.QUOTE_ALL, delimiter="\t")),
    "csv, UTF-16": (".csv", lambda rows, names: by_csv()(rows, names).encode("utf-16")),
    "csv, UTF-32": (".csv", lambda rows, names: by_csv()(rows, names).encode("utf-32")),
    "csv, UTF-8 marked": (".csv", lambda rows, names: by_csv()(rows, names).encode("utf-8-sig")),
    "csv, gzip": (".csv.gz", lambda rows, names: gzip.compress(by_csv()(rows, names).encode())),
    "csv of Excel": (".csv", lambda rows, names: "sep=;\r\n" + by_csv(delimiter=";")(rows, names)),
    "csv of pandas": (".csv", lambda rows, names: frame(rows, names).to_csv()),
    "tsv of pandas": (".tsv", lambda rows, names: frame(rows, names).to_csv(sep="\t", index=False)),
    "json": (".json", by_json),
    "json, not ascii": (".json", lambda rows, names: by_json(rows, names, ascii_only=False)),
    "json of pandas": (".json", lambda rows, names: frame(rows, names).to_json()),
    "json, split": (".json", lambda rows, names: frame(rows, names).to_json(orient="split")),
    "json lines": (".jsonl", by_lines),
    "json lines called json": (".json", by_lines),
    "parquet": (".parquet", by_parquet),
    "parquet of pandas": (".parquet", lambda rows, names: frame(rows, names).to_parquet()),
    "arrow": (".arrow", by_arrow),
}
NAMES = [("text", "label"), ("Review Text", "Sentiment"), ("label", "text")]


def written(folder: str, writer: str, rows, names) -> Path:
    suffix, write = WRITERS[writer]
    content = write(rows, names)
    path = Path(folder, f"x{suffix}")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
