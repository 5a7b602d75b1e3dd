"""SatoriEx's server side as a pure machine (seeds/004…).

The socket lives here: tokens in the URL, subscriptions that nobody confirms, events. REST is `satoriex_rest`'s, on the same port.
What is pushed while somebody is away is not sent again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from ..core.runs import MISFITS
from ..core.secrets import Secret
from ..errors import LocalProtocolError
from ..providers.satoriex import USER, Topic
from .base import Accept, ConnectRequest, Refuse, SendTo
from .satoriex_events import ORDERBOOK, Choice, Sent, choices, made_up, spelled
from .satoriex_rest import Account, Rest
from .satoriex_settings import SatoriexSettings
from .server_base import ServerBase, holder_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from ..core.http import Response
    from .base import HttpCall

__all__ = ["SatoriexServer", "SatoriexSettings", "Sent"]

HISTORY = 1_000_000


class _Frame(msgspec.Struct):
    """A client's message. Nothing else is documented, and nothing else is heeded."""

    type: str
    market_id: str


class SatoriexServer(ServerBase[tuple[Account, dict[Topic, None]]]):
    """See `sandbox.base` for the contract. All made-up values come from `rng`.

    `sent` is every event, oldest first: those generated, pushed, and brought about by orders; `generated` counts the first. Of
    events that nobody subscribed to there are none; while nobody is connected, those last subscribed to are still generated.
    """

    def __init__(self, settings: SatoriexSettings, rng: Random) -> None:
        super().__init__(settings)
        self._settings = settings
        self._rng = rng
        self._accounts = [Account(index, settings.balance) for index in range(len(settings.tokens or (None,)))]
        self._rest = Rest(settings, rng, self._accounts)
        self._last_topics: dict[Topic, None] = {}
        self._revoked: list[Secret] = []
        self._tokens: dict[int, Secret] = {}
        self._serial = 0
        self.sent: deque[Sent] = deque(maxlen=HISTORY)

    # The driver's side

    @property
    def path(self) -> str:
        return "/ws"

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self._offset = wall - now
        text = request.query.get("token")
        token = Secret(text) if text else None
        account = None if token is None else self._account_of(token, wall)
        if token is None or account is None:
            return Refuse(401, "the token is missing, unknown or expired")
        self._connections[conn] = (account, {})
        self._tokens[conn] = token
        self._slots.start(now)
        return Accept()

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        found = self._connections.get(conn)
        if found is None:
            return
        try:
            frame = msgspec.json.decode(message, type=_Frame)
        except MISFITS:
            return
        topics = found[1]
        match frame.type:
            case "subscribe":
                topics[Topic("market", frame.market_id)] = None
            case "subscribe_marketdata":
                topics[Topic("marketdata", frame.market_id)] = None
            case "unsubscribe":
                topics.pop(Topic("market", frame.market_id), None)
            case "unsubscribe_marketdata":
                topics.pop(Topic("marketdata", frame.market_id), None)
            case _:
                pass

    def disconnected(self, conn: int, now: float) -> None:
        found = self._connections.pop(conn, None)
        if found is not None:
            del self._tokens[conn]
            if not self._connections:
                self._last_topics = found[1]

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        """Answer a REST call."""
        self._offset = wall - now
        header = call.headers.get("authorization", "")
        token = Secret(header[7:]) if header[:7] == "Bearer " and header[7:] else None
        account = None if token is None else self._account_of(token, wall)
        response = self._rest.answer(call, account, now, wall)
        self._push_news(now)
        return response

    def handle_timer(self, now: float, wall: float) -> None:
        self._offset = wall - now
        if not self._settings.wait_for_client:
            self._slots.start(now)
        self._rest.fill(now)
        self._push_news(now)
        for _ in self._slots.take(now):
            self._generate(now)

    def next_deadline(self) -> float:
        return min(self._slots.next_deadline(), self._rest.next_deadline())

    # The test's side

    def push(self, name: str, fields: Mapping[str, object], now: float, *, topic: Topic = USER, account: int = 0) -> Sent:
        """Send an event: of the user channel to all connections of `account`, else to all that subscribed to `topic`.

        Raises `LocalProtocolError` for an account that there is not.
        """
        if not 0 <= account < len(self._accounts):
            raise LocalProtocolError(f"there is no account {account}")
        return self._send(Choice(name, topic), dict(fields), account, now)

    def revoke(self, token: Secret, now: float) -> None:
        """Accept a token no longer, and close the connections that were opened with it."""
        self._revoked.append(token)
        for conn in [conn for conn, held in self._tokens.items() if held == token]:
            self._close(conn, self._settings.auth_close, "the token is no longer accepted", now)

    def topics(self, conn: int) -> Sequence[Topic]:
        """What a connection has subscribed to."""
        return list(self._connections[conn][1])

    # Within

    def _generate(self, now: float) -> None:
        subscribed = [topics for _, topics in self._connections.values()] or [self._last_topics]
        wanted = dict.fromkeys(topic for topics in subscribed for topic in topics if topic.market_id in self._settings.markets)
        choice = self._rng.choice(choices(wanted))
        self._send(choice, made_up(choice, self._rng), self._rng.randrange(len(self._accounts)), now)
        self._count_generated(now)

    def _push_news(self, now: float) -> None:
        for news in self._rest.take_news():
            self._send(Choice(news.name, news.topic), dict(news.fields), news.account, now)

    def _send(self, choice: Choice, fields: dict[str, object], account: int, now: float) -> Sent:
        self._serial += 1
        name = self._settings.orderbook_name if choice.name == ORDERBOOK else choice.name
        text = spelled(name, fields, self._serial, self._settings.spelling)
        conns = tuple(
            conn
            for conn, (owner, topics) in self._connections.items()
            if (owner.index == account if choice.topic == USER else choice.topic in topics)
        )
        sent = Sent(self._serial, name, choice.topic, account, now + self._offset, text, conns)
        self.sent.append(sent)
        self._effects.extend(SendTo(conn, text, "push") for conn in conns)
        return sent

    def _account_of(self, token: Secret, wall: float) -> Account | None:
        if token in self._revoked:
            return None
        issued = self._rest.account_of(token, wall)
        if issued is not None or self._rest.issued(token):
            return issued
        return holder_of(token, self._settings.tokens, self._accounts)
