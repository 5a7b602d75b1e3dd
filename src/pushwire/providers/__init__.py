"""The providers' protocols, pure and independent of one another, and the one place that knows all their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import LocalProtocolError

if TYPE_CHECKING:
    from ..core.provider import Provider

__all__ = ["NAMES", "load"]

NAMES: Final = ("bitpanda", "gelabs", "pusher", "quantcite", "quickpay", "satoriex")
"""The providers that come with pushwire."""


def load(name: str) -> Provider:
    """The one of this name, which alone is imported. `registry.load` knows those of other packages too.

    Raises `LocalProtocolError` where there is none.
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
            raise LocalProtocolError(f"there is no provider {name!r}; there are: {', '.join(NAMES)}")
