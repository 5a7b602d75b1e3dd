"""pushwire: strictly typed push APIs over WebSocket, for trio.

The names are loaded when they are first used, so that importing one provider's machine loads no trio, ssl or sqlite3.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .core.secrets import Secret
    from .errors import (
        AuthenticationRefused,
        CommandRefused,
        ConfigError,
        ConnectionLost,
        InboxFull,
        JournalError,
        LocalProtocolError,
        NotReady,
        OutcomeUnknown,
        PushwireError,
        RateLimited,
        RemoteProtocolError,
        ReplyTimeout,
        SignatureRefused,
        StoreError,
    )
    from .providers import bitpanda, gelabs, pusher, quantcite, satoriex
    from .shell.connect import connect
    from .shell.stream import AckStream, Consumer, Stream, StreamStatus
    from .stores.memory import MemoryStore
    from .stores.sqlite import SqliteStore

__all__ = [
    "AckStream",
    "AuthenticationRefused",
    "CommandRefused",
    "ConfigError",
    "ConnectionLost",
    "Consumer",
    "InboxFull",
    "JournalError",
    "LocalProtocolError",
    "MemoryStore",
    "NotReady",
    "OutcomeUnknown",
    "PushwireError",
    "RateLimited",
    "RemoteProtocolError",
    "ReplyTimeout",
    "Secret",
    "SignatureRefused",
    "SqliteStore",
    "StoreError",
    "Stream",
    "StreamStatus",
    "bitpanda",
    "connect",
    "gelabs",
    "pusher",
    "quantcite",
    "satoriex",
]

_HOMES: Final = {
    "AckStream": ".shell.stream",
    "Consumer": ".shell.stream",
    "MemoryStore": ".stores.memory",
    "Secret": ".core.secrets",
    "SqliteStore": ".stores.sqlite",
    "Stream": ".shell.stream",
    "StreamStatus": ".shell.stream",
    "connect": ".shell.connect",
}
_PROVIDERS: Final = frozenset({"bitpanda", "gelabs", "pusher", "quantcite", "satoriex"})


def __getattr__(name: str) -> object:
    if name in _PROVIDERS:
        return importlib.import_module(f".providers.{name}", __name__)
    if name in __all__:
        return getattr(importlib.import_module(_HOMES.get(name, ".errors"), __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
