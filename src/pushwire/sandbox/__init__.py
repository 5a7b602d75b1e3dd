"""The providers' server side, for tests, demonstrations and simulation.

Pure server machines (`base`, `gelabs`), faults around them (`faults`), and a trio-websocket server around both (`server`). Names
are loaded when they are first used, so that a simulation loads no trio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily

if TYPE_CHECKING:
    from .base import Accept, CloseConn, ConnectRequest, Cut, Refuse, SendTo, ServerEffect, ServerMachine
    from .bitpanda import BitpandaServer
    from .bitpanda_settings import BitpandaSettings
    from .faults import FAULTS, Fault, parse_fault, parse_faults, with_faults
    from .gelabs import GelabsServer
    from .gelabs_book import Message
    from .gelabs_feed import Mix
    from .gelabs_settings import GelabsSettings
    from .pusher import PusherServer
    from .pusher_settings import PusherSettings
    from .quantcite import QuantciteServer
    from .quantcite_settings import QuantciteSettings
    from .quickpay import QuickPayServer
    from .quickpay_settings import QuickPaySettings
    from .satoriex import SatoriexServer
    from .satoriex_settings import SatoriexSettings
    from .server import SandboxServer, serve

__all__ = [
    "FAULTS",
    "Accept",
    "BitpandaServer",
    "BitpandaSettings",
    "CloseConn",
    "ConnectRequest",
    "Cut",
    "Fault",
    "GelabsServer",
    "GelabsSettings",
    "Message",
    "Mix",
    "PusherServer",
    "PusherSettings",
    "QuantciteServer",
    "QuantciteSettings",
    "QuickPayServer",
    "QuickPaySettings",
    "Refuse",
    "SandboxServer",
    "SatoriexServer",
    "SatoriexSettings",
    "SendTo",
    "ServerEffect",
    "ServerMachine",
    "parse_fault",
    "parse_faults",
    "serve",
    "with_faults",
]

if not TYPE_CHECKING:  # to a type checker, a package with a `__getattr__` has every name
    __getattr__, __dir__ = lazily(
        __name__,
        __all__,
        homes={
            "base": ("Accept", "CloseConn", "ConnectRequest", "Cut", "Refuse", "SendTo", "ServerEffect", "ServerMachine"),
            "bitpanda": ("BitpandaServer",),
            "bitpanda_settings": ("BitpandaSettings",),
            "faults": ("FAULTS", "Fault", "parse_fault", "parse_faults", "with_faults"),
            "gelabs": ("GelabsServer",),
            "gelabs_book": ("Message",),
            "gelabs_feed": ("Mix",),
            "gelabs_settings": ("GelabsSettings",),
            "pusher": ("PusherServer",),
            "pusher_settings": ("PusherSettings",),
            "quickpay": ("QuickPayServer",),
            "quickpay_settings": ("QuickPaySettings",),
            "satoriex": ("SatoriexServer",),
            "satoriex_settings": ("SatoriexSettings",),
            "quantcite": ("QuantciteServer",),
            "quantcite_settings": ("QuantciteSettings",),
            "server": ("SandboxServer", "serve"),
        },
    )
