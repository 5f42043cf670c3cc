"""Shared fixtures, and shape checks at run time on every module but the compiled loops."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from beartype._check.code import codemain
from hypothesis import settings
from jaxtyping import install_import_hook

SOURCE = Path(__file__).parents[1] / "src"
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
CACHE = Path(tempfile.gettempdir()) / f"heedful-tests-{RUN}"

# the checks draw from a stream of their own: tests compare the caller's before and after
codemain.getrandbits = random.Random(0).getrandbits  # noqa: S311 - no secrets here

# The hook takes everything below a package too, so name the leaves; transformers builds configurations its own way.
install_import_hook(
    [
        ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for path in (SOURCE / "heedful").rglob("*.py")
        if path.stem not in {"compiled", "__init__", "configuration"}
    ],
    "beartype.beartype",
)
os.environ["HEEDFUL_CACHE"] = str(CACHE)
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402 - after the hook

from command_line import run  # noqa: E402, F401 - a fixture
from factory import make_classifier  # noqa: E402
from heedful.classifier import Classifier  # noqa: E402
from heedful.classifier.load import from_pretrained  # noqa: E402

torch.set_num_threads(1)  # the tests run in parallel themselves
settings.register_profile("ci", derandomize=True)  # what fails there fails for everybody
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(CACHE, ignore_errors=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("nightly") and not os.environ.get("HEEDFUL_NIGHTLY"):
        pytest.skip("many more cases of what is tried above: set HEEDFUL_NIGHTLY=1")


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return make_classifier()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the public data sets; tests that need it are marked `data`."""
    folder = os.environ.get("HEEDFUL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set HEEDFUL_DATA to the folder of the public data sets")
    return Path(folder)


@pytest.fixture(scope="session")
def sentiment() -> Classifier:
    """A real encoder fine-tuned on SST-2; tests that need it are marked `real`."""
    folder = os.environ.get("HEEDFUL_REAL_MODEL")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set HEEDFUL_REAL_MODEL to a folder made by benchmarks/real_model.py")
    return from_pretrained(folder)
