"""pushwire: strictly typed push APIs over WebSocket, for trio.

The names are loaded when they are first used, so that importing one provider's machine loads no trio, ssl or sqlite3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import lazily

if TYPE_CHECKING:
    from collections.abc import Callable

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

_load: Callable[[str], object]
__dir__: Callable[[], list[str]]
_load, __dir__ = lazily(
    __name__,
    __all__,
    "errors",
    "providers.bitpanda",
    "providers.gelabs",
    "providers.pusher",
    "providers.quantcite",
    "providers.quickpay",
    "providers.satoriex",
    homes={
        "core.events": ["Hydrated", "SnapshotFailed"],
        "core.ratelimit": ["RateLimit"],
        "core.secrets": ["Secret"],
        "shell.api": ["Api", "open_api"],
        "shell.connect": ["connect"],
        "shell.consumer": ["Consumer"],
        "shell.feeds": ["Feed"],
        "shell.http": ["HttpClient"],
        "shell.queries": ["Query"],
        "shell.ratelimit": ["RateBuckets"],
        "shell.stream": ["AckStream", "Stream", "StreamStatus"],
        "shell.token_file": ["FileTokenStore"],
        "shell.tokens": ["TokenKeeper", "TokenStore"],
        "stores.base": ["Receipt"],
        "stores.memory": ["MemoryStore"],
        "stores.postgres": ["PostgresStore"],
        "stores.sqlite": ["SqliteStore"],
    },
)

if not TYPE_CHECKING:  # to a type checker, a package with a `__getattr__` has every name

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from .version import version

            return version()
        return _load(name)
