"""Where what a machine asks to be fetched comes from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..core.effects import Credential, Snapshot
from ..core.http import Request
from ..core.tokens import TokenSource
from ..errors import NotReady
from .http import Http
from .queries import SnapshotLoader

__all__ = ["Fetcher"]


class Fetcher:
    """The sources of one connection. Calling it gets one thing; it raises what its source raises, and `NotReady` without one."""

    def __init__(
        self,
        *,
        credentials: TokenSource,
        http: Http,
        snapshot: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._credentials = credentials
        self._http = http
        self._snapshot = None if snapshot is None else SnapshotLoader(snapshot)

    async def __call__(self, what: Credential | Request | Snapshot) -> object:
        match what:
            case Credential():
                return await self._credentials(what)
            case Request():
                return await self._http.send(what)
            case Snapshot() if self._snapshot is not None:
                return await self._snapshot()
            case Snapshot():
                raise NotReady("no source for a snapshot")
