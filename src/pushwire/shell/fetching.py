"""Where what a machine asks to be fetched comes from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..core.effects import Credential, Snapshot
from ..core.http import Request
from ..core.secrets import Secret
from ..errors import NotReady
from .queries import SnapshotLoader

__all__ = ["Fetcher"]


class Fetcher:
    """The sources of one connection. Calling it gets one thing; it raises what its source raises, and `NotReady` without one."""

    def __init__(
        self,
        *,
        credential: Callable[[Credential], Awaitable[Secret]] | None = None,
        snapshot: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._credential = credential
        self._snapshot = None if snapshot is None else SnapshotLoader(snapshot)

    async def __call__(self, what: Credential | Request | Snapshot) -> object:
        match what:
            case Credential() if self._credential is not None:
                return await self._credential(what)
            case Snapshot() if self._snapshot is not None:
                return await self._snapshot()
            case Credential():
                raise NotReady(f"no source for the credential {what.name!r}")
            case _:
                raise NotReady(f"no source for a {type(what).__name__}")
