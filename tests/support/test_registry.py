"""Classes by name: built in, registered, and brought by other packages."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import heedful
from heedful import methods, metrics
from heedful.errors import SettingError
from heedful.methods import Answer, Card, Method
from heedful.methods.cards import KERNEL_SHAP, LIME
from heedful.support.registry import Registry

ENTRY = "[heedful.methods]\nlongest = {value}\n"
MODULE = """
from dataclasses import dataclass
import numpy as np
from heedful.methods import Answer, Card, Method

@dataclass(frozen=True)
class Longest(Method):
    power: float = 1.0
    card = Card(name="longest", aliases=("long",), family="baseline", signed=False, access="nothing", cost="none",
                source="a test")
    def answer(self, question):
        return Answer(scores=np.array([len(unit) ** self.power for unit in question.units.strings], dtype=float))

@dataclass(frozen=True)
class Other(Longest):
    card = Card(name="other", family="baseline", signed=False, access="nothing", cost="none", source="a test")
"""


def card(name: str, *aliases: str) -> Card:
    return Card(
        name=name, aliases=aliases, family="baseline", signed=False, access="nothing", cost="none", source="a test"
    )


def method(name: str, *aliases: str) -> type[Method]:
    @dataclass(frozen=True)
    class Own(Method):
        def answer(self, question: methods.Question) -> Answer:
            return Answer(scores=np.zeros(len(question.units)))

    Own.card = card(name, *aliases)
    return Own


@pytest.fixture
def registry() -> Registry[Card]:
    return Registry("method", "heedful.methods", {"lime:Lime": LIME, "shap:KernelShap": KERNEL_SHAP})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a package with one entry point."""

    def install(value: str) -> None:
        (tmp_path / "brought.py").write_text(MODULE)
        info = tmp_path / "brought-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(ENTRY.format(value=value))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "brought", raising=False)

    return install


def test_names_are_looked_up_without_regard_to_case(registry: Registry[Card]) -> None:
    assert registry.class_of("LIME") is methods.Lime
    registry.register(method("Mine", "M-one"))
    assert registry.class_of("m-ONE") is registry.class_of("mine")
    assert registry.names() == ["lime", "kernel-shap", "Mine"]


def test_a_card_is_found_without_importing_its_class(registry: Registry[Card]) -> None:
    mine = method("Mine", "M-one")
    registry.register(mine)
    assert registry.card_of("LIME") is LIME
    assert registry.card_of("m-one") is mine.card
    assert registry.card_of("shap") is registry.card_of("") is None


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("shap", "did you mean kernel-shap?"),
        ("lim", "did you mean lime?"),
        ("kernal-shap", "did you mean kernel-shap?"),
        ("nothing like it", "use one of lime, kernel-shap"),
        ("", "use one of lime, kernel-shap"),
    ],
)
def test_an_unknown_name_is_answered_by_near_ones(registry: Registry[Card], name: str, suggested: str) -> None:
    with pytest.raises(SettingError, match="unknown method") as caught:
        registry.get(name)
    assert str(caught.value).endswith(suggested)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (method("lime"), "a method 'lime' already"),
        (method("mine", "Kernel-SHAP"), "a method 'Kernel-SHAP' already"),
        (Method, "a class with a card"),
        (3, "a class with a card"),
        (method("mine")(), "a class with a card"),
    ],
)
def test_what_cannot_be_registered(registry: Registry[Card], own: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        registry.register(own)
    assert registry.names() == ["lime", "kernel-shap"]


def test_registering_again_takes_the_new_class(registry: Registry[Card]) -> None:
    """As a notebook does whose cell is run twice."""
    first, second = method("mine"), method("mine")
    registry.register(first)
    assert registry.register(second) is second
    assert registry.class_of("mine") is second


def test_a_package_brings_a_method(package, registry: Registry[Card]) -> None:
    package("brought:Longest")
    assert registry.names()[-1] == "longest"
    assert "brought" not in sys.modules
    assert registry.get("longest:power=2").power == 2.0
    assert registry.cards()[-1].aliases == ("long",)


def test_a_methods_scores_come_from_a_package(package) -> None:
    package("brought:Longest")
    found = heedful.explain(heedful.load("demo"), "The acting was superb.", "longest:power=2")
    assert found.scores.tolist() == [9.0, 36.0, 9.0, 36.0]
    assert found.settings["power"] == 2.0


@pytest.mark.parametrize(
    ("value", "message"),
    [("missing:Longest", "cannot be loaded: No module named 'missing'"), ("brought:Other", "another name on its card")],
)
def test_a_package_that_is_broken_spoils_nothing_else(
    package, registry: Registry[Card], value: str, message: str
) -> None:
    package(value)
    assert registry.get("lime") == methods.Lime()
    with pytest.raises(SettingError, match=message):
        registry.get("longest")
    with pytest.warns(UserWarning, match=message):
        assert [one.name for one in registry.cards()] == ["lime", "kernel-shap"]


@pytest.mark.parametrize("module", [methods, metrics])
def test_every_class_on_a_card_is_there_and_exported(module) -> None:
    for one in module.REGISTRY.built_in:
        own = module.REGISTRY.class_of(one.name)
        assert own.card is one
        assert own.__name__ in module.__all__
        assert getattr(module, own.__name__) is own
        assert module.get(one.name) == own()


@pytest.mark.parametrize("module", [methods, metrics])
def test_no_name_stands_for_two(module) -> None:
    names = [name.casefold() for one in module.REGISTRY.built_in for name in (one.name, *one.aliases)]
    assert len(names) == len(set(names))
