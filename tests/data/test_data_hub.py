"""Data sets of the hub, through a stand-in for the datasets library."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from data_files import refusal, write
from heedful import data
from heedful.errors import MissingExtraError


class HubSplit:
    """As much of a `datasets.Dataset` as is used."""

    def __init__(self, columns, names=None):
        self.columns, self.column_names = columns, list(columns)
        self.features = dict.fromkeys(columns) | {"label": SimpleNamespace(names=names) if names else None}

    def select_columns(self, chosen):
        return HubSplit({name: self.columns[name] for name in chosen})

    def __getitem__(self, rows):
        return {name: values[rows] for name, values in self.columns.items()}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in for the library `datasets`: what it holds by id, and the ids that were asked for."""
    module = ModuleType("datasets")
    module.exceptions = SimpleNamespace(DatasetsError=type("DatasetsError", (Exception,), {}))
    module.held, module.asked = {}, []

    def load_dataset(name):
        module.asked.append(name)
        if isinstance(module.held[name], Exception):
            raise module.held[name]
        return module.held[name]

    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    monkeypatch.chdir(tmp_path)
    return module


def test_a_hub_id_is_read_with_its_class_names(hub):
    train = {"text": ["a", "b", "c"], "label": [1, 0, 1], "id": [1, 2, 3]}
    hub.held["owner/reviews"] = {
        "train": HubSplit(train, ["worse", "better"]),
        "dev": HubSplit({"text": ["d"], "label": [1]}, ["worse", "better"]),
        "unsupervised": HubSplit({"text": ["e"], "label": [-1]}, ["worse", "better"]),
    }
    splits = data.read_splits("owner/reviews")
    assert splits.validation is not None
    assert (splits.train.texts, splits.train.label_names) == (("a", "b", "c"), ("worse", "better"))
    assert (splits.train.labels.tolist(), splits.validation.labels.tolist(), splits.test) == ([1, 0, 1], [1], None)
    assert splits.train.source == "owner/reviews (train)"
    assert len(data.read_splits("owner/reviews", limit=2).train) == 2


def test_hub_data_pass_the_same_checks(hub):
    hub.held["owner/reviews"] = {"train": HubSplit({"text": ["a", " "], "label": ["x", "y"]})}
    assert "reviews (train), row 2: the text" in refusal("owner/reviews", data.read_splits)
    hub.held["owner/reviews"] = {"train": HubSplit({"words": ["a", "b"], "label": ["x", "y"]})}
    assert "no column 'text'; the columns are: 'words', 'label'" in refusal("owner/reviews", data.read_splits)
    hub.held["owner/reviews"] = {
        "train": HubSplit({"text": ["a", "b"], "label": [0, 1]}, ["x", "y"]),
        "test": HubSplit({"text": ["c"], "label": [-1]}, ["x", "y"]),
    }
    assert "(test), row 1: label '-1' is not in train" in refusal("owner/reviews", data.read_splits)
    hub.held["owner/reviews"] = {"all": HubSplit({"text": ["a", "b"], "label": [0, 1]})}
    assert "there is no train part" in refusal("owner/reviews", data.read_splits)


def test_a_hub_out_of_reach_is_one_line(hub):
    for error in (
        ConnectionError("Couldn't reach 'owner/reviews' on the Hub\nmore"),
        ValueError("Config name is missing"),
        hub.exceptions.DatasetsError("broken"),
    ):
        hub.held["owner/reviews"] = error
        message = refusal("owner/reviews", data.read_splits)
        assert "not to be had from the hub" in message
        assert str(error).splitlines()[0] in message


def test_without_the_library_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"owner/reviews.*needs datasets: pip install 'heedful\[hub\]'"):
        data.read_splits("owner/reviews")


def test_what_is_local_is_never_looked_for_on_the_hub(hub, tmp_path):
    Path("owner").mkdir()
    for path in ("owner/reviews", "other/reviews.csv", "reviews", "a/b/c", str(tmp_path / "x")):
        assert "no such file or folder" in refusal(path, data.read_splits)
    write(Path("owner/reviews.csv"), {"text": ["a", "b"], "label": [0, 1]})
    assert len(data.read_splits("owner/reviews.csv").train) == 2
    assert hub.asked == []
