"""Classes by name and index: any form of `id2label`, and never a guess between two classes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heedful
import tiny
from heedful.classifier.classes import index_of
from heedful.errors import ModelError, TargetError

TEXT = "the plot was not good"


def labelled(id2label):
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    vars(model.config)["id2label"] = id2label
    return heedful.load(model, tokenizer)


@pytest.mark.parametrize(
    "id2label", [{0: "a", 1: "b", 2: "c"}, {"2": "c", "0": "a", "1": "b"}, ["a", "b", "c"], ("a", "b", "c")]
)
def test_names_in_any_form(id2label):
    classifier = labelled(id2label)
    assert classifier.labels == ("a", "b", "c")
    assert heedful.explain(classifier, TEXT, "occlusion", target="b").target == 1


def test_names_that_are_no_text_are_written_out():
    assert labelled({0: None, 1: 5, 2: True}).labels == ("None", "5", "True")


NO_NAMES = [None, {}, [], "abc", 3, {1: "a", 2: "b", 3: "c"}, {0: "a", 5: "b"}, {"a": 0}, {0: "a", "0": "b", 1: "c"}]


@pytest.mark.parametrize("id2label", NO_NAMES)
def test_no_names_or_gaps_say_what_to_set(id2label):
    with pytest.raises(ModelError, match=r"the model has no labels from 0 up: set model\.config\.id2label to one name"):
        labelled(id2label)


@pytest.mark.parametrize("id2label", [["a", "b"], list("abcd")])
def test_more_or_fewer_names_than_logits_say_so(id2label):
    n = len(id2label)
    with pytest.raises(ModelError, match=f"gives 3 logits a text, but its configuration names {n} classes: set model"):
        heedful.explain(labelled(id2label), TEXT, "occlusion")


def test_a_number_that_is_index_and_name_of_one_class_is_that():
    assert heedful.explain(labelled(["1", "5", "2"]), TEXT, "occlusion", target=2).target == 2


@pytest.mark.parametrize(
    ("labels", "wanted", "message"),
    [
        (("a", "a", "b"), "a", "target 'a' could be class 0 'a' or 1 'a': use its index, written '#0' or '#1'"),
        (("1", "5", "2"), 1, "target 1 could be class 0 '1' or 1 '5': use its index, written '#0' or '#1'"),
        (("1", "5", "2"), "1", "target '1' could be class 0 '1' or 1 '5': use its index, written '#0' or '#1'"),
        (("x", "x", "1"), 1, "target 1 could be class 1 'x' or 2 '1': use its index, written '#1' or '#2'"),
        (
            ("predicted", "b", "c"),
            "predicted",
            "target 'predicted' could be the predicted class, 2, or the one of that name: use an index, written "
            "'#2' or '#0'",
        ),
        (("a", "b", "c"), "#3", "no class 3; the classes are 0 'a', 1 'b', 2 'c'"),
        (("a", "b", "c"), "#", "no class '#'; the classes are 0 'a', 1 'b', 2 'c', or 'predicted'"),
    ],
)
def test_what_could_be_two_classes_is_refused(labels, wanted, message):
    with pytest.raises(TargetError) as raised:
        heedful.explain(labelled(list(labels)), TEXT, "occlusion", target=wanted)
    assert str(raised.value) == message


names = st.lists(st.sampled_from(["a", "0", "1", "2", "3", "#1", "predicted", "-1"]), min_size=1, max_size=4)


@given(names, st.integers(-2, 5))
def test_a_number_means_the_same_as_a_number_and_as_text(labels, number):
    def meant(wanted):
        try:
            return index_of(wanted, labels, 0)
        except TargetError:
            return None

    assert meant(number) == meant(str(number))
    could = {i for i, label in enumerate(labels) if label == str(number)} | ({number} & set(range(len(labels))))
    assert meant(number) == (could.pop() if len(could) == 1 else None)
    if "#1" not in labels and len(labels) > 1:
        assert meant("#1") == 1


def test_of_many_classes_a_message_names_the_first():
    with pytest.raises(TargetError, match=r"no class 'x'; .* 0 'c0', .*, 19 'c19', \.\.\. \(1000 in all\), or"):
        index_of("x", [f"c{i}" for i in range(1000)], 0)
