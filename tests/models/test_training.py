"""Training: learns, is the same twice, refuses what it cannot do, and writes what it says."""

import os
import random
import stat
from contextlib import nullcontext
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_run import FILES, FILLERS, NAMES, RECIPE, SIGNALS, SIZES, SPLITS, assert_same_run, metrics_of, texts, weights

from heedful.classifier.load import from_pretrained
from heedful.data import Dataset, Splits
from heedful.errors import DataError, InputError, SettingError
from heedful.models import training
from heedful.models.presets import PRESETS, Preset, preset
from heedful.models.training import train

UMASK = os.umask(0)
os.umask(UMASK)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    train(SPLITS, folder, RECIPE, sizes=SIZES)
    return folder


def test_it_learns_and_the_metrics_are_those_of_the_saved_model(trained):
    metrics = metrics_of(trained)
    classifier = from_pretrained(trained)
    test = SPLITS.test
    logits = classifier.logits([classifier.encode(text).input_ids for text in test.texts])
    chosen = logits[range(len(test)), test.labels]
    assert metrics["test"]["n"] == 60
    assert metrics["test"]["accuracy"] == (logits.argmax(1) == test.labels).mean() > 0.85  # chance is 0.5
    # the model works in float32
    assert metrics["test"]["loss"] == pytest.approx((np.log(np.exp(logits).sum(1)) - chosen).mean(), rel=1e-5)
    assert classifier.labels == ("negative", "positive")
    assert (classifier.tokenizer.model_max_length, classifier.tokenizer.truncation_side) == (16, "left")


def test_metrics_tell_the_run(trained):
    metrics = metrics_of(trained)
    assert metrics["preset"] == asdict(RECIPE)
    assert metrics["sizes"] == asdict(SIZES)
    assert (metrics["seed"], metrics["n_train"], metrics["n_validation"], metrics["resumed"]) == (0, 192, 48, False)
    assert set(metrics["versions"]) == {"heedful", "torch", "transformers", "tokenizers"}
    assert metrics["seconds"] > 0
    accuracies = [entry["eval_accuracy"] for entry in metrics["history"]]
    assert [entry["epoch"] for entry in metrics["history"]] == list(range(1, len(accuracies) + 1))
    best = accuracies.index(max(accuracies))
    assert len(accuracies) == best + 1 + RECIPE.patience < RECIPE.epochs  # stopped early, and the best epoch kept
    assert metrics["validation"] == {
        "n": 48, "accuracy": accuracies[best], "loss": metrics["history"][best]["eval_loss"]
    }  # fmt: skip


def test_the_last_epoch_can_be_kept(tmp_path):
    metrics = train(SPLITS, tmp_path / "m", replace(RECIPE, epochs=4, patience=1, keep="last"), sizes=SIZES, seed=0)
    assert len(metrics["history"]) == 4  # patience would have stopped it, had it counted
    assert metrics["validation"]["loss"] == metrics["history"][-1]["eval_loss"]


def test_only_the_documented_files_remain(trained):
    assert [path.name for path in sorted(trained.rglob("*"))] == FILES


def test_equal_seeds_give_equal_weights_and_others_do_not(trained, tmp_path, capfd):
    returned = train(SPLITS, tmp_path / "again", RECIPE, sizes=SIZES)
    assert capfd.readouterr() == ("", "")
    assert_same_run(tmp_path / "again", trained)
    assert returned == metrics_of(tmp_path / "again")
    train(SPLITS, tmp_path / "other", RECIPE, sizes=SIZES, seed=1)
    assert not np.array_equal(weights(tmp_path / "other")["value"], weights(trained)["value"])


def test_random_states_of_the_caller_are_left_alone(tmp_path):
    random.seed(5)
    random.random()  # noqa: S311 - from here the stream goes on without new words for a while
    torch.manual_seed(5)
    np.random.seed(5)
    before = random_states()
    train(SPLITS, tmp_path / "run", replace(RECIPE, epochs=1), sizes=SIZES)
    np.testing.assert_equal(random_states(), before)


def random_states():
    """Of Python (all but the place in the stream: the run-time checks of the tests draw some), NumPy and torch."""
    numpy = np.random.get_state()
    return random.getstate()[1][:-1], numpy, torch.get_rng_state().numpy()


def test_a_finished_run_is_not_done_again_and_another_one_is_refused(trained):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in trained.iterdir()}
    assert train(SPLITS, trained, RECIPE, sizes=SIZES) == metrics_of(trained)
    for changes, named in (({"seed": 1}, "seed"), ({"preset": replace(RECIPE, epochs=1)}, "preset.epochs")):
        arguments = {"splits": SPLITS, "preset": RECIPE, "sizes": SIZES} | changes
        message = rf"already holds a trained model that differs in {named} \(.*\): choose another folder or delete it"
        with pytest.raises(SettingError, match=message):
            train(out=trained, **arguments)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in trained.iterdir()} == before


def test_files_have_the_permissions_of_any_new_file(trained):
    assert {stat.S_IMODE(path.stat().st_mode) for path in trained.iterdir()} == {0o666 & ~UMASK}


def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match="name the folder for the model"):
        train(SPLITS, "", RECIPE, sizes=SIZES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["notes.txt", "run.json", ".hidden"])
def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(name, tmp_path):
    (tmp_path / name).write_text("{ not ours", "utf-8")
    with pytest.raises(SettingError, match="choose another"):
        train(SPLITS, tmp_path, RECIPE, sizes=SIZES)
    assert [(path.name, path.read_text("utf-8")) for path in tmp_path.iterdir()] == [(name, "{ not ours")]


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine", "utf-8")
    with pytest.raises(SettingError, match="is not an empty folder"):
        train(SPLITS, file, RECIPE, sizes=SIZES)
    with pytest.raises(InputError, match=r"cannot create .*inside: "):
        train(SPLITS, file / "inside", RECIPE, sizes=SIZES)
    for name in ("x" * 300, "a\0b"):
        with pytest.raises(InputError, match="cannot create ") as raised:
            train(SPLITS, tmp_path / name, RECIPE, sizes=SIZES)
        assert "\n" not in str(raised.value)
    assert file.read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"splits": Splits(texts(2, 0).subset([0]), None, None)}, DataError, "1 texts are too few to hold 20% out"),
        ({"splits": Splits(texts(9, 0).subset([]), texts(9, 0), None)}, DataError, "0 texts are too few"),
        ({"splits": Splits(texts(9, 0), texts(9, 0).subset([]), None)}, DataError, "too few"),
        (
            {"preset": replace(RECIPE, min_frequency=9999)},
            DataError,
            "no word occurs 9999 times in the 192 training texts: more texts are needed",
        ),
        ({"sizes": replace(SIZES, heads=10**8)}, SettingError, "training 100000000 heads of these sizes takes .* GiB"),
        ({"sizes": replace(SIZES, hidden_size=10**30)}, SettingError, "GiB of memory"),
        ({"sizes": replace(SIZES, max_tokens=10**12)}, SettingError, "GiB of memory"),
        ({"preset": replace(RECIPE, batch_size=10**14)}, SettingError, "GiB of memory"),
        ({"seed": -1}, SettingError, "the seed must lie in 0..4294967295, got -1"),
        ({"seed": 2**32}, SettingError, "the seed must lie in"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(changes, error, message, tmp_path):
    arguments = {"splits": SPLITS, "preset": RECIPE, "sizes": SIZES} | changes
    with pytest.raises(error, match=message) as raised:
        train(out=tmp_path / "run", **arguments)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_the_estimate_of_memory_is_about_what_training_takes(tmp_path, monkeypatch):
    """Four numbers a weight of 4 bytes each, and the batch."""
    sizes = replace(SIZES, heads=400, hidden_size=16)
    weights = 400 * (4 + 4 + 4) * 16 * 4
    for factor, fits in ((3.5, False), (8, True)):
        monkeypatch.setattr(training, "memory_limit", lambda factor=factor: factor * weights)
        with nullcontext() if fits else pytest.raises(SettingError, match="GiB of memory"):
            train(Splits(texts(9, 0), None, None), tmp_path, replace(RECIPE, epochs=1, batch_size=1), sizes=sizes)


def test_memory_that_runs_out_all_the_same_is_one_line(tmp_path, monkeypatch):
    def allocate(*_):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(training, "trainer", allocate)
    with pytest.raises(SettingError, match=r"^training does not fit into memory"):
        train(SPLITS, tmp_path, RECIPE, sizes=SIZES)


@pytest.mark.parametrize("normaliser", ["softmax", "entmax"])
def test_a_run_that_diverges_is_refused_and_leaves_its_folder_free(normaliser, tmp_path):
    recipe = replace(RECIPE, epochs=1, learning_rate=1e38)
    with pytest.raises(SettingError, match=r"^training diverged at learning rate 1e\+38: use a smaller one$"):
        train(SPLITS, tmp_path, recipe, sizes=replace(SIZES, normaliser=normaliser))
    assert list(tmp_path.iterdir()) == []


def test_four_classes_a_validation_split_and_no_test_split(tmp_path):
    splits = Splits(texts(400, 0, 4), texts(80, 1, 4), None)
    metrics = train(splits, tmp_path / "run", RECIPE, sizes=replace(SIZES, normaliser="entmax"))
    assert (metrics["n_train"], metrics["n_validation"], metrics["test"]) == (400, 80, None)
    assert metrics["validation"]["accuracy"] > 0.75  # chance is 0.25
    classifier = from_pretrained(tmp_path / "run")
    assert classifier.labels == NAMES
    assert classifier.model.config.normaliser == "entmax"


def test_the_vocabulary_is_that_of_the_training_texts_alone(tmp_path):
    unheard = Dataset(("unheard words only",), np.array([0]), NAMES[:2], "synthetic")
    train(replace(SPLITS, validation=unheard, test=unheard), tmp_path / "run", replace(RECIPE, epochs=1), sizes=SIZES)
    vocabulary = from_pretrained(tmp_path / "run").tokenizer.get_vocab()
    assert set(vocabulary) == {"[PAD]", "[UNK]", "[CLS]", "[MASK]", *FILLERS, *SIGNALS[0], *SIGNALS[1]}


def test_the_papers_preset_attends_to_padding_with_the_unknown_word(tmp_path):
    paper = replace(PRESETS["paper"], epochs=1, min_frequency=1)
    train(SPLITS, tmp_path / "run", paper, sizes=SIZES)
    classifier = from_pretrained(tmp_path / "run")
    assert classifier.model.config.attend_padding
    assert classifier.tokenizer.pad_token_id == classifier.tokenizer.unk_token_id == 1
    short, long = (np.array([2, 5, 6] + [1] * n) for n in (0, 13))
    # padding to the full length by hand changes nothing; the model works in float32
    np.testing.assert_allclose(classifier.logits([short]), classifier.logits([long]), rtol=1e-4, atol=1e-6)


def test_progress_goes_to_stderr(tmp_path, capfd):
    train(SPLITS, tmp_path / "run", replace(RECIPE, epochs=2), sizes=SIZES, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if "validation accuracy" in line]
    assert [line.split(":")[0].strip() for line in lines] == ["epoch 1", "epoch 2"]


def test_presets_by_name():
    paper = preset("paper")
    assert (paper.epochs, paper.batch_size, paper.learning_rate, paper.attend_padding) == (10, 16, 1e-4, True)
    assert (paper.validation_share, paper.word_dropout, paper.position_scale, paper.decay) == (0.2, 0, 1, False)
    assert preset("default") is PRESETS["default"]
    with pytest.raises(SettingError, match="unknown preset 'papers': use one of paper, default"):
        preset("papers")


@settings(deadline=None)
@given(*[st.integers(1, most) for most in (100_000, 20, 128, 3000, 10)])
def test_small_data_gets_more_epochs_up_to_eight_times_as_many(n_train, epochs, batch_size, min_steps, patience):
    short = Preset("p", epochs, batch_size, learning_rate=1e-3, min_steps=min_steps, patience=patience)
    long = short.lengthened(n_train)
    steps_an_epoch = -(-n_train // batch_size)
    assert epochs <= long.epochs <= 8 * epochs
    assert patience <= long.patience <= 8 * patience
    assert long.epochs == 8 * epochs or long.epochs * steps_an_epoch >= min_steps
    assert long.epochs == epochs or (long.epochs - 1) * steps_an_epoch < min_steps
    assert replace(long, epochs=epochs, patience=patience) == short


def test_numbers_of_a_preset_can_be_changed() -> None:
    changed = PRESETS["default"].changed(epochs=2, learning_rate=0.5)
    assert (changed.epochs, changed.learning_rate, changed.lengthened(64).epochs) == (2, 0.5, 2)
    assert PRESETS["default"].changed(epochs=60).patience == 20  # as many of the epochs as before, beyond the warm-up
    assert PRESETS["default"].changed(epochs=1).patience == PRESETS["default"].patience
    assert PRESETS["default"].changed() == PRESETS["default"]
    for change in ({"epochs": 0}, {"learning_rate": 0.0}, {"learning_rate": float("nan")}):
        with pytest.raises(SettingError, match=f"{next(iter(change))} must be"):
            PRESETS["paper"].changed(**change)
