"""The engines that can do the work, by name."""

from __future__ import annotations

from heedful.corpus.engine import Engine, Local
from heedful.corpus.ray_engine import Ray
from heedful.errors import SettingError
from heedful.support.names import match, shown
from heedful.support.settings import changed

NAMES = ("local", "ray")


def engine_of(given: str | Engine, address: str | None = None) -> Engine:
    """Return an engine by its name and settings, as in "ray:workers=4"; an object is taken as it is.

    Raises:
        SettingError: there is none of that name, or no such setting.
        MissingExtraError: Ray is not installed.
    """
    if isinstance(given, Engine):
        return given
    if not isinstance(given, str):
        raise SettingError(f"an engine is local, or ray:workers=4, got {shown(given)}")
    name, _, settings = given.partition(":")
    known = match(name, NAMES)
    if known is None:
        raise SettingError(f"no engine is called {shown(name)}: use local, or ray:workers=4")
    if known == "local":
        if settings or address is not None:
            raise SettingError("the local engine has no settings: --address goes with --engine ray")
        return Local()
    return changed(Ray(address=address), settings, "ray")
