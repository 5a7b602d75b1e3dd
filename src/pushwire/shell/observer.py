"""Who is told what a stream does: for metrics, a live view, an alarm. What is counted, and how it is shown, is not said here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import attrs

from ..core.machine import Status

__all__ = ["Observed", "Observer", "StreamStatus"]


@attrs.frozen
class StreamStatus:
    """A look at a stream. `session` says where the connection stands; `in_hand` counts events waiting for a consumer, `discarded`
    those that were let go; both with those of its feeds."""

    session: Status
    in_hand: int
    discarded: int


class Observed(Protocol):
    """What an observer may ask of a stream's config."""

    def topics(self, event: object) -> tuple[Hashable, ...]:
        """The topics of subscriptions an event may belong to."""
        ...

    def said_at(self, event: object) -> float | None:
        """When it was sent, or happened, by the provider's clock, in POSIX seconds; None: it does not say."""
        ...


class Observer(Protocol):
    """One stream's, given to `connect`. It is called in the stream's own tasks: each method returns at once and never raises,
    since what it raises ends the stream."""

    def began(self, config: Observed, status: Callable[[], StreamStatus]) -> None:
        """The stream begins to dial. `status` may be called at any time, also after the end."""
        ...

    def saw(self, events: Sequence[object]) -> None:
        """What one read brought, never empty, before anybody takes it: messages, and what happened to the connection (`Up`,
        `Down`, `Gap`, `Stale` and the others of `core.events`)."""
        ...

    def ended(self, failure: Exception | None) -> None:
        """Nothing more comes, because of `failure` where there is one."""
        ...
