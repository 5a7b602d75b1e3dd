"""The driver: obeys one machine. It carries bytes, time and outcomes in, and effects, events and replies out.

No protocol decision is taken here. The machine is driven inline by whichever task has something for it: the reader after each
read, the timer, the committer, a caller. All of them run in one trio thread, so no lock is needed, and no message crosses a task
on its way.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

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
    Hangup,
    Outcome,
    Pause,
    Persist,
    Ping,
    SecretFrame,
    Ticket,
)
from ..core.machine import Machine
from ..errors import InboxFull, NotReady, PushwireError
from ..stores.base import Store
from .bare import bare
from .committer import Committer
from .entropy import Entropy
from .router import Router
from .transport import Connection, Connector, DialFailed, Read
from .waiters import Waiters

__all__ = ["Driver"]

EventT = TypeVar("EventT")
ConnectionT = TypeVar("ConnectionT")
EffectT = TypeVar("EffectT", bound=Effect)

LONG_STOP: Final = 1.0
"""Seconds after which a stop of the reading is told of while it lasts."""


class Driver(Generic[EventT, ConnectionT]):
    """One machine with its connector, store and inboxes. `run` ends when the machine has finished, and never raises. `stopped` is
    called when full inboxes have stopped the reading for so many seconds."""

    def __init__(
        self,
        machine: Machine[EventT],
        connector: Connector,
        router: Router[EventT],
        store: Store[ConnectionT],
        namespace: str,
        entropy: Entropy,
        *,
        unread_bytes: int,
        fetch: Callable[[Fetchable], Awaitable[object]],
        stopped: Callable[[float], None],
    ) -> None:
        self.machine: Machine[EventT] = machine
        self.router: Router[EventT] = router
        self.changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self._connector = connector
        self._committer = Committer(store, namespace, self._fulfil)
        self._entropy = entropy
        self._wall = entropy.wall
        self._get = fetch
        self._tell_stopped = stopped
        self._unread_bytes = unread_bytes
        self._unread = 0
        self._connection: Connection | None = None
        self._scope = trio.CancelScope(shield=True)
        self._timer = trio.CancelScope()
        self._attempt = trio.CancelScope()
        self._hanging_up = False
        self._paused = False
        self._nursery: trio.Nursery | None = None
        self._waiters = Waiters()
        self._reading_callers = 0
        self._to_write = trio.lowlevel.ParkingLot()
        self._wrote = False
        self.started: trio.Event = trio.Event()
        self.ended: trio.Event = trio.Event()
        self.crash: Exception | None = None
        """A fault of ours that ended the session."""

    @cached_property
    def rng(self) -> random.Random:
        """For delays that are the shell's own. Made when it is needed: it takes more memory than most of a connection's parts."""
        return self._entropy.rng()

    # The run

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Drive the machine until it has finished. Shielded: it is ended by `Machine.stop`, or by `abort`.

        Ctrl-C never strikes in the midst of our own tasks: it goes to the body of the block, and leaves that bare.
        """
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    nursery.start_soon(self._committer.run, self.pump)
                    self.machine.start(trio.current_time(), self._wall())
                    self.pump()
                    self.started.set()
                    await self._keep_time()
        except Exception as error:  # noqa: BLE001 - a fault of ours: every caller must learn of it, none may wait for ever
            self._crashed(error)
        finally:
            self._nursery = None
            self._end()

    def abort(self) -> None:
        """Drop everything at once, but for commits that have begun."""
        self._scope.cancel()

    @property
    def failure(self) -> Exception | None:
        """What ended the session, None: it goes on, or the caller ended it."""
        return self.crash or self.machine.failure

    def _crashed(self, error: Exception) -> None:
        self.crash = self.crash or bare(error)
        self._scope.cancel()

    def _end(self) -> None:
        failure = self.failure
        self.router.close(failure, discard=False)
        self._waiters.end(failure or NotReady("the stream has ended"))
        self.started.set()
        self.ended.set()
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
        self._reading_callers += 1
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
            self._reading_callers -= 1
            if not self._reading_callers:
                self._unread = 0
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
        if self._nursery is not None:
            self._nursery.start_soon(_after, seconds, action)

    def stop(self) -> None:
        """Let the machine end in good order, once `started`; `ended` says when it has. Never raises: see `crash`."""
        if self._nursery is not None:
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
        if self._nursery is None:
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
        connection = self._connection
        while effects := machine.take_effects():
            for effect in effects:
                if isinstance(effect, str) and connection is not None:
                    # Most are ACKs.
                    connection.send_text(effect)
                    wrote = True
                else:
                    wrote = self._obey(effect) or wrote
        self.router.put(machine.take_events(), size)
        for settled in machine.take_settled():
            self._committer.books.pop(settled.ticket, None)
            self._waiters.settle(settled)
        if wrote:
            self._wrote = True
            self._to_write.unpark()
        if machine.finished:
            self._scope.cancel()
        else:
            deadline = machine.next_deadline()
            if deadline != self._timer.deadline:
                self._timer.deadline = deadline
        if self.changed:
            self.changed.unpark_all()

    def _obey(self, effect: Effect) -> bool:
        """Carry out one effect. True where it left something to write."""
        connection = self._connection
        match effect:
            case SecretFrame() if connection is not None:
                connection.send_text(effect.text)
                return True
            case Ping() if connection is not None:
                connection.send_ping(effect.payload)
                return True
            case Hangup():
                return self._hang_up(effect)
            case Persist():
                self._committer.persist(effect)
            case Dial():
                self._hanging_up = False
                # Made here, so that a hang-up that follows at once finds this attempt and not the last.
                self._attempt = trio.CancelScope()
                self._spawn(self._connect, effect)
            case Fetch():
                self._spawn(self._fetch, effect)
            case Pause():
                self._paused = effect.on
                self.router.inbox.wake_reader()
            case _:
                # A frame for a connection that has just gone.
                pass
        return False

    def _spawn(self, work: Callable[[EffectT], Awaitable[None]], effect: EffectT) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(work, effect)

    # Connections

    @trio.lowlevel.enable_ki_protection
    async def _connect(self, dial: Dial) -> None:
        """One connection, from its dialling to its end."""
        machine = self.machine
        close = Close(reason="given up", by="us")
        with self._attempt:
            async with trio.open_nursery() as nursery:
                try:
                    connection = await self._connector.dial(dial, nursery)
                except DialFailed as failed:
                    close = failed.close
                else:
                    try:
                        nursery.start_soon(self._write, connection)
                        self._connection = connection
                        machine.opened(connection.handshake, trio.current_time(), self._wall())
                        self.pump()
                        close = await self._read(connection)
                    finally:
                        self._connection = None
                        with trio.CancelScope(shield=True):
                            await connection.aclose()
                nursery.cancel_scope.cancel()
        machine.closed(close, trio.current_time(), self._wall())
        self.pump()

    async def _read(self, connection: Connection) -> Close:
        """Hand in what arrives until the connection ends."""
        machine = self.machine
        while True:
            if self._blocked():
                machine.reading(False, trio.current_time())
                self.pump()
                await self._wait_room()
                machine.reading(True, trio.current_time())
                self.pump()
            read = await connection.read()
            self._hand_in(read, trio.current_time())
            if read.close is not None:
                return read.close

    async def _wait_room(self) -> None:
        """Wait until nothing stops the reading; a stop by a full inbox is told, at the latest when it has lasted for a while."""
        full, since = self.router.full, trio.current_time()
        with trio.move_on_after(LONG_STOP) as patience:
            while self._blocked():
                await self.router.inbox.wait_room()
        if full:
            self._tell_stopped(trio.current_time() - since)
        if patience.cancelled_caught:
            while self._blocked():
                await self.router.inbox.wait_room()

    def _hand_in(self, read: Read, now: float) -> None:
        machine, size = self.machine, sum(map(len, read.messages))
        if read.messages:
            machine.receive(read.messages, now)
        elif read.close is None:
            machine.heard(now)
        for payload in read.pongs:
            machine.pong(payload, now)
        self.pump(size)
        if self._reading_callers and (self._paused or self.router.full):
            self._count_unread(size)

    def _blocked(self) -> bool:
        """Whether a full inbox, or the machine, stops the reading: not while a caller waits for a reply, nor once the connection
        is ending."""
        return (self._paused or self.router.full) and not (self._hanging_up or self._reading_callers)

    def _count_unread(self, size: int) -> None:
        self._unread += size
        if self._unread <= self._unread_bytes:
            return
        full = InboxFull(f"{self._unread} bytes of events arrived before the reply")
        self._waiters.fail_readers(full)
        self.pump()

    def _hang_up(self, effect: Hangup) -> bool:
        self._hanging_up = True
        self.router.inbox.wake_reader()
        if self._connection is None:
            self._attempt.cancel()
            return False
        self._attempt.deadline = trio.current_time() + effect.within
        self._connection.send_close(effect.code, effect.reason)
        return True

    @trio.lowlevel.enable_ki_protection
    async def _write(self, connection: Connection) -> None:
        while True:
            self._wrote = False
            await connection.flush()
            # What came while another task was flushing may not have gone along.
            if not self._wrote:
                await self._to_write.park()

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
