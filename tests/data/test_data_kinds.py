"""Files as people bring them: every kind is read as the same rows, with labels and without."""

import bz2
import csv
import gzip
import json
import lzma

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from data_files import PLAIN, ROWS, csv_of, pairs, put, refusal
from heedful import data

COMMAS = [("A gem, truly", "pos"), ("It's so, so", "neg"), ("Fine", "pos")]


def frame(rows=ROWS) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["text", "label"])


def parquet(table: pa.Table, **settings) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **settings)
    return sink.getvalue().to_pybytes()


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue().to_pybytes()


def feather(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pyarrow.feather.write_feather(table, sink)
    return sink.getvalue().to_pybytes()


def objects(rows=ROWS) -> list[dict[str, str]]:
    return [{"id": i, "text": text, "label": label} for i, (text, label) in enumerate(rows)]


CSV = csv_of()
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in objects())
TABLE = pa.table({"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]})
SINGLE = {"quotechar": "'", "quoting": csv.QUOTE_ALL}
ESCAPED = {"escapechar": "\\", "doublequote": False}

KINDS = {
    "comma": ("x.csv", CSV, ROWS),
    "LF": ("x.csv", csv_of(lineterminator="\n"), ROWS),
    "CR": ("x.csv", csv_of(lineterminator="\r"), ROWS),
    "CR CR LF": ("x.csv", csv_of(PLAIN, lineterminator="\r\r\n"), PLAIN),
    "no last line end": ("x.csv", csv_of().rstrip(), ROWS),
    "blank lines": ("x.csv", "\r\n" + csv_of(PLAIN).replace("\r\n", "\r\n\r\n"), PLAIN),
    "all quoted": ("x.csv", csv_of(quoting=csv.QUOTE_ALL), ROWS),
    "an index": ("x.csv", frame().to_csv(), ROWS),
    "comma at line ends": ("x.csv", "text,label,\nA gem,pos,\nSo so,neg,\nFine # 1,pos,\n", PLAIN),
    "no header's twin": ("x.csv", "text,label,x,x\nA gem,pos,1,2\nSo so,neg,1,2\nFine # 1,pos,1,2\n", PLAIN),
    "semicolon": ("x.csv", csv_of(delimiter=";"), ROWS),
    "tab in csv": ("x.csv", csv_of(delimiter="\t"), ROWS),
    "bar": ("x.csv", csv_of(delimiter="|"), ROWS),
    "tsv": ("x.tsv", csv_of(delimiter="\t"), ROWS),
    "tab": ("x.TAB", csv_of(delimiter="\t"), ROWS),
    "comma in tsv": ("x.tsv", CSV, ROWS),
    "sep=": ("x.csv", "sep=;\r\n" + csv_of(delimiter=";"), ROWS),
    "sep=, quoted": ("x.csv", '"sep=^"\n' + csv_of(delimiter="^"), ROWS),
    "single quotes": ("x.csv", csv_of(**SINGLE), ROWS),
    "single quotes, semicolon": ("x.csv", csv_of(delimiter=";", **SINGLE), ROWS),
    "single quotes where needed": ("x.csv", csv_of(COMMAS, quotechar="'"), COMMAS),
    "single quotes below the header": ("x.csv", "text,label\n'A gem','pos'\n'So so','neg'\n'Fine # 1','pos'\n", PLAIN),
    "single quotes, numbers": ("x.csv", "text,label\n'A gem',1\n'So so',0\n", [("A gem", "1"), ("So so", "0")]),
    "single quotes doubled in a word": ("x.csv", "text,label\n'It''s',1\nSo so,0\n", [("It's", "1"), ("So so", "0")]),
    "single quotes doubled after a word": (
        "x.csv", "text,label\n'The dogs'' plot',1\nSo so,0\n", [("The dogs' plot", "1"), ("So so", "0")],
    ),
    "all texts quotations": (
        "x.csv", "text,label\n'To be',a b\n'Or not',c d\n", [("'To be'", "a b"), ("'Or not'", "c d")],
    ),
    "single quotes escaped": ("x.csv", "'text','label'\n'It\\'s, so',1\n'b',0\n", [("It's, so", "1"), ("b", "0")]),
    "escaped quotes": ("x.csv", csv_of(quoting=csv.QUOTE_ALL, **ESCAPED), ROWS),
    "escaped where needed": ("x.csv", csv_of(**ESCAPED), ROWS),
    "escaped, never quoted": ("x.csv", csv_of(quoting=csv.QUOTE_NONE, **ESCAPED), ROWS),
    "escaped by pandas": ("x.csv", frame().to_csv(index=False, **ESCAPED), ROWS),
    "other backslashes": ("x.csv", 'text,label\n"C:\\new \\"x\\"",1\nb,0\n', [('C:\\new "x"', "1"), ("b", "0")]),
    "backslashes alone": ("x.csv", "text,label\nC:\\new\\,1\nb,0\n", [("C:\\new\\", "1"), ("b", "0")]),
    "quotes as characters": (
        "x.tsv", 'text\tlabel\n"Twas so\tpos\nHe said "no"\tneg\n5"\tpos\n',
        [('"Twas so', "pos"), ('He said "no"', "neg"), ('5"', "pos")],
    ),
    "quotes as characters, over lines": (
        "x.tsv", 'text\tlabel\n"Twas so\tpos\nfine"\tneg\nb\tpos\n',
        [('"Twas so', "pos"), ('fine"', "neg"), ("b", "pos")],
    ),
    "inches": ("x.csv", 'text,label\n5" pipe,pos\n"a, b",neg\n', [('5" pipe', "pos"), ("a, b", "neg")]),
    "inches, and a text over lines": (
        "x.csv", 'text,label\n5" pipe,pos\n"a,b\nc",neg\n', [('5" pipe', "pos"), ("a,b\nc", "neg")],
    ),
    "spaces after commas": ("x.csv", 'label, text\n1, "A gem, truly"\n0, "b"\n', [("A gem, truly", "1"), ("b", "0")]),
    "spaces in a quoted header": ("x.csv", '"label", "text"\n"1", "a,b"\n"0", "c"\n', [("a,b", "1"), ("c", "0")]),
    "comments": ("x.csv", '# of "Monday, 3\n# text, label, rest\n\n' + CSV, ROWS),
    "comment and header in one": ("x.csv", "# " + CSV, ROWS),
    "hashes in the texts": ("x.csv", "#text,label\n#win,pos\n#a,neg\n", [("#win", "pos"), ("#a", "neg")]),
    "an index called #": ("x.csv", "#,text,label\n1,A gem,pos\n2,So so,neg\n3,Fine # 1,pos\n", PLAIN),
    "spaces and capitals": ("x.csv", csv_of(header=(" Text ", "LABEL")), ROWS),
    "CR in a line": ("x.csv", "text,label\na\rb,pos\n\"c\rd\n\",neg\n", [("a\rb", "pos"), ("c\rd\n", "neg")]),
    "LF in a line of CR": ("x.csv", "label,text\rpos,a\nb\rneg,c\n\r", [("a\nb", "pos"), ("c\n", "neg")]),
    "NUL in few bytes": ("x.csv", "label,text\r1,\0\r0,\0\r", [("\0", "1"), ("\0", "0")]),
    "NUL": ("x.csv", "text,label\na\0b,pos\nc,neg\n", [("a\0b", "pos"), ("c", "neg")]),
    "gzip": ("x.csv.gz", gzip.compress(CSV.encode()), ROWS),
    "gzip of two parts": ("x.csv.gz", gzip.compress(CSV[:20].encode()) + gzip.compress(CSV[20:].encode()), ROWS),
    "gzip without the name": ("x.csv", gzip.compress(CSV.encode()), ROWS),
    "the name without gzip": ("x.csv.gz", CSV, ROWS),
    "bzip2": ("x.csv.bz2", bz2.compress(CSV.encode()), ROWS),
    "xz": ("x.csv.xz", lzma.compress(CSV.encode()), ROWS),
    "tsv gzip": ("x.tsv.gz", gzip.compress(csv_of(delimiter="\t").encode()), ROWS),
    "lines gzip": ("x.jsonl.gz", gzip.compress(LINES.encode()), ROWS),
    "json gzip": ("x.json.gz", gzip.compress(json.dumps(objects()).encode()), ROWS),
    "json lines": ("x.jsonl", LINES, ROWS),
    "json lines, CRLF": ("x.ndjson", LINES.replace("\n", "\r\n"), ROWS),
    "json lines, CR": ("x.json-lines", LINES.replace("\n", "\r"), ROWS),
    "json lines called json": ("x.json", LINES, ROWS),
    "json lines, UTF-16": ("x.jsonl", LINES.encode("utf-16"), ROWS),
    "json line separators": ("x.jsonl", LINES.replace("Fine", "Fi\u2028ne"), [*ROWS[:2], ("Fi\u2028ne # 1", "pos")]),
    "json array called lines": ("x.jsonl", json.dumps(objects()), ROWS),
    "json array": ("x.json", json.dumps(objects(), indent=2), ROWS),
    "json of the hub": ("x.json", json.dumps({"version": "1", "data": objects()}), ROWS),
    "json of the hub's viewer": ("x.json", json.dumps({"rows": [{"row": row} for row in objects()]}), ROWS),
    "json of rows alone under a name": ("x.json", json.dumps({"reviews": list(objects())}), ROWS),
    "json columns": ("x.json", json.dumps(dict(zip(("text", "label"), zip(*ROWS, strict=True), strict=True))), ROWS),
    "json header and rows": ("x.json", json.dumps([("text", "label"), *ROWS]), ROWS),
    **{
        f"json of pandas, {orient}": ("x.json", frame().to_json(orient=orient), ROWS)
        for orient in ("columns", "index", "records", "split", "table")
    },
    "json lines of pandas": ("x.json", frame().to_json(orient="records", lines=True), ROWS),
    "parquet": ("x.parquet", parquet(TABLE), ROWS),
    "parquet of pandas": ("x.parquet", frame().to_parquet(), ROWS),
    "parquet in groups": ("x.parquet", parquet(TABLE, row_group_size=1), ROWS),
    **{
        f"parquet, {kind}": ("x.parquet", parquet(TABLE.cast(pa.schema([("text", kind), ("label", kind)]))), ROWS)
        for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()))
    },
    "parquet categorical": ("x.parquet", frame().astype("category").to_parquet(), ROWS),
    "arrow stream": ("x.arrow", stream(TABLE), ROWS),
    "feather": ("x.feather", feather(TABLE), ROWS),
    **{
        f"csv in {encoding}": ("x.csv", CSV.encode(encoding), ROWS)
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
    },
    **{
        f"csv in {encoding}, marked": ("x.csv", ("\ufeff" + CSV).encode(encoding), ROWS)
        for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
    },
    "Excel's Unicode text": ("x.csv", csv_of(delimiter="\t").encode("utf-16"), ROWS),
    "Cyrillic in UTF-16": ("x.csv", "text,label\nя рад,1\nнет,0\n".encode("utf-16-le"), [("я рад", "1"), ("нет", "0")]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "rows"), KINDS.values(), ids=KINDS.keys())
def test_every_kind_of_file_gives_its_rows(tmp_path, name, content, rows):
    path = put(tmp_path / name, content if isinstance(content, bytes) else content.encode())
    assert pairs(data.read(path)) == rows
    assert pairs(data.read_splits(path).train) == rows
    assert pairs(data.read(path, limit=2)) == rows[:2]
    assert data.is_table(path)
    texts = data.read_texts(path)
    assert [row.text for row in texts] == [text for text, _ in rows]
    assert all(row.source == str(path) and row.problem is None for row in texts)
    assert len({row.place for row in texts}) == len(rows)


def test_rows_without_a_text_are_named_and_the_others_kept(tmp_path):
    path = put(tmp_path / "x.csv", b'id,text\n1,a\n2,\n3," "\n4,b\n')
    rows = data.read_texts(path)
    assert [row.text for row in rows] == ["a", None, None, "b"]
    assert [row.place for row in rows] == ["line 2", "line 3", "line 4", "line 5"]
    assert rows[1].problem == rows[2].problem == "the text ('text') is missing or blank"
    path = put(
        tmp_path / "x.jsonl", b'{"text": "a"}\n{"text": null}\n{"text": NaN}\n{}\n{"text": 5}\n{"text": ["b"]}\n'
    )
    assert [(row.text, row.problem) for row in data.read_texts(path)] == [
        ("a", None),
        *[(None, "the text ('text') is missing or blank")] * 3,
        (None, "'text' holds int, not text"),
        (None, "'text' holds list, not text"),
    ]
    pd.DataFrame({"text": ["a", None, float("nan")]}).to_parquet(tmp_path / "x.parquet")
    assert [row.text for row in data.read_texts(tmp_path / "x.parquet")] == ["a", None, None]
    path = put(tmp_path / "one.csv", b"text\na\n\nb\n\n\n")
    assert [(row.place[-1], row.text) for row in data.read_texts(path)] == [("2", "a"), ("3", None), ("4", "b")]


def test_quotations_alone_are_no_dialect(tmp_path):
    path = put(tmp_path / "x.csv", b"text\n'To be'\n'Or not'\n")
    assert [row.text for row in data.read_texts(path)] == ["'To be'", "'Or not'"]


def test_an_array_of_texts(tmp_path):
    path = put(tmp_path / "x.json", b'["a", null, "b"]')
    assert [row.text for row in data.read_texts(path)] == ["a", None, "b"]
    assert [row.text for row in data.read_texts(put(tmp_path / "x.jsonl", b'"a"\n"b"\n'))] == ["a", "b"]
    for name, content in (("x.csv", b"text\n"), ("x.json", b"[]"), ("x.jsonl", b"\n")):
        assert "no rows" in refusal(put(tmp_path / name, content), data.read_texts)


@pytest.mark.parametrize(("name", "table"), [("x.txt", False), ("x", False), ("x.txt.gz", False), ("x.xlsx", True)])
def test_what_is_a_table(name, table):
    assert data.is_table(name) == table
