"""Commands and their replies, and the subscriptions that commands make: queued, paced, answered, restored.

One `Exchange` serves one session through all its connections. It knows no phase: the session tells it when a connection is ready,
when it has gone, and what was answered. How a command is written is the provider's `Dialect`.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Generic, TypeVar, cast

from ..errors import CommandRefused, ConnectionLost, OutcomeUnknown, PushwireError, RemoteProtocolError, ReplyTimeout
from .commands import AnyCommand, Leave
from .config import ConnectionConfig
from .dialect import Dialect
from .effects import Done, Outcome, Ticket, Token
from .events import Stale, SubscriptionRefused
from .http import Request, Response
from .outbox import Outbox
from .pacing import Pacer
from .pending import Call, Pending
from .staleness import Staleness
from .subscriptions import Subscriptions

__all__ = ["Exchange"]

EventT = TypeVar("EventT")
TopicT = TypeVar("TopicT", bound=Hashable)


class Exchange(Generic[EventT, TopicT]):
    """The commands of one session. Times are seconds on the machine's clock."""

    def __init__(
        self, dialect: Dialect[TopicT], config: ConnectionConfig, ids: Callable[[], str], outbox: Outbox[EventT, TopicT]
    ) -> None:
        self._dialect = dialect
        self._timeout = config.reply_timeout
        self._ids = ids
        self._out = outbox
        # Two tokens are kept for heartbeats, so that a long restoration never silences them.
        self._pacer = Pacer(config.send_rate, config.send_burst, reserve=2)
        self._pending = Pending()
        self._queue: deque[Call] = deque()
        self._paced_until = math.inf
        self.subscriptions: Subscriptions[TopicT] = Subscriptions()
        self.staleness: Staleness[TopicT] = Staleness(config.stale_after)

    # The caller

    def submit(self, ticket: Ticket, command: AnyCommand) -> None:
        """Queue a command; `advance` sends it. Raises `LocalProtocolError`, before any change, for another provider's."""
        topic = self._dialect.topic(command)
        if topic is not None:
            self.subscriptions.want(topic)
            self.subscriptions.asked(topic)
        given_up = self._dialect.given_up(command, self.subscriptions)
        if given_up:
            self._give_up(set(given_up))
        self._queue.append(Call(ticket, command, lane=self._dialect.lane(command), counted=topic is not None))

    def abandon(self, ticket: Ticket) -> None:
        """The caller no longer waits. What has not left is withdrawn; the reply to what has keeps its slot."""
        for place, call in enumerate(self._queue):
            if call.ticket == ticket:
                del self._queue[place]
                topic = self._release(call)
                if topic is not None:
                    self._queue.insert(place, self._own(topic))
                return
        self._pending.abandon(ticket)

    # The connection

    def ready(self, now: float) -> None:
        """A connection was accepted: restore what is desired, then send what waits."""
        for call in self._queue:
            topic = self._dialect.topic(call.command)
            if topic is not None:
                self.subscriptions.asked(topic)
        missing = self.subscriptions.missing()
        for topic in missing:
            self.subscriptions.asked(topic)
        self._queue.extendleft(self._own(topic) for topic in reversed(missing))
        self.advance(now)

    def advance(self, now: float) -> None:
        """Send what may be sent now: in order, but for calls whose lane is busy."""
        self._paced_until = math.inf
        held: deque[Call] = deque()
        queue = self._queue
        while queue:
            call = queue.popleft()
            if call.lane is not None and self._pending.busy(call.lane):
                held.append(call)
            elif self._pacer.take(now):
                slot, call.frame = self._dialect.encode(call.command, self._ids)
                self._pending.add(slot, call, now + self._timeout)
                self._out.effects.append(call.frame)
            else:
                queue.appendleft(call)
                self._paced_until = self._pacer.available(now)
                break
        held.extend(queue)
        self._queue = held

    def urgent(self, now: float) -> None:
        """A heartbeat or an ACK leaves: it is never held back, but it counts."""
        self._pacer.take(now, urgent=True)

    def waiting_for(self, slot: str) -> AnyCommand | None:
        """The command whose reply `slot` waits for."""
        call = self._pending.peek(slot)
        return None if call is None else call.command

    def answer(self, slot: str, now: float, reply: object = None, error: CommandRefused | None = None) -> bool:
        """The reply to `slot` came. False where nothing waits there: too late, or never asked for."""
        call = self._pending.answer(slot)
        if call is None:
            return False
        topic = self._dialect.topic(call.command)
        if topic is not None:
            self._subscription_answered(call, topic, error, now)
        if call.ticket is not None:
            self._out.settle(call.ticket, reply, error)
        return True

    def lost(self) -> None:
        """The connection has gone. Calls in flight wait for the next one, or end, as each command says."""
        unsent = {id(frame) for frame in self._out.void_frames()}
        self.subscriptions.lost()
        self.staleness.clear()
        self._paced_until = math.inf
        waiting = [call for call in self._queue if not call.own]
        again: list[Call] = []
        for call in self._pending.lost():
            call.left = call.left or id(call.frame) not in unsent
            if call.ticket is None:
                continue
            if call.command.on_drop == "resend":
                again.append(call)
            elif call.left:
                text = f"the connection ended before the reply to {type(call.command).__name__} came"
                self._fail(call, OutcomeUnknown(text, command=call.command))
            else:
                self._fail(call, _never_left(call))
        for call in waiting:
            if call.command.while_down == "queue" or call.left:
                again.append(call)
            else:
                self._fail(call, _never_left(call))
        self._queue = deque(again)

    def end(self, error: Exception | None) -> None:
        """The session has ended (after `lost`): what waits is answered with `error`, or that it never left."""
        for call in self._queue:
            self._fail(call, error or ConnectionLost("the stream was stopped", sent="maybe" if call.left else "no"))
        self._queue.clear()

    # Time

    def due(self, *, reading: bool) -> float:
        """When `check` must be called next. While nothing is read, only what we owe counts."""
        if not reading:
            return self._paced_until
        return min(self._paced_until, self._pending.due(), self.staleness.due())

    def check(self, now: float, *, reading: bool) -> str | None:
        """Do what is due. Returns why the connection must end, where it must."""
        if self._paced_until <= now:
            self.advance(now)
        if not reading:
            return None
        if self.staleness.due() <= now:
            self._out.events.extend(Stale(now, topic, since) for topic, since in self.staleness.overdue(now))
        ending = None
        if self._pending.due() <= now:
            for _, call in self._pending.overdue(now):
                silence = f"no reply to {type(call.command).__name__} within {self._timeout:g} s"
                # A late reply of a lane would be taken for the next one's, and a subscription that is wanted but not made here
                # would be lost in silence: both need a new connection.
                if self._fail(call, ReplyTimeout(silence)) is not None or call.lane is not None:
                    ending = silence
        return ending

    def resumed(self, now: float, paused: float) -> None:
        """Reading went on after `paused` seconds."""
        self._pending.resumed(paused, now + self._timeout)
        self.staleness.resumed(now, paused)

    @property
    def waiting(self) -> bool:
        """Whether commands wait to be sent."""
        return bool(self._queue)

    def _own(self, topic: TopicT) -> Call:
        """The machine's own call that subscribes to a topic again."""
        command = self._dialect.restore(topic)
        return Call(None, command, own=True, lane=self._dialect.lane(command))

    def _give_up(self, topics: set[TopicT]) -> None:
        for topic in topics:
            self.subscriptions.forget(topic)
            self.staleness.unwatch(topic)
        for call in (*self._queue, *self._pending):
            if self._dialect.topic(call.command) in topics:
                call.counted = False
        # Lanes may let the unsubscribe overtake a restoration that is still to be sent.
        self._queue = deque(call for call in self._queue if not (call.own and self._dialect.topic(call.command) in topics))

    def _fail(self, call: Call, error: Exception) -> TopicT | None:
        """End a call with an error of ours. Returns what `_release` does."""
        if call.ticket is not None:
            self._out.settle(call.ticket, error=error)
        return self._release(call)

    def _release(self, call: Call) -> TopicT | None:
        """A call ended without a reply, or with a refusal. Returns its topic where it is wanted all the same, and nothing under
        way on this connection will bring it."""
        topic = self._dialect.topic(call.command)
        if topic is None:
            return None
        if call.counted:
            call.counted = False
            self.subscriptions.unwant(topic)
        if topic not in self.subscriptions or self.subscriptions.is_confirmed(topic):
            return None
        asking = any(self._dialect.topic(other.command) == topic for other in (*self._queue, *self._pending))
        return None if asking else topic

    def _subscription_answered(self, call: Call, topic: TopicT, error: CommandRefused | None, now: float) -> None:
        if error is not None:
            if self._release(call) is not None:
                self.subscriptions.refused(topic)
                self._out.events.append(SubscriptionRefused(now, topic, error.code, error.text))
        elif topic in self.subscriptions:
            self.subscriptions.confirmed(topic)
            self.staleness.watch(topic, now)


def _never_left(call: Call) -> ConnectionLost:
    return ConnectionLost(f"the connection ended before {type(call.command).__name__} left", sent="no")
