"""Pusher Channels, protocol 7, as a state machine: its own rules on top of the shared lifecycle (providers/pusher.md, 1).

Accepted by `pusher:connection_established`; JSON pings after silence; subscriptions answered by their channel's name. A provider
that speaks the same protocol derives from `PusherSession` and makes its own events of a channel's.
"""

from __future__ import annotations

import abc
import random
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from ...core.closes import CloseTable
from ...core.config import ConnectionConfig
from ...core.effects import Close, Dial, Done, Fetch, Handshake, Outcome, Token
from ...core.events import Malformed, SubscriptionRefused, Unrecognized
from ...core.http import Response
from ...core.session import Session
from ...errors import CommandRefused, RemoteProtocolError
from .auth import granted_channel
from .channels import SIGN_IN, is_encrypted, is_presence
from .connection import Connection, Joined
from .deciphering import Deciphering, Failed, Held, Opened
from .dialect import SIGN_IN_SLOT, PusherDialect, frame, server_to_user, subscription_slot
from .errors import already_subscribed, refused_by
from .handshake import ESTABLISHED, greet, interval, salvage
from .messages import (
    FAILURE,
    REJECTION,
    RESERVED,
    SIGN_IN_DATA,
    USER,
    ChannelEvent,
    Failure,
    Greeting,
    Member,
    Members,
    Message,
    Own,
    PeerError,
    Rejection,
    SignedIn,
    Undecipherable,
    decode,
)
from .news import NEWS, named
from .presence import present
from .tables import CLOSES, HANDSHAKE, Stage, StageTrigger
from .values import FAULTS, Json, content, parsed, read

__all__ = ["PusherMachine", "PusherSession"]

EventT = TypeVar("EventT")

VERDICT_WITHIN: Final = 5.0
"""Seconds after an error in which an ordinary close is taken for its consequence."""
WITH_MEANING: Final = 4000
"""From this code on a close says by itself what it means."""
BEFORE: Final = frozenset({ESTABLISHED, "pusher:error", "pusher:ping"})
"""What may come before the connection is up."""
ABOUT_CONNECTIONS: Final = range(4000, 4300)
"""Codes of errors that the end of a connection may be due to; from 4300 on they are about messages (4301, 4302)."""


class PusherSession(Session[EventT | Own, str], Generic[EventT]):
    """See `core.machine` for the contract. `EventT` is what becomes of the events of channels."""

    closes: CloseTable = CLOSES

    def __init__(
        self,
        config: ConnectionConfig,
        dialect: PusherDialect,
        *,
        url: str,
        rng: random.Random,
        ids: Callable[[], str],
        lenient: bool = False,
    ) -> None:
        """`lenient` accepts a greeting that is not valid JSON."""
        super().__init__(config, dialect, rng=rng, ids=ids)
        dialect.wall = self._wall
        self._dialect = dialect
        self._url = url
        self._lenient = lenient
        self._stage = HANDSHAKE.initial
        self._verdict: tuple[Close, float] | None = None
        self._connection = dialect.connection
        self._deciphering = Deciphering(self._connection.keys)
        self._key_fetches: dict[Token, str] = {}
        self._key_serial = 0
        self._handlers: dict[str, Callable[[Message, str | bytes, float], None]] = {
            ESTABLISHED: self._on_established,
            "pusher:error": self._on_error,
            "pusher:ping": self._on_ping,
            "pusher:pong": self._on_pong,
            "pusher:signin_success": self._on_signed_in,
            "pusher:subscription_error": self._on_subscription_error,
            "pusher_internal:subscription_error": self._on_subscription_error,
            "pusher_internal:subscription_succeeded": self._on_subscribed,
            **dict.fromkeys(NEWS, self._on_news),
        }

    @abc.abstractmethod
    def _parsed(self, event: ChannelEvent) -> EventT | Own:
        """What becomes of the event of a channel. Must not raise."""

    # What the session asks for

    def _dial(self, now: float, wall: float) -> Dial:
        settings = self._settings
        return Dial(self._generation, self._url, {}, settings.max_message, settings.compression)

    def _on_opened(self, handshake: Handshake, now: float) -> None:
        self._stage = HANDSHAKE.next(self._stage, StageTrigger.OPENED)

    def _on_lost(self) -> None:
        self._stage = HANDSHAKE.next(self._stage, StageTrigger.LOST)
        self._verdict = None
        # What waited for its key was heard before the time that a gap begins at.
        self._give(self._deciphering.lost())
        self._key_fetches.clear()
        self._connection = self._dialect.connection = Connection()
        self._deciphering = Deciphering(self._connection.keys)

    def _ping(self, now: float) -> str:
        return frame("pusher:ping", {})

    def _judged(self, close: Close, now: float) -> Close:
        if self._verdict is None or close.status is not None:
            return close
        said, at = self._verdict
        by_peer = close.by == "peer" and close.code is not None
        if by_peer and (close.code or 0) >= WITH_MEANING:
            return close
        if self._stage is Stage.REFUSED or (by_peer and now - at <= VERDICT_WITHIN):
            return said
        return close

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        channel = self._key_fetches.pop(token, None)
        if channel is None:
            super().fulfil(token, outcome, now)
            return
        key = None
        if isinstance(outcome, Done) and isinstance(outcome.value, Response):
            try:
                key = granted_channel("Subscribe", channel, outcome.value).key
            except RemoteProtocolError:
                # What is held says itself that it cannot be read.
                key = None
        self._give(self._deciphering.resume(channel, key))

    # Messages

    def _on_messages(self, messages: Sequence[str | bytes], now: float) -> None:
        self._heartbeat.traffic(now)
        for raw in messages:
            try:
                message = decode(raw)
            except FAULTS as error:
                self._on_misfit(raw, error, now)
                continue
            handler = self._handlers.get(message.event)
            if self._stage is not Stage.ESTABLISHED and message.event not in BEFORE:
                self._out.events.append(Unrecognized(now, raw, self._redacted(message.event)))
            elif handler is not None:
                try:
                    handler(message, raw, now)
                except FAULTS as error:
                    self._out.events.append(Malformed(now, raw, self._redacted(str(error))))
            elif message.event.startswith(RESERVED):
                self._out.events.append(Unrecognized(now, raw, self._redacted(message.event)))
            else:
                self._on_channel_event(message, raw, now)

    def _on_misfit(self, raw: str | bytes, error: Exception, now: float) -> None:
        greeting = salvage(raw) if self._lenient and self._stage is Stage.GREETING else None
        if greeting is None:
            self._out.events.append(Malformed(now, raw, self._redacted(str(error))))
        else:
            self._greeted(greeting, now)

    def _on_established(self, message: Message, raw: str | bytes, now: float) -> None:
        if self._stage is not Stage.GREETING:
            self._stage = HANDSHAKE.next(self._stage, StageTrigger.ESTABLISHED)
            return
        try:
            greeting = greet(message.data)
        except FAULTS:
            # Without a socket id nothing could ever be signed on it.
            self._hang_up(1002, "not accepted: connection_established is malformed", now)
            raise
        self._greeted(greeting, now)

    def _greeted(self, greeting: Greeting, now: float) -> None:
        self._stage = HANDSHAKE.next(self._stage, StageTrigger.ESTABLISHED)
        self._connection.socket_id = greeting.socket_id
        self._heartbeat.interval = interval(self._settings.ping_interval, greeting.activity_timeout)
        self._accepted(now)

    def _on_ping(self, message: Message, raw: str | bytes, now: float) -> None:
        self._exchange.urgent(now)
        self._out.effects.append(frame("pusher:pong", {}))

    def _on_pong(self, message: Message, raw: str | bytes, now: float) -> None:
        self._pong()

    def _on_error(self, message: Message, raw: str | bytes, now: float) -> None:
        failure = read(message.data, FAILURE)
        text = self._redacted(failure.message or "no reason given")
        before = self._stage
        self._stage = HANDSHAKE.next(before, StageTrigger.ERROR)
        if before is Stage.GREETING:
            self._verdict = Close(code=failure.code, reason=text), now
            self._hang_up(1000, f"not accepted: {text} (code {failure.code})", now)
        elif before is Stage.ESTABLISHED and not self._refuses(failure, text, now):
            if failure.code in ABOUT_CONNECTIONS:
                self._verdict = Close(code=failure.code, reason=text), now
            self._out.events.append(PeerError(now, failure.code, text, failure.channel or message.channel, raw))

    def _refuses(self, failure: Failure, text: str, now: float) -> bool:
        """Whether an error answers something that was asked for; then that is answered here."""
        asked = self._connection.asked
        pending = [topic for topic in asked if self._exchange.waiting_for(_slot(topic)) is not None]
        refused = refused_by(failure, pending, asked)
        if refused is None:
            return False
        if already_subscribed(failure):
            self._joined(refused, {} if is_presence(refused) else None, now)
        else:
            command = "SignIn" if refused == SIGN_IN else "Subscribe"
            self._reply(_slot(refused), now, error=CommandRefused(command, failure.code, text))
        return True

    # Subscriptions

    def _on_subscribed(self, message: Message, raw: str | bytes, now: float) -> None:
        channel = named(message)
        if channel == self._connection.user_channel:
            return
        if channel not in self._connection.asked:
            self._out.events.append(Unrecognized(now, raw, "a subscription that nobody asked for"))
            return
        members: dict[str, Member] | None = None
        try:
            if is_presence(channel):
                members = {}
                members = present(message.data)
        finally:
            # Its events will come, whatever is wrong with the list.
            self._joined(channel, members, now)

    def _joined(self, channel: str, members: dict[str, Member] | None, now: float) -> None:
        connection = self._connection
        joined = connection.joined[channel] = Joined(members)
        if not self._reply(subscription_slot(channel), now, connection.subscribed(channel)):
            # It comes after we have given it up as unanswered.
            if channel not in self._exchange.subscriptions:
                connection.left(channel)
                self._out.effects.append(frame("pusher:unsubscribe", {"channel": channel}))
                return
            self._exchange.subscriptions.confirmed(channel)
            self._exchange.staleness.watch(channel, now)
        seen = joined.seen()
        if seen is not None and channel in self._exchange.subscriptions:
            self._out.events.append(Members(now, channel, seen))

    def _on_subscription_error(self, message: Message, raw: str | bytes, now: float) -> None:
        channel = named(message)
        try:
            rejection = read(message.data, REJECTION)
        except FAULTS:
            rejection = Rejection()
        text = self._redacted(rejection.error or rejection.type or "no reason given")
        if channel == self._connection.user_channel:
            self._out.events.append(SubscriptionRefused(now, channel, rejection.status, text))
        elif not self._reply(subscription_slot(channel), now, error=CommandRefused("Subscribe", rejection.status, text)):
            self._out.events.append(Unrecognized(now, raw, "a refusal of what nobody asks for"))

    def _on_signed_in(self, message: Message, raw: str | bytes, now: float) -> None:
        data = read(message.data, SIGN_IN_DATA).user_data
        try:
            user_id = str(USER.decode(data).id)
        except FAULTS:
            user_id = None
        connection, signed_in = self._connection, SignedIn(user_id, data)
        if SIGN_IN not in connection.asked:
            self._out.events.append(Unrecognized(now, raw, "a sign-in that nobody asked for"))
            return
        answered = self._reply(SIGN_IN_SLOT, now, signed_in)
        if SIGN_IN not in self._exchange.subscriptions:
            # Given up meanwhile. It cannot be taken back, but nothing more is asked for.
            return
        if not answered:
            self._exchange.subscriptions.confirmed(SIGN_IN)
        connection.user = signed_in
        if user_id is not None:
            channel = connection.user_channel = server_to_user(user_id)
            self._out.effects.append(frame("pusher:subscribe", {"channel": channel}))

    # Events

    def _on_channel_event(self, message: Message, raw: str | bytes, now: float) -> None:
        channel = message.channel
        if channel is None:
            self._out.events.append(Unrecognized(now, raw, self._redacted(message.event)))
        elif not self._wanted_on(channel, now):
            pass
        elif is_encrypted(channel):
            self._on_sealed(channel, Held(message, raw, now))
        else:
            try:
                self._deliver(Held(message, raw, now), content(message.data))
            except FAULTS as error:
                self._out.events.append(Malformed(now, raw, self._redacted(str(error))))

    def _on_news(self, message: Message, raw: str | bytes, now: float) -> None:
        if message.channel is None or self._wanted_on(message.channel, now):
            self._out.events.extend(NEWS[message.event](message, self._connection, now))

    def _wanted_on(self, channel: str, now: float) -> bool:
        """Whether what comes on a channel is for the caller; what was given up may still send for a while."""
        if channel in self._exchange.subscriptions:
            self._exchange.staleness.data(channel, now)
            return True
        return channel == self._connection.user_channel and SIGN_IN in self._exchange.subscriptions

    def _deliver(self, held: Held, data: Json) -> None:
        message = held.message
        user_id = None if message.user_id is None else str(message.user_id)
        event = ChannelEvent(
            received=held.received,
            channel=message.channel or "",
            event=message.event,
            data=data,
            raw=held.raw,
            user_id=user_id,
        )
        self._out.events.append(self._parsed(event))

    def _on_sealed(self, channel: str, held: Held) -> None:
        found = self._deciphering.open(channel, held)
        if isinstance(found, Failed) and self._deciphering.may_ask(channel, held.received):
            request = self._dialect.key_request(channel, held.received)
            if request is not None:
                # Numbered apart: the replay of a journal cannot know whether a key fits, and its other numbers must be the same.
                self._key_serial -= 1
                token = Token(self._generation, self._key_serial)
                self._key_fetches[token] = channel
                self._out.effects.append(Fetch(token, request))
                self._deciphering.hold(channel, held, held.received)
                return
        if found is not None:
            self._give([found])

    def _give(self, found: Sequence[Opened | Failed]) -> None:
        for one in found:
            held = one.held
            if held.message.channel not in self._exchange.subscriptions:
                # Given up while it was held.
                continue
            if isinstance(one, Failed):
                channel, event = held.message.channel or "", held.message.event
                self._out.events.append(Undecipherable(held.received, channel, event, one.reason, held.raw))
                continue
            data: Json = one.text
            try:
                data = parsed(one.text)
            except FAULTS:
                data = one.text
            self._deliver(held, data)


class PusherMachine(PusherSession[ChannelEvent]):
    """Pusher as it is: the events of channels are delivered as they come."""

    def _parsed(self, event: ChannelEvent) -> ChannelEvent:
        return event


def _slot(topic: str) -> str:
    return SIGN_IN_SLOT if topic == SIGN_IN else subscription_slot(topic)
