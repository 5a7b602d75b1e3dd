"""The providers, as the fuzzer puts them to the test: how a client of each is made, and what its peers say."""

from __future__ import annotations

from typing import Any, Final, get_args

from pushwire.core.secrets import Secret
from pushwire.providers import bitpanda, gelabs, pusher, quantcite, quickpay, satoriex
from pushwire.testing import bitpanda as bitpanda_build
from pushwire.testing import gelabs as gelabs_build
from pushwire.testing import pusher as pusher_build
from pushwire.testing import quantcite as quantcite_build
from pushwire.testing import quickpay as quickpay_build
from pushwire.testing import satoriex as satoriex_build
from tests.fuzz.corpus import said_by
from tests.fuzz.receive import Feed
from tests.providers.bitpanda import harness as bitpanda_harness
from tests.providers.gelabs import harness as gelabs_harness
from tests.providers.pusher import harness as pusher_harness
from tests.providers.quantcite import harness as quantcite_harness
from tests.providers.quickpay import harness as quickpay_harness
from tests.providers.satoriex import harness as satoriex_harness

__all__ = ["FEEDS"]

JWT: Final = "jwt-do-not-show-this"
CHANNELS: Final = ("a", "private-a", "presence-a", "private-encrypted-a", "cache-a", "#server-to-user-1")


def _kinds(event: Any) -> tuple[type, ...]:  # a union of classes
    """The classes of a union, those of all providers left out."""
    return tuple(kind for kind in get_args(event) if isinstance(kind, type))


_SHARED: Final = "iBvNoPVYwByqSfg6anjPpEQ2j051b3rt1Vmnb+z5doo="
_PUSHER: Final = [
    *said_by("pusher"),
    *(pusher_build.subscribed(channel) for channel in CHANNELS),
    pusher_build.subscribed("presence-a", {"1": {"name": "x"}, "2": None}),
    pusher_build.event("a", data={"x": 1}),
    pusher_build.event("presence-a", "client-x", user_id="1"),
    pusher_build.member_added("presence-a", "3", {"name": "z"}),
    pusher_build.member_removed("presence-a", "1"),
    pusher_build.subscription_count("a", 3),
    pusher_build.cache_miss("cache-a"),
    pusher_build.subscription_error("private-a"),
    pusher_build.signed_in('{"id":"1"}'),
    pusher_build.watchlist("online", ["1", "2"]),
    pusher_build.error(4301, "too fast", "private-a"),
    f'{{"auth":"k:x","channel_data":"{{\\"user_id\\":1}}","shared_secret":"{_SHARED}"}}',
    '{"auth":"k:x","user_data":"{\\"id\\":\\"1\\"}"}',
]
_PAYMENTS: Final = quickpay.payments(quickpay_build.MERCHANT)

FEEDS: Final = (
    Feed(
        name="bitpanda",
        configs=[bitpanda_harness.config(merge="union"), bitpanda_harness.config(merge="only_new")],
        client=bitpanda_harness.Client,
        corpus=said_by("bitpanda"),
        often=(bitpanda_build.push(), bitpanda_build.push(bitpanda_build.price_change())),
        commands=[
            bitpanda.Subscribe(bitpanda.PRICES, [bitpanda_build.BTC]),
            bitpanda.Subscribe(bitpanda.PRICES, [bitpanda_build.BTC, bitpanda_build.AAPL]),
            bitpanda.Subscribe(bitpanda.PRICE_CHANGES, fiats=["EUR"]),
            bitpanda.Drop(bitpanda.PRICES, [bitpanda_build.BTC]),
            bitpanda.Unsubscribe(bitpanda.PRICES),
        ],
        secrets=[bitpanda_harness.TOKEN],
        credential=bitpanda_harness.TOKEN,
        kinds=_kinds(bitpanda.Event),
    ),
    Feed(
        name="gelabs",
        configs=[gelabs_harness.config(), gelabs_harness.config(ack_message_id=True)],
        client=gelabs_harness.Client,
        corpus=[
            *said_by("gelabs"),
            gelabs_build.push(
                chain_type="solana",
                token_transfers=(gelabs.TokenTransfer(from_address="a", raw_amount="1", decimals=6, mint="m"),),
                inputs=(gelabs.UtxoInput(address="a", raw_amount="1", vin_index="0"),),
                outputs=(gelabs.UtxoOutput(address="a", raw_amount="1", vout_index="0"),),
                internal_calls=(gelabs.InternalCall(from_address="a", instr_index=0, depth=1),),
            ),
        ],
        often=(gelabs_build.push(), gelabs_build.push(tx_status="pending", height=None, chain_id=None)),
        commands=[
            gelabs.Subscribe("0xABC", "ethereum"),
            gelabs.Unsubscribe("0xABC"),
            gelabs.GetTransaction("ethereum", 1, "0x1"),
        ],
        secrets=[gelabs_harness.KEY],
        kinds=_kinds(gelabs.Event),
        values=["c1", "c2", "c3", "subscribe", "unsubscribe", "getTxHash"],
        share=20,
    ),
    Feed(
        name="pusher",
        configs=[pusher_harness.signing(), pusher_harness.asking(secret=Secret(pusher_harness.SECRET))],
        client=pusher_harness.Client,
        corpus=_PUSHER,
        often=(pusher_build.event("a", data={"x": 1}), pusher_build.event("presence-a", "client-x", user_id="1")),
        commands=[
            pusher.SignIn('{"id":"1"}'),
            *(pusher.Subscribe(channel) for channel in CHANNELS[:-1]),
            pusher.Trigger("private-a", "client-x"),
            pusher.Unsubscribe("a"),
        ],
        secrets=[pusher_harness.SECRET],
        kinds=_kinds(pusher.Event),
        values=[*CHANNELS, "1.1", "k:x", _SHARED],
    ),
    Feed(
        name="quantcite",
        configs=[quantcite_harness.config(ping="json"), quantcite_harness.config(ping="frame")],
        client=quantcite_harness.Client,
        corpus=[
            *said_by("quantcite"),
            quantcite_build.welcome(),
            quantcite_build.error("exchange_error", "no", 4004, exchange="bybit", retry_after=5),
            quantcite_build.exchanges_response(okx=True),
            quantcite_build.validation_response(success=False),
            quantcite_build.transaction_response(
                quantcite_build.wire(label="Trade", transaction_id="x"), quantcite_build.wire(), exchange="okx", success=False
            ),
        ],
        often=(quantcite_build.transaction_response(), quantcite_build.transaction_response(quantcite_build.wire(label="Trade"))),
        commands=[
            quantcite_harness.SUBSCRIBE,
            quantcite.SubscribeTransactions("okx", credentials=quantcite_harness.WITH_PASSPHRASE),
            quantcite.ValidateCredentials("bybit", credentials=quantcite_harness.OWN),
            quantcite.GetExchanges(),
        ],
        secrets=[quantcite_harness.KEY],
        told=quantcite_harness.HIDDEN[1:],
        kinds=_kinds(quantcite.Event),
    ),
    Feed(
        name="quickpay",
        configs=[quickpay_harness.config(jwt=Secret(JWT))],
        client=quickpay_harness.Client,
        corpus=[
            *said_by("quickpay"),
            *_PUSHER[-13:],
            quickpay_build.message(quickpay_build.kyc()),
            quickpay_build.message(quickpay_build.notification()),
        ],
        often=(
            quickpay_build.message(quickpay_build.payment()),
            quickpay_build.message(quickpay_build.payment(), quoted=False, wrapped=True),
            quickpay_build.message(quickpay_build.exchange_rate(), wrapped=True),
        ),
        commands=[_PAYMENTS, quickpay.merchant(quickpay_build.MERCHANT), quickpay.Subscribe("test-channel")],
        secrets=[quickpay_harness.API_KEY, JWT],
        kinds=_kinds(quickpay.Event),
        values=[_PAYMENTS.channel],
    ),
    Feed(
        name="satoriex",
        configs=[satoriex_harness.config()],
        client=satoriex_harness.Client,
        corpus=[
            *said_by("satoriex"),
            *(satoriex_build.push(name, market_id="m", price=4200, quantity="1.5") for name in satoriex.EVENTS),
            satoriex_build.push(
                "orderbook_update", wrapped=True, market_id="m", bids=[[4200, 5]], asks=[{"price": 1}], mid=4200.5
            ),
        ],
        commands=[satoriex.SubscribeMarket("m"), satoriex.SubscribeMarketData("m"), satoriex.UnsubscribeMarket("m")],
        secrets=[satoriex_harness.TOKEN],
        credential=satoriex_harness.TOKEN,
        kinds=(satoriex.Push,),
    ),
)
