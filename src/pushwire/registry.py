"""All providers there are by their names: those that come with pushwire, and those of other installed packages.

A package declares a `core.provider.Provider` as an entry point of `GROUP`, under its name.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from . import providers
from .core.provider import Provider
from .errors import LocalProtocolError

__all__ = ["GROUP", "load", "names"]

GROUP: Final = "pushwire.providers"


def names() -> tuple[str, ...]:
    """Ours, and those of installed packages, of which none may take the name of one of ours."""
    return (*providers.NAMES, *sorted(_others()))


def load(name: str) -> Provider:
    """The provider of this name, which alone is imported.

    Raises `LocalProtocolError` where there is none, or where the package that declares it does not have it.
    """
    if name in providers.NAMES:
        return providers.load(name)
    entry = _others().get(name)
    if entry is None:
        raise LocalProtocolError(f"there is no provider {name!r}; there are: {', '.join(names())}")
    try:
        found: object = entry.load()
    except (ImportError, AttributeError) as error:
        raise LocalProtocolError(f"the provider {name!r} cannot be loaded from {entry.value}: {error}") from error
    if not isinstance(found, Provider) or found.name != name:
        raise LocalProtocolError(f"the provider {name!r} cannot be loaded: {entry.value} is no Provider of this name")
    return found


def _others() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in providers.NAMES}
