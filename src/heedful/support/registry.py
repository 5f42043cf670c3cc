"""Registry: classes by the names on their cards: built in, registered by the caller, or brought by other packages."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from heedful.errors import SettingError
from heedful.support.names import asking, near, shown
from heedful.support.settings import changed


@runtime_checkable
class Card(Protocol):
    """What is known of a class without importing it."""

    @property
    def name(self) -> str:
        """The registered name."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names."""


C = TypeVar("C", bound=Card)


class Registry(Generic[C]):
    """Classes of one kind by name, such as all methods.

    A class has a `card`, makes an object of default settings without arguments, and its objects are frozen dataclasses
    of settings. Names are looked up without regard to case. Built-in classes are imported when they are asked for.

    Other packages bring classes of their own by entry points: in the group `heedful.methods`, say, an entry point named
    as the card names it, which refers to the class.

    Args:
        kind: what error messages call one of them, such as "method".
        package: where built-in classes live.
        built_in: cards by where the class is, as "module:Class" within the package.
    """

    def __init__(self, kind: str, package: str, built_in: Mapping[str, C]) -> None:
        self._kind, self._package = kind, package
        self._homes = {card.name: home for home, card in built_in.items()}
        self._cards = {card.name: card for card in built_in.values()}
        self._own: dict[str, Any] = {}
        self.built_in = list(self._cards.values())

    def names(self) -> list[str]:
        """List all names, without aliases."""
        return [*self._cards, *self._own, *(name for name in self._brought() if name not in self._own)]

    def cards(self) -> list[C]:
        """List all cards; a class of another package that cannot be used is left out with a warning."""
        cards = list(self._cards.values())
        for name in self.names()[len(cards) :]:
            try:
                cards.append(self.class_of(name).card)
            except SettingError as error:
                warnings.warn(str(error), stacklevel=2)
        return cards

    def card_of(self, name: str) -> C | None:
        """Look up a card by any of its names without importing anything; None if no class here has that name."""
        wanted = name.casefold()
        known = [*self._cards.values(), *(registered.card for registered in self._own.values())]
        return next((c for c in known if wanted in (other.casefold() for other in (c.name, *c.aliases))), None)

    def home_of(self, class_name: str) -> Any:
        """Import a built-in class by its own name; None if there is no such class."""
        home = next((home for home in self._homes.values() if home.endswith(f":{class_name}")), None)
        return None if home is None else self._load(home)

    def class_of(self, name: str) -> Any:
        """Look a class up by its name or an alias.

        Raises:
            SettingError: there is none of that name; the message says which are near.
        """
        # what other packages bring is looked up only where it is asked for: that takes milliseconds
        wanted = self._here().get(name.casefold()) or self._known().get(name.casefold())
        if wanted is None:
            raise SettingError(f"unknown {self._kind} {shown(name)}: {self._suggestion(name)}")
        if wanted in self._own:
            return self._own[wanted]
        if wanted in self._homes:
            return self._load(self._homes[wanted])
        return self.register(self._bring(self._brought()[wanted]))

    def get(self, given: str) -> Any:
        """Make an object by name, with settings after a colon, as in "lime:n_samples=100".

        Raises:
            SettingError: unknown name or setting, or a value of the wrong type.
        """
        name, _, settings = given.partition(":")
        return changed(self.class_of(name)(), settings, name)

    def register(self, given: Any) -> Any:
        """Make a class known by the names on its card, and return it; usable as a decorator.

        Raises:
            SettingError: it has no card, or a name that another class has.
        """
        card: Any = getattr(given, "card", None)
        if not isinstance(given, type) or not isinstance(getattr(card, "name", None), str):
            raise SettingError(f"a {self._kind} is a class with a card, got {given!r}")
        known = self._known()
        for name in (card.name, *card.aliases):
            other = known.get(name.casefold(), card.name)
            if other != card.name or other in self._cards:
                raise SettingError(f"there is a {self._kind} {name!r} already: give {given.__name__} another name")
        self._own[card.name] = given
        return given

    def _here(self) -> dict[str, str]:
        """Names of built-in and registered classes by all names they have, in lower case."""
        cards = [*self._cards.values(), *(registered.card for registered in self._own.values())]
        return {name.casefold(): card.name for card in cards for name in (card.name, *card.aliases)}

    def _known(self) -> dict[str, str]:
        """The same of all classes, those of other packages among them."""
        return {name.casefold(): name for name in self._brought()} | self._here()

    def _suggestion(self, name: str) -> str:
        known = self._known()
        meant = {known[other] for other in near(name, known)}
        names = self.names()
        return asking(sorted(meant, key=names.index)) if meant else f"use one of {', '.join(names)}"

    def _load(self, home: str) -> Any:
        module, _, name = home.partition(":")
        return getattr(import_module(f"{self._package}.{module}"), name)

    def _brought(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self._package) if entry.name not in self._cards}

    def _bring(self, entry: EntryPoint) -> Any:
        """Load a class of another package, whatever goes wrong in there."""
        source = f"{self._kind} {entry.name!r} of the entry point {entry.value}"
        try:
            loaded = entry.load()
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise SettingError(f"{source} cannot be loaded: {reason}") from error
        if getattr(getattr(loaded, "card", None), "name", None) != entry.name:
            raise SettingError(f"{source} has another name on its card, or no card")
        return loaded
