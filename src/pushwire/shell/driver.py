"""The driver: obeys one machine. It carries bytes, time and outcomes in, and effects, events and replies out.

No protocol decision is taken here. The machine is driven inline by whichever task has something for it: the reader after each read, the
timer, the committer, a caller. All of them run in one trio thread, so no lock is needed, and no message crosses a task on its way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import attrs
import trio

from ..core.commands import Command
from ..core.effects import (
    Close,
    Credential,
    Dial,
    Done,
    Effect,
    Failed,
    Fetch,
    Hangup,
    Outcome,
    Persist,
    Ping,
    SecretFrame,
    Settled,
    Ticket,
)
from ..core.machine import Machine
from ..core.secrets import Secret
from ..errors import InboxFull, NotReady, StoreError
from ..stores.base import ImmediateStore, Store
from .entropy import Entropy
from .inbox import Inbox
from .transport import Connection, Connector, DialFailed, Read

__all__ = ["Driver"]

EventT = TypeVar("EventT")
ConnectionT = TypeVar("ConnectionT")


@attrs.define(eq=False)
class Waiter:
    """A caller who waits for a ticket."""

    needs_reading: bool
    done: trio.Event = attrs.Factory(trio.Event)
    reply: object = None
    error: BaseException | None = None

    def settle(self, reply: object, error: BaseException | None) -> None:
        self.reply = reply
        self.error = error
        self.done.set()


class Driver(Generic[EventT, ConnectionT]):
    """One machine with its connector, store and inbox. `run` ends when the machine has finished, and never raises."""

    def __init__(
        self,
        machine: Machine[EventT],
        connector: Connector,
        inbox: Inbox[EventT],
        store: Store[ConnectionT],
        namespace: str,
        entropy: Entropy,
        *,
        unread_bytes: int,
        credential: Callable[[Credential], Awaitable[Secret]] | None = None,
    ) -> None:
        self.machine = machine
        self.inbox = inbox
        self.changed = trio.lowlevel.ParkingLot()
        self._connector = connector
        self._store = store
        self._namespace = namespace
        self._wall = entropy.wall
        self._credential = credential or no_credential
        self._unread_bytes = unread_bytes
        self._unread = 0
        self._connection: Connection | None = None
        self._scope = trio.CancelScope(shield=True)
        self._timer = trio.CancelScope()
        self._attempt = trio.CancelScope()
        self._hanging_up = False
        self._nursery: trio.Nursery | None = None
        self._waiters: dict[Ticket, Waiter] = {}
        self._reading_callers = 0
        self._books: dict[Ticket, Callable[[ConnectionT], object]] = {}
        self._persists: list[Persist] = []
        self._to_commit = trio.lowlevel.ParkingLot()
        self._to_write = trio.lowlevel.ParkingLot()
        self._crash: Exception | None = None
        self._over = False

    # The run

    async def run(self) -> None:
        """Drive the machine until it has finished. Shielded: it is ended by `Machine.stop`, or by `abort`."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    nursery.start_soon(self._commit_all)
                    nursery.start_soon(self._keep_time)
                    self.machine.start(trio.current_time(), self._wall())
                    self.pump()
        except Exception as error:  # a fault of ours: every caller must learn of it, none may wait for ever
            self._crash = _bare(error)
        finally:
            self._nursery = None
            self._end()

    def abort(self) -> None:
        """Drop everything at once, but for commits that have begun."""
        self._scope.cancel()

    @property
    def failure(self) -> Exception | None:
        """What ended the session, None: it goes on, or the caller ended it."""
        return self._crash or self.machine.failure

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self._over

    def _end(self) -> None:
        self._over = True
        failure = self.failure
        self.inbox.close(failure, discard=False)
        for waiter in self._waiters.values():
            waiter.settle(None, failure or NotReady("the stream has ended"))
        self._waiters.clear()
        self.changed.unpark_all()

    # Callers

    async def call(self, command: Command[Any, Any]) -> object:
        """Submit a command and wait for its reply. The reply of a caller who is cancelled keeps its slot."""
        ticket = self._submit(command)
        waiter = self._waiters[ticket] = Waiter(needs_reading=True)
        self._reading_callers += 1
        self.inbox.wake_reader()
        try:
            self.pump()
            await waiter.done.wait()
        except trio.Cancelled:
            self._waiters.pop(ticket, None)
            self.machine.abandon(ticket, trio.current_time())
            self.pump()
            raise
        finally:
            self._reading_callers -= 1
            if not self._reading_callers:
                self._unread = 0
        return self._result(waiter)

    async def settle(self, command: Command[Any, Any], book: Callable[[ConnectionT], object] | None) -> None:
        """Submit a ledger command and wait until its commit is durable, or has failed, also when cancelled."""
        ticket = self._submit(command)
        if book is not None:
            self._books[ticket] = book
        waiter = self._waiters[ticket] = Waiter(needs_reading=False)
        self.pump()
        if not waiter.done.is_set():
            with trio.CancelScope(shield=True):
                await waiter.done.wait()
            await trio.lowlevel.checkpoint_if_cancelled()
        self._result(waiter)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` after a while, if the session still lives then."""
        if self._nursery is not None:
            self._nursery.start_soon(_after, seconds, action)

    def stop(self) -> None:
        """Let the machine end in good order."""
        if self._nursery is not None:
            self.machine.stop(trio.current_time())
            self.pump()

    def _submit(self, command: Command[Any, Any]) -> Ticket:
        if self._nursery is None:
            raise self.failure or NotReady("the stream has ended")
        return self.machine.submit(command, trio.current_time())

    def _result(self, waiter: Waiter) -> object:
        if waiter.error is not None:
            raise waiter.error
        return waiter.reply

    # The machine's outputs

    def pump(self) -> None:
        """Carry out what the machine asks for. Called after every input."""
        try:
            self._carry_out()
        except Exception as error:
            # A fault of ours, in whichever task it came to light: no caller may go on as if the session lived.
            self._crash = self._crash or _bare(error)
            self._scope.cancel()
            raise

    def _carry_out(self) -> None:
        machine = self.machine
        wrote = False
        while effects := machine.take_effects():
            for effect in effects:
                wrote = self._obey(effect) or wrote
        self.inbox.put(machine.take_events())
        for settled in machine.take_settled():
            self._on_settled(settled)
        if wrote:
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
            case str() if connection is not None:
                connection.send_text(effect)
                return True
            case SecretFrame() if connection is not None:
                connection.send_text(effect.text)
                return True
            case Ping() if connection is not None:
                connection.send_ping(effect.payload)
                return True
            case Hangup():
                return self._hang_up(effect)
            case Persist():
                self._persist(effect)
            case Dial():
                self._spawn(self._connect, effect)
            case Fetch():
                self._spawn(self._fetch, effect)
            case _:
                # A frame for a connection that has just gone.
                pass
        return False

    def _spawn(self, work: Callable[[Any], Awaitable[None]], effect: Effect) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(work, effect)

    def _on_settled(self, settled: Settled) -> None:
        self._books.pop(settled.ticket, None)
        waiter = self._waiters.pop(settled.ticket, None)
        if waiter is not None:
            waiter.settle(settled.reply, settled.error)

    # Connections

    async def _connect(self, dial: Dial) -> None:
        """One connection, from its dialling to its end."""
        machine = self.machine
        self._hanging_up = False
        close = Close(reason="given up", by="us")
        with trio.CancelScope() as self._attempt:
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
                while self._blocked():
                    await self.inbox.wait_room()
                machine.reading(True, trio.current_time())
                self.pump()
            read = await connection.read()
            self._hand_in(read, trio.current_time())
            if read.close is not None:
                return read.close

    def _hand_in(self, read: Read, now: float) -> None:
        machine = self.machine
        if read.messages:
            machine.receive(read.messages, now)
        elif read.close is None:
            machine.heard(now)
        for payload in read.pongs:
            machine.pong(payload, now)
        self.pump()
        if self._reading_callers and self.inbox.full:
            self._count_unread(read.messages)

    def _blocked(self) -> bool:
        """Whether a full inbox stops the reading: not while a caller waits for a reply, nor once the connection is ending."""
        return self.inbox.full and not (self._hanging_up or self._reading_callers or self.inbox.closed)

    def _count_unread(self, messages: Sequence[str | bytes]) -> None:
        self._unread += sum(map(len, messages))
        if self._unread <= self._unread_bytes:
            return
        now = trio.current_time()
        for ticket, waiter in list(self._waiters.items()):
            if waiter.needs_reading:
                del self._waiters[ticket]
                self.machine.abandon(ticket, now)
                waiter.settle(None, InboxFull(f"{self._unread} bytes of events arrived before the reply"))
        self.pump()

    def _hang_up(self, effect: Hangup) -> bool:
        self._hanging_up = True
        self.inbox.wake_reader()
        if self._connection is None:
            self._attempt.cancel()
            return False
        self._attempt.deadline = trio.current_time() + effect.within
        self._connection.send_close(effect.code, effect.reason)
        return True

    async def _write(self, connection: Connection) -> None:
        while True:
            await connection.flush()
            await self._to_write.park()

    # Time

    async def _keep_time(self) -> None:
        machine = self.machine
        while True:
            deadline = machine.next_deadline()
            with trio.CancelScope(deadline=deadline) as self._timer:
                await trio.sleep_forever()
            # The clock may wake us a hair early; the machine must see the time it asked for.
            machine.handle_timer(max(trio.current_time(), self._timer.deadline), self._wall())
            self.pump()

    # The store

    def _persist(self, effect: Persist) -> None:
        store = self._store
        if isinstance(store, ImmediateStore) and not self._persists:
            try:
                outcome: Outcome = Done(store.commit_now(self._namespace, effect.writes, effect.mark, self._books))
            except StoreError as error:
                outcome = Failed(error)
            self.machine.fulfil(effect.token, outcome, trio.current_time())
        else:
            self._persists.append(effect)
            self._to_commit.unpark()

    async def _commit_all(self) -> None:
        """Store what the machine asks for, in order, all that has gathered at a time. Ends only when nothing is left."""
        with trio.CancelScope(shield=True) as shield:
            while True:
                while self._persists:
                    batch, self._persists = self._persists, []
                    await self._commit(batch)
                if self._scope.cancel_called:
                    return
                shield.shield = False
                await self._to_commit.park()
                shield.shield = True

    async def _commit(self, batch: list[Persist]) -> None:
        writes = [write for persist in batch for write in persist.writes]
        try:
            committed = await self._store.commit(self._namespace, writes, batch[-1].mark, self._books)
            outcome: Outcome = Done(committed)
        except StoreError as error:
            outcome = Failed(error)
        now = trio.current_time()
        for persist in batch:
            self.machine.fulfil(persist.token, outcome, now)
        self.pump()

    # Credentials

    async def _fetch(self, effect: Fetch) -> None:
        try:
            outcome: Outcome = Done(await self._credential(effect.what))
        except Exception as error:  # whatever a caller's token source raises is the machine's to judge
            outcome = Failed(error)
        self.machine.fulfil(effect.token, outcome, trio.current_time())
        self.pump()


def _bare(error: Exception) -> Exception:
    """The error itself, out of the groups that nurseries wrap it in."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


async def _after(seconds: float, action: Callable[[], None]) -> None:
    await trio.sleep(seconds)
    action()


async def no_credential(wanted: Credential) -> Secret:
    """The source of credentials of a provider that needs none."""
    raise NotReady(f"no source for the credential {wanted.name!r}")
