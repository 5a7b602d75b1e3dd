"""Where what a machine asks to be fetched comes from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ..core.effects import Credential, Fetchable, Identity, Loaded, Payloads, Snapshot
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
        credentials: TokenSource,
        http: Http,
        snapshot: Callable[[], Awaitable[object]] | None = None,
        payloads: Callable[[Sequence[Identity]], Awaitable[Loaded]] | None = None,
    ) -> None:
        self._credentials = credentials
        self._http = http
        self._snapshot = None if snapshot is None else SnapshotLoader(snapshot)
        self._payloads = payloads

    async def __call__(self, what: Fetchable) -> object:
        match what:
            case Credential():
                return await self._credentials(what)
            case Request():
                return await self._http.send(what)
            case Snapshot() if self._snapshot is not None:
                return await self._snapshot()
            case Payloads(identities) if self._payloads is not None:
                return await self._payloads(identities)
            case Snapshot():
                raise NotReady("no source for a snapshot")
            case Payloads():
                raise NotReady("no source for payloads")
