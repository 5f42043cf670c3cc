"""Loading from folders, damaged ones among them, and from objects; the built-in model and its cache."""

import inspect
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertModel, pipeline
from transformers.utils import logging

from factory import make_bert, make_classifier
from heedful import api as app
from heedful.classifier import inside
from heedful.classifier import load as loading
from heedful.data import planted
from heedful.errors import InputError, ModelError, SettingError
from heedful.models import builtin as demo
from heedful.support.progress import quiet_transformers

TEXT = "The plot was not good, but the acting was very good!"


def save(classifier, folder):
    with quiet_transformers():
        classifier.model.save_pretrained(folder)
        classifier.tokenizer.save_pretrained(folder)
    return folder


def logits_of(classifier):
    return classifier.logits([classifier.encode(TEXT).input_ids])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save(make_classifier(), tmp_path_factory.mktemp("models") / "saved")


@pytest.fixture
def folder(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "model"))


@pytest.mark.parametrize("make", [make_classifier, make_bert], ids=["paper", "bert"])
def test_a_saved_classifier_comes_back_as_it_was(make, tmp_path, capfd):
    original = make()
    found = loading.from_pretrained(save(original, tmp_path / "model"))
    assert capfd.readouterr() == ("", "")
    # the same weights lie elsewhere in memory, where sums may be taken in another order
    np.testing.assert_allclose(logits_of(found), logits_of(original), rtol=1e-13)
    assert inside.attention(found, found.encode(TEXT)).shape[0] == original.model.config.num_attention_heads
    assert not any(module.training for module in found.model.modules())
    assert (found.name, found.labels) == (str(tmp_path / "model"), original.labels)
    assert loading.from_pretrained(tmp_path / "model", "cpu", name="mine").name == "mine"


def test_transformers_speaks_as_loudly_as_before(saved):
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    loading.from_pretrained(saved)
    with pytest.raises(ModelError):
        loading.from_pretrained("nosuch/model")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def configured(**changes):
    def damage(folder):
        config = json.loads((folder / "config.json").read_text("utf-8"))
        (folder / "config.json").write_text(json.dumps(config | changes), "utf-8")

    return damage


def written(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def of_a_newer_kind(folder):
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokenizer["model"] = {"type": "FromTheFuture", "vocab": {}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")


def truncated(folder):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def only_pickled(folder):
    (folder / "model.safetensors").unlink()
    torch.save(make_classifier().model.state_dict(), folder / "pytorch_model.bin")


def without_tokenizer(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()


def without_head(folder):
    shutil.rmtree(folder)
    save(make_bert(), folder)
    with quiet_transformers():
        BertModel(make_bert().model.config).save_pretrained(folder)


def with_nan(folder):
    classifier = make_classifier()
    with torch.no_grad():
        classifier.model.readout[0, 0] = float("nan")
    save(classifier, folder)


DAMAGE = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "is not a model folder: it has no config.json"),
    "config cut short": (written("config.json", b'{"a":'), "not a valid JSON file"),
    "config not text": (written("config.json", b"\xff\xfe\x00"), "not a valid JSON file"),
    "config a list": (written("config.json", b"[]"), "model_type"),
    "config of another kind": (written("config.json", b"{}"), "model_type"),
    "unknown kind": (configured(model_type="nosuch"), "nosuch"),
    "size below 1": (configured(hidden_size=0), "hidden_size must be at least 1, got 0"),
    "size of another type": (configured(hidden_size="many"), "cannot load a text classifier"),
    "unknown normaliser": (configured(normaliser="hardmax"), "softmax, sparsemax, entmax"),
    "unknown dtype": (configured(dtype="float65"), "float65"),
    "other sizes": (configured(vocab_size=77), "config.json does not fit the weights embeddings.weight"),
    "labels a list": (configured(id2label=["no", "yes"]), "cannot load a text classifier"),
    "labels from 1": (configured(id2label={"1": "a", "2": "b", "3": "c"}), "no labels from 0 up"),
    "weights cut short": (truncated, "cannot load a text classifier"),
    "weights empty": (written("model.safetensors", b""), "cannot load a text classifier"),
    "weights of another kind": (written("model.safetensors", b"\xff" * 999), "cannot load a text classifier"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "no file named model.safetensors"),
    "pickled weights only": (only_pickled, "no file named model.safetensors"),
    "no head": (without_head, "not a trained text classifier: it lacks the weights classifier.bias, classifier.weight"),
    "NaN": (with_nan, "weight readout holds NaN"),
    "no tokenizer": (without_tokenizer, "cannot load the tokenizer"),
    "tokenizer cut short": (written("tokenizer.json", b'{"a":'), "cannot load the tokenizer"),
    "tokenizer of another kind": (written("tokenizer.json", b"{}"), "cannot load the tokenizer"),
    "tokenizer of a newer kind": (of_a_newer_kind, "cannot load the tokenizer of .*: data did not match"),
    "tokenizer settings a list": (written("tokenizer_config.json", b"[]"), "cannot load the tokenizer"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_folders_are_refused_in_one_line(name, folder, capfd):
    damage, message = DAMAGE[name]
    damage(folder)
    with pytest.raises(ModelError, match=message) as raised:
        app.load(folder)
    assert str(folder) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/nosuch/folder", "there is no model folder /nosuch/folder"),
        ("./nosuch", "there is no model folder ./nosuch"),
        ("~/nosuch", "there is no model folder ~/nosuch"),
        ("a/b/c", "there is no model folder a/b/c"),
        (__file__, "is not a model folder: it has no config.json"),
        ("", "is not a model folder"),
        ("nosuch/model", "cannot load a text classifier from nosuch/model"),
        ("The plot was good!", "cannot load a text classifier from The plot was good!"),
        ("x" * 5000, "cannot load a text classifier from xxx"),
        ("a\0b", "cannot load a text classifier"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(source, message):
    with pytest.raises(ModelError, match=message) as raised:
        app.load(source)
    assert "\n" not in str(raised.value)


def test_code_that_comes_with_a_model_is_neither_run_nor_asked_about(folder, monkeypatch, capfd):
    classes = {"AutoConfig": "own.Config", "AutoModelForSequenceClassification": "own.Model"}
    configured(model_type="own", auto_map=classes)(folder)
    (folder / "own.py").write_text("raise SystemExit('it ran')", "utf-8")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    with pytest.raises(ModelError, match="custom code"):
        app.load(folder)
    assert capfd.readouterr() == ("", "")


def test_devices_that_cannot_be_used_are_refused_in_one_line(saved):
    assert app.load(saved, device="cpu").model.device.type == "cpu"
    for device in ("nosuch", "cuda:99"):
        with pytest.raises(ModelError, match=f"cannot move .* to {device}: ") as raised:
            app.load(saved, device=device)
        assert "\n" not in str(raised.value)


def test_objects_are_used_as_they_are():
    original = make_classifier()
    model, tokenizer = original.model, original.tokenizer
    model.train()
    by_parts = app.load(model, tokenizer)
    with quiet_transformers():
        by_pipeline = app.load(pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu"))
    for found in (by_parts, by_pipeline):
        assert found.model is model
        assert found.tokenizer is tokenizer
        assert found.name == "AttentionPoolingForSequenceClassification"
        np.testing.assert_array_equal(logits_of(found), logits_of(make_classifier()))


@pytest.mark.parametrize("source", [None, 3, {}, torch.nn.Linear(2, 2), make_classifier().tokenizer, make_classifier])
def test_objects_that_are_no_model_are_refused(source):
    with pytest.raises(ModelError, match="give a hub id, a folder, a pipeline, or a model and tokenizer"):
        inspect.unwrap(app.load)(source)  # the shape checks of the tests would stop these before


def test_adapters_are_to_be_merged_first(tmp_path):
    adapted = torch.nn.Module()
    adapted.merge_and_unload = lambda: None
    with pytest.raises(ModelError, match=r"a PEFT model: call its merge_and_unload\(\)"):
        inspect.unwrap(app.load)(adapted, make_classifier().tokenizer)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds a PEFT adapter: merge it"):
        app.load(tmp_path)


def test_a_folder_or_a_pipeline_is_loaded_for_the_call(saved):
    by_folder = app.explain(saved, "good film", "occlusion")
    loaded = app.load(saved)
    assert by_folder.model == loaded.name
    np.testing.assert_array_equal(by_folder.scores, app.explain(loaded, "good film", "occlusion").scores)
    with quiet_transformers():
        pipe = pipeline("text-classification", model=loaded.model, tokenizer=loaded.tokenizer, device="cpu")
    assert len(app.compare(pipe, "good film", ["occlusion"]).explanations) == 1
    with pytest.raises(ModelError, match="a model object needs its tokenizer"):
        inspect.unwrap(app.explain)(loaded.model, "good film", "occlusion")


def test_arguments_that_do_not_go_together_are_refused(saved):
    classifier = make_classifier()
    with pytest.raises(ModelError, match=r"a model object needs its tokenizer: load\(model, tokenizer\)"):
        app.load(classifier.model)
    with pytest.raises(SettingError, match="stays on its device"):
        app.load(classifier.model, classifier.tokenizer, device="cpu")
    with pytest.raises(SettingError, match="brings its own"):
        app.load(saved, classifier.tokenizer)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEEDFUL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def trainings(monkeypatch):
    """Stands in for training: writes the file that marks a finished model, unless somebody trains at the same time."""
    calls, overlap = [], threading.Event()

    def train(_splits, out, _preset, **_):
        calls.append(out)
        if len(calls) > 1:
            overlap.set()
        overlap.wait(0.2)
        out.mkdir(parents=True)
        (out / demo.METRICS).write_text("{}", "utf-8")

    monkeypatch.setattr(demo, "train", train)
    monkeypatch.setattr(planted, "generate", lambda *_, **__: ())
    return calls


def test_the_built_in_model_is_trained_once(cache, trainings, monkeypatch):
    folder = demo.demo_folder()
    assert folder.parent == cache
    monkeypatch.setattr(demo, "FileLock", lambda *_: pytest.fail("a finished model needs no writing"))
    assert demo.demo_folder() == folder
    assert trainings == [folder]


def test_one_of_many_at_the_same_time_trains_it(cache, trainings):
    threads = [threading.Thread(target=demo.demo_folder) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trainings) == 1


def test_a_half_built_model_is_built_anew(cache, trainings):
    folder = demo.demo_folder()
    (folder / demo.METRICS).unlink()
    (folder / "run.json").write_text("{", "utf-8")
    assert demo.demo_folder() == folder
    assert [path.name for path in folder.iterdir()] == [demo.METRICS]
    assert len(trainings) == 2


def test_a_cache_that_cannot_be_written_is_one_clear_line(cache):
    cache.write_text("a file", "utf-8")
    with pytest.raises(InputError, match="HEEDFUL_CACHE") as raised:
        demo.demo_folder()
    assert "\n" not in str(raised.value)


def test_a_cache_with_a_name_that_is_too_long_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("HEEDFUL_CACHE", "x" * 300)
    with pytest.raises(InputError, match="set HEEDFUL_CACHE"):
        demo.demo_folder()


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HEEDFUL_CACHE", "/one")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    assert demo.cache_folder() == Path("/one")
    monkeypatch.delenv("HEEDFUL_CACHE")
    assert demo.cache_folder() == Path("/two/heedful")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert demo.cache_folder() == tmp_path / ".cache" / "heedful"


def test_no_home_folder_is_one_clear_line(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("HEEDFUL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(InputError, match=r"no home folder .* set HEEDFUL_CACHE"):
        demo.demo_folder()


def test_the_built_in_model_reads_planted_reviews_it_has_not_seen():
    classifier = app.load("demo")
    reviews = planted.generate(300, seed=1)
    rows = [classifier.encode(review.text).input_ids for review in reviews]
    right = classifier.logits(rows).argmax(1) == [review.label for review in reviews]
    assert (classifier.name, classifier.labels) == ("demo", planted.LABELS)
    # chance is 0.5, and the standard deviation of a share of 300 is below 0.02 here
    assert right.mean() > 0.85
