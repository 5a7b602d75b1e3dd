"""Bitpanda's server side as a pure machine (seeds/001…, "Websocket Server Documentation").

Handshake, subscriptions and what is sent to whom live here; `bitpanda_updates` makes the updates up, `bitpanda_tokens` gives out
tokens. What the document leaves open is a setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import msgspec

from ..core.effects import Identity
from ..core.runs import MISFITS
from ..providers.bitpanda.topics import PRICE_CHANGES, PRICES, Form, Pair, Topic, form_of
from .base import Accept, ConnectRequest, HttpCall, Refuse, SendTo
from .bitpanda_settings import BitpandaSettings
from .bitpanda_tokens import TokenOffice
from .bitpanda_updates import Choice, Update, choices, made_up
from .server_base import ServerBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from ..core.http import Response

__all__ = ["BitpandaServer", "BitpandaSettings"]

CHANNELS: Final = (PRICES, PRICE_CHANGES)


class _Item(msgspec.Struct):
    type: str | None = None
    asset: str | None = None
    fiat: str | None = None


class _Frame(msgspec.Struct):
    action: str
    channel: str
    payload: list[_Item] | None = None


class _Refused(Exception):
    """A command is answered with this error."""


@attrs.define(eq=False)
class _Connection:
    heard: float
    topics: dict[Topic, None] = attrs.field(factory=dict[Topic, None])


class BitpandaServer(ServerBase[_Connection]):
    """See `sandbox.base` for the contract. All made-up values come from `rng`.

    `sent` gives each update generated or pushed, with the POSIX seconds of that, oldest first. While nobody is connected the feed
    goes on with what was subscribed to last, so that what a client missed can be counted. `tokens` is the token endpoint.
    """

    def __init__(self, settings: BitpandaSettings, rng: Random) -> None:
        super().__init__(settings)
        self._settings = settings
        self._rng = rng
        self._last_topics: frozenset[Topic] = frozenset()
        self._choices: list[Choice] | None = None
        self.tokens: TokenOffice = TokenOffice(settings, rng)
        self._serial = 0
        self.sent: dict[Identity, float] = {}

    # The driver's side

    @property
    def path(self) -> str:
        return "/ws"

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self._offset = wall - now
        if self._settings.token_parameter is None:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            token = token if scheme == "Bearer" else ""
        else:
            token = request.query.get(self._settings.token_parameter, "")
        if not token or not self.tokens.accepts(token, wall):
            return Refuse(401, "the token is missing, unknown or expired")
        self._connections[conn] = _Connection(now)
        self._choices = None
        self._slots.start(now)
        return Accept()

    def sign_of_life(self, conn: int, now: float) -> None:
        """A ping, or anything else, of a client came."""
        connection = self._connections.get(conn)
        if connection is not None:
            connection.heard = now

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        connection = self._connections.get(conn)
        if connection is None:
            return
        connection.heard = now
        try:
            frame = msgspec.json.decode(message, type=_Frame)
        except MISFITS:
            self._reply(conn, {"action": "", "channel": "", "error": "invalid message"})
            return
        reply: dict[str, object] = {"action": frame.action, "channel": frame.channel}
        try:
            self._obey(connection, frame)
        except _Refused as refused:
            self._reply(conn, {**reply, "error": str(refused)})
        else:
            self._choices = None
            self._reply(conn, {**reply, "status": "success"})

    def disconnected(self, conn: int, now: float) -> None:
        connection = self._connections.pop(conn, None)
        if connection is not None:
            self._choices = None
            if not self._connections:
                self._last_topics = frozenset(connection.topics)

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        """Answer a request to the token endpoint."""
        return self.tokens.answer(call, wall)

    def handle_timer(self, now: float, wall: float) -> None:
        self._offset = wall - now
        if not self._settings.wait_for_client:
            self._slots.start(now)
        # As `next_deadline` has it: a difference may round to less.
        for conn in [c for c, connection in self._connections.items() if now >= connection.heard + self._settings.idle_after]:
            self._close(conn, self._settings.idle_close, "idle", now)
        for slot in self._slots.take(now):
            self._generate(slot + self._offset, now)

    def next_deadline(self) -> float:
        idle = [connection.heard + self._settings.idle_after for connection in self._connections.values()]
        return min(self._slots.next_deadline(), *idle) if idle else self._slots.next_deadline()

    # The test's side

    def push(self, pair: Pair, now: float, channel: str = PRICES) -> Update:
        """Send an update about a pair, as if it were due now, to all who have subscribed to it."""
        return self._send(Choice(channel, pair), now + self._offset, now)

    def say(self, message: Mapping[str, object]) -> None:
        """Send any message to all."""
        self._effects.extend(SendTo(conn, _encode(message)) for conn in self._connections)

    def topics(self, conn: int) -> Sequence[Topic]:
        """What a connection has subscribed to."""
        return list(self._connections[conn].topics)

    # Commands

    def _obey(self, connection: _Connection, frame: _Frame) -> None:
        if frame.channel not in CHANNELS:
            raise _Refused("channel not supported")
        kept = [topic for topic in connection.topics if topic.channel != frame.channel]
        match frame.action:
            case "subscribe":
                wanted = self._wanted(frame)
                before = [topic for topic in connection.topics if topic.channel == frame.channel]
                adds = self._settings.merge == "add" and form_of(frame.channel, before) is wanted[0].form
                connection.topics = dict.fromkeys((*kept, *(before if adds else ()), *wanted))
            case "unsubscribe":
                connection.topics = dict.fromkeys(kept)
            case _:
                raise _Refused("action not supported")

    def _wanted(self, frame: _Frame) -> list[Topic]:
        """What a subscribe names; at least one thing."""
        if frame.payload is None:
            return [Topic(frame.channel)]
        topics = [Topic(frame.channel, item.fiat, item.asset, item.type) for item in frame.payload]
        whole = all(topic.fiat and (topic.type is None) == (topic.asset is None) for topic in topics)
        if not topics or not whole or len({topic.form for topic in topics}) > 1:
            raise _Refused("invalid payload")
        self._check_known(topics)
        return topics

    def _check_known(self, topics: Iterable[Topic]) -> None:
        for topic in topics:
            if topic.fiat not in self._settings.fiats:
                raise _Refused(f"fiat not found: {topic.fiat}")
            if topic.form is Form.PAIRS and f"{topic.type}/{topic.asset}" not in self._settings.assets:
                raise _Refused(f"asset not found for domain: {topic.asset}")

    # Updates

    def _generate(self, at: float, now: float) -> None:
        if self._choices is None:
            live = [connection.topics for connection in self._connections.values()]
            # A client that has not subscribed yet is owed nothing; one that is away is owed what it wanted.
            wanted = (topic for topics in live for topic in topics) if live else self._last_topics
            self._choices = choices(self._settings, wanted)
        if not self._choices:
            return
        self._send(self._rng.choice(self._choices), at, now)
        self._count_generated(now)

    def _send(self, choice: Choice, at: float, now: float) -> Update:
        """`at`, in POSIX seconds, is what the update says; it is sent now, which is later where the driver was."""
        self._serial += 1
        update = made_up(choice, self._serial, at, self._rng)
        self.sent[update.identity] = now + self._offset
        if len(self.sent) > self._settings.history:
            del self.sent[next(iter(self.sent))]
        for conn, connection in self._connections.items():
            if any(topic in connection.topics for topic in choice.topics):
                self._effects.append(SendTo(conn, update.text, "push"))
        return update

    def _reply(self, conn: int, message: Mapping[str, object]) -> None:
        self._effects.append(SendTo(conn, _encode(message)))


def _encode(message: Mapping[str, object]) -> str:
    return msgspec.json.encode(message).decode()
