"""Queries: values of the caller's own fetching, fetched again when they may be out of date; and the load of a snapshot.

When to fetch is decided in `core.fallback`; here is the fetching, in the task of whoever asks for the next value. So a query has
no task of its own that could outlive anybody, and fetches nothing while nobody waits for it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

import trio

from ..core.events import Gap, Up
from ..core.fallback import Fallback, Freshness
from ..errors import AuthenticationRefused, ConnectionLost, LocalProtocolError
from .router import Router

__all__ = ["Invalidating", "Query", "SnapshotLoader"]

EventT = TypeVar("EventT")
ValueT = TypeVar("ValueT")

Invalidating: TypeAlias = type[object] | tuple[type[object], ...] | Callable[[EventT], bool]
"""The events that make a query's answer out of date: those of a type, of one of several, or for which a function is true."""

_LOG: Final = logging.getLogger("pushwire")
_FOR_GOOD: Final = (AuthenticationRefused, LocalProtocolError)


class Query(trio.abc.ReceiveChannel[ValueT], Generic[EventT, ValueT]):
    """Fresh values, by iteration; made by `Stream.query`.

    The next value is fetched by the task that asks for it: at once where events made the last one out of date meanwhile, else as
    soon as they do, or its time is up. A slow reader misses the values in between and gets the newest. One task at a time may
    ask, a second gets `trio.BusyResourceError`.

    A fetch that raises is tried again after a back-off, and counted in `failures`; `error` is the last error, None again after
    the next value. `AuthenticationRefused` and `LocalProtocolError`, which no repetition can mend, are raised instead. When the
    stream ends, so does the iteration, with the stream's failure where there was one.
    """

    def __init__(
        self,
        router: Router[EventT],
        fetch: Callable[[], Awaitable[ValueT]],
        invalidated_by: Invalidating[EventT],
        every: float,
        rng: random.Random,
    ) -> None:
        self.failures: int = 0
        self.error: Exception | None = None
        self._router = router
        self._fetch = fetch
        self._invalidates = _predicate(invalidated_by)
        self._schedule = Fallback(every, rng=rng)
        self._changed = trio.lowlevel.ParkingLot()
        self._busy = False
        self._ended = False
        self._failure: Exception | None = None
        self._closed = False
        router.watch(self)

    async def receive(self) -> ValueT:
        """The next value. Raises `trio.EndOfChannel` after the end of the stream, or what ended it."""
        if self._busy:
            raise trio.BusyResourceError("another task is using this query")
        self._busy = True
        try:
            while True:
                if self._closed:
                    raise trio.ClosedResourceError
                if self._ended:
                    raise self._failure or trio.EndOfChannel
                if self._schedule.begin():
                    value = await self._attempt()
                    if value is not None:
                        return value[0]
                else:
                    with trio.move_on_at(self._schedule.next_deadline()):
                        await self._changed.park()
                    self._schedule.handle_timer(trio.current_time())
        finally:
            self._busy = False

    async def aclose(self) -> None:
        """Fetch no more."""
        self._closed = True
        self._router.unwatch(self)
        self._changed.unpark_all()
        await trio.lowlevel.checkpoint()

    # What it watches

    def see(self, events: Sequence[EventT]) -> None:
        """Look for what makes the last value out of date."""
        schedule = self._schedule
        try:
            for event in events:
                if isinstance(event, Up | Gap):
                    schedule.reconnected()
                elif self._invalidates(event):
                    schedule.invalidated()
        except Exception as error:  # noqa: BLE001 - the caller's function: its faults are this query's alone
            self.end(error)
        if schedule.state is Freshness.WANTED:
            self._changed.unpark_all()

    def end(self, failure: Exception | None) -> None:
        """No more events will come."""
        if not self._ended:
            self._ended = True
            self._failure = failure
            self._changed.unpark_all()

    # Within

    async def _attempt(self) -> tuple[ValueT] | None:
        """One fetch. None: it failed, and may do better later."""
        try:
            value = await self._fetch()
        except Exception as error:
            self._schedule.failed(trio.current_time())
            self.failures += 1
            self.error = error
            if isinstance(error, _FOR_GOOD):
                raise
            _LOG.warning("a query failed: %s; it is tried again", type(error).__name__)
            return None
        except BaseException:
            self._schedule.given_up()
            raise
        self._schedule.fetched(trio.current_time())
        self.error = None
        return (value,)


def _predicate(invalidated_by: Invalidating[EventT]) -> Callable[[EventT], bool]:
    if isinstance(invalidated_by, type | tuple):
        return lambda event: isinstance(event, invalidated_by)
    return invalidated_by


class SnapshotLoader:
    """Loads the caller's snapshot. A load that begins while another is under way takes its place: only the newest one counts."""

    def __init__(self, load: Callable[[], Awaitable[object]]) -> None:
        self._load = load
        self._scope = trio.CancelScope()

    async def __call__(self) -> object:
        """The snapshot. Raises what the caller's function raises, and `ConnectionLost` where a later load took its place."""
        self._scope.cancel()
        with trio.CancelScope() as self._scope:
            return await self._load()
        raise ConnectionLost("a later snapshot is wanted", sent="maybe")
