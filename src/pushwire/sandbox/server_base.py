"""What all server machines do alike: which connections are live, what is to be sent, and how much the feed has made.

`sandbox.base` has the contract. What a connection is, and what a provider says on it, is the provider's machine's.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from .base import CloseConn, Cut, ServerEffect
from .slots import Slots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.secrets import Secret

__all__ = ["FeedSettings", "ServerBase", "holder_of"]

ConnectionT = TypeVar("ConnectionT")
HolderT = TypeVar("HolderT")


class FeedSettings(Protocol):
    """The settings that every feed has."""

    @property
    def rate(self) -> float:
        """Slots a second; 0: none."""
        ...

    @property
    def max_messages(self) -> int | None:
        """Generate no more than this many."""
        ...

    @property
    def drop_every(self) -> int | None:
        """Cut all connections each time this many were generated."""
        ...


class ServerBase(abc.ABC, Generic[ConnectionT]):
    """A server machine but for its provider's rules. `generated` counts what the feed made."""

    def __init__(self, feed: FeedSettings) -> None:
        self._most = feed.max_messages
        self._drop_every = feed.drop_every
        self._slots = Slots(feed.rate)
        self._connections: dict[int, ConnectionT] = {}
        self._effects: list[ServerEffect] = []
        self._offset = 0.0
        """Seconds from the driver's clock to POSIX time."""
        self.generated: int = 0

    # The driver's side

    @abc.abstractmethod
    def disconnected(self, conn: int, now: float) -> None:
        """A connection has ended; harmless for an unknown one."""

    def take_effects(self) -> Sequence[ServerEffect]:
        effects, self._effects = self._effects, []
        return effects

    # The test's side

    def stop(self) -> None:
        """Generate no more."""
        self._slots.stop()

    def cut_all(self, now: float) -> None:
        """Cut every live connection."""
        for conn in list(self._connections):
            self.disconnected(conn, now)
            self._effects.append(Cut(conn))

    def close_all(self, code: int, reason: str, now: float) -> None:
        """Close every live connection in good order."""
        for conn in list(self._connections):
            self._close(conn, code, reason, now)

    @property
    def connections(self) -> Sequence[int]:
        """The live connections."""
        return list(self._connections)

    @property
    def done(self) -> bool:
        """Whether `max_messages` were generated."""
        return self._most is not None and self.generated >= self._most

    # For the provider's machine

    def _close(self, conn: int, code: int, reason: str, now: float) -> None:
        self.disconnected(conn, now)
        self._effects.append(CloseConn(conn, code, reason))

    def _count_generated(self, now: float) -> None:
        """The feed has made one more: what the settings want of that. After the last one there are no more slots."""
        self.generated += 1
        if self._drop_every is not None and self.generated % self._drop_every == 0:
            self.cut_all(now)
        if self.done:
            self._slots.stop()


def holder_of(offered: Secret, accepted: Sequence[Secret] | None, holders: Sequence[HolderT]) -> HolderT | None:
    """Whose secret this is, of holders that have one each; the first's where any secret is accepted."""
    if accepted is None:
        return holders[0]
    return next((holder for holder, known in zip(holders, accepted, strict=True) if known == offered), None)
