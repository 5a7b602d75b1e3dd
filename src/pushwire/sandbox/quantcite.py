"""QuantCite's server side as a pure machine (seeds/000…): authentication, commands, and transactions that are pushed later.

What there is to tell lives in `quantcite_book`, the HTTP side in `quantcite_http`. What the documents leave open is a setting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final, cast

import attrs
import msgspec

from ..core.effects import Identity
from ..core.http import Response
from ..core.runs import MISFITS
from ..core.secrets import Secret
from .base import Accept, ConnectRequest, HttpCall, Kind, Refuse, SendTo
from .quantcite_book import EXCHANGES, Account, Place, Record, User, digest, encode, listed, new_id, own_key, summary
from .quantcite_http import answer
from .quantcite_settings import QuantciteSettings
from .server_base import ServerBase, holder_of

__all__ = ["QuantciteServer", "QuantciteSettings"]

Fields = Mapping[str, object]

ERRORS: Final[Mapping[int, str]] = {
    4001: "authentication_failed",
    4002: "invalid_action",
    4003: "missing_parameters",
    4004: "exchange_error",
    4005: "rate_limit_exceeded",
}


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.retry_after = retry_after


@attrs.define(eq=False)
class Connection:
    """A live connection: whose it is once it has authenticated, and the types it follows of each account."""

    conn: int
    user: User | None = None
    followed: dict[Place, frozenset[str]] = attrs.field(factory=dict[Place, frozenset[str]])

    def follows(self, account: Account, kind: str) -> bool:
        if self.user is None or self.user.accounts.get(account.place) is not account:
            return False
        kinds = self.followed.get(account.place)
        return kinds is not None and (not kinds or kind in kinds)


class QuantciteServer(ServerBase[Connection]):
    """See `sandbox.base` for the contract. All made-up values come from `rng`.

    `generated` counts the transactions the feed made, `commands` what was asked by its action, refusals included.
    """

    def __init__(self, settings: QuantciteSettings, rng: Random) -> None:
        super().__init__(settings)
        self.settings: QuantciteSettings = settings
        self.rng = rng
        self.users: list[User] = [User(place, new_id(rng)) for place in range(1 if settings.keys is None else len(settings.keys))]
        self.sessions: dict[str, tuple[User, float]] = {}
        self.commands: list[str] = []
        self._actions: dict[str, Callable[[Connection, User, Fields, float], None]] = {
            "subscribe_transactions": self._on_subscribe,
            "validate_credentials": self._on_validate,
            "get_exchanges": self._on_exchanges,
        }

    # The driver's side

    @property
    def path(self) -> str:
        return "/api/v1/ws"

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self._offset = wall - now
        connection = Connection(conn)
        key = request.query.get("api_key")
        if key is not None:
            connection.user = self.user_of(key)
            if connection.user is None:
                return Refuse(401, "unknown API key")
        self._connections[conn] = connection
        if connection.user is not None:
            self._send(conn, self._success(connection.user))
        elif self.settings.greeting:
            commands = ["authenticate", "subscribe_aggregated", "get_exchanges", "get_pairs"]
            self._send(conn, {"type": "welcome", "message": "Welcome to QuantCite", "available_commands": commands})
        return Accept()

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        connection = self._connections.get(conn)
        if connection is None:
            return
        try:
            fields = msgspec.json.decode(message, type=dict[str, object])
        except MISFITS:
            self._send(conn, self._error(now, 4002, "invalid JSON"))
            return
        try:
            self._on_message(connection, fields, now)
        except Refused as refused:
            self._send(conn, self._error(now, refused.code, str(refused), refused.retry_after))

    def disconnected(self, conn: int, now: float) -> None:
        self._connections.pop(conn, None)

    def handle_timer(self, now: float, wall: float) -> None:
        self._offset = wall - now
        accounts = [account for user in self.users for account in user.accounts.values() if account.wanted]
        for slot in self._slots.take(now):
            account = self.rng.choice(accounts)
            self._push(account, account.make(self.rng.choice(list(account.wanted)), slot + self._offset, self.rng))
            self._count_generated(now)

    def next_deadline(self) -> float:
        return self._slots.next_deadline()

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        """REST, on the same port."""
        self._offset = wall - now
        return answer(self, call, now, wall)

    # The test's side

    def push(
        self, data: Mapping[str, object], now: float, *, exchange: str = "bybit", kind: str = "deposits", testnet: bool = False
    ) -> Record:
        """Push one transaction of the provider's account at `exchange`, as the object on the wire, to those who follow it."""
        account = self.account(self.users[0], Place(exchange, testnet, ""))
        record = account.add(kind, now + self._offset, data)
        self._push(account, record)
        return record

    def say(self, message: Fields) -> None:
        """Send a message to every connection."""
        for conn in self._connections:
            self._send(conn, message)

    def expire(self) -> None:
        """Every session ends: who is connected must authenticate again, and is told so."""
        for conn, connection in self._connections.items():
            connection.user = None
            self._refuse_stranger(conn)

    @property
    def subscribed(self) -> Sequence[tuple[Place, str]]:
        """The types that live connections follow, each with its account."""
        followed = [connection.followed for connection in self._connections.values() if connection.user is not None]
        return [(place, kind) for places in followed for place, kinds in places.items() for kind in kinds or ("",)]

    def sent(self) -> Mapping[Identity, float]:
        """What those who asked must have got by now, or will: the transactions of the types that were asked for, with the POSIX
        seconds of each."""
        accounts = [account for user in self.users for account in user.accounts.values()]
        return {r.identity: r.at for account in accounts for r in account.records if r.kind in account.wanted}

    # Shared with the HTTP side

    def user_of(self, key: object) -> User | None:
        """Whom a key stands for."""
        return holder_of(Secret(key), self.settings.keys, self.users) if isinstance(key, str) and key else None

    def account(self, user: User, place: Place) -> Account:
        """The account of this user, with its history."""
        account = user.accounts.get(place)
        if account is None:
            account = user.accounts[place] = Account(place)
            kinds = EXCHANGES[place.exchange].types
            for age in range(self.settings.history, 0, -1):
                account.make(kinds[age % len(kinds)], self._offset - 3600.0 * age, self.rng)
        return account

    def valid(self, exchange: str, own: Secret | None) -> bool:
        """Whether these credentials, or without any the provider's own, are good for this exchange."""
        if own is None:
            return EXCHANGES[exchange].internal
        return self.settings.credentials is None or own in self.settings.credentials

    # Messages

    def _on_message(self, connection: Connection, fields: Fields, now: float) -> None:
        kind, action = fields.get("type"), fields.get("action")
        if kind == "authenticate":
            self._on_authenticate(connection, fields, now)
        elif kind == "ping" and self.settings.answers_pings:
            stamp = self._stamp(now).removesuffix("Z")
            self._send(connection.conn, {"type": "pong", "timestamp": stamp, "server_time": stamp, "latency_ms": 2.5})
        elif connection.user is None:
            self._refuse_stranger(connection.conn)
        else:
            name = str(action if action is not None else kind)
            self.commands.append(name)
            wait = connection.user.refused_for(now, self.settings.requests_a_minute)
            if wait is not None:
                raise Refused(4005, "Rate limit exceeded", wait if self.settings.retry_after else None)
            handler = self._actions.get(name)
            if handler is None:
                raise Refused(4002, f"Unknown action: {name}")
            handler(connection, connection.user, fields, now)

    def _on_authenticate(self, connection: Connection, fields: Fields, now: float) -> None:
        user = self.user_of(fields.get("api_key"))
        if user is not None:
            connection.user = user
            self._send(connection.conn, self._success(user))
        elif self.settings.refusal == "authentication_error":
            text = "API key not found"
            self._send(connection.conn, {"type": "authentication_error", "error": "api_key_not_found", "message": text})
        else:
            self._send(connection.conn, {"type": "error", "error": "Authentication failed", "code": 4001})

    def _refuse_stranger(self, conn: int) -> None:
        self._send(conn, {"type": "error", "error": "authentication_required", "message": "Authentication required"})

    def _on_subscribe(self, connection: Connection, user: User, fields: Fields, now: float) -> None:
        exchange, own = self._wanted(fields)
        if not self.valid(exchange, own):
            raise Refused(4004, f"{exchange} does not accept these credentials")
        given = fields.get("transaction_types", [])
        if not isinstance(given, list):
            raise Refused(4003, "transaction_types must be an array")
        kinds = frozenset(map(str, cast("list[object]", given)))
        account = self.account(user, Place(exchange, fields.get("testnet") is True, digest(own)))
        followed = connection.followed.get(account.place)
        both = kinds and (followed is None or followed)
        connection.followed[account.place] = kinds | (followed or frozenset()) if both else frozenset()
        account.wanted.update(dict.fromkeys(sorted(kinds) or EXCHANGES[exchange].types))
        self._slots.start(now)
        self._send(connection.conn, _batch(exchange, account.latest(kinds, self.settings.history_limit)))

    def _on_validate(self, connection: Connection, _user: User, fields: Fields, _now: float) -> None:
        exchange, own = self._wanted(fields)
        self._send(connection.conn, {"type": "validation_response", **self.validation(exchange, own)})

    def validation(self, exchange: str, own: Secret | None) -> dict[str, object]:
        """What is said of credentials, on the socket and by HTTP."""
        if not self.valid(exchange, own):
            text = "Invalid credentials provided"
            return {"success": False, "message": text, "exchange": exchange, "error": "authentication_failed"}
        source = "internal" if own is None else "user"
        return {
            "success": True,
            "message": f"Credentials are valid (using {source} credentials)",
            "exchange": exchange,
            "credentials_source": source,
            "account_info": {"account_type": "UNIFIED", "status": "active"},
        }

    def _on_exchanges(self, connection: Connection, _user: User, _fields: Fields, _now: float) -> None:
        self._send(connection.conn, {"type": "exchanges_response", "exchanges": [listed(name) for name in EXCHANGES]})

    def _wanted(self, fields: Fields) -> tuple[str, Secret | None]:
        """The exchange that a command is about, and the caller's own key there."""
        exchange, credentials = fields.get("exchange"), fields.get("credentials")
        if not isinstance(exchange, str) or not exchange:
            raise Refused(4003, "Missing required parameter: exchange")
        if exchange not in EXCHANGES:
            raise Refused(4004, f"Exchange {exchange} is not supported")
        given = cast("dict[str, object]", credentials) if isinstance(credentials, dict) else None
        if given is not None and EXCHANGES[exchange].requires_passphrase and not given.get("passphrase"):
            raise Refused(4003, "Missing required parameter: credentials.passphrase")
        return exchange, own_key(given)

    # Pushes

    def _push(self, account: Account, record: Record) -> None:
        message = _batch(account.place.exchange, [record])
        for connection in self._connections.values():
            if connection.follows(account, record.kind):
                record.pushed_to.append(connection.conn)
                self._send(connection.conn, message, "push")

    # Small things

    def _success(self, user: User) -> dict[str, object]:
        tier = self.settings.tier
        if self.settings.success == "legacy":
            return {"type": "authentication_success", "user_id": user.user_id, "tier": tier, "data_usage": {}, "rate_limits": {}}
        short = {"type": "welcome", "user_tier": tier, "message": f"Authenticated successfully as {tier} user"}
        if self.settings.success == "short":
            return {**short}
        authentication = {"api_key": "demo_key...", "status": "authenticated"}
        return {**short, "session_id": new_id(self.rng), "user_id": user.user_id, "authentication": authentication}

    def _error(self, now: float, code: int, text: str, retry_after: float | None = None) -> dict[str, object]:
        more = {} if retry_after is None else {"retry_after": math.ceil(retry_after)}
        return {"type": "error", "error": ERRORS[code], "message": text, "code": code, "timestamp": self._stamp(now), **more}

    def _stamp(self, now: float) -> str:
        moment = datetime.fromtimestamp(now + self._offset, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _send(self, conn: int, message: Fields, kind: Kind = "reply") -> None:
        self._effects.append(SendTo(conn, encode(message).decode(), kind))


def _batch(exchange: str, records: Sequence[Record]) -> dict[str, object]:
    return {
        "type": "transaction_response",
        "success": True,
        "exchange": exchange,
        "total_transactions": len(records),
        "transactions": [record.data for record in records],
        "summary": summary(records),
        "processing_time": 0.05,
    }
