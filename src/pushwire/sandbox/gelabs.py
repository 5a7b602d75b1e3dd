"""gelabs' server side as a pure machine (seeds/002…, "WebSocket real-time push").

Handshake, commands, broadcast, ACKs and resends live here; transactions come from `gelabs_feed`, and `gelabs_book` remembers
them. What the document leaves open is a setting.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

from ..core.runs import MISFITS
from ..core.secrets import Secret
from ..errors import LocalProtocolError
from .base import Accept, ConnectRequest, HttpCall, Kind, Refuse, SendTo
from .gelabs_book import Account, Connection, Message, identify, place, places
from .gelabs_feed import Feed
from .gelabs_http import answer
from .gelabs_settings import GelabsSettings
from .gelabs_transactions import CHAINS, Watched, new_address
from .server_base import ServerBase, holder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from ..core.http import Response

__all__ = ["GelabsServer", "GelabsSettings"]

Fields = dict[str, object]
_Json = dict[str, object] | list[object] | str | int | float | bool | None

MADE_UP: Final = 2
"""Addresses on each chain that an account starts with when none are given."""

TOLERANCE: Final = 1e-6
"""Seconds: adding a period and taking it off again may lose the last digit."""


class _Command(msgspec.Struct):
    """A client's message. Nothing is trusted: each field is checked where it is used."""

    id: _Json = ""
    type: _Json = None
    data: _Json = None


class GelabsServer(ServerBase[Connection]):
    """See `sandbox.base` for the contract. All made-up values come from `rng`.

    `messages` is every message by its id, oldest first; `generated` counts those the feed made, `acks` the ACK commands accepted.
    """

    def __init__(self, settings: GelabsSettings, rng: Random) -> None:
        super().__init__(settings)
        self.settings: GelabsSettings = settings
        self._rng = rng
        self.accounts: list[Account] = [
            Account(i, f"app-{i + 1}") for i in range(1 if settings.keys is None else len(settings.keys))
        ]
        self._feed = Feed(self._slots, settings.mix, rng)
        self._watched: list[tuple[int, Watched]] | None = None
        self._clients = 0
        self._numbers = 0
        self._next_resend = math.inf
        self._commands: dict[str, Callable[[Connection, str, Fields, float], None]] = {
            "ping": self._on_ping,
            "subscribe": self._on_subscribe,
            "unsubscribe": self._on_unsubscribe,
            "getTxHash": self._on_get,
            "transactionACK": self._on_ack,
        }
        self.messages: dict[str, Message] = {}
        self.acks: int = 0
        for account in self.accounts:
            for chain in CHAINS if settings.addresses is None else ():
                account.watch(chain, [new_address(chain, rng) for _ in range(MADE_UP)])
            for chain, addresses in (settings.addresses or {}).items():
                account.watch(chain, addresses)

    # The driver's side

    @property
    def path(self) -> str:
        return "/tx/api/v1/transaction/ws"

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self._offset = wall - now
        key = request.headers.get("x-api-key", "")
        if not key:
            return Refuse(400, "X-API-Key is missing")
        account = self.account_of(key)
        if account is None:
            return Refuse(401, "unknown API key")
        self._clients += 1
        client_id = f"client-{self._clients:06d}"
        connection = self._connections[conn] = Connection(conn, account, client_id, now)
        account.connections[conn] = connection
        self._send(conn, self._envelope(f"msg-{client_id}", "connected", {"clientId": client_id, "appId": account.app_id}, now))
        self._resend_missed(connection, self._window(request), now, wall)
        self._slots.start(now)
        if self.settings.resend_every is not None and self._next_resend == math.inf:
            self._next_resend = now + self.settings.resend_every
        return Accept()

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        connection = self._connections.get(conn)
        if connection is None:
            return
        try:
            command = msgspec.json.decode(message, type=_Command)
        except MISFITS:
            self._reply(conn, "", "error", None, 400, "invalid JSON")
            return
        command_id = command.id if isinstance(command.id, str) else ""
        kind = command.type if isinstance(command.type, str) else ""
        handler = self._commands.get(kind)
        if handler is None:
            self._reply(conn, command_id, kind, None, 400, "unknown command")
        else:
            handler(connection, command_id, command.data if isinstance(command.data, dict) else {}, now)

    def disconnected(self, conn: int, now: float) -> None:
        connection = self._connections.pop(conn, None)
        if connection is not None:
            del connection.account.connections[conn]
            if connection.subscriptions:
                self._watched = None

    def handle_timer(self, now: float, wall: float) -> None:
        self._offset = wall - now
        if not self.settings.wait_for_client:
            self._slots.start(now)
        if now >= self._slots.next_deadline():
            self._generate(now, wall)
        if now >= self._next_resend:
            self._resend_stale(now)

    def next_deadline(self) -> float:
        return min(self._slots.next_deadline(), self._next_resend if self._connections else math.inf)

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        self._offset = wall - now
        return answer(self, call, now, wall)

    # The test's side, and that of HTTP

    def history(self, account: Account | None = None) -> list[Message]:
        """The messages of an account, of all where None is given, oldest first."""
        return [message for message in self.messages.values() if account is None or message.app_id == account.app_id]

    def replay(self, account: Account, message_id: str, data: Fields, now: float) -> Message:
        """Push a message again, or one that is not known for the first time. Raises as `push` does."""
        message = self._by_id(account, message_id) or self._record(account, data, now + self._offset, message_id)
        self._broadcast(message, now)
        return message

    def push(
        self, data: Mapping[str, object], now: float, *, app_id: str | None = None, message_id: str | None = None
    ) -> Message:
        """Push one transaction, given as the `data` of its message, on behalf of `app_id` (the first account).

        Raises `LocalProtocolError` for data without chain type or hash, an unknown account, or an id that was used.
        """
        message = self._record(self._named(app_id), dict(data), now + self._offset, message_id)
        self._broadcast(message, now)
        return message

    def stop(self) -> None:
        """Generate no more; what was generated is still sent again until it is ACKed."""
        super().stop()

    def watch(self, chain_type: str, *addresses: str, app_id: str | None = None) -> None:
        """Add to the persistent address list of `app_id` (the first account), as the HTTP API does."""
        self._named(app_id).watch(chain_type, addresses)
        self._watched = None

    def unwatch(self, chain_type: str, *addresses: str, app_id: str | None = None) -> None:
        """Remove from the persistent address list."""
        self._named(app_id).unwatch(chain_type, addresses)
        self._watched = None

    def watched(self, app_id: str | None = None) -> Sequence[Watched]:
        """What `app_id` (the first account) watches now: its list, and the subscriptions of its live connections."""
        return self._named(app_id).watched()

    def unacked(self, app_id: str | None = None) -> Sequence[Message]:
        """The messages of `app_id` (the first account) that no ACK has cleared, oldest first."""
        return list(self._named(app_id).unacked.values())

    @property
    def subscribed(self) -> Sequence[tuple[str, str]]:
        """What live connections have subscribed to by command."""
        return [there for connection in self._connections.values() for there in connection.subscriptions]

    # Commands

    def _on_ping(self, connection: Connection, command_id: str, _fields: Fields, now: float) -> None:
        self._send(connection.conn, self._envelope(command_id, "pong", None, now))

    def _on_subscribe(self, connection: Connection, command_id: str, fields: Fields, _now: float) -> None:
        address, chain_type = _text(fields, "address"), _text(fields, "chain_type")
        if address is None or chain_type is None:
            self._reply(connection.conn, command_id, "subscribe", None, 400, "address and chain_type required")
            return
        chain_type = chain_type.lower()
        connection.subscriptions[place(chain_type, address)] = Watched(chain_type, address)
        self._watched = None
        data = {"API Key": connection.account.app_id, "address": address, "chain_type": chain_type}
        self._reply(connection.conn, command_id, "subscribe", data)

    def _on_unsubscribe(self, connection: Connection, command_id: str, fields: Fields, _now: float) -> None:
        address, chain_type = _text(fields, "address"), _text(fields, "chain_type")
        if address is None:
            self._reply(connection.conn, command_id, "unsubscribe", None, 400, "address required")
            return
        chain_type = None if chain_type is None else chain_type.lower()
        named = place(chain_type or "", address)
        for there in list(connection.subscriptions):
            if there == named or (chain_type is None and there[1] == named[1]):
                del connection.subscriptions[there]
        self._watched = None
        self._reply(connection.conn, command_id, "unsubscribe", {"address": address, "chainType": chain_type})

    def _on_get(self, connection: Connection, command_id: str, fields: Fields, now: float) -> None:
        chain_type, chain_id = _text(fields, "chain_type"), _whole(fields, "chain_id")
        tx_hash, message_id = _text(fields, "txHash"), _text(fields, "messageId")
        if chain_type is None or chain_id is None or (tx_hash is None and message_id is None):
            self._reply(connection.conn, command_id, "getTxHash", None, 400, "chain_type, chain_id, txHash required")
            return
        message = self._by_id(connection.account, message_id)
        if message is None and tx_hash is not None:
            message = next(reversed(connection.account.versions(chain_type, chain_id, tx_hash)), None)
        if message is None:
            self._reply(connection.conn, command_id, "getTxHash", None, 404, "transaction not found")
        else:
            self._send(connection.conn, self._envelope(command_id, "getTxHash", message.data, now))

    def _on_ack(self, connection: Connection, command_id: str, fields: Fields, _now: float) -> None:
        account = connection.account
        chain_type, tx_hash, message_id = _text(fields, "chain_type"), _text(fields, "txHash"), _text(fields, "messageId")
        if chain_type is None or (tx_hash is None and message_id is None):
            self._reply(connection.conn, command_id, "transactionACK", None, 400, "chain_type and messageId/txHash required")
            return
        named = self._by_id(account, message_id)
        if named is None and tx_hash is None:
            self._reply(connection.conn, command_id, "transactionACK", None, 404, "transaction not found")
            return
        if named is None:
            account.clear(account.versions(chain_type, _whole(fields, "chain_id"), tx_hash or ""))
        elif self.settings.ack_scope == "message":
            account.clear([named])
        else:
            account.clear(m for m in list(account.unacked.values()) if m.identity.key == named.identity.key)
        self.acks += 1
        self._reply(connection.conn, command_id, "transactionACK", {"txHash": tx_hash or (named.tx_hash if named else None)})

    # Pushes

    def _generate(self, now: float, wall: float) -> None:
        if self._watched is None:
            self._watched = [(account.index, there) for account in self.accounts for there in account.watched()]
        for produced in self._feed.take(now, self._watched, wall):
            self._broadcast(self._record(self.accounts[produced.account], produced.data, wall - produced.age), now)
            self._count_generated(now)

    def _record(self, account: Account, data: Fields, at: float, message_id: str | None = None) -> Message:
        identity = identify(data)
        message_id = message_id or f"msg-tx-{self._rng.getrandbits(64):016x}"
        if message_id in self.messages:
            raise LocalProtocolError(f"message id {message_id} was used before")
        envelope: Fields = {"id": message_id, "time": int(at * 1000), "type": "transaction", "code": 0, "data": data}
        if "chain_id" not in data:  # the document's sparse sample has no time either
            del envelope["time"]
        envelope["msg"] = "success"
        self._numbers += 1
        text = _encode(envelope)
        message = Message(message_id, account.app_id, identity, at, text, str(data["txhash"]), places(data), self._numbers)
        self.messages[message_id] = message
        account.add(message)
        if len(self.messages) > self.settings.history:
            oldest = self.messages.pop(next(iter(self.messages)))
            self._named(oldest.app_id).forget(oldest)
        return message

    def _broadcast(self, message: Message, now: float) -> None:
        account = self._named(message.app_id)
        for connection in account.connections.values():
            if self.settings.broadcast == "all" or self._matches(connection, message):
                self._push(connection.conn, message, "push", now)

    def _matches(self, connection: Connection, message: Message) -> bool:
        listed = connection.account.addresses
        return any(there in connection.subscriptions or there in listed for there in message.places)

    def _resend_missed(self, connection: Connection, window: float, now: float, wall: float) -> None:
        for message in connection.account.unacked.values():
            if message.at >= wall - window:
                self._push(connection.conn, message, "resend", now)

    def _resend_stale(self, now: float) -> None:
        every = self.settings.resend_every or math.inf
        for account in self.accounts:
            stale = [message for message in account.unacked.values() if now - message.last_push >= every - TOLERANCE]
            for conn in account.connections:
                for message in stale:
                    self._push(conn, message, "resend", now)
        self._next_resend = now + every

    def _push(self, conn: int, message: Message, kind: Kind, now: float) -> None:
        message.pushed_to.append(conn)
        message.last_push = now
        self._effects.append(SendTo(conn, message.text, kind))

    # Small things

    def account_of(self, key: str) -> Account | None:
        """Whose key this is; anybody's where no keys are set."""
        if not key:
            return None
        return holder_of(Secret(key), self.settings.keys, self.accounts)

    def _named(self, app_id: str | None) -> Account:
        for account in self.accounts:
            if app_id is None or account.app_id == app_id:
                return account
        raise LocalProtocolError(f"there is no account {app_id}")

    def _by_id(self, account: Account, message_id: str | None) -> Message | None:
        message = None if message_id is None else self.messages.get(message_id)
        return message if message is not None and message.app_id == account.app_id else None

    def _window(self, request: ConnectRequest) -> float:
        try:
            window = float(request.headers.get("x-resendduration", ""))
        except ValueError:
            return self.settings.default_window
        return window if 0 <= window < math.inf else self.settings.default_window

    def _envelope(self, message_id: str, kind: str, data: object, now: float) -> str:
        time = int((now + self._offset) * 1000)
        return _encode({"id": message_id, "time": time, "type": kind, "code": 0, "data": data, "msg": "success"})

    def _reply(self, conn: int, command_id: str, kind: str, data: object, code: int = 0, text: str = "success") -> None:
        # Without a time, as in the document's samples of these replies.
        self._send(conn, _encode({"id": command_id, "type": kind, "code": code, "data": data, "msg": text}))

    def _send(self, conn: int, text: str) -> None:
        self._effects.append(SendTo(conn, text))


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _text(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _whole(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
