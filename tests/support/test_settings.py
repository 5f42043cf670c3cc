"""Settings: what an annotation says is what is accepted, from Python and from text, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful.metrics
from heedful import Windows, methods
from heedful.errors import SettingError
from heedful.models.presets import Preset
from heedful.models.training import Sizes
from heedful.support.kinds import Kind, OneOf
from heedful.support.settings import changed, check_settings, described, kinds
from unchecked import call, make


@dataclass(frozen=True)
class Every:
    """One setting of each kind.

    Args:
        whole: a whole number,
            that goes on.
        share: a share.
    """

    whole: Annotated[int, Ge(1)] = 1
    share: Annotated[float, Ge(0), Lt(1)] = 0.5
    width: Annotated[float, Gt(0)] = 1.0
    size: Annotated[float, Gt(0), Lt(math.inf)] = 1.0
    even: Annotated[int, Ge(4), MultipleOf(2)] = 4
    few: Annotated[int, Le(10)] = 0
    flag: bool = False
    either: bool | Annotated[float, Ge(0), Le(1)] = True
    maybe: Annotated[int, Ge(1)] | None = None
    name: Annotated[str, OneOf(("one", "Two"))] = "one"
    literal: Literal["a", "b"] = "a"
    text: str = ""
    loose: float = 0.0
    array: np.ndarray | None = None
    rest: tuple[str, ...] = ()
    unknown: NotThere = 0

    def __post_init__(self) -> None:
        check_settings(self, "every")


GOOD: dict[str, list[tuple[Any, Any]]] = {
    "whole": [(3, 3), (np.int64(3), 3), (np.uint8(3), 3), (10**30, 10**30)],
    "share": [(0, 0.0), (0.25, 0.25), (np.float32(0.25), 0.25), (Fraction(1, 4), 0.25), (np.int8(0), 0.0)],
    "width": [(math.inf, math.inf), (1e-300, 1e-300)],
    "size": [(1e300, 1e300)],
    "even": [(6, 6)],
    "few": [(-5, -5), (10, 10)],
    "flag": [(True, True), (np.bool_(1), True)],
    "either": [(False, False), (0.5, 0.5), (1, 1.0), (np.bool_(0), False)],
    "maybe": [(None, None), (2, 2)],
    "name": [("two", "Two"), ("ONE", "one"), (np.str_("one"), "one")],
    "literal": [("B", "b")],
    "text": [("x", "x"), (np.str_("x"), "x")],
    "loose": [(-1, -1.0), (math.inf, math.inf)],
    "rest": [(("a",), ("a",)), (3, 3)],
    "unknown": [(object, object)],
}
BAD: dict[str, list[Any]] = {
    "whole": [0, -1, 1.0, 1.5, "3", None, True, np.bool_(1), math.nan, [1], 1j, np.array(3), b"3"],
    "share": [-0.1, 1, 1.5, math.nan, math.inf, "0.5", None, False, [0.5], 1j],
    "width": [0, -1, math.nan, -math.inf, 10**400],
    "size": [math.inf, 0, math.nan],
    "even": [2, 5, 4.0],
    "few": [11],
    "flag": [1, 0, "true", None, 0.0],
    "either": [2, -0.5, "half", None, math.nan],
    "maybe": [0, 1.5, "none", False],
    "name": ["three", "", None, 1, ["one"]],
    "literal": ["c", None],
    "text": [1, None, b"x"],
    "loose": ["1", None, True],
    "array": [[1], "a"],
}


@pytest.mark.parametrize(("name", "value", "plain"), [(n, *pair) for n, pairs in GOOD.items() for pair in pairs])
def test_what_an_annotation_allows_is_made_plain(name: str, value: object, plain: object) -> None:
    accepted = getattr(make(Every, **{name: value}), name)
    assert (accepted, type(accepted)) == (plain, type(plain))


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_what_an_annotation_does_not_allow_is_refused_in_one_line(name: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"^every: (unknown )?{name} ") as refused:
        make(Every, **{name: value})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("whole", "3", "whole must be a whole number, got '3'"),
        ("whole", 0, "whole must be at least 1, got 0"),
        ("share", 1, "share must be from 0 to below 1, got 1.0"),
        ("share", math.nan, "share must be from 0 to below 1, got nan"),
        ("width", 0, "width must be above 0, got 0.0"),
        ("size", math.inf, "size must be a number above 0, got inf"),
        ("even", 5, "even must be an even number of at least 4, got 5"),
        ("either", "half", "either must be true or false or a number, got 'half'"),
        ("name", "on", "unknown name 'on': use one of one, Two; did you mean one?"),
    ],
)
def test_errors_say_what_would_do(name: str, value: object, message: str) -> None:
    with pytest.raises(SettingError) as refused:
        make(Every, **{name: value})
    assert str(refused.value) == f"every: {message}"


def test_a_number_too_long_to_be_written_is_refused_all_the_same() -> None:
    with pytest.raises(SettingError, match="whole must be at least -1e30, got an unprintable int"):
        make(Every, whole=-(10**5000))
    with pytest.raises(SettingError, match="whole must be at most 1e30, got 1000000"):
        make(Every, whole=10**31)


def test_kinds_in_words() -> None:
    words = {one.name: one.kind for one in described(Every)}
    assert words["whole"] == "a whole number of at least 1"
    assert words["share"] == "a number from 0 to below 1"
    assert words["size"] == "a number above 0"
    assert words["even"] == "an even number of at least 4"
    assert words["maybe"] == "a whole number of at least 1, or none"
    assert words["name"] == "one of one, Two"
    assert words["flag"] == "true or false"
    assert words["rest"] == "anything"


def test_descriptions_come_from_docstrings() -> None:
    first, second, *_ = described(Every)
    assert (first.default, first.meaning) == ("1", "a whole number, that goes on.")
    assert (second.default, second.meaning) == ("0.5", "a share.")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("whole=3", 3),
        ("WHOLE=3", 3),
        ("share=0", 0.0),
        ("width=inf", math.inf),
        ("flag=True", True),
        ("either=0.5", 0.5),
        ("either=false", False),
        ("maybe=none", None),
        ("name=two", "Two"),
        ("text=1", "1"),
    ],
)
def test_text_is_read_by_the_same_annotations(text: str, value: object) -> None:
    name = text.partition("=")[0].lower()
    read = getattr(changed(Every(), text, "every"), name)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("whole=1,whole=2", "every: whole is given twice"),
        ("whole=1,Whole=1", "every: whole is given twice"),
        ("hole=3", r"has no setting 'hole'; it has whole, share.*; did you mean whole\?"),
        ("whole=1.0", "every: whole must be a whole number, got '1.0'"),
        ("whole=" + "9" * 5000, "every: whole must be a whole number, got '999"),
        ("share=nan", "every: share must be from 0"),
        ("name=tow", r"every: unknown name 'tow': use one of one, Two"),
        ("array=1", "every: array cannot be given as text"),
        ("rest=1", "every: rest cannot be given as text"),
    ],
)
def test_text_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as refused:
        changed(Every(), text, "every")
    assert len(str(refused.value)) < 300


CLASSES: list[type] = [*methods.METHODS, Windows, Sizes, Preset, heedful.metrics.TopKOverlap]
NEEDED: dict[type, dict[str, Any]] = {Preset: {"name": "x", "epochs": 1, "batch_size": 1, "learning_rate": 0.1}}
SETTINGS = [(cls, name) for cls in CLASSES for name in (one.name for one in fields(cls))]
RAW = [
    None, "a", "", b"a", True, False, 0, -1, 3, 7, 10**400, -(10**400), 0.5, 1.5, -0.5, math.nan, math.inf, -math.inf,
    1j, [], [1], {}, object(), np.int64(-3), np.float32(0.5), np.array([1, 2]), np.array(3), np.bool_(1), type, int,
]  # fmt: skip


@pytest.mark.parametrize(("cls", "name"), SETTINGS, ids=[f"{cls.__name__}.{name}" for cls, name in SETTINGS])
def test_no_setting_raises_anything_raw(cls: type, name: str) -> None:
    for value in RAW:
        try:
            made = make(cls, **NEEDED.get(cls, {}) | {name: value})
        except SettingError as refused:
            assert "\n" not in str(refused)  # noqa: PT017 - or it is accepted
            continue
        kept = getattr(made, name)
        assert type(kept) in (bool, int, float, str, type(None))
        assert kept == value
        assert replace(made) == made


def allowed(kind: Kind, hint: Any) -> st.SearchStrategy[Any]:
    """Values that an annotation allows."""
    if kind.names:
        return st.sampled_from(kind.names)
    even = any(isinstance(rule, MultipleOf) for rule in kind.rules)  # of which hypothesis knows nothing
    return st.integers(2).map(lambda n: 2 * n) if even else st.from_type(hint)


@cache
def all_allowed(cls: type) -> st.SearchStrategy[dict[str, Any]]:
    hints = get_type_hints(cls, include_extras=True)
    return st.fixed_dictionaries({name: allowed(kind, hints[name]) for name, kind in kinds(cls).items()})


@settings(deadline=None)
@given(st.data())
def test_settings_are_the_same_from_python_and_from_text(data: st.DataObject) -> None:
    cls = data.draw(st.sampled_from([cls for cls in methods.METHODS if fields(cls)]))
    values = data.draw(all_allowed(cls))
    spec = f"{cls.card.name}:{','.join(f'{name}={value}' for name, value in values.items())}"
    try:
        method = cls(**values)
    except SettingError:  # one by one they are right, together they are not
        with pytest.raises(SettingError):
            methods.get(spec)
    else:
        assert methods.get(spec) == method
        assert asdict(method) == values


def test_every_setting_of_every_method_and_metric_is_described() -> None:
    every = [*methods.METHODS, *(heedful.metrics.get(name).__class__ for name in heedful.metrics.names())]
    for cls in every:
        for setting in described(cls):
            assert setting.meaning, f"{cls.__name__}.{setting.name}"
            assert setting.kind != "anything"


def test_a_method_of_ones_own_is_checked_too() -> None:
    @dataclass(frozen=True)
    class Mine(methods.Method):
        """Mine."""

        width: Annotated[int, Ge(1)] = 2
        weigh: Callable[[float], float] | None = None
        card = methods.Card(name="mine", family="baseline", signed=False, access="nothing", cost="none", source="us")

        def answer(self, question: object) -> methods.Answer:
            raise NotImplementedError

    @dataclass(frozen=True)
    class Careless(Mine):
        """With a check of its own that leaves the others out."""

        def __post_init__(self) -> None:
            pass

    with pytest.raises(SettingError, match="mine: width must be a whole number, got 'a'"):
        make(Mine, width="a")
    assert make(Mine, width=np.int64(3), weigh=abs).width == 3
    for width in ("a", 0):
        with pytest.raises(SettingError, match="mine: width must be"):
            call(methods.get, Careless(width=width))


def test_presets_and_sizes_take_names_and_numbers() -> None:
    assert Sizes(normaliser="Softmax").normaliser == "softmax"
    with pytest.raises(SettingError, match=r"unknown normaliser 'softmx': .*did you mean softmax\?"):
        Sizes(normaliser="softmx")
    with pytest.raises(SettingError, match="heads must be at least 1, got 0"):
        Sizes(heads=0)


def test_annotations_that_say_nothing_allow_anything() -> None:
    for hint in (Any, Callable[[int], int], tuple[int, ...], int | list[int], Literal[1, 2], "int"):
        assert Kind.of(hint) == Kind()
    assert Kind.of(type(None)) == Kind((type(None),))
