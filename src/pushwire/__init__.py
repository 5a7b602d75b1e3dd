"""pushwire: strictly typed push APIs over WebSocket, for trio.

The names are loaded when they are first used, so that importing one provider's machine loads no trio, ssl or sqlite3.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .core.ratelimit import RateLimit
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
    from .providers import bitpanda, gelabs, pusher, quantcite, quickpay, satoriex
    from .shell.api import Api, open_api
    from .shell.connect import connect
    from .shell.http import HttpClient
    from .shell.ratelimit import RateBuckets
    from .shell.stream import AckStream, Consumer, Stream, StreamStatus
    from .shell.token_file import FileTokenStore
    from .shell.tokens import TokenKeeper, TokenStore
    from .stores.memory import MemoryStore
    from .stores.sqlite import SqliteStore

__all__ = [
    "AckStream",
    "Api",
    "AuthenticationRefused",
    "CommandRefused",
    "ConfigError",
    "ConnectionLost",
    "Consumer",
    "FileTokenStore",
    "HttpClient",
    "InboxFull",
    "JournalError",
    "LocalProtocolError",
    "MemoryStore",
    "NotReady",
    "OutcomeUnknown",
    "PushwireError",
    "RateBuckets",
    "RateLimit",
    "RateLimited",
    "RemoteProtocolError",
    "ReplyTimeout",
    "Secret",
    "SignatureRefused",
    "SqliteStore",
    "StoreError",
    "Stream",
    "StreamStatus",
    "TokenKeeper",
    "TokenStore",
    "bitpanda",
    "connect",
    "gelabs",
    "open_api",
    "pusher",
    "quantcite",
    "quickpay",
    "satoriex",
]

_HOMES: Final = {
    "AckStream": ".shell.stream",
    "Api": ".shell.api",
    "Consumer": ".shell.stream",
    "FileTokenStore": ".shell.token_file",
    "HttpClient": ".shell.http",
    "MemoryStore": ".stores.memory",
    "RateBuckets": ".shell.ratelimit",
    "RateLimit": ".core.ratelimit",
    "Secret": ".core.secrets",
    "SqliteStore": ".stores.sqlite",
    "Stream": ".shell.stream",
    "StreamStatus": ".shell.stream",
    "TokenKeeper": ".shell.tokens",
    "TokenStore": ".shell.tokens",
    "connect": ".shell.connect",
    "open_api": ".shell.api",
}
_PROVIDERS: Final = frozenset({"bitpanda", "gelabs", "pusher", "quantcite", "quickpay", "satoriex"})


def __getattr__(name: str) -> object:
    if name in _PROVIDERS:
        return importlib.import_module(f".providers.{name}", __name__)
    if name in __all__:
        return getattr(importlib.import_module(_HOMES.get(name, ".errors"), __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
