"""Loading from folders, damaged ones among them, and from objects; the built-in model and its cache."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import BertModel
from transformers.utils import logging

from factory import make_bert, make_classifier
from heedful import api as app
from heedful.classifier import load as loading
from heedful.classifier.inside import look_inside
from heedful.errors import ModelError
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
    assert look_inside(found, found.encode(TEXT)).attention().shape[0] == original.model.config.num_attention_heads
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


def sharded(folder, **names):
    """The weights in two files and an index; `names` stands for what the index says of each."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    keys = sorted(weights)
    parts = {"one": keys[::2], "two": keys[1::2]}
    index = {}
    for part, keys_of_part in parts.items():
        save_file({key: weights[key] for key in keys_of_part}, folder / f"{part}.safetensors", {"format": "pt"})
        index |= dict.fromkeys(keys_of_part, names.get(part, f"{part}.safetensors"))
    content = json.dumps({"metadata": {"total_size": 1}, "weight_map": index})
    (folder / "model.safetensors.index.json").write_text(content, "utf-8")


def pickled_shard(folder):
    sharded(folder, two="pytorch_model.bin")
    torch.save(load_file(folder / "two.safetensors"), folder / "pytorch_model.bin")


def elsewhere(name):
    def damage(folder):
        sharded(folder, two=name.format(folder.parent))
        shutil.move(folder / "two.safetensors", folder.parent / "two.safetensors")

    return damage


def linked_shard(folder):
    elsewhere("link.safetensors")(folder)
    (folder / "link.safetensors").symlink_to(folder.parent / "two.safetensors")


def linked_folder(folder):
    sharded(folder, two="inner/two.safetensors")
    shutil.move(folder / "two.safetensors", folder.parent / "two.safetensors")
    (folder / "inner").symlink_to(folder.parent)


def pickle_by_another_name(folder):
    sharded(folder)
    torch.save(load_file(folder / "two.safetensors"), folder / "pickle")
    (folder / "pickle").replace(folder / "two.safetensors")


def named_in_the_configuration(name, index=None):
    def damage(folder):
        sharded(folder, **(index or {}))
        (folder / "model.safetensors.index.json").rename(folder / "other.safetensors.index.json")
        torch.save(load_file(folder / "one.safetensors"), folder / "adapter_model.bin")
        shutil.copy(folder / "one.safetensors", folder.parent / "one.safetensors")
        configured(transformers_weights=name)(folder)

    return damage


def indexed(content):
    def damage(folder):
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_bytes(content)

    return damage


def tokenised(**changes):
    def damage(folder):
        settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        (folder / "tokenizer_config.json").write_text(json.dumps(settings | changes), "utf-8")

    return damage


def templates(single, pair):
    """A post-processor that puts texts together in another way."""

    def damage(folder):
        tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        template = {
            kind: [{"Sequence": {"id": text, "type_id": 0}} for text in texts.split()]
            for kind, texts in (("single", single), ("pair", pair))
        }
        processor = {"type": "TemplateProcessing", **template, "special_tokens": {}}
        tokenizer["post_processor"] = {"type": "Sequence", "processors": [processor]}
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")

    return damage


def with_fewer_layers(folder):
    shutil.rmtree(folder)
    save(make_bert(), folder)
    configured(num_hidden_layers=1)(folder)


DAMAGE = {
    "a pickle in the index": (pickled_shard, "weights in pytorch_model.bin: .* from safetensors, never a pickle"),
    "a parent in the index": (elsewhere("../two.safetensors"), r"\.\./two.safetensors, outside its folder"),
    "a parent further in": (elsewhere("x/../../two.safetensors"), "two.safetensors, outside its folder"),
    "a path in the index": (elsewhere("{}/two.safetensors"), "two.safetensors, outside its folder"),
    "a path of Windows": (elsewhere("..\\two.safetensors"), "two.safetensors, outside its folder"),
    "a drive of Windows": (elsewhere("C:\\two.safetensors"), "two.safetensors, outside its folder"),
    "a link in the index": (linked_shard, "link.safetensors, a link to outside its folder"),
    "a linked folder in the index": (linked_folder, "inner/two.safetensors, a link to outside its folder"),
    "a pickle called safetensors": (pickle_by_another_name, "cannot load a text classifier"),
    "a pickle in the configuration": (named_in_the_configuration("adapter_model.bin"), "never a pickle"),
    "a pickle in another index": (
        named_in_the_configuration("other.safetensors.index.json", {"two": "adapter_model.bin"}),
        "never a pickle",
    ),
    "a parent in the configuration": (named_in_the_configuration("../one.safetensors"), "outside its folder"),
    "a number in the configuration": (named_in_the_configuration(3), "weights in 3: "),
    "index cut short": (indexed(b'{"weight_map": {'), "index.json does not say which file holds which weights"),
    "index a list": (indexed(b"[]"), "index.json does not say"),
    "index of lists": (indexed(b'{"metadata": {}, "weight_map": {"a": []}}'), "index.json does not say"),
    "index of numbers": (indexed(b'{"metadata": {}, "weight_map": {"a": 3}}'), "keeps its weights in 3"),
    "index without files": (indexed(b'{"metadata": {}, "weight_map": {"a": "a.safetensors"}}'), "cannot load"),
    "endless index": (indexed(b"[" * 100_000), "index.json does not say"),
    "labels beyond number": (configured(num_labels=10**9), "its config.json has num_labels 1e\\+09"),
    "labels beyond all bounds": (configured(num_labels=10**30), "its config.json has num_labels 1e\\+30"),
    "layers beyond number": (configured(num_hidden_layers=10**9), "has num_hidden_layers 1e\\+09"),
    "heads beyond number": (configured(num_attention_heads=10**9), "has num_attention_heads 1e\\+09"),
    "layers beyond number, inside": (configured(text_config={"n_layer": 10**9}), "has n_layer 1e\\+09"),
    "padding no number": (configured(pad_token_id="x"), "pad_token_id"),  # noqa: S106 - no secret
    "padding a list": (configured(pad_token_id=[]), "pad_token_id"),
    "limit no number": (tokenised(model_max_length="x"), "model_max_length is no number: 'x'"),
    "limit a list": (tokenised(model_max_length=[1]), r"model_max_length is no number: \[1\]"),
    "text repeated": (templates("A A", "A B"), "post-processor repeats or drops a text"),
    "text repeated in a pair": (templates("A", "A A B"), "post-processor repeats or drops a text"),
    "text left out": (templates("", "A B"), "post-processor repeats or drops a text"),
    "second text left out": (templates("A", "A"), "post-processor repeats or drops a text"),
    "a second text that is not there": (templates("A B", "A B"), "post-processor repeats or drops a text"),
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
    "fewer layers than weights": (with_fewer_layers, "its config.json has no layer for the weights bert.encoder.layer"),
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
        ("", "name the model"),
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


def test_a_folder_is_loaded_for_the_call(saved):
    by_folder = app.explain(saved, "good film", "occlusion")
    loaded = app.load(saved)
    assert by_folder.model == loaded.name
    np.testing.assert_array_equal(by_folder.scores, app.explain(loaded, "good film", "occlusion").scores)


@pytest.fixture
def hub(folder, tmp_path, monkeypatch):
    """The hub's cache, as it is after a download: files are links into `blobs`. Puts a folder there as "org/name"."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    home = tmp_path / "hub" / "models--org--name"
    snapshot = home / "snapshots" / ("0123456789" * 4)

    def publish():
        for place in (home / "refs", home / "blobs", snapshot):
            place.mkdir(parents=True)
        (home / "refs" / "main").write_text(snapshot.name)
        for file in folder.iterdir():
            shutil.copy(file, home / "blobs" / file.name[::-1])
            (snapshot / file.name).symlink_to(Path("..", "..", "blobs", file.name[::-1]))
        return snapshot

    return publish


@pytest.mark.parametrize("damage", [lambda _: None, sharded], ids=["whole", "in shards"])
def test_the_hub_and_its_cache_are_read(hub, folder, damage, saved):
    expected = logits_of(app.load(saved))
    damage(folder)
    snapshot = hub()
    for source in ("org/name", snapshot, str(snapshot)):
        np.testing.assert_allclose(logits_of(app.load(source)), expected, rtol=1e-6)


HUB_DAMAGE = {
    "a pickle in the index": (pickled_shard, "org/name keeps its weights in pytorch_model.bin: .* never a pickle"),
    "a parent in the index": (elsewhere("../two.safetensors"), "two.safetensors, outside its folder"),
    "a pickle in the configuration": (named_in_the_configuration("adapter_model.bin"), "never a pickle"),
    "pickled weights only": (only_pickled, "org/name has no file named model.safetensors: .* never a pickle"),
    "an adapter": (written("adapter_config.json", b"{}"), "org/name is a PEFT adapter: merge it"),
}


@pytest.mark.parametrize("name", HUB_DAMAGE)
def test_no_pickle_comes_from_the_hub(name, hub, folder, monkeypatch):
    damage, message = HUB_DAMAGE[name]
    damage(folder)
    hub()
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was loaded"))
    with pytest.raises(ModelError, match=message) as raised:
        app.load("org/name")
    assert "\n" not in str(raised.value)


def test_no_pickle_comes_from_a_folder(folder, monkeypatch):
    pickled_shard(folder)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was loaded"))
    with pytest.raises(ModelError, match="never a pickle"):
        app.load(folder)


def test_weights_may_be_in_shards_in_folders_within_or_linked_by_the_caller(folder, saved):
    expected = logits_of(app.load(saved))
    weights = folder / "model.safetensors"
    weights.rename(folder.parent / "weights")
    weights.symlink_to(folder.parent / "weights")
    np.testing.assert_allclose(logits_of(app.load(folder)), expected, rtol=1e-6)
    sharded(folder, two="inner/two.safetensors")
    (folder / "inner").mkdir()
    (folder / "two.safetensors").rename(folder / "inner" / "two.safetensors")
    np.testing.assert_allclose(logits_of(app.load(folder)), expected, rtol=1e-6)


def test_a_device_without_memory_is_refused(saved):
    with pytest.raises(ModelError, match=r"cannot move .* to meta: nothing can be computed there"):
        app.load(saved, device="meta")
