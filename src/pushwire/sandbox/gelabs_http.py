"""The HTTP side of the sandbox's gelabs: queries, the address list, status and replay (seeds/002…).

It answers from what the feed made and `push` was given. The limits of the document are enforced; what else is wrong is a 400.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from ..core.http import Response
from ..core.runs import MISFITS
from ..errors import LocalProtocolError
from .gelabs_book import Account, Message, place
from .gelabs_spellings import as_listed, as_traded
from .gelabs_transactions import Data, fold

if TYPE_CHECKING:
    from .base import HttpCall
    from .gelabs import GelabsServer

__all__ = ["answer"]

PREFIX: Final = "/tx/api/v1"
POOL_KEEPS: Final = 100

Text = Annotated[str, msgspec.Meta(min_length=1)]
Texts = Annotated[list[Text], msgspec.Meta(min_length=1)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Refused(Exception):
    """A call that is answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Query(msgspec.Struct):
    address: Text
    chain_type: str | None = None
    chain_id: int | None = None
    tx_type: str = ""
    token: str | None = None
    limit: Limit = 20
    id: int | None = None


class Group(msgspec.Struct):
    chain_type: Text
    chain_id: int
    address: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=20)]


class MultiQuery(msgspec.Struct):
    addresses: Annotated[list[Group], msgspec.Meta(min_length=1, max_length=10)]
    limit: Limit = 20
    id: int | None = None


class Details(msgspec.Struct):
    chain_type: Text
    chain_id: int
    tx_hash: Text | Texts


class Wallet(msgspec.Struct):
    chain_type: Text
    address: Texts


class Wallets(msgspec.Struct):
    wallets: Annotated[list[Wallet], msgspec.Meta(min_length=1)]


class Change(msgspec.Struct):
    chain_type: Text
    adds: list[Text] = msgspec.field(default_factory=list[Text])
    removes: list[Text] = msgspec.field(default_factory=list[Text])


class Contains(msgspec.Struct):
    chain_type: Text
    address: Text


class Pushed(msgspec.Struct):
    id: Text
    data: Data


def answer(server: GelabsServer, call: HttpCall, now: float, wall: float) -> Response:
    """Answer one call. Never raises."""
    path = call.path.removeprefix(PREFIX)
    try:
        if call.method == "GET" and path.startswith("/dex-pools/") and path.endswith("/trades"):
            pool = path.removeprefix("/dex-pools/").removesuffix("/trades")
            return _good({"items": _trades(server, call, pool)})
        if (call.method, path) not in CALLS:
            return Response(404)
        account = server.account_of(call.headers.get("x-api-key", ""))
        if account is None:
            raise Refused(401, "unknown API key")
        return CALLS[call.method, path](server, account, call, now, wall)
    except (Refused, LocalProtocolError, *MISFITS) as error:
        status = error.status if isinstance(error, Refused) else 400
        return _json(status, {"code": status, "message": str(error), "data": None})


def _json(status: int, value: object) -> Response:
    return Response(status, {"content-type": "application/json"}, msgspec.json.encode(value))


def _good(data: object) -> Response:
    return _json(200, {"code": 0, "message": "ok", "data": data})


def _whole(text: str | None, name: str, default: int | None = None) -> int:
    if text is None and default is not None:
        return default
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Refused(400, f"{name} is needed, a whole number")
    return int(text)


# Transactions


def _newest(messages: Iterable[Message]) -> list[Message]:
    """The newest version of each transaction, newest first."""
    found = {message.identity.key: message for message in sorted(messages, key=lambda message: message.number)}
    return sorted(found.values(), key=lambda message: -message.number)


def _page(server: GelabsServer, messages: Iterable[Message], limit: int, cursor: int | None) -> Response:
    rows = [message for message in _newest(messages) if cursor is None or message.number < cursor][:limit]
    listed = [as_listed(message.data) | ({"id": message.number} if server.settings.row_ids else {}) for message in rows]
    # These calls say success by another code, and `msg` where the others have `message`.
    return _json(200, {"code": 1, "msg": "success", "data": listed})


def _about(message: Message, chain_type: str | None, chain_id: int | None, addresses: Sequence[str]) -> bool:
    chain, number, _ = message.identity.key
    if (chain_type is not None and chain != chain_type.lower()) or (chain_id is not None and number != chain_id):
        return False
    wanted = {fold(address) for address in addresses}
    return not wanted.isdisjoint(message.parties())


def _query(server: GelabsServer, account: Account, call: HttpCall, _now: float, _wall: float) -> Response:
    query = msgspec.json.decode(call.body, type=Query)

    def fits(message: Message) -> bool:
        kind, token = query.tx_type.lower(), None if query.token is None else fold(query.token)
        return (
            _about(message, query.chain_type, query.chain_id, [query.address])
            and kind in {"", str(message.data.get("transfer_type")).lower()}
            and (token is None or token in message.contracts())
        )

    return _page(server, filter(fits, server.history(account)), query.limit, query.id)


def _multi_query(server: GelabsServer, account: Account, call: HttpCall, _now: float, _wall: float) -> Response:
    query = msgspec.json.decode(call.body, type=MultiQuery)

    def fits(message: Message) -> bool:
        return any(_about(message, group.chain_type, group.chain_id, group.address) for group in query.addresses)

    return _page(server, filter(fits, server.history(account)), query.limit, query.id)


def _details(_server: GelabsServer, account: Account, call: HttpCall, _now: float, _wall: float) -> Response:
    wanted = msgspec.json.decode(call.body, type=Details)
    hashes = [wanted.tx_hash] if isinstance(wanted.tx_hash, str) else wanted.tx_hash
    found = [account.versions(wanted.chain_type, wanted.chain_id, tx_hash)[-1:] for tx_hash in hashes]
    return _json(200, {"code": 1, "msg": "success", "data": [as_listed(message.data) for some in found for message in some]})


def _detail(_server: GelabsServer, account: Account, call: HttpCall, _now: float, _wall: float) -> Response:
    chain_type, tx_hash = call.query.get("chain_type"), call.query.get("tx_hash")
    chain_id = _whole(call.query.get("chain_id"), "chain_id")
    if not chain_type or not tx_hash:
        raise Refused(400, "chain_type, chain_id, tx_hash required")
    spelled = (tx_hash, f"0x{tx_hash}")
    found = [message for one in spelled for message in account.versions(chain_type, chain_id, one)]
    return _json(200, {"code": 0, "msg": "success", "data": found[-1].data if found else None})


def _trades(server: GelabsServer, call: HttpCall, pool: str) -> list[Data]:
    chain_type = call.query.get("chainType", call.query.get("chain_type"))
    chain_id = _whole(call.query.get("chainId", call.query.get("chain_id")), "chainId")
    limit = _whole(call.query.get("limit"), "limit", POOL_KEEPS)
    if not chain_type or not 1 <= limit <= POOL_KEEPS:
        raise Refused(400, "chainType and chainId required, and a limit from 1 to 100")
    name = None if chain_type == "evm" else chain_type
    found = _newest(message for message in server.history() if _about(message, name, chain_id, [pool]))
    return [as_traded(message.data) for message in found[:limit]]


# The address list


def _add(server: GelabsServer, account: Account, call: HttpCall, _now: float, _wall: float) -> Response:
    for wallet in msgspec.json.decode(call.body, type=Wallets).wallets:
        server.watch(wallet.chain_type, *wallet.address, app_id=account.app_id)
    return _good("success")


def _remove(server: GelabsServer, account: Account, call: HttpCall, _now: float, _wall: float) -> Response:
    for wallet in msgspec.json.decode(call.body, type=Wallets).wallets:
        server.unwatch(wallet.chain_type, *wallet.address, app_id=account.app_id)
    return _good("success")


def _change(server: GelabsServer, account: Account, call: HttpCall, _now: float, _wall: float) -> Response:
    change = msgspec.json.decode(call.body, type=Change)
    server.watch(change.chain_type, *change.adds, app_id=account.app_id)
    server.unwatch(change.chain_type, *change.removes, app_id=account.app_id)
    return _good("success")


def _contains(server: GelabsServer, _account: Account, call: HttpCall, _now: float, _wall: float) -> Response:
    asked = msgspec.json.decode(call.body, type=Contains)
    there = place(asked.chain_type, asked.address)
    # Whosever list it is on: the document says that the key is not looked at.
    return _good({"is_exist": any(there in account.addresses for account in server.accounts)})


# Connections


def _status(_server: GelabsServer, account: Account, _call: HttpCall, now: float, wall: float) -> Response:
    connections = list(account.connections.values())
    details = [
        {
            "clientId": connection.client_id,
            "connectedAt": int((wall - now + connection.since) * 1000),
            "uptime": int(now - connection.since),
            "pendingTxCount": len(account.unacked),
        }
        for connection in connections
    ]
    clients = [connection.client_id for connection in connections]
    return _good({"appId": account.app_id, "connectedClients": len(clients), "clients": clients, "details": details})


def _replay(server: GelabsServer, account: Account, call: HttpCall, now: float, _wall: float) -> Response:
    pushed = msgspec.json.decode(call.body, type=Pushed)
    message = server.replay(account, pushed.id, pushed.data, now)
    return _good({"processed": True, "txhash": message.tx_hash})


CALLS: Final[dict[tuple[str, str], Callable[[GelabsServer, Account, HttpCall, float, float], Response]]] = {
    ("POST", "/transfers/query"): _query,
    ("POST", "/transfers/multi-chain"): _multi_query,
    ("POST", "/transfers/details"): _details,
    ("GET", "/transfers/detail"): _detail,
    ("POST", "/addresses"): _add,
    ("POST", "/addresses/batch-delete"): _remove,
    ("PATCH", "/addresses"): _change,
    ("POST", "/addresses/contains"): _contains,
    ("GET", "/transaction/ws/status"): _status,
    ("POST", "/transaction/ws/replay"): _replay,
}
