"""SatoriEx's REST side as a pure function (providers/satoriex.md, 2 to 5): logins, orders that rest until they are filled or
cancelled, and enough around them to try a client on."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
import msgspec

from ..core.http import Response
from ..core.runs import MISFITS
from ..core.secrets import Secret
from ..providers.satoriex import USER, Topic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from .base import HttpCall
    from .satoriex_settings import SatoriexSettings

__all__ = ["Account", "News", "Rest"]

Fields = dict[str, object]
StructT = TypeVar("StructT", bound=msgspec.Struct)

BASE: Final = "/api/v1"
NOT_FOUND: Final = 40400
"""Not documented."""
FULL_PRICE: Final = 10_000
OUTCOMES: Final = ("yes", "no")


@attrs.define(eq=False)
class Account:
    """Somebody. `balance` is basis points of a dollar; `orders` are as they are shown, by their ids; `shares`, with what they
    cost, by market and outcome; `offered` is what the shares cost that an order is to sell, by its id."""

    index: int
    balance: int
    orders: dict[str, Fields] = attrs.Factory(dict[str, Fields])
    shares: dict[tuple[str, str], tuple[int, int]] = attrs.Factory(dict[tuple[str, str], tuple[int, int]])
    offered: dict[str, int] = attrs.Factory(dict[str, int])
    movements: list[Fields] = attrs.Factory(list[Fields])


@attrs.frozen
class News:
    """An event that an order has brought about."""

    name: str
    topic: Topic
    account: int
    fields: Mapping[str, object]


class _Order(msgspec.Struct):
    """The body of a new order."""

    market_id: str
    outcome_id: str
    side: int
    price: int
    quantity: int


class _Login(msgspec.Struct):
    email: str
    password: str


class _Refresh(msgspec.Struct):
    refresh_token: str


@attrs.define(eq=False)
class _Grant:
    token: Secret
    refresh: Secret
    account: Account
    expires: float


class Rest:
    """The exchange behind the REST calls. `take_news` gives what is to be pushed for them."""

    def __init__(self, settings: SatoriexSettings, rng: Random, accounts: Sequence[Account]) -> None:
        self._settings = settings
        self._rng = rng
        self._accounts = accounts
        self._grants: list[_Grant] = []
        self._trades: dict[str, list[Fields]] = {market: [] for market in settings.markets}
        self._due: list[tuple[float, Account, str]] = []
        self._news: list[News] = []

    def answer(self, call: HttpCall, account: Account | None, now: float, wall: float) -> Response:
        """Answer a call of `account`, None where the token is missing, unknown or expired."""
        path = call.path.removeprefix(BASE).strip("/").split("/")
        match call.method, path:
            case "POST", ["auth", "login"]:
                return self._login(call.body, wall)
            case "POST", ["auth", "refresh"]:
                return self._refresh(call.body, wall)
            case "GET", ["markets" | "orderbook" | "feed", *rest]:
                return self._public(path[0], rest)
            case _ if account is None:
                return refused(401, 2002, "token expired")
            case "POST", ["orders"]:
                return self._place(account, call.body, now)
            case "POST", ["orders", order_id, "cancel"] if order_id in account.orders:
                return self._cancel(account, account.orders[order_id])
            case "GET", ["orders"]:
                return replied(list(account.orders.values()))
            case "GET", ["orders", order_id] if order_id in account.orders:
                return replied(account.orders[order_id])
            case "GET", ["me", "positions"]:
                return replied([_position(where, held) for where, held in account.shares.items()])
            case "GET", ["wallet", "balance"] | ["me", "balance"] | ["users", "me", "balance"]:
                return replied({"balance": account.balance / FULL_PRICE})
            case "GET", ["wallet", "transactions"]:
                return replied(account.movements)
            case _:
                return refused(404, NOT_FOUND, "not found")

    def fill(self, now: float) -> None:
        """Fill the orders whose time has come."""
        while self._due and self._due[0][0] <= now:
            _, account, order_id = self._due.pop(0)
            order = account.orders[order_id]
            if order["status"] == "open":
                self._fill(account, order)

    def next_deadline(self) -> float:
        return self._due[0][0] if self._due else math.inf

    def take_news(self) -> Sequence[News]:
        news, self._news = self._news, []
        return news

    def issued(self, token: Secret) -> bool:
        """Whether a login gave this token, be it expired."""
        return any(grant.token == token for grant in self._grants)

    def account_of(self, token: Secret, wall: float) -> Account | None:
        """Whose token of a login this is, if it still lives."""
        return next((grant.account for grant in self._grants if grant.token == token and wall < grant.expires), None)

    # Tokens

    def _login(self, body: bytes, wall: float) -> Response:
        login = _read(body, _Login)
        known = self._settings.passwords
        if login is None or (known is not None and known.get(login.email) != Secret(login.password or "-")):
            return refused(401, 1001, "wrong e-mail address or password")
        return self._granted(self._accounts[0], wall)

    def _refresh(self, body: bytes, wall: float) -> Response:
        asked = _read(body, _Refresh)
        held = None if asked is None else Secret(asked.refresh_token or "-")
        grant = next((grant for grant in self._grants if grant.refresh == held), None)
        return refused(401, 2003, "the refresh token is not accepted") if grant is None else self._granted(grant.account, wall)

    def _granted(self, account: Account, wall: float) -> Response:
        lifetime = self._settings.token_lifetime
        token = _jwt({"sub": str(account.index), "iat": int(wall), "exp": int(wall + lifetime), "jti": self._rng.getrandbits(64)})
        refresh = f"refresh-{self._rng.getrandbits(64):016x}"
        self._grants.append(_Grant(Secret(token), Secret(refresh), account, wall + lifetime))
        return replied({"access_token": token, "refresh_token": refresh, "user": {"id": account.index}})

    # Orders

    def _place(self, account: Account, body: bytes, now: float) -> Response:
        order = _read(body, _Order)
        problem = (400, 40000, "malformed order") if order is None else self._wrong(account, order)
        if order is None or problem is not None:
            return refused(*(problem or (400, 40000, "malformed order")))
        order_id = f"ord_{self._rng.getrandbits(48):012x}"
        shown: Fields = {"id": order_id, **msgspec.structs.asdict(order), "status": "pending"}
        account.orders[order_id] = shown
        if order.side == 1:
            account.balance -= order.price * order.quantity
            self._moved(account, "escrow", -order.price * order.quantity)
        else:
            shares, cost = account.shares[order.market_id, order.outcome_id]
            part = cost * order.quantity // shares
            account.offered[order_id] = part
            account.shares[order.market_id, order.outcome_id] = (shares - order.quantity, cost - part)
        response = replied({**shown, "trades": []}, 202)
        self._changed(account, shown, "open")
        if self._settings.fill_after is not None:
            self._due.append((now + self._settings.fill_after, account, order_id))
        return response

    def _wrong(self, account: Account, order: _Order) -> tuple[int, int, str] | None:
        if order.market_id not in self._settings.markets or order.outcome_id not in OUTCOMES:
            return 400, 5007, "ErrMarketNotTrading"
        if order.side not in {1, 2}:
            return 400, 5004, "ErrInvalidSide"
        if not 1 <= order.price < FULL_PRICE or order.quantity < 1:
            return 400, 5002, "ErrInvalidPrice"
        if order.side == 1 and order.price * order.quantity > account.balance:
            return 400, 3001, "ErrInsufficientBalance"
        if order.side == 2 and account.shares.get((order.market_id, order.outcome_id), (0, 0))[0] < order.quantity:
            return 400, 5008, "ErrInsufficientPosition"
        return None

    def _cancel(self, account: Account, order: Fields) -> Response:
        if order["status"] == "open":
            self._changed(account, order, "cancelled")
            if order["side"] == 1:
                self._moved(account, "release", _cost(order))
                account.balance += _cost(order)
            else:
                _add_shares(account, order, account.offered.pop(str(order["id"])))
        return replied(order, 202)

    def _fill(self, account: Account, order: Fields) -> None:
        if order["side"] == 1:
            _add_shares(account, order, _cost(order))
        else:
            del account.offered[str(order["id"])]
            account.balance += _cost(order)
            self._moved(account, "proceeds", _cost(order))
        trade = {name: order[name] for name in ("market_id", "outcome_id", "side", "price", "quantity")}
        market_id = str(order["market_id"])
        self._trades[market_id].append(trade)
        self._news.append(News("trade", Topic("market", market_id), account.index, trade))
        self._changed(account, order, "filled")
        self._news.append(News("order_filled", USER, account.index, _told(order)))

    def _changed(self, account: Account, order: Fields, status: str) -> None:
        order["status"] = status
        self._news.append(News("order", Topic("market", str(order["market_id"])), account.index, _told(order)))

    def _moved(self, account: Account, why: str, amount: int) -> None:
        account.movements.append({"id": f"tx_{len(account.movements) + 1}", "type": why, "amount": amount / FULL_PRICE})
        self._news.append(News("wallet_changed", USER, account.index, {"reason": why}))

    # What anybody may see

    def _public(self, what: str, path: Sequence[str]) -> Response:
        markets = self._settings.markets
        match what, path:
            case "markets", []:
                return replied([_market(market_id) for market_id in markets])
            case "feed", []:
                trades = [trade for market_id in markets for trade in self._trades[market_id]]
                return replied({"items": trades, "page": 1, "size": len(trades), "total": len(trades)})
            case "markets", [market_id] if market_id in markets:
                return replied(_market(market_id))
            case "markets", [market_id, "trades"] if market_id in markets:
                return replied(self._trades[market_id])
            case "markets", [market_id, "orderbook"] if market_id in markets:
                return replied([self._book(market_id, outcome_id) for outcome_id in OUTCOMES])
            case "orderbook", [market_id, outcome_id] if market_id in markets and outcome_id in OUTCOMES:
                return replied(self._book(market_id, outcome_id))
            case _:
                return refused(404, NOT_FOUND, "not found")

    def _book(self, market_id: str, outcome_id: str) -> Fields:
        resting = [
            order
            for account in self._accounts
            for order in account.orders.values()
            if (order["status"], order["market_id"], order["outcome_id"]) == ("open", market_id, outcome_id)
        ]
        sides: dict[str, list[Fields]] = {"bids": [], "asks": []}
        for order in sorted(resting, key=lambda order: int(str(order["price"]))):
            sides["bids" if order["side"] == 1 else "asks"].append({"price": order["price"], "quantity": order["quantity"]})
        return {"market_id": market_id, "outcome_id": outcome_id, "bids": sides["bids"][::-1], "asks": sides["asks"]}


def replied(data: object, status: int = 200) -> Response:
    """A reply in its envelope."""
    return Response(status, body=msgspec.json.encode({"code": 0, "msg": "ok", "data": data}))


def refused(status: int, code: int, text: str) -> Response:
    """A refusal in its envelope."""
    return Response(status, body=msgspec.json.encode({"code": code, "msg": text, "data": None}))


def _read(body: bytes, kind: type[StructT]) -> StructT | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except MISFITS:
        return None


def _jwt(claims: Fields) -> str:
    """A token that looks like theirs; its signature is none."""
    parts = (msgspec.json.encode(part) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return ".".join((*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "not-signed"))


def _cost(order: Fields) -> int:
    """In basis points of a dollar."""
    return int(str(order["price"])) * int(str(order["quantity"]))


def _add_shares(account: Account, order: Fields, worth: int) -> None:
    where = str(order["market_id"]), str(order["outcome_id"])
    shares, cost = account.shares.get(where, (0, 0))
    account.shares[where] = (shares + int(str(order["quantity"])), cost + worth)


def _told(order: Fields) -> Fields:
    """An order in an event."""
    told = {name: value for name, value in order.items() if name != "id"}
    return {"order_id": order["id"], **told}


def _market(market_id: str) -> Fields:
    return {"id": market_id, "status": "trading", "min_size": 1, "outcomes": [{"id": outcome_id} for outcome_id in OUTCOMES]}


def _position(where: tuple[str, str], held: tuple[int, int]) -> Fields:
    shares, cost = held
    average = cost // shares if shares else 0
    return {
        "market_id": where[0],
        "outcome_id": where[1],
        "shares": shares,
        "avg_buy_price": average,
        "cost_basis": cost / FULL_PRICE,
    }
