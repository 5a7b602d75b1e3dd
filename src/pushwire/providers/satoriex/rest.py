"""SatoriEx's REST calls, as values: what to ask, and how to read what comes back (providers/satoriex.md, 3 to 6).

Each counts against the limits of its path; placing and cancelling orders also against those they share. `hosts.RATE_LIMITS` has
their sizes.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal

import attrs

from ...core.fields import some_text, whole
from ...core.http import Endpoint, Request, Response
from ...core.secrets import Secret
from ...errors import CommandRefused, LocalProtocolError, OutcomeUnknown
from .config import Config
from .envelope import ask, data_of, is_internal, part
from .records import Balance, FeedPage, Market, OrderBook, OrderRecord, Position, TradeRecord, WalletTransaction, many, one
from .values import Bps, Side

__all__ = [
    "CancelOrder",
    "GetBalance",
    "GetFeed",
    "GetMarket",
    "GetMarketOrderBook",
    "GetOrder",
    "GetOrderBook",
    "ListMarketTrades",
    "ListMarkets",
    "ListOrders",
    "ListPositions",
    "ListWalletTransactions",
    "PlaceOrder",
]

INTERNAL_ERROR: Final = 500
"""The HTTP status, which counts for what became of an order also where the code beside it is another."""

TOO_MANY: Final = 429
"""The HTTP status of a call that was not carried out, whatever the code beside it."""


def _id(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    some_text(instance, attribute, value)
    if value in {".", ".."}:
        # As a part of a path it would name another one.
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} is not an id")


def _price(instance: object, attribute: attrs.Attribute[Bps], value: object) -> None:
    if type(value) is not int or not 1 <= value <= 9999:
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be whole basis points from 1 to 9999")


def _shares(instance: object, attribute: attrs.Attribute[int], value: object) -> None:
    if type(value) is not int or not 1 <= value < 2**63:
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be whole shares, 1 or more")


def _known_side(instance: object, attribute: attrs.Attribute[Side], value: object) -> None:
    if not isinstance(value, Side) or value not in {Side.BUY, Side.SELL}:
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be Side.BUY or Side.SELL")


def _builder(instance: object, attribute: attrs.Attribute[str | None], value: object) -> None:
    if value is not None and not (isinstance(value, str) and value.startswith("BLD_") and value.isascii()):
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must begin with BLD_")


_optional_count: Final = attrs.validators.optional(whole(1))


# Orders


@attrs.frozen(kw_only=True)
class PlaceOrder(Endpoint[Config, OrderRecord]):
    """Place a limit order, which rests until it is filled or cancelled: `POST /orders`.

    `price` is whole basis points (1 to 9999), `quantity` whole shares. The reply (HTTP 202) comes before the order is matched:
    its `trades` are empty, and fills arrive on the stream.

    Nothing makes a second attempt safe: where an answer does not tell what became of the order (none, one that cannot be read, or
    an internal error of SatoriEx) the call ends with `OutcomeUnknown`. Look at `ListOrders` then.

    Raises `CommandRefused` with SatoriEx's code: 2025 two-factor authentication is not enabled, 3001 balance, 5002 price, 5004
    side, 5007 the market does not trade, 5008 position.
    """

    repeatable: ClassVar[bool] = False
    buckets: ClassVar[tuple[str, ...]] = ("place order", "orders by IP", "orders by user")

    market_id: str = attrs.field(validator=some_text)
    outcome_id: str = attrs.field(validator=some_text)
    side: Side = attrs.field(validator=_known_side)
    price: Bps = attrs.field(validator=_price)
    quantity: int = attrs.field(validator=_shares)
    builder_code: str | None = attrs.field(default=None, validator=_builder)
    """`BLD_…`; taken, and not used for anything yet."""

    def request(self, config: Config, token: Secret | None) -> Request:
        body: dict[str, str | int] = {
            "market_id": self.market_id,
            "outcome_id": self.outcome_id,
            "side": self.side.value,
            "price": self.price,
            "quantity": self.quantity,
        }
        if self.builder_code is not None:
            body["builder_code"] = self.builder_code
        return ask("POST", f"{config.api}/orders", token=token, body=body)

    def decode(self, response: Response) -> OrderRecord:
        try:
            return one(data_of("PlaceOrder", response), OrderRecord)
        except CommandRefused as error:
            if response.status != TOO_MANY and (is_internal(error) or response.status == INTERNAL_ERROR):
                # It may have failed behind the queue that the order went into.
                raise OutcomeUnknown(f"the order may have been placed: {error}", command=self) from error
            raise


@attrs.frozen
class CancelOrder(Endpoint[Config, OrderRecord]):
    """Cancel an order, or what is left of it: `POST /orders/:id/cancel`. Doing so again does nothing.

    The reply (HTTP 202) is the order with `status` "cancelled".
    """

    buckets: ClassVar[tuple[str, ...]] = ("cancel order", "orders by IP", "orders by user")

    order_id: str = attrs.field(validator=_id)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("POST", f"{config.api}/orders/{part(self.order_id)}/cancel", token=token)

    def decode(self, response: Response) -> OrderRecord:
        return one(data_of("CancelOrder", response), OrderRecord)


@attrs.frozen
class ListOrders(Endpoint[Config, tuple[OrderRecord, ...]]):
    """The orders that are open, and those closed of late: `GET /orders`."""

    buckets: ClassVar[tuple[str, ...]] = ("orders",)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/orders", token=token)

    def decode(self, response: Response) -> tuple[OrderRecord, ...]:
        return many(data_of("ListOrders", response), OrderRecord, "items", "orders")


@attrs.frozen
class GetOrder(Endpoint[Config, OrderRecord]):
    """One order: `GET /orders/:id`."""

    buckets: ClassVar[tuple[str, ...]] = ("order",)

    order_id: str = attrs.field(validator=_id)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/orders/{part(self.order_id)}", token=token)

    def decode(self, response: Response) -> OrderRecord:
        return one(data_of("GetOrder", response), OrderRecord)


# Markets


@attrs.frozen
class ListMarkets(Endpoint[Config, tuple[Market, ...]]):
    """All markets: `GET /markets`."""

    auth: ClassVar[Literal["none", "token"]] = "none"
    buckets: ClassVar[tuple[str, ...]] = ("markets",)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/markets")

    def decode(self, response: Response) -> tuple[Market, ...]:
        return many(data_of("ListMarkets", response), Market, "items", "markets")


@attrs.frozen
class GetMarket(Endpoint[Config, Market]):
    """One market with its outcomes, and the least quantity it takes: `GET /markets/:id`."""

    auth: ClassVar[Literal["none", "token"]] = "none"
    buckets: ClassVar[tuple[str, ...]] = ("market",)

    market_id: str = attrs.field(validator=_id)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/markets/{part(self.market_id)}")

    def decode(self, response: Response) -> Market:
        return one(data_of("GetMarket", response), Market)


@attrs.frozen
class ListMarketTrades(Endpoint[Config, tuple[TradeRecord, ...]]):
    """The last trades of a market: `GET /markets/:id/trades`."""

    auth: ClassVar[Literal["none", "token"]] = "none"
    buckets: ClassVar[tuple[str, ...]] = ("market trades",)

    market_id: str = attrs.field(validator=_id)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/markets/{part(self.market_id)}/trades")

    def decode(self, response: Response) -> tuple[TradeRecord, ...]:
        return many(data_of("ListMarketTrades", response), TradeRecord, "items", "trades")


@attrs.frozen
class GetMarketOrderBook(Endpoint[Config, tuple[OrderBook, ...]]):
    """The order books of all outcomes of a market: `GET /markets/:id/orderbook`."""

    auth: ClassVar[Literal["none", "token"]] = "none"
    buckets: ClassVar[tuple[str, ...]] = ("market order book",)

    market_id: str = attrs.field(validator=_id)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/markets/{part(self.market_id)}/orderbook")

    def decode(self, response: Response) -> tuple[OrderBook, ...]:
        return many(data_of("GetMarketOrderBook", response), OrderBook, "outcomes", "items", "orderbooks")


@attrs.frozen
class GetOrderBook(Endpoint[Config, OrderBook]):
    """The order book of one outcome: `GET /orderbook/:market_id/:outcome_id`."""

    auth: ClassVar[Literal["none", "token"]] = "none"
    buckets: ClassVar[tuple[str, ...]] = ("outcome order book",)

    market_id: str = attrs.field(validator=_id)
    outcome_id: str = attrs.field(validator=_id)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/orderbook/{part(self.market_id)}/{part(self.outcome_id)}")

    def decode(self, response: Response) -> OrderBook:
        return one(data_of("GetOrderBook", response), OrderBook)


@attrs.frozen
class GetFeed(Endpoint[Config, FeedPage]):
    """A page of the public feed: `GET /feed`. That SatoriEx heeds `page` and `size` is not documented."""

    auth: ClassVar[Literal["none", "token"]] = "none"
    buckets: ClassVar[tuple[str, ...]] = ("feed",)

    page: int | None = attrs.field(default=None, validator=_optional_count)
    size: int | None = attrs.field(default=None, validator=_optional_count)

    def request(self, config: Config, token: Secret | None) -> Request:
        query = {name: number for name, number in (("page", self.page), ("size", self.size)) if number is not None}
        return ask("GET", f"{config.api}/feed", query=query)

    def decode(self, response: Response) -> FeedPage:
        return one(data_of("GetFeed", response), FeedPage)


# Yours


@attrs.frozen
class ListPositions(Endpoint[Config, tuple[Position, ...]]):
    """What you hold, a row for each market and outcome: `GET /me/positions`."""

    buckets: ClassVar[tuple[str, ...]] = ("positions",)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/me/positions", token=token)

    def decode(self, response: Response) -> tuple[Position, ...]:
        return many(data_of("ListPositions", response), Position, "items", "positions")


@attrs.frozen
class GetBalance(Endpoint[Config, Balance]):
    """Your wallet: `GET /wallet/balance`, which is also `/me/balance` and `/users/me/balance`."""

    buckets: ClassVar[tuple[str, ...]] = ("balance",)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/wallet/balance", token=token)

    def decode(self, response: Response) -> Balance:
        return one(data_of("GetBalance", response), Balance)


@attrs.frozen
class ListWalletTransactions(Endpoint[Config, tuple[WalletTransaction, ...]]):
    """The movements of your wallet: `GET /wallet/transactions`."""

    buckets: ClassVar[tuple[str, ...]] = ("wallet transactions",)

    def request(self, config: Config, token: Secret | None) -> Request:
        return ask("GET", f"{config.api}/wallet/transactions", token=token)

    def decode(self, response: Response) -> tuple[WalletTransaction, ...]:
        return many(data_of("ListWalletTransactions", response), WalletTransaction, "items", "transactions")
