"""Files as people bring them: every kind is read as the same rows, with labels and without."""

import bz2
import csv
import gzip
import io
import json
import lzma
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from data_files import put, refusal
from heedful import data
from heedful.errors import DataError, SettingError

ROWS = [("A gem; a café, truly|yes", "pos"), ('It\'s "so so"\nand long', "neg"), ("Fine # 1", "pos")]
PLAIN = [("A gem", "pos"), ("So so", "neg"), ("Fine # 1", "pos")]  # for kinds that hold no separators or quotes
COMMAS = [("A gem, truly", "pos"), ("It's so, so", "neg"), ("Fine", "pos")]


def csv_of(rows=ROWS, header=("text", "label"), **settings) -> str:
    file = io.StringIO()
    csv.writer(file, **settings).writerows([header, *rows])
    return file.getvalue()


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


def pairs(read: data.Dataset) -> list[tuple[str, str]]:
    return [(text, read.label_names[c]) for text, c in zip(read.texts, read.labels, strict=True)]


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


# --- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("sentence", "label"), ("review", "sentiment"), ("content", "target"), ("comment", "class"), ("Tweet", "y"),
        ("Review Text", "Category"), ("reviewText", "gold_label"), ("text", "sentiment"), ("review", "label"),
    ],
)  # fmt: skip
def test_usual_names_of_columns_are_taken(tmp_path, suffix, text, label):
    table = pd.DataFrame({"id": [1, 2], text: ["a", "b"], "stars": [5, 1], label: ["x", "y"]})
    path = tmp_path / f"x{suffix}"
    {".csv": table.to_csv, ".parquet": table.to_parquet}.get(
        suffix, lambda to: table.to_json(to, orient="records", lines=True)
    )(path)
    assert pairs(data.read(path)) == [("a", "x"), ("b", "y")]
    assert [row.text for row in data.read_texts(path)] == ["a", "b"]


def test_text_and_label_come_before_names_that_only_usually_mean_them(tmp_path):
    path = put(tmp_path / "x.csv", b"sentiment,title,text,label\nn,t,a,x\nn,t,b,y\n")
    assert pairs(data.read(path)) == [("a", "x"), ("b", "y")]
    path = put(tmp_path / "y.csv", b"Text,review,LABEL,class\na,t,x,1\nb,t,y,2\n")
    assert pairs(data.read(path)) == [("a", "x"), ("b", "y")]


def test_columns_can_be_named(tmp_path):
    path = put(tmp_path / "x.csv", b"review,comment,Gold,text\nr,a,x,\ns,b,y,\n")
    for text, label in (("comment", "Gold"), ("Comment", "gold"), (1, 2), ("comment", 2)):
        assert pairs(data.read(path, text=text, label=label)) == [("a", "x"), ("b", "y")]
    assert pairs(data.read(path, text="comment", label="review")) == [("a", "r"), ("b", "s")]
    assert [row.text for row in data.read_texts(path, text="review")] == ["r", "s"]
    for wrong in ("Stars", 4):
        with pytest.raises(DataError, match=f"no column {wrong!r}; .*'review', 'comment', 'Gold', 'text'; name"):
            data.read(path, text="comment", label=wrong)
    for text, label in (("text", "text"), (1, 1), (True, 1), (-1, 1)):
        with pytest.raises(SettingError):
            data.read(path, text=text, label=label)
    with pytest.raises(SettingError, match="same column"):
        data.read(path, text=2, label="gold")


HEADERLESS = "pos,A gem\nneg,So so\npos,Fine # 1\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", HEADERLESS),
        ("x.csv", HEADERLESS.replace(",", ";")),
        ("x.csv", HEADERLESS.replace(",", "\t")),
        ("x.tsv", HEADERLESS.replace(",", "\t")),
        ("x.csv", "# by me\n" + HEADERLESS),
        ("x.csv", "label,text\n" + HEADERLESS),
        ("x.csv", "0,1\n" + HEADERLESS),  # of pandas
        ("x.csv", csv_of([(b, a) for a, b in PLAIN], header=("0", "1"), quotechar="'", quoting=csv.QUOTE_ALL)),
        ("x.json", json.dumps([(b, a) for a, b in PLAIN])),
        ("x.json", json.dumps({"columns": ["kind", "words"], "data": [(b, a) for a, b in PLAIN]})),
    ],
)
def test_columns_by_number_where_there_is_no_header(tmp_path, name, content):
    path = put(tmp_path / name, content.encode())
    assert pairs(data.read(path, text=1, label=0)) == PLAIN
    assert [row.text for row in data.read_texts(path, text=1)] == [text for text, _ in PLAIN]


def test_a_header_is_not_taken_for_a_row(tmp_path):
    for content, reason in (
        (b"stars,words\n1,a\n0,b\n", "line 1: looks like a header, as no other row has the label 'stars'"),
        (b"kind,words\nx,a b\ny,c d\ny,e f\n", "line 1: looks like a header"),
        (b"label,words\n1,a\n0,b\n", "'words' and 'label' a header or a row"),
    ):
        message = refusal(put(tmp_path / "x.csv", content), text=1, label=0)
        assert reason in message
    path = put(tmp_path / "x.csv", b"pos,Dull\nneg,Good\nneg,Fine\n")  # of one word each
    assert len(data.read(path, text=1, label=0)) == 3


def test_a_single_column_has_no_separators(tmp_path):
    texts = ["Hello, world", "Great; yes", "a\tb|c", "end"]
    path = put(tmp_path / "x.csv", "\n".join(["text", *texts, "", ""]).encode())
    assert [row.text for row in data.read_texts(path)] == texts
    path = put(tmp_path / "x.csv", "\n".join(texts).encode())
    assert [row.text for row in data.read_texts(path, text=0)] == texts
    assert "'Hello', ' world'; name the right one with text= (--text-column), or" in refusal(path, data.read_texts)


# --- encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1251", "shift_jis", "gb18030", "mac-roman", "utf-16-le"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json"])
def test_encodings_that_cannot_be_told_are_named(tmp_path, encoding, suffix):
    word = {"cp1251": "привет", "shift_jis": "こんにちは", "gb18030": "你好吗"}.get(encoding, "café")
    rows = [{"text": word, "label": 1}, {"text": "b", "label": 0}]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    content = {".csv": f"text,label\n{word},1\nb,0\n", ".jsonl": lines, ".json": json.dumps(rows, ensure_ascii=False)}
    path = put(tmp_path / f"x{suffix}", content[suffix].encode(encoding))
    assert data.read(path, encoding=encoding).texts == (word, "b")
    assert [row.text for row in data.read_texts(path, encoding=encoding)] == [word, "b"]
    if encoding != "utf-16-le":
        message = refusal(path)
        assert "not UTF-8" in message
        assert "encoding= (--encoding)" in message
        assert encoding != "cp1252" or "'café'" in message or suffix != ".csv"


def test_a_mark_says_more_than_the_encoding_asked_for(tmp_path):
    path = put(tmp_path / "x.csv", CSV.encode("utf-8-sig"))
    assert pairs(data.read(path, encoding="cp1252")) == ROWS
    for wrong in ("klingon", "hex", "zip", "a\0b", "é"):
        with pytest.raises(SettingError, match="no encoding is called"):
            data.read(path, encoding=wrong)


def test_rows_behind_the_limit_may_be_in_another_encoding(tmp_path):
    content = CSV.encode() + b"caf\xe9,pos\n"
    path = put(tmp_path / "x.csv", content)
    assert pairs(data.read(path, limit=3)) == ROWS
    assert "line 6: not UTF-8" in refusal(path, limit=4)
    path = put(tmp_path / "x.jsonl", LINES.encode() + b'{"text": "caf\xe9"}\n')
    assert pairs(data.read(path, limit=3)) == ROWS
    assert "line 4: not UTF-8" in refusal(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"so good\r\n", "so good"),
        (b"so good\n", "so good"),
        (b"so good\r", "so good"),
        (b"so good", "so good"),
        (b"\n", ""),
        (b"", ""),
        (b"so\r\ngood\r\n\r\n", "so\r\ngood\r\n"),
        ("\ufeffso good\r\n".encode(), "so good"),
        ("so good\r\n".encode("utf-16"), "so good"),
        ("so good\r\n".encode("utf-16-be"), "so good"),
        (gzip.compress(b"so good\r\n"), "so good"),
    ],
)
def test_the_end_of_the_last_line_is_no_part_of_a_text(content, text):
    assert data.text_of(content, "note.txt") == text


def test_one_text_in_an_encoding_of_its_own():
    assert data.text_of("café\r\n".encode("cp1252"), "x", "cp1252") == "café"
    with pytest.raises(DataError, match=r"standard input, line 2: not UTF-8: .*'café'"):
        data.text_of("a\ncafé\n".encode("cp1252"), "standard input")
    for content in (b"PK\x03\x04", gzip.compress(b"so good")[:-9]):
        with pytest.raises(DataError, match=r"note\.docx: "):
            data.text_of(content, "note.docx")


# --- labels -----------------------------------------------------------------------------------------------------------


def names_of(tmp_path: Path, labels: list[str]) -> tuple[str, ...]:
    rows = "".join(f"t{i},{label}\n" for i, label in enumerate(labels))
    return data.read(put(tmp_path / "x.csv", f"text,label\n{rows}".encode())).label_names


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["007", "7"], ("007", "7")),
        (["01", "02", "10"], ("01", "02", "10")),
        (["0", "1"], ("0", "1")),
        (["-1", "1"], ("-1", "1")),
        (["0.0", "1.0"], ("0", "1")),
        (["0.0", "1"], ("0", "1")),
        (["1", "5"], ("1", "5")),
        (["True", "False"], ("false", "true")),
        (["TRUE", "false", "True"], ("false", "true")),
        (["True", "False", "Unknown"], ("False", "True", "Unknown")),
        (["yes", "no"], ("no", "yes")),
        (["NA", "None"], ("NA", "None")),
        ([" a", "a ", "b"], ("a", "b")),
    ],
)
def test_labels_of_text(tmp_path, labels, names):
    assert names_of(tmp_path, labels) == names
    table = pa.table({"text": ["t"] * len(labels), "label": labels})
    pq.write_table(table, tmp_path / "x.parquet")
    assert data.read(tmp_path / "x.parquet").label_names == names


WRITERS = {
    "csv": lambda path, table: table.to_csv(path, index=False),
    "tsv": lambda path, table: table.to_csv(path, index=False, sep="\t"),
    "jsonl": lambda path, table: table.to_json(path, orient="records", lines=True),
    "json": lambda path, table: table.to_json(path),
    "parquet": lambda path, table: table.to_parquet(path),
}


@pytest.mark.parametrize("train", WRITERS)
@pytest.mark.parametrize("test", WRITERS)
@pytest.mark.parametrize("labels", [[True, False], [0, 1], [0.0, 1.0], ["n", "p"], ["True", "False"], ["01", "1"]])
def test_classes_are_the_same_in_parts_of_different_formats(tmp_path, train, test, labels):
    whole = pd.DataFrame({"text": ["a", "b"], "label": labels})
    WRITERS[train](tmp_path / f"train.{train}", whole)
    WRITERS[test](tmp_path / f"test.{test}", whole[1:])
    splits = data.read_splits(tmp_path)
    assert splits.test.labels.tolist() == [splits.train.labels[1]]
    assert splits.test.label_names == splits.train.label_names


def test_a_part_may_have_names_or_only_numbers(tmp_path):
    put(tmp_path / "train.csv", b"text,label,label_name\na,0,worse\nb,1,better\n")
    put(tmp_path / "test.csv", b"text,label\nc,1\n")
    splits = data.read_splits(tmp_path)
    assert (splits.train.label_names, splits.test.labels.tolist()) == (("worse", "better"), [1])
    put(tmp_path / "train.csv", b"text,label\na,0\nb,1\n")
    put(tmp_path / "test.csv", b"text,label,label_name\nc,1,better\n")
    splits = data.read_splits(tmp_path)
    assert (splits.train.label_names, splits.test.labels.tolist()) == (("0", "1"), [1])
    put(tmp_path / "train.csv", b"text,label\na,1.0\nb,x\n")
    put(tmp_path / "test.csv", b"text,label\nc,1.0\n")
    assert data.read_splits(tmp_path).test.labels.tolist() == [0]
    put(tmp_path / "test.csv", b"text,label\nc,X\n")
    with pytest.raises(DataError, match=r"label 'X' is not in train, which has \['1.0', 'x'\]"):
        data.read_splits(tmp_path)


# --- texts without labels ---------------------------------------------------------------------------------------------


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
