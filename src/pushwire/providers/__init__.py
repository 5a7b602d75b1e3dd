"""The providers' protocols, pure and independent of one another, and the one place that knows all their names.

Others come from installed packages, which declare a `core.provider.Provider` as an entry point of `GROUP`, under its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import LocalProtocolError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from ..core.provider import Provider

__all__ = ["GROUP", "NAMES", "load", "names"]

NAMES: Final = ("bitpanda", "gelabs", "pusher", "quantcite", "quickpay", "satoriex")
"""The providers that come with pushwire."""
GROUP: Final = "pushwire.providers"
"""The entry points of those that do not."""


def names() -> tuple[str, ...]:
    """All providers there are: ours, and those of installed packages, of which none may take the name of one of ours."""
    return (*NAMES, *sorted(_others()))


def load(name: str) -> Provider:
    """The provider of this name, which alone is imported.

    Raises `LocalProtocolError` where there is none, or where the package that declares it does not have it.
    """
    match name:
        case "bitpanda":
            from .bitpanda import provider as bitpanda

            return bitpanda.PROVIDER
        case "gelabs":
            from .gelabs import provider as gelabs

            return gelabs.PROVIDER
        case "pusher":
            from .pusher import provider as pusher

            return pusher.PROVIDER
        case "quantcite":
            from .quantcite import provider as quantcite

            return quantcite.PROVIDER
        case "quickpay":
            from .quickpay import provider as quickpay

            return quickpay.PROVIDER
        case "satoriex":
            from .satoriex import provider as satoriex

            return satoriex.PROVIDER
        case _:
            return _other(name)


def _others() -> dict[str, EntryPoint]:
    # Looked for only when needed: it reads a file of every installed package.
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in NAMES}


def _other(name: str) -> Provider:
    from ..core.provider import Provider

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
