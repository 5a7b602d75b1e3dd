"""Every command of every provider, and every event of every provider: written, read back, and the same. None can be forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pushwire.core.commands import AnyCommand, Finish, Hydrate, Leave, Park
from pushwire.core.effects import Identity, Restored, Ticket
from pushwire.core.events import CONTROL
from pushwire.core.journal import Foreign, Header, Submit
from pushwire.core.journal_lines import CORE_COMMANDS, read_journal
from pushwire.core.journal_writer import Encoder
from pushwire.core.secrets import PLACEHOLDER, Secret
from pushwire.providers import NAMES, bitpanda, gelabs, load, pusher, quantcite, quickpay, satoriex
from pushwire.providers.satoriex.messages import build
from pushwire.providers.satoriex.values import decode
from pushwire.testing import bitpanda as bitpanda_build
from pushwire.testing import gelabs as gelabs_build
from pushwire.testing import pusher as pusher_build
from pushwire.testing import quantcite as quantcite_build
from pushwire.testing import quickpay as quickpay_build
from pushwire.testing import satoriex as satoriex_build
from tests.fuzz.feeds import FEEDS
from tests.providers.harness import expect
from tests.providers.ready import ready_client

TEXT: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
MAYBE: Final = st.none() | TEXT
WHOLE: Final = st.integers(0, 2**53)
DIGITS: Final = st.integers(0, 10**77).map(str)
DECIMAL: Final = st.decimals(-(10**9), 10**9, places=5).map(str)
CHANNEL: Final = st.from_regex(r"(private-|presence-)?[a-z]{1,8}", fullmatch=True)
HIDDEN: Final = st.just(Secret(PLACEHOLDER))
"""What a secret is when it is read back."""

# Commands

_PAIRS: Final = st.lists(st.builds(bitpanda.Pair, TEXT, TEXT, TEXT), min_size=1, max_size=3)
_CREDENTIALS: Final = st.none() | st.builds(quantcite.Credentials, HIDDEN, HIDDEN, st.none() | HIDDEN)
_SCALAR: Final = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT
_IDENTITY: Final = st.builds(Identity, st.tuples(_SCALAR, _SCALAR), st.tuples(_SCALAR))
_NAMED: Final = st.builds(pusher.Subscribe, CHANNEL)

COMMANDS: Final[Mapping[str, Mapping[str, st.SearchStrategy[AnyCommand]]]] = {
    "bitpanda": {
        "Subscribe": st.builds(bitpanda.Subscribe, TEXT, _PAIRS)
        | st.builds(bitpanda.Subscribe, TEXT, fiats=st.just(["EUR", "USD"])),
        "Unsubscribe": st.builds(bitpanda.Unsubscribe, TEXT),
        "Drop": st.builds(bitpanda.Drop, TEXT, _PAIRS),
    },
    "gelabs": {
        "Subscribe": st.builds(gelabs.Subscribe, TEXT, TEXT),
        "Unsubscribe": st.builds(gelabs.Unsubscribe, TEXT, MAYBE),
        "GetTransaction": st.builds(gelabs.GetTransaction, TEXT, WHOLE, TEXT, MAYBE),
    },
    "pusher": {
        "Subscribe": _NAMED,
        "Unsubscribe": st.builds(pusher.Unsubscribe, CHANNEL),
        "Trigger": st.builds(pusher.Trigger, st.just("private-a"), TEXT.map("client-{}".format), TEXT.map(json.dumps)),
        "SignIn": st.builds(pusher.SignIn, st.none() | TEXT.map(lambda text: json.dumps({"id": text}))),
    },
    "quantcite": {
        "SubscribeTransactions": st.builds(
            quantcite.SubscribeTransactions,
            TEXT,
            st.none() | st.booleans(),
            st.just(("deposits", "withdrawals")),
            credentials=_CREDENTIALS,
        ),
        "ValidateCredentials": st.builds(quantcite.ValidateCredentials, TEXT, st.none() | st.booleans(), _CREDENTIALS),
        "GetExchanges": st.just(quantcite.GetExchanges()),
    },
    "quickpay": {"Subscribe": _NAMED, "Unsubscribe": st.builds(pusher.Unsubscribe, CHANNEL)},
    "satoriex": {kind.__name__: st.builds(kind, TEXT) for kind in load("satoriex").commands.values()},
}
CORE: Final[Mapping[str, st.SearchStrategy[AnyCommand]]] = {
    "Finish": st.builds(Finish, st.lists(_IDENTITY, min_size=1, max_size=3, unique=True).map(tuple)),
    "Hydrate": st.just(Hydrate()),
    "Leave": st.builds(Leave, COMMANDS["gelabs"]["Subscribe"], st.none() | st.integers(1, 99).map(Ticket)),
    "Park": st.builds(Park, _IDENTITY, TEXT, TEXT),
    "Foreign": st.builds(Foreign, TEXT),
}


def test_no_command_is_forgotten() -> None:
    assert {name: {*COMMANDS[name]} for name in COMMANDS} == {name: {*load(name).commands} for name in NAMES}
    assert CORE.keys() == CORE_COMMANDS.keys()


@pytest.mark.parametrize(
    "provider, name",
    [*((provider, name) for provider in COMMANDS for name in COMMANDS[provider]), *(("gelabs", name) for name in CORE)],
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_command_is_read_back_from_a_journal_as_it_was(provider: str, name: str, data: st.DataObject) -> None:
    command = data.draw({**CORE, **COMMANDS[provider]}[name])
    (config,) = [feed.configs[0] for feed in FEEDS if feed.name == provider]
    encoder = Encoder(load(provider))
    lines = [encoder.header(Header(load(provider), config, 1, "n", Restored(), "0")), encoder.input(Submit(command, 1.5))]
    _, back = read_journal([line.encode() + b"\n" for line in lines], load)
    assert back == Submit(command, 1.5)


# Events

Trip = Callable[[st.DataObject], tuple[str, object]]
"""Draws what the provider says, and the event that it becomes."""


def _fields(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these."""
    return st.fixed_dictionaries({}, optional=fields)


def _price(data: st.DataObject) -> tuple[str, object]:
    event = bitpanda_build.price(
        **data.draw(_fields(asset=TEXT, fiat=TEXT, raw_ask=DECIMAL, raw_bid=DECIMAL, updated=st.integers(0, 253_402_300_799)))
    )
    return bitpanda_build.push(event), event


def _price_change(data: st.DataObject) -> tuple[str, object]:
    drawn = data.draw(_fields(asset=TEXT, raw_daily_percent=DECIMAL, raw_yearly_value=DECIMAL, raw_monthly_volatility=DECIMAL))
    event = bitpanda_build.price_change(**drawn)
    return bitpanda_build.push(event), event


def _gelabs(data: st.DataObject) -> tuple[str, object]:
    texts = dict.fromkeys(("sender", "receiver", "fee_payer", "symbol", "method_id", "transfer_type", "l1_origin_hash"), TEXT)
    numbers = dict.fromkeys(("raw_amount", "raw_fee", "raw_gas_limit", "raw_gas_price", "raw_nonce"), DIGITS)
    parts = {
        "inputs": st.tuples(st.builds(gelabs.UtxoInput, address=TEXT, raw_amount=DIGITS)),
        "outputs": st.tuples(st.builds(gelabs.UtxoOutput, address=TEXT, raw_amount=DIGITS)),
        "internal_calls": st.tuples(st.builds(gelabs.InternalCall, from_address=TEXT, depth=WHOLE)),
        "token_transfers": st.tuples(
            st.builds(gelabs.TokenTransfer, from_address=TEXT, raw_amount=DIGITS, decimals=st.integers(0, 30))
        ),
        "height": st.none() | WHOLE,
        "tx_status": st.sampled_from(["pending", "success", "failed"]),
        "is_reorg_resend": st.booleans(),
        "listen_addresses": st.lists(TEXT, max_size=3).map(tuple),
    }
    drawn = data.draw(_fields(**texts, **numbers, **parts))
    return gelabs_build.push(**drawn), gelabs_build.transaction(**drawn)


def _quantcite(data: st.DataObject) -> tuple[str, object]:
    drawn = data.draw(_fields(transaction_id=TEXT, timestamp=st.integers(10**12, 2 * 10**12)))
    raw = quantcite_build.transaction_response(quantcite_build.wire(**drawn))
    return raw, quantcite_build.transaction(**drawn)


def _notice(data: st.DataObject) -> tuple[str, object]:
    text = data.draw(TEXT)
    raw = json.dumps({"type": "rate_limit_warning", "message": text})
    return raw, quantcite_build.notice(text=text, raw=raw)


def _quickpay(make: Callable[..., Any], **fields: st.SearchStrategy[Any]) -> Trip:  # of any of its events
    def trip(data: st.DataObject) -> tuple[str, object]:
        event = make(**data.draw(_fields(**fields)))
        raw = quickpay_build.message(event, quoted=data.draw(st.booleans()))
        event.raw = raw
        return raw, event

    return trip


def _channel_event(data: st.DataObject) -> tuple[str, object]:
    name = data.draw(TEXT.filter(lambda text: ":" not in text and "_" not in text))
    content: Any = data.draw(st.dictionaries(TEXT, TEXT | WHOLE | st.none(), max_size=3))
    return pusher_build.event("a", name, content), pusher_build.channel_event("a", name, content)


def _pusher(make: Callable[..., tuple[str, object]], *parts: st.SearchStrategy[Any]) -> Trip:
    return lambda data: make(*(data.draw(part) for part in parts))


def _members(user_id: str, info: str) -> tuple[str, object]:
    raw = pusher_build.subscribed("presence-b", {user_id: {"name": info}})
    return raw, pusher.Members(0.0, "presence-b", {user_id: pusher.Member(user_id, {"name": info})})


def _member_added(user_id: str, info: str) -> tuple[str, object]:
    raw = pusher_build.member_added("presence-a", user_id, {"name": info})
    return raw, pusher.MemberAdded(0.0, "presence-a", pusher.Member(user_id, {"name": info}))


def _member_removed(user_id: str) -> tuple[str, object]:
    return pusher_build.member_removed("presence-a", user_id), pusher.MemberRemoved(0.0, "presence-a", user_id)


def _subscription_count(count: int) -> tuple[str, object]:
    return pusher_build.subscription_count("a", count), pusher.SubscriptionCount(0.0, "a", count)


def _cache_miss() -> tuple[str, object]:
    return pusher_build.cache_miss("cache-a"), pusher.CacheMiss(0.0, "cache-a")


def _watchlist(user_ids: list[str]) -> tuple[str, object]:
    return pusher_build.watchlist("online", user_ids), pusher.Watchlist(0.0, "online", tuple(user_ids))


def _peer_error(text: str) -> tuple[str, object]:
    raw = pusher_build.error(4301, text, "private-a")
    return raw, pusher.PeerError(0.0, 4301, text, "private-a", raw)


def _satoriex(name: str) -> Trip:
    fields = _fields(
        market_id=st.just("m"), price=st.integers(1, 9999), quantity=DIGITS, order_id=TEXT, status=TEXT, outcome_id=TEXT
    )

    def trip(data: st.DataObject) -> tuple[str, object]:
        drawn: dict[str, Any] = {"market_id": "m", **data.draw(fields)}
        return satoriex_build.push(name, **drawn), satoriex_build.event(name, **drawn)

    return trip


def _orderbook(data: st.DataObject) -> tuple[str, object]:
    rows = st.lists(st.tuples(st.integers(1, 9999), WHOLE).map(list), max_size=3)
    sides: Any = {side: data.draw(rows) for side in ("bids", "asks")}
    raw = satoriex_build.push("orderbook_update", market_id="m", mid=4200, **sides)
    return raw, build(satoriex.OrderBookUpdate, decode(raw), 0.0)


EVENTS: Final[Mapping[str, Mapping[type, Trip]]] = {
    "bitpanda": {bitpanda.Price: _price, bitpanda.PriceChange: _price_change},
    "gelabs": {gelabs.Transaction: _gelabs},
    "quantcite": {quantcite.Transaction: _quantcite, quantcite.Notice: _notice},
    "pusher": {
        pusher.ChannelEvent: _channel_event,
        pusher.Members: _pusher(_members, TEXT, TEXT),
        pusher.MemberAdded: _pusher(_member_added, TEXT, TEXT),
        pusher.MemberRemoved: _pusher(_member_removed, TEXT),
        pusher.SubscriptionCount: _pusher(_subscription_count, WHOLE),
        pusher.CacheMiss: _pusher(_cache_miss),
        pusher.Watchlist: _pusher(_watchlist, st.lists(TEXT, min_size=1, max_size=3)),
        pusher.PeerError: _pusher(_peer_error, TEXT),
    },
    "quickpay": {
        quickpay.Payment: _quickpay(quickpay_build.payment),
        quickpay.ExchangeRate: _quickpay(quickpay_build.exchange_rate),
        quickpay.Kyc: _quickpay(quickpay_build.kyc, status=TEXT),
        quickpay.Notification: _quickpay(quickpay_build.notification, data=TEXT.map("no JSON {}".format)),
    },
    "satoriex": {satoriex.OrderBookUpdate: _orderbook, **{kind: _satoriex(name) for name, kind in satoriex.EVENTS.items()}},
}
MADE_HERE: Final = {pusher.Undecipherable}
"""What no message says by itself."""


def _kinds(provider: str) -> set[type]:
    event = {"bitpanda": bitpanda, "gelabs": gelabs, "pusher": pusher, "quantcite": quantcite}.get(provider)
    union = getattr(event, "Event", None) or {"quickpay": quickpay.Event, "satoriex": satoriex.Event}[provider]
    return {kind for kind in get_args(union) if isinstance(kind, type)} - CONTROL


def test_no_event_is_forgotten() -> None:
    for provider in NAMES:
        # QuickPay's other events are Pusher's.
        also = EVENTS["pusher"].keys() if provider == "quickpay" else set[type]()
        assert _kinds(provider) - MADE_HERE == EVENTS[provider].keys() | also, provider


@pytest.mark.parametrize(
    "provider, kind",
    [(provider, kind) for provider in EVENTS for kind in EVENTS[provider]],
    ids=lambda part: getattr(part, "__name__", part),
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_event_is_what_the_message_of_it_says(provider: str, kind: type[object], data: st.DataObject) -> None:
    client = ready_client(provider)
    raw, event = EVENTS[provider][kind](data)
    client.receive(raw)
    back = expect(kind, client.the_event(object))
    if isinstance(back, gelabs.Transaction) and isinstance(event, gelabs.Transaction):
        # How the ledger knows it is the machine's own.
        assert (back.dump(), back.identity, back.sent) == (event.dump(), event.identity, event.sent)
    else:
        assert back == event
