"""Several processes give the bytes that one gives; what happens to them is said, and none outlives the run."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import heedful
from heedful import planted
from heedful.corpus import Corpus, Explainer
from heedful.corpus.explainer import RowExplainer
from heedful.corpus.local import ShardMaker
from heedful.corpus.plan import Plan
from heedful.errors import DataError
from heedful.methods import Lime
from heedful.question import Choices
from heedful.support.processes import sendable

TEXTS = [one.text for one in planted.generate(26, seed=6)]
METHODS = ["shapley-exact", Lime(n_samples=30), "gradient-x-input"]
TWO = "local:processes=2"


def run(out: Path, texts: list[str] = TEXTS, **settings: object) -> Corpus:
    return heedful.corpus.run(heedful.load("demo"), texts, METHODS, out=out, shard_rows=5, **settings)


def contents(corpus: Corpus) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in corpus.files}


@pytest.mark.slow
def test_the_same_bytes_errors_and_ends(tmp_path: Path) -> None:
    """One start of processes for several laws: each start takes seconds."""
    whole = contents(run(tmp_path / "one", engine="local:processes=1"))
    assert contents(run(tmp_path / "two", engine=TWO)) == whole
    with pytest.raises(DataError, match="text 12: "):
        run(tmp_path / "strict", [*TEXTS[:12], "", *TEXTS[12:]], engine=TWO, strict=True)
    assert [shard.n_rows for shard in Corpus.read(tmp_path / "strict").shards] == [5, 5]
    assert not psutil.Process().children(recursive=True)


SCRIPT = """
import heedful, heedful.corpus, sys
heedful.corpus.run("demo", {texts!r} * 40, "lime", out=sys.argv[1], shard_rows=5, engine="local:processes=2")
"""


@pytest.mark.slow
def test_none_outlives_a_killed_run(tmp_path: Path) -> None:
    """A script without the guard that multiprocessing asks for, too."""
    (tmp_path / "script.py").write_text(SCRIPT.format(texts=TEXTS), "utf-8")
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "c")]
    with subprocess.Popen(command) as process:
        while not (tmp_path / "c" / "shards.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.02)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 2
        os.kill(process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


def test_what_cannot_be_sent_is_explained_here(tmp_path: Path) -> None:
    clf = heedful.load(lambda texts: [[0.3, 0.7]] * len(texts), labels=["no", "yes"])
    explainer = RowExplainer(clf, Plan.of("random", Choices(output="probability")))
    assert sendable(ShardMaker(explainer, tmp_path, strict=False)) is None
    corpus = heedful.corpus.run(clf, TEXTS, "random", out=tmp_path / "c", shard_rows=5, engine=TWO)
    assert len(corpus) == len(TEXTS)


def test_an_explainer_comes_over_whole() -> None:
    explainer = Explainer("demo", METHODS, unit="word")
    batch = {"text": TEXTS[:3]}
    there, here = pickle.loads(pickle.dumps(explainer))(batch), explainer(batch)  # noqa: S301 - made here
    assert [one.tolist() for one in there["lime_scores"]] == [one.tolist() for one in here["lime_scores"]]
