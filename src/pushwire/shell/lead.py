"""Who waits for the bytes that come next: the reader, or the one consumer in its stead.

Each task that is woken costs a round of trio's loop, and a message that comes alone waits for two: the reader is woken, and hands
over to the consumer, which is woken by that. So where one consumer waits for all that comes, the reader lends it the waiting: the
consumer is woken by the bytes, hands them in, and takes its event. To read and to hand in is one synchronous call, so whoever is
cancelled while it waits has lost nothing.

A consumer that is away, with its caller, reads nothing: the reader takes over when that has lasted for a while, and at once when
anybody else wants to be read for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator
from types import coroutine
from typing import Any, Final

import trio

from .transport import NOTHING_YET, Prompt, Read

__all__ = ["Lead"]

AWAY: Final = 0.2
"""Seconds that nothing is read for a consumer that is away, half of them at least."""

_SOON: Final = AWAY / 2
"""A reader that is to look in less is told to look later by a consumer that is here. So it never wakes while one comes and goes,
which would make late what comes at that moment; and it is told so a few times a second, not for each message."""


def _how_waits_end() -> bool:
    """Whether this trio says so in the way in which `Lead` takes it. That is not among what trio has promised."""
    try:
        traps = importlib.import_module("trio._core._traps")
    except ImportError:
        return False
    return "abort_func" in getattr(getattr(traps, "WaitTaskRescheduled", None), "__annotations__", {})


LENDS: Final = _how_waits_end()
"""Where it does not, the reader reads always: a message that comes alone is later by one turn of trio's loop."""


class Lead:
    """Between the reader of one stream and its consumer. `hand_in` takes what the consumer has read, and does not raise."""

    __slots__ = ("_abort", "_hand_in", "_lent", "_looks", "_reader", "_task")

    def __init__(self, hand_in: Callable[[Read], None]) -> None:
        self._hand_in = hand_in
        self._lent: Prompt | None = None
        self._reader = trio.lowlevel.ParkingLot()
        self._looks: trio.CancelScope | None = None
        """At its deadline the reader looks whether the consumer is away. None: it sleeps until it is told to."""
        self._task: trio.lowlevel.Task | None = None
        """The consumer's, while it waits and was not called off."""
        self._abort: Callable[[Callable[[], None]], object] = _no_abort

    # The reader

    async def lend(self, connection: Prompt) -> None:
        """Let the consumer read, until it is away for long or `end` is called. Only while it runs a consumer may `wait`."""
        if not LENDS:
            return
        self._lent = connection
        try:
            while self.lent:
                with trio.CancelScope(deadline=trio.current_time() + AWAY) as self._looks:
                    await self._reader.park()
                    continue
                self._looks = None
                if not self._waits:
                    return
                await self._reader.park()
        finally:
            self._lent = None
            self.call_off()

    def end(self) -> None:
        """The reader is to read again."""
        if self._lent is not None:
            self._lent = None
            self.call_off()
            self._reader.unpark()

    # The consumer

    @property
    def lent(self) -> bool:
        """Whether the consumer is to `wait` here."""
        return self._lent is not None

    def read_on(self) -> bool:
        """Hand in what is there already. False: nothing is.

        At ten thousand messages a second the next one is, most often, and then spares a turn of trio's loop. Where it is not, the
        attempt is made while nothing else is to be done.
        """
        connection = self._lent
        return connection is not None and self._read(connection)

    async def wait(self) -> None:
        """Wait for bytes and hand them in, or until `call_off`."""
        connection = self._lent
        sock = None if connection is None else connection.source
        if connection is None or sock is None:
            self.end()
            return
        self._task = trio.lowlevel.current_task()
        try:
            if connection.ready:
                await trio.lowlevel.checkpoint()
            else:
                await self._readable(sock, self._task)
            if self._waits and self._lent is connection:
                self._read(connection)
        except trio.ClosedResourceError:
            self.end()
        finally:
            self._task = None
            self._is_here()

    def _is_here(self) -> None:
        """The consumer has waited, and may be away from now on."""
        looks, now = self._looks, trio.current_time()
        if looks is None:
            self._reader.unpark()
        elif looks.deadline < now + _SOON:
            looks.deadline = now + AWAY

    def call_off(self) -> None:
        """There is something else to look at: who waits need not any longer."""
        task, self._task = self._task, None
        # What trio has woken meanwhile has no such mark any more.
        if task is not None and task.custom_sleep_data is self and self._abort(_never) is trio.lowlevel.Abort.SUCCEEDED:
            trio.lowlevel.reschedule(task)

    @trio.lowlevel.enable_ki_protection
    def _read(self, connection: Prompt) -> bool:
        read = connection.read_now()
        if read is None:
            self.end()
        elif read is not NOTHING_YET:
            self._hand_in(read)
            return True
        return False

    @property
    def _waits(self) -> bool:
        return self._task is not None

    @coroutine
    def _readable(
        self, sock: trio.socket.SocketType, task: trio.lowlevel.Task
    ) -> Generator[Any, Any, None]:  # what goes between a task and trio is trio's
        """Wait until there is something to read, or it was called off.

        trio's own waiting, taken by hand: what it says to trio holds how to end it, which else takes a cancel scope for each
        message, as long as all the rest.
        """
        waiting = trio.lowlevel.wait_readable(sock)  # noqa: ASYNC105 - by hand
        trap = waiting.send(None)
        self._abort = trap.abort_func
        task.custom_sleep_data = self
        answer = yield trap
        try:
            waiting.send(answer)
        except StopIteration:
            return
        raise AssertionError("who waits for bytes waits once")


def _no_abort(raise_cancel: Callable[[], None]) -> None:
    """Of one that has not waited yet."""


def _never() -> None:
    """What raises in one who is cancelled: who is called off is not."""
