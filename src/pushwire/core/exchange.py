"""Commands and their replies, and the subscriptions that commands make: queued, paced, answered, restored.

One `Exchange` serves one session through all its connections. It knows no phase: the session tells it when a connection is ready,
when it has gone, and what was answered. How a command is written is the provider's `Dialect`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from typing import Generic, TypeVar, cast

from ..errors import CommandRefused, ConnectionLost, RemoteProtocolError, ReplyTimeout
from .again import Again
from .commands import AnyCommand, Leave
from .config import ConnectionConfig
from .dialect import Dialect
from .effects import Done, Outcome, Ticket, Token
from .events import Stale, SubscriptionRefused
from .grants import Grants
from .http import Request, Response
from .outbox import Outbox
from .pacing import Pacer
from .pending import Call, Pending
from .staleness import Staleness
from .subscriptions import Subscriptions
from .throttle import Throttle
from .waiting import Waiting

__all__ = ["Exchange"]

EventT = TypeVar("EventT")
TopicT = TypeVar("TopicT", bound=Hashable)


class Exchange(Generic[EventT, TopicT]):
    """The commands of one session. Times are seconds on the machine's clock; `fetch` asks for an HTTP response."""

    def __init__(
        self,
        dialect: Dialect[TopicT],
        config: ConnectionConfig,
        ids: Callable[[], str],
        outbox: Outbox[EventT, TopicT],
        fetch: Callable[[Request], Token],
    ) -> None:
        self._dialect = dialect
        self._timeout = config.reply_timeout
        self._ids = ids
        self._out = outbox
        self._fetch = fetch
        # Two tokens are kept for heartbeats, so that a long restoration never silences them.
        self._throttle = Throttle(Pacer(config.send_rate, config.send_burst, reserve=2), dialect.limit)
        self._pending: Pending[TopicT] = Pending()
        self._waiting: Waiting[TopicT] = Waiting()
        self._grants: Grants[TopicT] = Grants()
        self._again: Again[TopicT] = Again(config.backoff_first, config.backoff_cap)
        self.subscriptions: Subscriptions[TopicT] = Subscriptions()
        self.staleness: Staleness[TopicT] = Staleness(config.stale_after)

    # The caller

    def submit(self, ticket: Ticket, command: AnyCommand) -> None:
        """Queue a command; `advance` sends it. Raises `LocalProtocolError`, before any change, for one that may not be asked."""
        if isinstance(command, Leave):
            self._leave(command.command, command.ticket)
            self._out.settle(ticket)
            return
        self._dialect.check(command, self.subscriptions)
        call = self._call(ticket, command)
        call.counted = True
        for topic in call.topics:
            self.subscriptions.want(topic)
            self.subscriptions.asked(topic)
        call.gives_up = self._dialect.given_up(command, self.subscriptions)
        if call.gives_up:
            call.unsubscribes = any(map(self.subscriptions.is_made, call.gives_up))
            self._give_up(set(call.gives_up))
        self._waiting.append(call)

    def abandon(self, ticket: Ticket) -> None:
        """The caller no longer waits. The reply to what has left keeps its slot; what has not is withdrawn, but for an
        unsubscribe: what it gave up is gone here already."""
        if not self._withdrawn(ticket):
            self._pending.abandon(ticket)

    # The connection

    def ready(self, now: float) -> None:
        """A connection was accepted: restore what is desired, then send what waits."""
        for call in self._waiting:
            call.restores = True
            for topic in call.topics:
                self.subscriptions.asked(topic)
        self._waiting.first(self._own(self.subscriptions.missing()))
        self.advance(now)

    def advance(self, now: float) -> None:
        """Send what may be sent now: in order, but for calls whose lane is busy or that wait for their authorisation."""
        self._throttle.look()
        while not self._throttle.holds_all(now) and (call := self._waiting.next()) is not None:
            if call.lane is not None and self._busy(call.lane):
                self._waiting.pass_over(call, busy=True)
            elif call.topics and all(map(self.subscriptions.is_confirmed, call.topics)) and self._known(call, now):
                pass
            elif self._throttle.holds(call.command, now):
                self._waiting.pass_over(call)
            elif call.granted is None and (request := self._dialect.authorisation(call.command, self._ids, now)) is not None:
                self._grants.add(self._fetch(request), call, now + self._timeout)
            elif self._throttle.take(now):
                self._send(call, now)
            else:
                self._waiting.first([call])
                break
        self._waiting.rewind()

    def urgent(self, now: float, frames: int = 1) -> None:
        """A heartbeat leaves, or so many ACKs: they are never held back, but they count."""
        self._throttle.urgent(now, frames)

    def waiting_for(self, slot: str) -> AnyCommand | None:
        """The command whose reply `slot` waits for."""
        call = self._pending.peek(slot)
        return None if call is None else call.command

    def answer(self, slot: str, now: float, reply: object = None, error: CommandRefused | None = None) -> bool:
        """The reply to `slot` came. False where nothing waits there: too late, or never asked for."""
        call = self._pending.answer(slot)
        if call is None:
            return False
        self._answered(call, now, reply, error)
        return True

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        """The answer to a `fetch`; ignored where its connection has gone or its caller no longer waits."""
        call = self._grants.answered(token)
        if call is None:
            return
        if isinstance(outcome, Done) and isinstance(outcome.value, Response):
            call.granted = outcome.value
            self._waiting.first([call])
        else:
            self._not_granted(call, "no response" if isinstance(outcome, Done) else str(outcome.error), now)

    def lost(self) -> None:
        """The connection has gone. Calls in flight wait for the next one, or end, as each command says."""
        unsent = {id(frame) for frame in self._out.void_frames()}
        self.subscriptions.lost()
        self.staleness.clear()
        self._again.clear()
        self._throttle.look()
        flown = self._pending.lost()
        for call in flown:
            call.left = call.left or id(call.frame) not in unsent
        waiting = (*self._grants.lost(), *self._waiting.take_all())
        for call, error in [(call, call.dropped()) for call in flown] + [(call, call.kept_back()) for call in waiting]:
            if call.ticket is None:
                continue
            if error is None:
                # An authorisation is good for the connection it was asked for alone, as is what was to be unsubscribed from.
                call.granted, call.unsubscribes = None, False
                self._waiting.append(call)
            else:
                self._fail(call, error)

    def end(self, error: Exception | None) -> None:
        """The session has ended (after `lost`): what waits is answered with `error`, or that it never left."""
        for call in self._waiting.take_all():
            self._fail(call, error or ConnectionLost("the stream was stopped", sent="maybe" if call.left else "no"))
        # Nobody unsubscribes any more.
        self._waiting.take_all()

    # Time

    def due(self, *, reading: bool) -> float:
        """When `check` must be called next. While nothing is read, only what does not wait for a message counts."""
        due = min(self._throttle.due, self._again.due(), self._grants.due())
        if not reading:
            return due
        return min(due, self._pending.due(), self.staleness.due())

    def check(self, now: float, *, reading: bool) -> str | None:
        """Do what is due. Returns why the connection must end, where it must."""
        if self._again.due() <= now:
            self._waiting.extend(self._own(self._without_call(self._again.take(now))))
            self.advance(now)
        if self._throttle.due <= now:
            self.advance(now)
        for call in self._grants.overdue(now):
            self._not_granted(call, f"no answer within {self._timeout:g} s", now)
        if not reading:
            return None
        if self.staleness.due() <= now:
            self._out.events.extend(Stale(now, topic, since) for topic, since in self.staleness.overdue(now))
        return self._check_replies(now)

    def resumed(self, now: float, paused: float) -> None:
        """Reading went on after `paused` seconds."""
        self._pending.resumed(paused, now + self._timeout)
        self.staleness.resumed(now, paused)

    @property
    def waiting(self) -> bool:
        """Whether commands wait to be sent."""
        return bool(self._waiting)

    @property
    def restored(self) -> bool:
        """Whether nothing that was subscribed to before is still on its way to be so again."""
        return not any((call.own or call.restores) and call.topics for call in self._calls())

    @property
    def complete(self) -> bool:
        """Whether nothing waits to be asked for again, either."""
        return not self._again

    def _check_replies(self, now: float) -> str | None:
        ending = None
        if self._pending.due() <= now:
            for _, call in self._pending.overdue(now):
                silence = f"no reply to {type(call.command).__name__} within {self._timeout:g} s"
                unmade = self._fail(call, ReplyTimeout(silence))
                # A late reply of a lane would be taken for the next one's, and a subscription that is wanted but not made here
                # would be lost in silence: both need a new connection.
                if self._dialect.unanswered_ends and (unmade or call.lane is not None):
                    ending = silence
                else:
                    self._refused(unmade, None, silence, now)
        return ending

    # Calls

    def _call(self, ticket: Ticket | None, command: AnyCommand, *, own: bool = False) -> Call[TopicT]:
        # A command's topics are its provider's.
        topics = cast("tuple[TopicT, ...]", command.topics)
        return Call(ticket, command, own=own, topics=topics, lane=self._dialect.lane(command))

    def _calls(self) -> Iterable[Call[TopicT]]:
        # Not as a list: whoever looks for one finds it, while there is much to look through, among the first.
        return chain(self._grants, self._waiting, self._pending)

    def _own(self, topics: Sequence[TopicT]) -> list[Call[TopicT]]:
        """The machine's own calls that subscribe to topics again."""
        for topic in topics:
            self.subscriptions.asked(topic)
        return [self._call(None, command, own=True) for command in self._dialect.restore(topics)] if topics else []

    def _busy(self, lane: str) -> bool:
        return self._pending.busy(lane) or self._grants.busy(lane)

    def _known(self, call: Call[TopicT], now: float) -> bool:
        """Answer a call for what is confirmed already, where the provider would take it amiss."""
        reply = self._dialect.repeated(call.command)
        if reply is not None:
            self._answered(call, now, reply, None)
        return reply is not None

    def _send(self, call: Call[TopicT], now: float) -> None:
        self._throttle.left(call.command, now)
        # What the command names but is no longer about may be desired again, by others who ask for it themselves.
        desired = self.subscriptions.besides(call.command.topics, call.topics) if call.stripped else self.subscriptions
        try:
            slot, call.frame = self._dialect.encode(call.command, self._ids, desired, call.granted)
        except CommandRefused as refused:
            self._answered(call, now, None, refused)
            return
        except RemoteProtocolError as error:
            self._not_granted(call, str(error), now)
            return
        if call.frame is not None:
            self._out.effects.append(call.frame)
        if slot is None:
            self._answered(call, now, None, None)
        else:
            self._pending.add(slot, call, now + self._timeout)
        # What it gives up may be desired anew, and restored before an unsubscribe that is sent once more.
        anew = [topic for topic in call.gives_up if topic in self.subscriptions and self._is_known(topic)]
        undone = list(dict.fromkeys((*self._dialect.undone(call.command, self.subscriptions), *anew)))
        for topic in undone:
            self.subscriptions.unmade(topic)
        self._waiting.first(self._own(undone))

    def _answered(self, call: Call[TopicT], now: float, reply: object, error: CommandRefused | None) -> None:
        if error is None:
            # They are wanted: what is given up is taken from every call at once.
            for topic in call.topics:
                self.subscriptions.confirmed(topic)
                if self._dialect.expects_data(topic):
                    self.staleness.watch(topic, now)
            self._again.reset()
        else:
            unmade = self._release(call)
            if error.retry_after is not None:
                self._throttle.hold(now + error.retry_after)
                self._again.add(unmade, now + error.retry_after)
            else:
                # As in `_call`; those included that were given up meanwhile.
                named = cast("tuple[TopicT, ...]", call.command.topics)
                blamed = self._dialect.blamed(named, error) or named
                self._refused([topic for topic in unmade if topic in blamed], error.code, error.text, now)
                self._waiting.first(self._own([topic for topic in unmade if topic not in blamed]))
        if call.ticket is not None:
            self._out.settle(call.ticket, reply, error)

    def _refused(self, topics: Sequence[TopicT], code: int | str | None, text: str, now: float) -> None:
        for topic in topics:
            self.subscriptions.refused(topic)
            self._out.events.append(SubscriptionRefused(now, topic, code, text))

    def _not_granted(self, call: Call[TopicT], problem: str, now: float) -> None:
        """There is no authorisation for now; what others want all the same is asked for again after a while."""
        text = f"not authorised: {problem}"
        unmade = self._fail(call, CommandRefused(type(call.command).__name__, None, text))
        self._refused(unmade, None, text, now)
        self._again.add_later(unmade, now)

    def _fail(self, call: Call[TopicT], error: Exception) -> list[TopicT]:
        """End a call with an error of ours. Returns what `_release` does."""
        if call.ticket is not None:
            self._out.settle(call.ticket, error=error)
        return self._release(call)

    def _withdrawn(self, ticket: Ticket) -> bool:
        """Take a call back that has not left. False where it has, or is not there."""
        call = self._waiting.find(ticket)
        if call is not None and call.unsubscribes:
            call.ticket, call.own = None, True
        elif call is not None:
            place = self._waiting.remove(call)
            self._waiting.insert(place, self._own(self._release(call)))
        elif (call := self._grants.withdraw(ticket)) is not None:
            self._waiting.first(self._own(self._release(call)))
        return call is not None

    # Subscriptions

    def _leave(self, command: AnyCommand, ticket: Ticket | None) -> None:
        self._dialect.check(command, ())
        # As in `_call`.
        topics = cast("tuple[TopicT, ...]", command.topics)
        if ticket is not None:
            if self._withdrawn(ticket):
                return
            if (call := self._pending.abandon(ticket)) is not None:
                # Without what was given up meanwhile: it may be another's by now.
                topics, call.counted = call.topics, False
        made = [topic for topic in topics if self.subscriptions.is_made(topic)]
        for topic in topics:
            self.subscriptions.unwant(topic)
        self._give_up({topic for topic in topics if topic not in self.subscriptions})
        self._unmake(made)

    def _give_up(self, topics: set[TopicT]) -> None:
        for topic in topics:
            self.subscriptions.forget(topic)
            self.staleness.unwatch(topic)
        for call in self._calls():
            if not topics.isdisjoint(call.topics):
                call.topics = tuple(topic for topic in call.topics if topic not in topics)
                call.stripped = True
        # Lanes may let the unsubscribe overtake a restoration that is still to be sent.
        self._waiting.rewrite(lambda call: self._own(call.topics) if call.own and call.stripped else (call,))

    def _unmake(self, made: Sequence[TopicT]) -> None:
        """Unsubscribe from those of these topics, made on this connection, that nobody wants any more."""
        gone = [topic for topic in made if topic not in self.subscriptions]
        for leaving in self._dialect.release(gone, self.subscriptions) if gone else ():
            self._waiting.append(self._call(None, leaving, own=True))

    def _release(self, call: Call[TopicT]) -> list[TopicT]:
        """A call ended without a reply, or with a refusal. Returns those of its topics that are wanted all the same, and that
        nothing under way on this connection will bring."""
        if call.counted:
            call.counted = False
            # Made by another call, or about to be, whose caller has left meanwhile: this was the last to want it.
            made = [topic for topic in call.topics if self._is_known(topic)]
            for topic in call.topics:
                self.subscriptions.unwant(topic)
            self._give_up({topic for topic in call.topics if topic not in self.subscriptions})
            self._unmake(made)
        return self._without_call(call.topics)

    def _is_known(self, topic: TopicT) -> bool:
        """Whether the provider has heard of a topic on this connection, and has not refused it."""
        return self.subscriptions.is_confirmed(topic) or any(topic in call.topics for call in self._pending)

    def _without_call(self, topics: Iterable[TopicT]) -> list[TopicT]:
        wanted = [topic for topic in topics if topic in self.subscriptions and not self.subscriptions.is_confirmed(topic)]
        return [topic for topic in wanted if not any(topic in call.topics for call in self._calls())]
