"""pushwire: strictly typed push APIs over WebSocket, for trio.

The names are loaded when they are first used, so that importing one provider's machine loads no trio, ssl or sqlite3.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .core.events import Hydrated, SnapshotFailed
    from .core.ratelimit import RateLimit
    from .core.secrets import Secret
    from .errors import (
        AlreadyFinished,
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
    from .shell.consumer import Consumer
    from .shell.feeds import Feed
    from .shell.http import HttpClient
    from .shell.queries import Query
    from .shell.ratelimit import RateBuckets
    from .shell.stream import AckStream, Stream, StreamStatus
    from .shell.token_file import FileTokenStore
    from .shell.tokens import TokenKeeper, TokenStore
    from .stores.base import Receipt
    from .stores.memory import MemoryStore
    from .stores.postgres import PostgresStore
    from .stores.sqlite import SqliteStore

    __version__: str

__all__ = [
    "AckStream",
    "AlreadyFinished",
    "Api",
    "AuthenticationRefused",
    "CommandRefused",
    "ConfigError",
    "ConnectionLost",
    "Consumer",
    "Feed",
    "FileTokenStore",
    "HttpClient",
    "Hydrated",
    "InboxFull",
    "JournalError",
    "LocalProtocolError",
    "MemoryStore",
    "NotReady",
    "OutcomeUnknown",
    "PostgresStore",
    "PushwireError",
    "Query",
    "RateBuckets",
    "RateLimit",
    "RateLimited",
    "Receipt",
    "RemoteProtocolError",
    "ReplyTimeout",
    "Secret",
    "SignatureRefused",
    "SnapshotFailed",
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
    "Consumer": ".shell.consumer",
    "Feed": ".shell.feeds",
    "FileTokenStore": ".shell.token_file",
    "HttpClient": ".shell.http",
    "Hydrated": ".core.events",
    "MemoryStore": ".stores.memory",
    "PostgresStore": ".stores.postgres",
    "Query": ".shell.queries",
    "RateBuckets": ".shell.ratelimit",
    "RateLimit": ".core.ratelimit",
    "Receipt": ".stores.base",
    "Secret": ".core.secrets",
    "SnapshotFailed": ".core.events",
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
    if name == "__version__":
        from .version import version

        return version()
    if name in __all__:
        return getattr(importlib.import_module(_HOMES.get(name, ".errors"), __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
