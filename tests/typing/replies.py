"""What each command and each REST call of each provider is answered with, as both type checkers see it.

Never run: mypy and pyright read it with everything else. That none is left out, `test_replies.py` looks after.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar, assert_type

import pushwire
from pushwire import bitpanda, gelabs, pusher, quantcite, quickpay, satoriex

ReplyT = TypeVar("ReplyT")


def reply(answer: Awaitable[ReplyT]) -> list[ReplyT]:
    """Holds what awaiting gives, which may be None: mypy would have no value of that used."""
    raise NotImplementedError(answer)


def bitpanda_commands(
    stream: pushwire.Stream[bitpanda.Event],
    drop: bitpanda.Drop,
    subscribe: bitpanda.Subscribe,
    unsubscribe: bitpanda.Unsubscribe,
) -> None:
    assert_type(reply(stream.call(drop)), list[None])
    assert_type(reply(stream.call(subscribe)), list[None])
    assert_type(reply(stream.call(unsubscribe)), list[None])


def gelabs_commands(
    stream: pushwire.Stream[gelabs.Event],
    get_transaction: gelabs.GetTransaction,
    subscribe: gelabs.Subscribe,
    unsubscribe: gelabs.Unsubscribe,
) -> None:
    assert_type(reply(stream.call(get_transaction)), list[gelabs.Transaction])
    assert_type(reply(stream.call(subscribe)), list[gelabs.Subscribed])
    assert_type(reply(stream.call(unsubscribe)), list[gelabs.Unsubscribed])


def gelabs_calls(
    api: pushwire.Api[gelabs.Config],
    add_addresses: gelabs.AddAddresses,
    change_addresses: gelabs.ChangeAddresses,
    contains_address: gelabs.ContainsAddress,
    dex_pool_trades: gelabs.DexPoolTrades,
    query_multi_chain: gelabs.QueryMultiChain,
    query_transfers: gelabs.QueryTransfers,
    remove_addresses: gelabs.RemoveAddresses,
    replay: gelabs.Replay,
    status: gelabs.Status,
    transfer_detail: gelabs.TransferDetail,
    transfers_details: gelabs.TransfersDetails,
) -> None:
    assert_type(reply(api.call(add_addresses)), list[str])
    assert_type(reply(api.call(change_addresses)), list[str])
    assert_type(reply(api.call(contains_address)), list[bool])
    assert_type(reply(api.call(dex_pool_trades)), list[gelabs.Listing])
    assert_type(reply(api.call(query_multi_chain)), list[gelabs.Page])
    assert_type(reply(api.call(query_transfers)), list[gelabs.Page])
    assert_type(reply(api.call(remove_addresses)), list[str])
    assert_type(reply(api.call(replay)), list[gelabs.Replayed])
    assert_type(reply(api.call(status)), list[gelabs.Connections])
    assert_type(reply(api.call(transfer_detail)), list[gelabs.Transaction | None])
    assert_type(reply(api.call(transfers_details)), list[gelabs.Listing])


def pusher_commands(
    stream: pushwire.Stream[pusher.Event],
    sign_in: pusher.SignIn,
    subscribe: pusher.Subscribe,
    trigger: pusher.Trigger,
    unsubscribe: pusher.Unsubscribe,
) -> None:
    assert_type(reply(stream.call(sign_in)), list[pusher.SignedIn])
    assert_type(reply(stream.call(subscribe)), list[pusher.Subscribed])
    assert_type(reply(stream.call(trigger)), list[None])
    assert_type(reply(stream.call(unsubscribe)), list[None])


def quantcite_commands(
    stream: pushwire.Stream[quantcite.Event],
    get_exchanges: quantcite.GetExchanges,
    subscribe_transactions: quantcite.SubscribeTransactions,
    validate_credentials: quantcite.ValidateCredentials,
) -> None:
    assert_type(reply(stream.call(get_exchanges)), list[tuple[quantcite.SupportedExchange, ...]])
    assert_type(reply(stream.call(subscribe_transactions)), list[quantcite.Summary])
    assert_type(reply(stream.call(validate_credentials)), list[quantcite.Validation])


def quantcite_calls(
    api: pushwire.Api[quantcite.Config],
    authenticate: quantcite.Authenticate,
    check_credentials: quantcite.CheckCredentials,
    credential_sources: quantcite.CredentialSources,
    data_usage: quantcite.DataUsage,
    health: quantcite.Health,
    list_exchanges: quantcite.ListExchanges,
    query_transactions: quantcite.QueryTransactions,
    session_status: quantcite.SessionStatus,
    transaction_types: quantcite.TransactionTypes,
) -> None:
    assert_type(reply(api.call(authenticate)), list[quantcite.Account])
    assert_type(reply(api.call(check_credentials)), list[quantcite.Validation])
    assert_type(reply(api.call(credential_sources)), list[quantcite.CredentialPolicy])
    assert_type(reply(api.call(data_usage)), list[quantcite.Usage])
    assert_type(reply(api.call(health)), list[quantcite.ApiHealth])
    assert_type(reply(api.call(list_exchanges)), list[tuple[quantcite.SupportedExchange, ...]])
    assert_type(reply(api.call(query_transactions)), list[quantcite.TransactionPage])
    assert_type(reply(api.call(session_status)), list[quantcite.SessionState])
    assert_type(reply(api.call(transaction_types)), list[quantcite.TypeCatalogue])


def quickpay_commands(
    stream: pushwire.Stream[quickpay.Event],
    subscribe: quickpay.Subscribe,
    unsubscribe: quickpay.Unsubscribe,
) -> None:
    assert_type(reply(stream.call(subscribe)), list[quickpay.Subscribed])
    assert_type(reply(stream.call(unsubscribe)), list[None])


def satoriex_commands(
    stream: pushwire.Stream[satoriex.Event],
    subscribe_market: satoriex.SubscribeMarket,
    subscribe_market_data: satoriex.SubscribeMarketData,
    unsubscribe_market: satoriex.UnsubscribeMarket,
    unsubscribe_market_data: satoriex.UnsubscribeMarketData,
) -> None:
    assert_type(reply(stream.call(subscribe_market)), list[None])
    assert_type(reply(stream.call(subscribe_market_data)), list[None])
    assert_type(reply(stream.call(unsubscribe_market)), list[None])
    assert_type(reply(stream.call(unsubscribe_market_data)), list[None])


def satoriex_calls(
    api: pushwire.Api[satoriex.Config],
    cancel_order: satoriex.CancelOrder,
    get_balance: satoriex.GetBalance,
    get_feed: satoriex.GetFeed,
    get_market: satoriex.GetMarket,
    get_market_order_book: satoriex.GetMarketOrderBook,
    get_order: satoriex.GetOrder,
    get_order_book: satoriex.GetOrderBook,
    list_market_trades: satoriex.ListMarketTrades,
    list_markets: satoriex.ListMarkets,
    list_orders: satoriex.ListOrders,
    list_positions: satoriex.ListPositions,
    list_wallet_transactions: satoriex.ListWalletTransactions,
    place_order: satoriex.PlaceOrder,
) -> None:
    assert_type(reply(api.call(cancel_order)), list[satoriex.OrderRecord])
    assert_type(reply(api.call(get_balance)), list[satoriex.Balance])
    assert_type(reply(api.call(get_feed)), list[satoriex.FeedPage])
    assert_type(reply(api.call(get_market)), list[satoriex.Market])
    assert_type(reply(api.call(get_market_order_book)), list[tuple[satoriex.OrderBook, ...]])
    assert_type(reply(api.call(get_order)), list[satoriex.OrderRecord])
    assert_type(reply(api.call(get_order_book)), list[satoriex.OrderBook])
    assert_type(reply(api.call(list_market_trades)), list[tuple[satoriex.TradeRecord, ...]])
    assert_type(reply(api.call(list_markets)), list[tuple[satoriex.Market, ...]])
    assert_type(reply(api.call(list_orders)), list[tuple[satoriex.OrderRecord, ...]])
    assert_type(reply(api.call(list_positions)), list[tuple[satoriex.Position, ...]])
    assert_type(reply(api.call(list_wallet_transactions)), list[tuple[satoriex.WalletTransaction, ...]])
    assert_type(reply(api.call(place_order)), list[satoriex.OrderRecord])
