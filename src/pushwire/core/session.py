"""The lifecycle every connection shares: dial, authenticate, ready, back off, closed.

A provider's machine derives from `Session` and adds nothing but its own rules (`hooks`): how to dial, when it is accepted, what a
message means. All timing and reconnecting is here, once; commands and subscriptions are `exchange`'s.

What belongs to one connection (phase, calls in flight, confirmed subscriptions, heartbeat) is reset by its end; what belongs to
the user (desired subscriptions, queued commands, ledger) survives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import attrs

from ..errors import AuthenticationRefused, CommandRefused, LocalProtocolError, NotReady
from .commands import AnyCommand
from .config import ConnectionConfig
from .dialect import Dialect
from .effects import Close, Credential, Done, Effect, Fetch, Handshake, Hangup, Outcome, Settled, Ticket, Token
from .events import Control, Down, Up
from .exchange import Exchange
from .gaps import Gaps
from .heartbeat import Heartbeat
from .hooks import Hooks
from .http import Request
from .machine import Phase, Status
from .outbox import Outbox
from .redial import Redial
from .secrets import Redactor, Secret, clean
from .timers import Timers
from .transitions import SESSION, Trigger

__all__ = ["Session"]

EventT = TypeVar("EventT")
TopicT = TypeVar("TopicT", bound=Hashable)

_OPEN = frozenset({Phase.AUTHENTICATING, Phase.READY, Phase.FLUSHING})
_UP = frozenset({Phase.READY, Phase.FLUSHING})
_STOPPING = frozenset({Phase.FLUSHING, Phase.ENDING})


class Session(Hooks, Generic[EventT, TopicT]):
    """A machine without its provider, by the contract of `core.machine`; `core.hooks` has what a provider adds."""

    # The dict of an object with more than thirty attributes takes a kilobyte more than these and it do.
    __slots__ = ("__dict__", "_confirms", "_exchange", "_fence", "_gaps", "_heartbeat", "_ids", "_out", "_phase", "_timers")

    def __init__(self, config: ConnectionConfig, dialect: Dialect[TopicT], *, rng: random.Random, ids: Callable[[], str]) -> None:
        self._settings = config
        self._ids = ids
        self._phase = Phase.IDLE
        self._since = 0.0
        self._generation = 0
        self._serial = 0
        self._wall_offset = 0.0
        self._ready_at: float | None = None
        self._answered = False
        self._paused_at: float | None = None
        self._last_error: str | None = None
        self._failure: Exception | None = None
        self._wanted: dict[Token, str] = {}
        self._secrets: dict[str, Secret] = {}
        self._gaps = Gaps()
        self._confirms = dialect.confirms
        self._fence: int | None = None
        """Answers to pings still to come until what restores the subscriptions has arrived; None: no ping follows it yet."""
        self._timers = Timers()
        self._redial = Redial(self.closes, config.backoff, rng, refreshable=bool(self.credentials))
        self._heartbeat = Heartbeat(config.ping_interval, config.pong_timeout)
        self._out: Outbox[EventT, TopicT] = Outbox()
        self._exchange: Exchange[EventT, TopicT] = Exchange(dialect, config, ids, self._out, self._fetch)

    # Inputs from the connection

    def start(self, now: float, wall: float) -> None:
        self._wall_offset = wall - now
        self._to(Trigger.START, now)
        self._on_start(now)
        self._prepare(now)

    def opened(self, handshake: Handshake, now: float, wall: float) -> None:
        self._wall_offset = wall - now
        self._to(Trigger.OPENED, now)
        if self._phase is Phase.AUTHENTICATING:
            self._timers.disarm("dial")
            self._timers.arm("auth", now + self._settings.auth_timeout)
            self._on_opened(handshake, now)

    def receive(self, messages: Sequence[str | bytes], now: float) -> None:
        if self._phase in _OPEN:
            self._on_messages(messages, now)
            if self._exchange.waiting and self._phase is Phase.READY:
                self._exchange.advance(now)
            self._tell_gap(now)
            self._check_flushed(now)

    def heard(self, now: float) -> None:
        """Nothing to do: bytes alone prove nothing, the answer to a ping does."""

    def pong(self, payload: bytes, now: float) -> None:
        if self._phase in _UP:
            self._pong()
            self._tell_gap(now)

    def closed(self, close: Close, now: float, wall: float) -> None:
        # Refused before any change where there is no connection to lose.
        SESSION.next(self._phase, Trigger.LOST)
        self._wall_offset = wall - now
        # What is below us knows only what went out with the handshake.
        close = attrs.evolve(close, reason=self._redacted(close.reason))
        stopping = self._phase in _STOPPING
        if self._phase not in (Phase.HANGING_UP, Phase.ENDING):
            self._last_error = str(close)
        self._down(str(close), close, now)
        judged = self._judged(close, now)
        trigger, retry_at = self._redial.verdict(judged, now, hopeless=self._failure is not None)
        self._reset()
        self._to(trigger, now)
        if self._phase is Phase.CLOSED:
            self._failure = None if stopping else self._failure or self._redial.terminal(judged)
            self._exchange.end(self._failure)
        elif self._phase is Phase.PREPARING:
            self._prepare(now)
        else:
            self._timers.arm("dial again", retry_at)

    def reading(self, on: bool, now: float) -> None:
        """See `core.machine`; a new connection is being read until the driver says otherwise."""
        if not on:
            if self._paused_at is None:
                self._paused_at = now
        elif self._paused_at is not None:
            paused, self._paused_at = now - self._paused_at, None
            self._heartbeat.resumed(now, paused)
            self._exchange.resumed(now, paused)
            auth = self._timers.due("auth")
            if auth is not None:
                self._timers.arm("auth", min(auth + paused, now + self._settings.auth_timeout))

    # Inputs from the caller

    def submit(self, command: AnyCommand, now: float) -> Ticket:
        self._check_running()
        ticket = self._ticket()
        if command.while_down == "fail" and self._phase is not Phase.READY:
            error = NotReady(f"{type(command).__name__} was asked for while {self._phase.value}")
            self._out.settle(ticket, error=error)
            return ticket
        self._exchange.submit(ticket, command)
        if self._phase is Phase.READY:
            self._exchange.advance(now)
        return ticket

    def abandon(self, ticket: Ticket, now: float) -> None:
        self._exchange.abandon(ticket)

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        # A credential that comes late belongs to an attempt that has been given up: it never reaches the next one.
        name = self._wanted.pop(token, None)
        if name is None:
            self._exchange.fulfil(token, outcome, now)
            if self._phase is Phase.READY:
                self._exchange.advance(now)
            return
        if token.generation != self._generation or self._phase is not Phase.PREPARING:
            return
        if isinstance(outcome, Done) and isinstance(outcome.value, Secret):
            self._secrets[name] = outcome.value
            if not self._wanted:
                self._prepared(now)
        else:
            self._wanted.clear()
            if not isinstance(outcome, Done) and isinstance(outcome.error, AuthenticationRefused):
                # Whoever issues the credential says that there will be none: dialling on would not change that.
                self._failure = outcome.error
            reason = f"{name}: {outcome.error if not isinstance(outcome, Done) else 'no credential'}"
            self.closed(Close(reason=reason, by="transport"), now, self._wall(now))

    def stop(self, now: float) -> None:
        before = self._phase
        self._to(Trigger.STOP, now)
        if self._phase is before:
            return
        self._exchange.end(None)
        if self._phase is Phase.FLUSHING:
            self._timers.arm("flush", now + self._settings.close_within)
            self._check_flushed(now)
        elif self._phase is Phase.ENDING:
            self._timers.clear()
            if before is not Phase.HANGING_UP:
                self._ask_hangup(1000, "")
        else:
            self._timers.clear()

    # Time

    def handle_timer(self, now: float, wall: float) -> None:
        self._wall_offset = wall - now
        reading = self._paused_at is None
        for name in self._timers.pop_due(now):
            if name == "auth" and not reading:
                # What would accept us lies unread; the deadline moves with the pause.
                self._timers.arm("auth", now + self._settings.auth_timeout)
            else:
                self._on_named_timer(name, now)
        if self._phase in _UP:
            self._check_liveness(now, reading=reading)
            self._tell_gap(now)
            self._check_flushed(now)

    def next_deadline(self) -> float:
        due = self._timers.next()
        if self._phase in _UP:
            reading = self._paused_at is None
            due = min(due, self._heartbeat.ping_due(), self._exchange.due(reading=reading))
            if reading:
                due = min(due, self._heartbeat.answer_due())
        return due

    # Outputs

    @property
    def finished(self) -> bool:
        return self._phase is Phase.CLOSED

    @property
    def failure(self) -> Exception | None:
        return self._failure

    def take_effects(self) -> Sequence[Effect]:
        return self._out.take_effects()

    def take_events(self) -> Sequence[EventT | Control[TopicT]]:
        return self._out.take_events()

    def take_settled(self) -> Sequence[Settled]:
        return self._out.take_settled()

    def status(self) -> Status:
        next_dial = self._timers.due("dial again")
        return Status(
            self._phase,
            self._since,
            self._redial.attempt,
            self._generation,
            self._last_error,
            next_dial,
            ping_answered=self._heartbeat.last_answered,
        )

    # For providers

    def _accepted(self, now: float) -> None:
        """The provider accepted this connection; too late where the same read made us hang up."""
        if self._phase is not Phase.AUTHENTICATING:
            return
        self._to(Trigger.AUTHENTICATED, now)
        self._timers.disarm("auth")
        self._ready_at = now
        self._heartbeat.start(now)
        self._out.events.append(Up(now, self._generation))
        self._on_ready(now)
        self._exchange.ready(now)
        self._tell_gap(now)

    def _refused(self, error: AuthenticationRefused, now: float) -> None:
        """The provider refused this connection in a message: the session ends with `error`."""
        clean(error, self._redacted)
        self._failure = error
        self._hang_up(1000, str(error), now)

    def _pong(self) -> float | None:
        """The heartbeat was answered. Returns when its ping was sent; None: no ping was out."""
        self._answered = True
        sent = self._heartbeat.answered()
        if sent is not None:
            # What the peer sent before it answered was on its way before the answer; of what came since, the last may be missing.
            self._gaps.complete_until(sent)
            if self._fence:
                self._fence -= 1
        return sent

    def _reply(self, slot: str, now: float, reply: object = None, error: CommandRefused | None = None) -> bool:
        """The reply to `slot` came. False where nothing waits there."""
        if error is not None:
            clean(error, self._redacted)
        answered = self._exchange.answer(slot, now, reply, error)
        self._answered = self._answered or answered
        return answered

    def _hang_up(self, code: int, reason: str, now: float) -> None:
        """End this connection, for `reason`, if it has not ended yet."""
        if self._phase is Phase.DIALLING or self._phase in _OPEN:
            self._last_error = reason = self._redacted(reason)
            self._down(reason, None, now)
            self._to(Trigger.HANG_UP, now)
            self._timers.clear()
            self._ask_hangup(code, reason)

    def _redacted(self, text: str) -> str:
        """A peer's words, without our secrets, should it repeat them."""
        return Redactor((*self._settings.secrets, *self._secrets.values(), *self._hidden()))(text)

    def _wall(self, now: float) -> float:
        """POSIX seconds at `now`."""
        return now + self._wall_offset

    def _ticket(self) -> Ticket:
        self._serial += 1
        return Ticket(self._serial)

    def _fetch(self, request: Request) -> Token:
        """Ask for an HTTP response, for this connection alone."""
        token = self._token(self._generation)
        self._out.effects.append(Fetch(token, request))
        return token

    def _tell_gap(self, now: float) -> None:
        if self._gaps.since is not None and self._up() and self._exchange.restored and self._arrived(now):
            gap = self._gaps.tell(now, self._wall(now), complete=self._exchange.complete)
            if gap is not None:
                self._out.events.append(gap)

    def _arrived(self, now: float) -> bool:
        """Whether the peer is known to have what restores the subscriptions."""
        if self._confirms:
            return True
        if self._fence is None:
            self._send_ping(now)
            self._fence = self._heartbeat.unanswered
        return self._fence == 0

    def _send_ping(self, now: float) -> None:
        self._heartbeat.sent(now)
        self._exchange.urgent(now)
        self._out.effects.append(self._ping(now))

    def _token(self, generation: int = 0) -> Token:
        self._serial += 1
        return Token(generation, self._serial)

    def _up(self) -> bool:
        return self._phase in _UP

    def _check_running(self) -> None:
        """Raise what ended the session, or `LocalProtocolError` where the caller stopped it."""
        if self._phase is Phase.CLOSED or self._phase in _STOPPING:
            raise self._failure or LocalProtocolError("the stream is stopped")

    def _check_flushed(self, now: float) -> None:
        """While flushing: hang up as soon as nothing is left to send."""
        if self._phase is Phase.FLUSHING and self._flushed():
            self._to(Trigger.FLUSHED, now)
            self._timers.clear()
            self._ask_hangup(1000, "")

    # Within

    def _to(self, trigger: Trigger, now: float) -> None:
        after = SESSION.next(self._phase, trigger)
        if after is not self._phase:
            self._phase = after
            self._since = now

    def _prepare(self, now: float) -> None:
        self._generation += 1
        self._wanted.clear()
        for name in self.credentials:
            token = self._token(self._generation)
            self._wanted[token] = name
            self._out.effects.append(Fetch(token, Credential(name, self._redial.refresh)))
        if not self._wanted:
            self._prepared(now)

    def _prepared(self, now: float) -> None:
        self._to(Trigger.PREPARED, now)
        self._redial.refresh = False
        self._timers.arm("dial", now + self._settings.connect_timeout)
        # Not from when we know that we are accepted: the peer may send before that reaches us.
        self._gaps.complete_until(now)
        self._out.effects.append(self._dial(now, self._wall(now)))

    def _ask_hangup(self, code: int, reason: str) -> None:
        self._out.effects.append(Hangup(code, reason, self._settings.close_within))

    def _down(self, reason: str, close: Close | None, now: float) -> None:
        if self._ready_at is not None:
            self._redial.ended(now - self._ready_at, answered=self._answered)
            self._ready_at = None
            if not self.replays:
                self._gaps.lost(self._wall_offset)
            self._out.events.append(Down(now, reason, close))

    def _reset(self) -> None:
        self._timers.clear()
        self._heartbeat.stop()
        self._fence = None
        self._answered = False
        self._paused_at = None
        self._exchange.lost()
        self._on_lost()

    def _on_named_timer(self, name: str, now: float) -> None:
        match name:
            case "dial":
                self._hang_up(1000, f"no connection within {self._settings.connect_timeout:g} s", now)
            case "auth":
                self._hang_up(1000, f"not accepted within {self._settings.auth_timeout:g} s", now)
            case "flush":
                self._to(Trigger.FLUSHED, now)
                self._ask_hangup(1000, "")
            case _:
                self._to(Trigger.DUE, now)
                self._prepare(now)

    def _check_liveness(self, now: float, *, reading: bool) -> None:
        if reading and self._heartbeat.answer_due() <= now:
            self._hang_up(1011, f"no answer to a ping within {self._settings.pong_timeout:g} s", now)
            return
        if self._heartbeat.ping_due() <= now:
            self._send_ping(now)
        ending = self._exchange.check(now, reading=reading)
        if ending is not None:
            self._hang_up(1011, ending, now)
        elif reading:
            self._on_timer(now)
