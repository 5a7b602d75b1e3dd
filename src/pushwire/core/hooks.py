"""What a provider adds to a session: a few settings of its class, and what it does at the turns of a connection's life.

Nothing is decided here. `core.session` calls these; what a provider's machine may call in turn is found there.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Sequence
from typing import ClassVar

from .closes import CloseTable
from .effects import Close, Dial, Handshake, Ping
from .secrets import Secret

__all__ = ["Hooks"]


class Hooks(abc.ABC):
    """The abstract methods are what each provider must say, the others what it may."""

    __slots__ = ()

    closes: CloseTable
    """What each way a connection can end means for the next dial. Where the settings change it, a machine sets its own first of
    all."""
    credentials: ClassVar[tuple[str, ...]] = ()
    """Names of what is fetched afresh before every dial."""
    replays: ClassVar[bool] = False
    """Whether the provider sends again what was missed. Where it does not, each loss is told as a `Gap`."""

    @abc.abstractmethod
    def _dial(self, now: float, wall: float) -> Dial:
        """The connection to ask for; `self._secrets` holds the credentials fetched for it."""

    @abc.abstractmethod
    def _on_opened(self, handshake: Handshake, now: float) -> None:
        """The connection stands; `_accepted` says that the provider has accepted it, `_refused` that it never will."""

    @abc.abstractmethod
    def _on_messages(self, messages: Sequence[str | bytes], now: float) -> None:
        """All messages of one read. Must not raise."""

    @abc.abstractmethod
    def _ping(self, now: float) -> str | Ping:
        """A heartbeat; `_pong` says that it was answered."""

    def _on_start(self, now: float) -> None:
        """The session begins, nothing has been asked for yet."""

    def _on_ready(self, now: float) -> None:
        """The connection was accepted, nothing has been sent on it yet."""

    def _on_lost(self) -> None:
        """The connection has gone."""

    def _on_timer(self, now: float) -> None:
        """Time passed on a ready connection that is being read."""

    def _judged(self, close: Close, now: float) -> Close:
        """The end of the connection as the close table is to see it: what the peer said before may weigh more than `close`."""
        return close

    def _hidden(self) -> Iterable[Secret]:
        """Secrets that the peer knows from us and may repeat, beside those of the config and `credentials`."""
        return ()

    def _flushed(self) -> bool:
        """Whether nothing is left to send before the last hang-up."""
        return True
