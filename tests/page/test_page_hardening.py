"""The page's server against strangers: bombs, hostile names, folders and hosts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import socket
import threading

import numpy as np
import pytest

import heedful
from heedful.errors import DataError, InputError
from heedful.page import Hosts, Limits, folders
from heedful.page.asked import Ask
from heedful.page.export import exported
from heedful.page.keeping import Kept
from heedful.page.served import Served
from heedful.page.uploads import listed
from page_server import application, client

TEXT = "The plot was dull, but the ending was charming."
EXTRA = pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def demo():
    return heedful.load("demo")


@pytest.fixture(scope="module")
def page(demo):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("heedful.page.shell.works_on", lambda *_: {})  # which tries every method
        app = application({"demo": demo})
    with client(app) as one:
        yield one


def upload(page, name, content, status=200, **data):
    answer = page.post("/api/upload", files={"file": (name, content)}, data=data)
    assert answer.status_code == status, answer.text
    return answer.json()


def parquet(table, **options):
    import pyarrow.parquet

    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, **options)
    return file.getvalue()


def test_a_compressed_upload_is_refused_unopened(page):
    assert "unpack it" in upload(page, "a.csv", gzip.compress(b"text\n" + b"good film\n" * 100), 400)["error"]


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_parquet_file_may_not_stand_for_more_than_the_page_takes(page, dictionary):
    column = EXTRA.array(["x" * 1_000_000] * 100)
    table = EXTRA.table({"text": column.dictionary_encode() if dictionary else column})
    content = parquet(table, compression="zstd", use_dictionary=dictionary)
    assert len(content) < 100_000
    assert "split the file" in upload(page, "a.parquet", content, 400)["error"]


def claiming(content, size, claimed):
    """The file with another size in its footer, in as many bytes."""

    def varint(value, length=0):
        value, given = 2 * value, bytearray()
        while value or len(given) < max(1, length):
            given.append(value & 127 | 128)
            value >>= 7
        given[-1] &= 127
        return bytes(given)

    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    true = varint(size)
    assert true in content[start:]
    return content[:start] + content[start:].replace(true, varint(claimed, len(true)))


@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_parquet_file_whose_footer_lies_is_refused_before_it_is_unpacked(dictionary, version):
    """By what its pages say themselves: of a page so large, not even the first row is to be read."""
    limits = Limits(rows=10, characters=1_000)
    table = EXTRA.table({"other": [1, 2], "text": ["x" * 1_000_000, "dull"]})
    content = parquet(table, compression="zstd", use_dictionary=dictionary, data_page_version=version)
    read = EXTRA.parquet.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(1)
    lying = claiming(content, read.total_uncompressed_size, 100)
    column = EXTRA.parquet.ParquetFile(io.BytesIO(lying)).metadata.row_group(0).column(1)
    assert column.total_uncompressed_size == 100
    for one in (content, lying):
        with pytest.raises(DataError, match=r"unpacked, its texts have 1,0\d\d,\d\d\d bytes"):
            listed("a.parquet", one, None, limits)
    small = parquet(EXTRA.table({"text": ["good", None] * 4}), data_page_version=version, use_dictionary=dictionary)
    assert len(listed("a.parquet", small, None, limits)["rows"]) == 8
    broken = bytearray(small)
    broken[4:8] = b"\xff\xff\xff\xff"
    with pytest.raises(DataError, match="damaged"):
        listed("a.parquet", bytes(broken), None, limits)


def test_a_parquet_file_of_lists_is_refused_before_they_are_read(page):
    table = EXTRA.table({"text": EXTRA.array([["x" * 1000] * 10])})
    assert "lists" in upload(page, "a.parquet", parquet(table), 400)["error"]


def test_no_more_rows_are_read_than_are_listed():
    many = EXTRA.table({"text": [f"text {i}" for i in range(50)]})
    rows = listed("a.parquet", parquet(many), None, Limits(rows=7))["rows"]
    assert [row["text"] for row in rows] == [f"text {i}" for i in range(7)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_of_very_many_columns_is_refused(page, kind):
    names = ["text", *(f"c{i}" for i in range(1000))]
    content = (",".join(names) + "\n").encode() * 2
    if kind == "parquet":
        content = parquet(EXTRA.table({name: ["a"] for name in names}))
    assert "1,001 columns" in upload(page, f"a.{kind}", content, 400)["error"]


@pytest.mark.parametrize(
    ("content", "column"),
    [
        (b"a,b\n1,2\n", ""),
        (b"review,text2,comment\na,b,c\n", ""),
        (b"text\ngood \xe9 film\n", ""),
        (b"text\na\n", "no"),
    ],
)
def test_errors_about_files_name_nothing_that_the_page_has_not(page, content, column):
    error = upload(page, "a.csv", content, 400, column=column)["error"]
    assert "--" not in error
    assert "=" not in error


def test_broken_forms_are_one_line(page):
    for kind, content in (
        ("multipart/form-data", b"xx"),
        ("multipart/form-data; boundary=abc", b"xx"),
        ("multipart/form-data; boundary=abc; charset=nonsense", b"xx"),
        (
            "multipart/form-data; boundary=abc",
            b'--abc\r\nContent-Disposition: form-data; name="column"\r\n\r\n\xff\r\n--abc--\r\n',
        ),
        (
            "multipart/form-data; boundary=abc; charset=nonsense",
            b'--abc\r\nContent-Disposition: form-data; name="column"\r\n\r\na\r\n--abc--\r\n',
        ),
    ):
        answer = page.post("/api/upload", content=content, headers={"content-type": kind})
        assert answer.status_code == 400, (kind, answer.text)
        assert answer.json().keys() == {"error"}


def test_methods_that_are_not_offered_are_refused_by_the_server_too(page):
    answer = page.post("/api/explain", json={"text": TEXT, "methods": ["partition", "attention-head"]}).json()
    assert not answer["rows"]
    assert all("does not offer" in said for said in answer["refused"].values())


def test_our_own_faults_have_the_headers_too(page, monkeypatch, capsys):
    monkeypatch.setattr("heedful.page.view.answer", lambda *_: 1 / 0)
    answer = page.post("/api/explain", json={"text": "a good film"})
    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["methods", "model", "unit", "target", "format", "text"])
def test_half_a_surrogate_pair_is_a_bad_request(page, place):
    given = {"text": "good film", "methods": ["lime"], "format": "csv"}
    given[place] = ["\ud800"] if place == "methods" else "\ud800"
    for path in ("explain", "export", "corpus"):
        headers = {"content-type": "application/json"}
        answer = page.post(f"/api/{path}", content=json.dumps(given), headers=headers)
        assert answer.status_code == 400
        assert "Unicode" in answer.json()["error"]


def test_ways_of_asking_that_there_are_not(page):
    answer = page.put("/api/explain")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json().keys() == {"error"}
    answer = page.get("/static/", follow_redirects=False)
    assert answer.status_code == 404
    assert page.post("/api/explain/", json={}, follow_redirects=False).status_code == 404


def test_hosts():
    for name in ("x@localhost", "localhost:8000:1", "localhost/", "localhost#", " localhost", "localhost\\", ""):
        assert not Hosts("127.0.0.1").known(name), name
    assert not Hosts("", [""]).known("")
    for name in ("localhost", "LocalHost.:80", "[::1]:8000", "127.0.0.1"):
        assert Hosts("127.0.0.1").known(name), name


def test_a_cell_of_a_download_is_no_formula(demo):
    text = '=HYPERLINK("x","good film") +1 @SUM(1) -2 good'
    given = Ask(text=text, unit="sentence")
    content, _, _ = exported(Served({"demo": demo}), given, ["occlusion"], "csv", lambda: None)
    rows = list(csv.reader(io.StringIO(content)))
    assert rows[1][0].startswith("'=HYPERLINK")
    assert not any(cell[:1] in tuple("=+@\t\r") for row in rows for cell in row)
    assert float(rows[1][3]) is not None  # numbers are numbers, of either sign


def test_keys_weigh_too_and_names_that_there_are_not_are_not_kept(demo):
    kept = Kept(1000, lambda key, value: len(key) + len(value))
    for i in range(10):
        kept.get(f"{i}" * 300, lambda: "x")
    assert len(kept) == 3
    served = Served({"demo": demo}, limits=Limits(kept=100_000))
    given = Ask(text="good film " * 1000)
    assert isinstance(served.explain(given, "no-such-method"), str)
    assert not len(served._kept)
    assert isinstance(served.explain(Ask(TEXT, output="probability"), "shapley-exact"), str)
    assert [type(value) for value in served._kept._values.values()] == [str]
    for i in range(5):
        served.explain(Ask(text=f"good film {i} " + "and " * 4000), "random")
    assert len(served._kept) <= 5


CONFUSING = ("predicted", "0", "#0", "2")


@pytest.fixture(scope="module")
def confusing():
    import zoo

    names = dict(enumerate(CONFUSING))
    return zoo.make("bert", num_labels=4, id2label=names, label2id={name: i for i, name in names.items()})


def test_classes_are_told_apart_whatever_they_are_called(confusing):
    served = Served({"m": confusing})
    text = "what a dull plot"
    likeliest = int(np.argmax(confusing.logits_of(confusing.encode(text))))
    limits = Limits()
    for target, index in ((None, likeliest), *((f"#{i}", i) for i in range(4)), (1, 1)):
        question = served.question(Ask.read({"text": text, "target": target}, limits))
        assert question.output.target == index
        value = confusing.logits_of(confusing.encode(text))[index]
        assert question.prediction == pytest.approx(value)
        without_first = served.question(Ask.read({"text": text, "target": target, "removed": [0]}, limits))
        assert without_first.output.target == index
    assert served.question(Ask.read({"text": text}, limits)).output.target == likeliest
    for bad in ("#4", "#999999", -1):
        with pytest.raises(InputError, match="no class"):
            served.question(Ask.read({"text": text, "target": bad}, limits))


def corpus_of(demo, folder, texts):
    heedful.corpus.run(demo, texts, ["random", "attention-mean"], out=folder)
    return folder


@pytest.mark.parametrize("name", ["run[1]", "st*r", "wh?t", "unit=x"])
def test_a_folder_is_read_by_its_name_alone(demo, tmp_path, name):
    for other in ("run1", "star", "what"):
        corpus_of(demo, tmp_path / other, ["a dull film", "a dull plot"])
    corpus_of(demo, tmp_path / name, ["a charming film"])
    one = folders.Searched(tmp_path / name)
    rows = one.rows(word="", first="random", second=None, order="row", offset=0)
    assert [row["text"] for row in rows["rows"]] == ["a charming film"]
    assert rows["made_with"] == {"model": "demo", "unit": "word_type", "output": "logit", "masking": "unk"}
    beyond = one.rows(word="", first="random", second=None, order="row", offset=50)
    assert (beyond["total"], beyond["rows"]) == (1, [])


def test_only_metrics_are_metrics(demo):
    texts = [one.text for one in heedful.planted.generate(4, seed=2)]
    audit = heedful.audit(demo, texts, methods=["attention-mean"], metrics=["comprehensiveness"], checks=[])
    for field in ("text", "units", "scores", "signed", "probability", "index"):
        with pytest.raises(InputError, match="has no"):
            folders.audit_texts(audit, metric=field, method="attention-mean", offset=0, ascending=False)
    given = {"metric": "comprehensiveness", "method": "attention-mean", "ascending": False}
    beyond = folders.audit_texts(audit, offset=500, **given)
    assert (beyond["total"], beyond["rows"]) == (4, [])
    assert beyond["made_with"]["unit"] == "word_type"


def test_two_threads_look_into_one_model_at_a_time(confusing):
    from heedful.page.served import explained

    served, methods = Served({"m": confusing}), ["attention-mean", "gradient-x-input", "occlusion"]
    asks = [Ask(f"what a dull plot {word}") for word in ("it", "was", "not", "good")]
    before = confusing.model.config._attn_implementation
    alone = {(a, m): explained(served.question(a), m).scores for a in asks for m in methods}
    wrong = []

    def user(order):
        for a, m in order:
            scores = explained(served.question(a), m).scores
            if not np.allclose(scores, alone[a, m], atol=1e-6):
                wrong.append((a, m))

    threads = [threading.Thread(target=user, args=[[*alone][::step]]) for step in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert confusing.model.config._attn_implementation == before


def test_a_port_is_held_at_once():
    from heedful.cli.serve import _bound

    with _bound("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(InputError, match="try --port 0"):
            _bound("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
    with pytest.raises(InputError, match="--host is empty"):
        _bound(" ", 0)
