"""Names that people type: taken without regard to case where that is clear, and near ones suggested where not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from heedful.errors import SettingError
from heedful.support.visible import visible

_LONGEST = 60  # characters of a value that an error message shows
_SHORT = 3  # letters that a name needs, to be looked for within another


def match(given: str, known: Iterable[str]) -> str | None:
    """Find the name that is meant: itself, or else the only one that differs in nothing but case; None without any.

    Example:
        >>> match("LIME", ["lime", "lrp"]), match("a", ["a", "A"]), match("À", ["a", "A"])
        ('lime', 'a', None)
    """
    alike = {name for name in known if name.casefold() == given.casefold()}
    same = {name for name in alike if name == given} or alike
    return same.pop() if len(same) == 1 else None


def near(given: str, known: Iterable[str]) -> list[str]:
    """List the names that may have been meant, in their order: with a part in common, or spelled much alike.

    Example:
        >>> near("samples", ["n_samples", "sampler", "ridge"])
        ['n_samples', 'sampler']
    """
    wanted, names = given.casefold(), {name: name.casefold() for name in known}
    if not wanted or len(wanted) > _LONGEST:
        return []
    alike = get_close_matches(wanted, set(names.values()), n=3, cutoff=0.7)
    return [name for name, plain in names.items() if plain in alike or _within(wanted, plain) or _within(plain, wanted)]


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Ask for the names that are near, as in "did you mean word?"; empty if none is.

    Example:
        >>> did_you_mean("wrod", ["word_type", "word", "token"])
        'did you mean word?'
    """
    return asking(near(given, known))


def asking(names: Sequence[str]) -> str:
    """Ask whether one of the names is meant; empty without any.

    Example:
        >>> asking(["lime", "lrp"])
        'did you mean lime or lrp?'
    """
    if not names:
        return ""
    *most, last = names
    return f"did you mean {', '.join(most)} or {last}?" if most else f"did you mean {last}?"


def choose(given: object, known: Collection[str], what: str) -> str:
    """Return the one of a few names that is meant; `what` is what they are names of, as in "unit" or "lime: sampler".

    Raises:
        SettingError: it is none of them; the message lists them all.

    Example:
        >>> choose("Word", ["word_type", "word", "token"], "unit")
        'word'
    """
    name = match(given, known) if isinstance(given, str) else None
    if name is not None:
        return name
    asked = did_you_mean(given, known) if isinstance(given, str) else ""
    owner, _, kind = what.rpartition(": ")
    listed = f"{owner}{': ' if owner else ''}unknown {kind} {shown(given)}: use one of {', '.join(known)}"
    raise SettingError(f"{listed}; {asked}" if asked else listed)


def shown(value: object) -> str:
    r"""Write a value for an error message: on one line, visible, and not too long.

    Example:
        >>> shown("a\nb"), shown("x" * 100)[-5:]
        ("'a\\nb'", 'xxxx…')
    """
    try:
        text = visible(repr(value))
    except Exception:  # of numbers with too many digits, and of other people's objects
        text = f"an unprintable {type(value).__name__}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _within(part: str, whole: str) -> bool:
    return len(part) >= _SHORT and part in whole
