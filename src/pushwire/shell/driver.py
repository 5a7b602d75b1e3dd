"""The driver: obeys one machine. It carries bytes, time and outcomes in, and effects, events and replies out.

No protocol decision is taken here. The machine is driven inline by whichever task has something for it: the reader after each
read, the timer, the committer, a caller. All of them run in one trio thread, so no lock is needed, and no message crosses a task
on its way.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar, TypeVarTuple, Unpack, cast

import trio

from ..core.commands import Command, Leave
from ..core.effects import (
    Close,
    Dial,
    Done,
    Effect,
    Failed,
    Fetch,
    Fetchable,
    Handshake,
    Hangup,
    Outcome,
    Pause,
    Persist,
    Ping,
    SecretFrame,
    Ticket,
)
from ..core.machine import Machine
from ..core.speedups import total_length
from ..errors import NotReady, PushwireError
from ..stores.base import Store
from .bare import bare
from .committer import Committer
from .lead import Lead
from .link import Link
from .router import Router
from .transport import Connector, Read
from .waiters import Waiters

__all__ = ["Driver"]

EventT = TypeVar("EventT")
ConnectionT = TypeVar("ConnectionT")
ArgumentTs = TypeVarTuple("ArgumentTs")

LONG_STOP: Final = 1.0
"""Seconds after which a stop of the reading is told of while it lasts."""


class Driver(Generic[EventT, ConnectionT]):
    """One machine with its connector, store and inboxes. `run` ends when the machine has finished, and never raises. `stopped` is
    called when full inboxes have stopped the reading for so many seconds, with how many events wait."""

    def __init__(
        self,
        machine: Machine[EventT],
        connector: Connector,
        router: Router[EventT],
        store: Store[ConnectionT],
        namespace: str,
        *,
        wall: Callable[[], float],
        rng: random.Random,
        unread_bytes: int,
        fetch: Callable[[Fetchable], Awaitable[object]],
        stopped: Callable[[float, int], None],
    ) -> None:
        self.machine: Machine[EventT] = machine
        self.router: Router[EventT] = router
        self.changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        """Where to wait for another state of the machine, `started` or `ended`."""
        self._connector = connector
        self._committer = Committer(store, namespace, self._fulfil)
        self._wall = wall
        self.rng: random.Random = rng
        """For delays that are the shell's own."""
        self._get = fetch
        self._tell_stopped = stopped
        self._link: Link | None = None
        self._timer: trio.CancelScope | None = None
        self._paused = False
        self._nursery: trio.Nursery | None = None
        self._over = False
        self._waiters = Waiters(unread_bytes)
        self.started: bool = False
        self.ended: bool = False
        self.crash: Exception | None = None
        """A fault of ours that ended the session."""

    # The run

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Drive the machine until it has finished. Shielded: it is ended by `Machine.stop`, or by `abort`.

        Ctrl-C never strikes in the midst of our own tasks: it goes to the body of the block, and leaves that bare.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.cancel_scope.shield = True
                self._nursery = nursery
                self.started = True
                try:
                    self.machine.start(trio.current_time(), self._wall())
                    self.pump()
                    await self._keep_time()
                finally:
                    self._over = True
        except Exception as error:  # noqa: BLE001 - a fault of ours: every caller must learn of it, none may wait for ever
            self._crashed(error)
        finally:
            self._nursery = None
            self._end()

    def abort(self) -> None:
        """Drop everything at once, but for commits that were asked for."""
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    @property
    def failure(self) -> Exception | None:
        """What ended the session, None: it goes on, or the caller ended it."""
        return self.crash or self.machine.failure

    def _crashed(self, error: Exception) -> None:
        self.crash = self.crash or bare(error)
        self.abort()

    def _end(self) -> None:
        failure = self.failure
        self.router.close(failure, discard=False)
        self._waiters.end(failure or NotReady("the stream has ended"))
        self.started = self.ended = True
        self.changed.unpark_all()

    # Callers

    async def call(self, command: Command[Any, Any], *, or_leave: bool = False) -> object:
        """Submit a command and wait for its reply. The reply of a caller who is cancelled keeps its slot. `or_leave`: what it
        subscribes to is not wanted then."""
        ticket = self.submit(command)

        def give_up() -> None:
            if not or_leave:
                self.machine.abandon(ticket, trio.current_time())
            else:
                with suppress(PushwireError):  # where the session is stopping, nothing is wanted any more
                    self.machine.submit(Leave(command, ticket), trio.current_time())

        waiter = self._waiters.add(ticket, needs_reading=True, give_up=give_up)
        self._waiters.reading += 1
        self.router.inbox.wake_reader()
        try:
            self.pump()
            await waiter.done.wait()
        except trio.Cancelled:
            self._waiters.forget(ticket)
            if waiter.error is None:
                self._feed(waiter.give_up)
            raise
        finally:
            self._waiters.read()
        return waiter.result()

    async def settle(self, command: Command[Any, Any], book: Callable[[ConnectionT], object] | None) -> None:
        """Submit a ledger command and wait until its commit is durable, or has failed, also when cancelled."""
        ticket = self.submit(command)
        if book is not None:
            self._committer.books[ticket] = book
        waiter = self._waiters.add(ticket, needs_reading=False)
        self.pump()
        if not waiter.done.is_set():
            with trio.CancelScope(shield=True):
                await waiter.done.wait()
            await trio.lowlevel.checkpoint_if_cancelled()
        waiter.result()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` after a while, if the session still lives then."""
        self._spawn(_after, seconds, action)

    def stop(self) -> None:
        """Let the machine end in good order, once `started`; `ended` says when it has. Never raises: see `crash`."""
        if self._open():
            # What is to be flushed needs answers.
            self.router.inbox.take_back()
            self._feed(lambda: self.machine.stop(trio.current_time()))

    def _feed(self, give: Callable[[], None]) -> None:
        """Give the machine an input in a task that has nothing to do with its faults."""
        try:
            give()
            self._carry_out()
        except Exception as error:  # noqa: BLE001 - as in `run`
            self._crashed(error)

    def submit(self, command: Command[Any, Any]) -> Ticket:
        """Submit a command; `pump` must follow. Raises what the machine raises, and what ended the session."""
        if not self._open():
            raise self.failure or NotReady("the stream has ended")
        try:
            return self.machine.submit(command, trio.current_time())
        except PushwireError:
            raise
        except Exception as error:
            self._crashed(error)
            raise

    # The machine's outputs

    def pump(self, size: int = 0) -> None:
        """Carry out what the machine asks for. Called after every input, which had `size` bytes of messages."""
        try:
            self._carry_out(size)
        except Exception as error:
            # A fault of ours, in whichever task it came to light: no caller may go on as if the session lived.
            self._crashed(error)
            raise

    def _carry_out(self, size: int = 0) -> None:
        machine = self.machine
        wrote = False
        link = self._link
        connection = None if link is None else link.connection
        while effects := machine.take_effects():
            if connection is not None and {*map(type, effects)} == {str}:
                # Most are ACKs, and these come together.
                connection.send_text(*cast("list[str]", effects))
                wrote = True
                continue
            for effect in effects:
                wrote = self._obey(effect) or wrote
        self.router.put(machine.take_events(), size)
        for settled in machine.take_settled():
            self._committer.books.pop(settled.ticket, None)
            self._waiters.settle(settled)
        if wrote and link is not None:
            link.write()
        if machine.finished:
            self.abort()
        elif self._timer is not None:
            deadline = machine.next_deadline()
            if deadline != self._timer.deadline:
                self._timer.deadline = deadline
        if self.changed:
            self.changed.unpark_all()

    def _obey(self, effect: Effect) -> bool:
        """Carry out one effect. True where it left something to write."""
        link = self._link
        connection = None if link is None else link.connection
        match effect:
            case str() if connection is not None:
                connection.send_text(effect)
                return True
            case SecretFrame() if connection is not None:
                connection.send_text(effect.text)
                return True
            case Ping() if connection is not None:
                connection.send_ping(effect.payload)
                return True
            case Hangup() if link is not None:
                self.router.inbox.wake_reader()
                return link.hang_up(effect)
            case Persist():
                if self._committer.persist(effect):
                    self._spawn(self._committer.run, self.pump)
            case Dial():
                self._link = Link(self)
                self._spawn(self._link.run, self._connector, effect)
            case Fetch():
                self._spawn(self._fetch, effect)
            case Pause():
                self._paused = effect.on
                self.router.inbox.wake_reader()
            case _:
                # A frame for a connection that has just gone.
                pass
        return False

    def _spawn(self, work: Callable[[Unpack[ArgumentTs]], Awaitable[None]], *arguments: *ArgumentTs) -> None:
        if (nursery := self._open()) is not None:
            nursery.start_soon(work, *arguments)

    def _open(self) -> trio.Nursery | None:
        """Where tasks may be begun, None: not any more, or not yet."""
        nursery = self._nursery
        return nursery if nursery is not None and (not self._over or nursery.child_tasks) else None

    # The connection

    def link_opened(self, handshake: Handshake) -> None:
        self.machine.opened(handshake, trio.current_time(), self._wall())
        self.pump()

    def link_brought(self, read: Read) -> Lead | None:
        inbox, awaited = self.router.inbox, self.router.inbox.awaited
        self._hand_in(read)
        link, woken = self._link, awaited and not inbox.awaited
        # Nobody else may need to be read for while that consumer is away.
        if not woken or not self.router.sole or self._waiters.reading or self._paused or link is None or link.ending:
            return None
        inbox.lead = inbox.lead or Lead(self._hand_in_elsewhere)
        return inbox.lead

    def _hand_in_elsewhere(self, read: Read) -> None:
        """`_hand_in` in the task of a consumer, which has nothing to do with our faults."""
        try:
            self._hand_in(read)
        except Exception as error:  # noqa: BLE001 - as in `run`
            self._crashed(error)

    def _hand_in(self, read: Read) -> None:
        machine, now, size = self.machine, trio.current_time(), total_length(read.messages)
        if read.messages:
            machine.receive(read.messages, now)
        elif read.close is None:
            machine.heard(now)
        for payload in read.pongs:
            machine.pong(payload, now)
        self.pump(size)
        if self._waiters.reading and (self._paused or self.router.full) and self._waiters.count_unread(size):
            self.pump()

    def link_closed(self, close: Close) -> None:
        self._link = None
        self.machine.closed(close, trio.current_time(), self._wall())
        self.pump()

    @property
    def blocked(self) -> bool:
        """Whether a full inbox, or the machine, stops the reading: not while a caller waits for a reply, nor once the connection
        is ending."""
        stopped = self._paused or self.router.full
        return stopped and not (self._waiters.reading or self._link is None or self._link.ending)

    async def link_unblocked(self) -> None:
        self.machine.reading(False, trio.current_time())
        self.pump()
        await self._wait_room()
        self.machine.reading(True, trio.current_time())
        self.pump()

    async def _wait_room(self) -> None:
        """Wait until nothing stops the reading; a stop by a full inbox is told, at the latest when it has lasted for a while."""
        full, since = self.router.full, trio.current_time()
        with trio.move_on_after(LONG_STOP) as patience:
            while self.blocked:
                await self.router.inbox.wait_room()
        if full:
            self._tell_stopped(trio.current_time() - since, len(self.router))
        if patience.cancelled_caught:
            while self.blocked:
                await self.router.inbox.wait_room()

    # Time

    @trio.lowlevel.enable_ki_protection
    async def _keep_time(self) -> None:
        machine = self.machine
        while True:
            deadline = machine.next_deadline()
            with trio.CancelScope(deadline=deadline) as self._timer:
                await trio.sleep_forever()
            # Perhaps early, which is harmless: another task may have moved the deadline since this one was woken.
            machine.handle_timer(trio.current_time(), self._wall())
            self.pump()

    # What the machine asked for

    def _fulfil(self, effect: Persist | Fetch, outcome: Outcome) -> None:
        self.machine.fulfil(effect.token, outcome, trio.current_time())

    @trio.lowlevel.enable_ki_protection
    async def _fetch(self, effect: Fetch) -> None:
        try:
            outcome: Outcome = Done(await self._get(effect.what))
        except Exception as error:  # noqa: BLE001 - whatever a caller's source raises is the machine's to judge
            outcome = Failed(error)
        self._fulfil(effect, outcome)
        self.pump()


@trio.lowlevel.enable_ki_protection
async def _after(seconds: float, action: Callable[[], None]) -> None:
    await trio.sleep(seconds)
    action()
