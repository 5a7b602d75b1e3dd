"""The providers' protocols, pure and independent of one another, and the one place that knows all their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import LocalProtocolError

if TYPE_CHECKING:
    from ..core.provider import Provider

__all__ = ["NAMES", "load"]

NAMES: Final = ("bitpanda", "gelabs", "pusher", "quantcite", "quickpay", "satoriex")
"""The providers there are."""


def load(name: str) -> Provider:
    """The provider of this name, which alone is imported. Raises `LocalProtocolError` where there is none."""
    match name:
        case "bitpanda":
            from .bitpanda.provider import PROVIDER

            return PROVIDER
        case "gelabs":
            from .gelabs.provider import PROVIDER

            return PROVIDER
        case "pusher":
            from .pusher.provider import PROVIDER

            return PROVIDER
        case "quantcite":
            from .quantcite.provider import PROVIDER

            return PROVIDER
        case "quickpay":
            from .quickpay.provider import PROVIDER

            return PROVIDER
        case "satoriex":
            from .satoriex.provider import PROVIDER

            return PROVIDER
        case _:
            raise LocalProtocolError(f"there is no provider {name!r}; there are: {', '.join(NAMES)}")
