"""The page's server without a browser: answers are the library's own, and every error is one line."""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
import time
from contextlib import redirect_stdout
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import heedful
from heedful.page import Hosts, Limits
from heedful.page.joint import joint
from heedful.page.keeping import Kept
from heedful.page.limits import BusyError, TooSlowError
from heedful.page.workers import Workers
from heedful.question import Choices
from heedful.question import ask as ask_about
from page_server import application, client

TEXT = "The plot was dull, but the ending was charming."
HOSTILE = '<script>alert(1)</script> <img src=x onerror="alert(2)"> **dull** \u202eevil\u202c 👩‍👩‍👧 charming'


@pytest.fixture(scope="module")
def page():
    with client(application()) as one:
        yield one


def ask(page, path, status=200, **given):
    answer = page.post(f"/api/{path}", json=given)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_scores_are_those_of_explain(page):
    methods = ["shapley-exact", "attention-mean", "lime"]
    answer = ask(page, "explain", text=TEXT, methods=methods, target="negative")
    clf = heedful.load("demo")
    for row, method in zip(answer["rows"], methods, strict=True):
        one = heedful.explain(clf, TEXT, method, target="negative")
        assert (row["method"], row["scores"], row["signed"]) == (method, one.scores.tolist(), one.signed)
    assert "".join(piece[0] for piece in answer["pieces"]) == TEXT
    assert answer["units"] == list(one.units)
    chances = clf.predict(TEXT).probabilities
    assert {c["name"]: pytest.approx(c["probability"]) for c in answer["classes"]} == dict(chances)


def test_removed_words_have_no_score_and_the_prediction_moves(page):
    clf = heedful.load("demo")
    ask(page, "explain", text=TEXT, methods=["shapley-exact", "lime"])  # which is kept, and is not the answer here
    answer = ask(page, "explain", text=TEXT, methods=["shapley-exact", "lime"], removed=[3])
    assert answer["units"][3] == "dull"
    assert [row["scores"][3] for row in answer["rows"]] == [None, None]
    game = heedful.games.from_text(clf, TEXT, target=answer["target"])
    mask = np.arange(game.n_units)[None] != 3
    assert answer["value"] == pytest.approx(float(game(mask)[0]), abs=1e-9)
    total = sum(score for score in answer["rows"][0]["scores"] if score is not None) + answer["rows"][0]["base"]
    assert total == pytest.approx(answer["value"], abs=1e-8)
    assert answer["classes_before"] != answer["classes"]


@pytest.mark.parametrize("removed", [[], [3, 5]])
def test_the_snippet_gives_what_the_page_shows(page, removed):
    methods = ["shapley-exact", "lime", "attention-mean"]
    text = 'The plot was dull; "the\\ ending" was\ncharming, naïve & truly good.'
    answer = ask(page, "explain", text=text, methods=methods, removed=removed, unit="word")
    known = {}
    with redirect_stdout(io.StringIO()):
        exec(answer["snippet"], known)
    for row, one in zip(answer["rows"], known["comparison"], strict=True):
        assert [score for score in row["scores"] if score is not None] == pytest.approx(one.scores.tolist(), abs=1e-12)


def test_joint_values(page):
    clf = heedful.load("demo")
    answer = ask(page, "joint", text=TEXT, words=[3, 6])
    pairs = heedful.games.exact.shapley_interactions(heedful.games.RatioGame.from_text(clf, TEXT))
    assert answer["exact"]
    assert answer["interaction"] == pytest.approx(pairs.values[3, 6], abs=1e-9)
    assert answer["values"] == pytest.approx(heedful.explain(clf, TEXT, "shapley-exact").scores[[3, 6]], abs=1e-9)
    assert "2 to 8" in ask(page, "joint", 400, text=TEXT, words=[3])["error"]
    assert "removed" in ask(page, "joint", 400, text=TEXT, words=[3, 6], removed=[3])["error"]


def test_joint_values_without_an_exact_engine_are_sampled(monkeypatch):
    monkeypatch.setattr("heedful.page.joint._DRAWS", 4000)
    question = ask_about(heedful.load("demo"), "the plot was dull", Choices(unit="word", output="probability"))
    answer, game = joint(question, [1, 3], lambda: None), question.game()
    assert not answer["exact"]
    truth = heedful.methods.get("kernel-shap").answer(question).scores[[1, 3]]  # of few units, by all coalitions
    assert answer["values"] == pytest.approx(truth, abs=answer["error"])
    values = {kept: float(game(np.array([kept]))[0]) for kept in product([False, True], repeat=4)}
    weights = {0: 1 / 3, 1: 1 / 6, 2: 1 / 3}  # of the subsets of the two other words, by their size

    def mean(first, second):
        return sum(weights[a + b] * values[a, first, b, second] for a, b in product([False, True], repeat=2))

    both = mean(True, True) - mean(False, False)
    assert answer["value"] == pytest.approx(both, abs=answer["error"])
    alone = mean(True, False) + mean(False, True)
    assert answer["interaction"] == pytest.approx(mean(True, True) + mean(False, False) - alone, abs=answer["error"])
    assert answer["error"] < 0.1 * abs(both)
    assert answer["together"] == pytest.approx(values[(True,) * 4] - values[True, False, True, False], abs=1e-9)


def test_heads_curves_and_noise(page):
    heads = ask(page, "heads", text=TEXT)
    mean = heedful.explain(heedful.load("demo"), TEXT, "attention-mean").scores
    assert np.mean(heads["heads"], axis=0) == pytest.approx(mean)
    curves = ask(page, "curves", text=TEXT, methods=["shapley-exact", "random"])
    assert [len(one["values"]) for one in curves["curves"]] == [11, 11]
    assert curves["curves"][0]["area"] < curves["curves"][1]["area"]
    few, many = (ask(page, "noise", text=TEXT, samples=n) for n in (50, 2000))
    exact = heedful.explain(heedful.load("demo"), TEXT, "lime-exact").scores
    assert few["exact"] == pytest.approx(exact)
    spread = [np.std(one["draws"], axis=0).max() for one in (few, many)]
    assert spread[1] < spread[0] / 3  # samples are 40 times as many, so the spread should be about a sixth
    assert np.abs(np.mean(many["draws"], axis=0) - many["expected"]).max() < 4 * spread[1]
    assert "one of" in ask(page, "noise", 400, text=TEXT, samples=51)["error"]


def test_files_are_those_of_the_library(page):
    given = {"text": TEXT, "methods": ["lime", "occlusion"]}
    both = heedful.compare(heedful.load("demo"), TEXT, given["methods"])
    answers = {form: page.post("/api/export", json=given | {"format": form}) for form in ("json", "csv", "html")}
    read = heedful.Comparison.from_json(answers["json"].text)
    assert [one.scores.tolist() for one in read] == [one.scores.tolist() for one in both]
    assert answers["csv"].text.splitlines()[0] == '"unit","start","end","lime","occlusion"'
    assert answers["html"].text.startswith("<!doctype html>")
    assert answers["html"].headers["content-disposition"] == 'attachment; filename="explanation.html"'
    assert "html, json, csv" in ask(page, "export", 400, **given, format="exe")["error"]


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ({"text": " "}, 400, "the text is empty"),
        ({}, 400, "the text is empty"),
        ({"text": "x" * 20_001}, 413, "this page takes 20,000"),
        ({"text": "a", "model": "../etc"}, 400, "no model"),
        ({"text": "a", "target": "nope"}, 400, "nope"),
        ({"text": "a", "target": True}, 400, "must be a class"),
        ({"text": "a", "methods": "lime"}, 400, "list of names"),
        ({"text": "a", "methods": [f"m{i}" for i in range(17)]}, 413, "16 at once"),
        ({"text": "a", "removed": ["0"]}, 400, "whole numbers"),
        ({"text": "a b", "removed": [7]}, 400, "units are"),
        ({"text": "\ud800"}, 400, "Unicode"),
    ],
)
def test_bad_requests_are_one_line(page, given, status, says):
    answer = page.post("/api/explain", content=json.dumps(given), headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert says in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_a_method_that_cannot_answer_says_why_beside_the_others(page):
    answer = ask(page, "explain", text=TEXT, methods=["lime", "nope", "shapley-exact"], output="probability")
    assert [row["method"] for row in answer["rows"]] == ["lime"]
    assert set(answer["refused"]) == {"nope", "shapley-exact"}
    gone = ask(page, "explain", text="good film", methods=["lime"], removed=[0, 1])
    assert "put one back" in gone["refused"]["lime"]


def test_who_may_ask(page):
    for host in ("evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io:8000", "[::1"):
        assert page.get("/", headers={"host": host}).status_code == 403
    for host in ("localhost:1", "127.0.0.1", "[::1]:80", "LOCALHOST"):
        assert page.get("/", headers={"host": host}).status_code == 200
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = page.post("/api/explain", json={"text": "a"}, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (
            403,
            "another site may not ask this page: open the page itself",
        )
    assert page.post("/api/explain", content=b'{"text": "a"}').status_code == 400  # as a form of another site would
    everywhere = Hosts("0.0.0.0")  # noqa: S104 - nothing listens here
    assert everywhere.known("10.0.0.7:8000")
    assert not everywhere.known("evil.example")
    assert Hosts("127.0.0.1", ["me.example"]).known("me.example")


def test_headers_stand_on_every_answer(page):
    for answer in (
        page.get("/"),
        page.get("/nowhere"),
        page.get("/", headers={"host": "x"}),
        page.get("/static/main.js"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_bodies_are_bounded_and_static_files_are_named(page):
    assert page.post("/api/explain", content=b"x" * 500_000).status_code == 413
    file = {"file": ("a.csv", b"text\n" + b"x" * 6_000_000)}
    assert page.post("/api/upload", files=file).status_code == 413
    for name in ("..%2f__init__.py", "nothing.js", "%2e%2e/app.py"):
        assert page.get(f"/static/{name}").status_code == 404
    for name in re.findall(r'/static/([\w.]+)"', page.get("/").text):
        assert page.get(f"/static/{name}").status_code == 200


def test_the_page_has_no_inline_script_or_style_and_nothing_of_others(page):
    written = page.get("/").text
    assert not re.search(r"<style|\sstyle=|\son\w+=|https?://", written)
    assert re.findall(r"<script(?! type=\"application/json\")[^>]*>", written) == [
        '<script type="module" src="/static/main.js">'
    ]


def test_hostile_names_of_classes_stay_text():
    clf = heedful.load("demo")
    clf.model.config.id2label = {0: "</script><script>alert(1)</script>", 1: "b"}
    with client(application({HOSTILE: heedful.load(clf.model, clf.tokenizer)})) as page:
        written = page.get("/").text
    assert "<script>alert" not in written
    assert "<img src=x" not in written
    assert written.count("<script") == 2


def test_uploads_are_listed_and_not_kept(page, tmp_path):
    csv = b'id,review\n1,"A <b>gem</b>, truly"\n2,\n'
    answer = page.post("/api/upload", files={"file": ("../../x.CSV", csv)}, data={"column": "review"}).json()
    assert [(row["text"], row["problem"] is None) for row in answer["rows"]] == [
        ("A <b>gem</b>, truly", True),
        (None, False),
    ]
    polars = pytest.importorskip("polars")
    polars.DataFrame({"text": ["good", "x" * 20_001]}).write_parquet(tmp_path / "a.parquet")
    rows = page.post("/api/upload", files={"file": ("a.parquet", (tmp_path / "a.parquet").read_bytes())}).json()["rows"]
    assert (rows[0]["text"], rows[1]["text"]) == ("good", None)
    assert "20,000" in rows[1]["problem"]
    for name, content in (("a.exe", b"x"), ("a.parquet", b"PAR1 no"), ("a.csv", b"\xff\xfe\x00")):
        answer = page.post("/api/upload", files={"file": (name, content)})
        assert answer.status_code == 400
        assert "/tmp" not in answer.text  # noqa: S108 - a place on the server is nobody's business
    assert page.post("/api/upload", data={"column": "x"}).status_code == 400


def test_users_do_not_mix(page):
    words = ["dull", "charming", "good", "boring", "superb", "terrible", "wonderful", "awful"]
    texts = [f"The {one} plot and the {other} end." for one in words for other in words if one != other][:24]
    failed = []

    def user(text):
        answer = ask(page, "explain", text=text, methods=["shapley-exact"])
        if "".join(piece[0] for piece in answer["pieces"]) != text:
            failed.append(text)

    threads = [threading.Thread(target=user, args=[text]) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_full_queue_and_a_slow_answer_say_so():
    async def scenario():
        workers = Workers(Limits(workers=1, waiting=1, seconds=0.3))
        release = threading.Event()
        slow = [asyncio.create_task(workers.run(lambda _: release.wait(5))) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError, match="try again"):
            await workers.run(lambda _: None, gone=lambda: asyncio.sleep(1))
        with pytest.raises(TooSlowError, match=r"longer than 0\.3 seconds"):
            await slow[0]
        release.set()
        with pytest.raises(BusyError, match="others were computing"):
            await slow[1]
        while workers.running:
            await asyncio.sleep(0.01)
        assert await workers.run(lambda _: "fine") == "fine"
        with pytest.raises(ValueError, match="its own"):
            await workers.run(lambda _: (_ for _ in ()).throw(ValueError("its own")))
        assert workers.running == 0
        workers.close()

    asyncio.run(scenario())


def test_nobody_waits_for_an_answer_that_nobody_wants():
    async def scenario():
        workers, seen = Workers(Limits(seconds=20.0)), []

        def work(deadline):
            for _ in range(400):
                time.sleep(0.005)
                try:
                    deadline.check()
                except TooSlowError:
                    seen.append("given up")
                    return

        with pytest.raises(TooSlowError):
            await workers.run(work, gone=lambda: asyncio.sleep(0.05))
        while workers.running:
            await asyncio.sleep(0.01)
        assert seen == ["given up"]
        workers.close()

    asyncio.run(scenario())


def test_what_is_kept_is_bounded():
    kept = Kept(10, lambda _, value: len(value))
    for i in range(50):
        assert kept.get(i, lambda: "xxx") == "xxx"
    assert len(kept) == 3
    made = []
    kept.get(49, lambda: made.append(1) or "yyy")
    assert not made


def test_our_own_faults_tell_nothing_of_the_server(page, monkeypatch, capsys):
    monkeypatch.setattr("heedful.page.view.answer", lambda *_: 1 / 0)
    assert "division" not in ask(page, "explain", 500, text="a good film")["error"]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_folders_given_at_start_are_browsed(tmp_path):
    from heedful import page as package

    clf, texts = heedful.load("demo"), [one.text for one in heedful.planted.generate(40, seed=1)]
    heedful.corpus.run(clf, [*texts, ""], ["shapley-exact", "attention-mean"], out=tmp_path / "run")
    corpora = package.corpora([tmp_path / "run"])
    with client(application(corpora=corpora)) as page:
        head = ask(page, "corpus", name="run")
        assert (head["rows"], head["explained"], head["methods"]) == (41, 40, ["shapley_exact", "attention_mean"])
        given = {"name": "run", "first": "shapley_exact", "second": "attention_mean", "order": "disagreement"}
        rows = ask(page, "corpus", **given)["rows"]
        seen = [row["disagreement"] for row in rows]
        assert seen == sorted(seen, reverse=True)
        a, b = (np.abs(np.array(rows[0][name])) for name in ("first", "second"))
        assert seen[0] == pytest.approx(1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        units = [{unit.lower() for unit in one.units} for one in heedful.explain(clf, texts, "random")]
        word = max(set.union(*units), key=lambda one: (sum(one in some for some in units) < 40, len(one), one))
        some = ask(page, "corpus", **given, word=word.upper())
        assert some["total"] == sum(word in known for known in units) > 0
        assert all(word in row["text"].lower() for row in some["rows"])
        for bad in ({"first": 'x" FROM y --'}, {"order": "row; DROP"}, {"name": str(tmp_path)}, {"offset": -1}):
            assert ask(page, "corpus", 400, **(given | bad))["error"]
        assert ask(page, "corpus", **given, word="'); DROP TABLE x; --")["total"] == 0


def test_an_audit_is_browsed_down_to_its_texts(tmp_path):
    texts = [one.text for one in heedful.planted.generate(12, seed=2)]
    audit = heedful.audit(
        heedful.load("demo"),
        texts,
        methods=["attention-mean", "shapley-exact"],
        metrics=["comprehensiveness"],
        checks=[],
    )
    with client(application(audits={"mine": audit})) as page:
        head = ask(page, "audit", name="mine")
        assert head["level"] == audit.verdict["level"]
        assert {"attention-mean", "shapley-exact", "random"} <= set(head["methods"])
        rows = ask(page, "audit", name="mine", metric="comprehensiveness", method="shapley-exact")["rows"]
        values = [row["value"] for row in rows]
        assert values == sorted(values, reverse=True)
        assert len(rows) == 12
        assert rows[0]["units"]
        assert "no" in ask(page, "audit", 400, name="mine", metric="nope", method="lime")["error"]
        assert Path(tmp_path).exists()
