"""Strategies draw every event that a stream can deliver, and only such as some message is delivered as."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import ModuleType
from typing import Any, Final, cast, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

from pushwire.core.events import CONTROL, Control, Hydrated, Malformed, SnapshotFailed, Unrecognized
from pushwire.providers import NAMES, bitpanda, gelabs, pusher, quantcite, quickpay, satoriex
from pushwire.testing import bitpanda as bitpanda_build
from pushwire.testing import gelabs as gelabs_build
from pushwire.testing import pusher as pusher_build
from pushwire.testing import quantcite as quantcite_build
from pushwire.testing import quickpay as quickpay_build
from pushwire.testing.strategies import bitpanda as bitpanda_draw
from pushwire.testing.strategies import control
from pushwire.testing.strategies import gelabs as gelabs_draw
from pushwire.testing.strategies import pusher as pusher_draw
from pushwire.testing.strategies import quantcite as quantcite_draw
from pushwire.testing.strategies import quickpay as quickpay_draw
from pushwire.testing.strategies import satoriex as satoriex_draw
from tests.providers.ready import ready_client

PROVIDERS: Final[Mapping[str, ModuleType]] = {
    "bitpanda": bitpanda,
    "gelabs": gelabs,
    "pusher": pusher,
    "quantcite": quantcite,
    "quickpay": quickpay,
    "satoriex": satoriex,
}
EVENTS: Final[Mapping[str, SearchStrategy[object]]] = {
    "bitpanda": bitpanda_draw.events(),
    "gelabs": gelabs_draw.events(),
    "pusher": pusher_draw.events(),
    "quantcite": quantcite_draw.events(),
    "quickpay": quickpay_draw.events(),
    "satoriex": satoriex_draw.events(),
}


def kinds(union: object) -> set[type]:
    """The classes in a union."""
    return {cast("type", get_origin(part) or part) for part in get_args(union)}


def test_every_provider_is_here() -> None:
    assert PROVIDERS.keys() == EVENTS.keys() == set(NAMES)


DRAWN: Final = settings(max_examples=2_000, database=None, phases=[Phase.generate], derandomize=True)


@pytest.mark.parametrize("provider", NAMES)
def test_no_event_of_a_union_is_forgotten(provider: str) -> None:
    missing = kinds(PROVIDERS[provider].Event)

    def complete(event: object) -> bool:
        missing.discard(type(event))
        return not missing

    try:
        find(EVENTS[provider], complete, settings=DRAWN)
    except NoSuchExample:
        raise AssertionError(f"nothing draws {missing}") from None


def test_control_events_of_a_snapshot_are_drawn_as_well() -> None:
    # They are in the union of `connect`, where there is a snapshot.
    drawn = {*kinds(Control), Hydrated, SnapshotFailed}
    assert drawn == CONTROL
    loaded = find(control.hydrations(st.just("snapshot")), lambda event: True, settings=DRAWN)
    assert (type(loaded), loaded.snapshot) == (Hydrated, "snapshot")
    failed = find(control.snapshot_failures(), lambda event: True, settings=DRAWN)
    assert isinstance(failed.error, Exception)
    assert failed.retry_at >= failed.received


# Messages


def _gelabs(event: gelabs.Transaction) -> str:
    return gelabs_build.message("transaction", json.loads(event.dump()), id=event.message_id or "", time=event.sent)


def _quantcite(event: quantcite.Transaction) -> str:
    fields: Any = {name: getattr(event, name) for name in quantcite_build.TransactionFields.__annotations__}
    return quantcite_build.transaction_response(quantcite_build.wire(**fields), exchange=event.exchange)


def _raw(event: Any) -> str:  # which keeps the message it came in
    return str(event.raw)


def _members(event: pusher.Members) -> str:
    return pusher_build.subscribed(event.channel, {member.id: member.info for member in event.members.values()})


def _added(event: pusher.MemberAdded) -> str:
    return pusher_build.member_added(event.channel, event.member.id, event.member.info)


def _removed(event: pusher.MemberRemoved) -> str:
    return pusher_build.member_removed(event.channel, event.user_id)


def _count(event: pusher.SubscriptionCount) -> str:
    return pusher_build.subscription_count(event.channel, event.count)


def _miss(event: pusher.CacheMiss) -> str:
    return pusher_build.cache_miss(event.channel)


def _watchlist(event: pusher.Watchlist) -> str:
    return pusher_build.watchlist("online" if event.name == "online" else "offline", event.user_ids)


def _satoriex(event: satoriex.Message) -> str:
    return msgspec.json.Encoder(decimal_format="number").encode(event.raw).decode()


PAYMENTS = quickpay.payments(quickpay_build.MERCHANT).channel
TRIPS: Final[Mapping[str, list[tuple[SearchStrategy[Any], Callable[[Any], str]]]]] = {
    "bitpanda": [
        (bitpanda_draw.prices(received=0.0), bitpanda_build.push),
        (bitpanda_draw.price_changes(received=0.0), bitpanda_build.push),
    ],
    "gelabs": [(gelabs_draw.transactions(received=0.0, delivery="new"), _gelabs)],
    "quantcite": [
        (quantcite_draw.transactions(received=0.0, delivery="new", testnet=False, asked_for=()), _quantcite),
        (quantcite_draw.notices(received=0.0), _raw),
    ],
    "pusher": [
        (pusher_draw.channel_events(channel="a", received=0.0), _raw),
        (pusher_draw.channel_events(channel="presence-a", received=0.0), _raw),
        (pusher_draw.member_lists(channel="presence-b", received=0.0), _members),
        (pusher_draw.member_additions(channel="presence-a", received=0.0), _added),
        (pusher_draw.member_removals(channel="presence-a", received=0.0), _removed),
        (pusher_draw.subscription_counts(channel="a", received=0.0), _count),
        (pusher_draw.cache_misses(channel="cache-a", received=0.0), _miss),
        (pusher_draw.watchlists(received=0.0), _watchlist),
        # While a subscription waits for its answer, an error without a code is that.
        (pusher_draw.peer_errors(received=0.0).filter(lambda event: event.code is not None), _raw),
    ],
    "quickpay": [
        (quickpay_draw.payments(received=0.0), _raw),
        (quickpay_draw.exchange_rates(received=0.0), _raw),
        (quickpay_draw.kycs(received=0.0), _raw),
        (quickpay_draw.notifications(received=0.0), _raw),
        (pusher_draw.channel_events(channel=PAYMENTS, received=0.0).filter(lambda event: "." not in event.event), _raw),
    ],
    "satoriex": [(satoriex_draw.messages(market_id="m", received=0.0), _satoriex)],
}


def test_all_messages_make_the_trip() -> None:
    # The keys of encrypted channels are not ours to draw.
    for provider, trips in TRIPS.items():
        made: set[type] = {type(find(strategy, lambda event: True, settings=DRAWN)) for strategy, _ in trips}
        wanted = kinds(PROVIDERS[provider].Event) - CONTROL - {pusher.Undecipherable}
        if provider == "quickpay":
            wanted -= kinds(pusher.Event) - {pusher.ChannelEvent}
        # SatoriEx's are put to the test one by one, below.
        assert made == wanted or provider == "satoriex", provider


@pytest.mark.parametrize("provider, number", [(name, number) for name in TRIPS for number in range(len(TRIPS[name]))])
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_event_is_what_the_message_of_it_is_delivered_as(provider: str, number: int, data: st.DataObject) -> None:
    strategy, message = TRIPS[provider][number]
    event = data.draw(strategy)
    client = ready_client(provider)
    client.receive(message(event))
    assert client.the_event(object) == event


@pytest.mark.parametrize("kind", [*satoriex.EVENTS.values(), satoriex.OrderBookUpdate], ids=lambda kind: kind.__name__)
@settings(max_examples=10)
@given(data=st.data())
def test_an_event_of_each_class_is_drawn(kind: type[satoriex.Trade], data: st.DataObject) -> None:
    event = data.draw(satoriex_draw.of_kind(kind, market_id="m", received=0.0))
    client = ready_client("satoriex")
    client.receive(_satoriex(event))
    assert type(event) is kind
    assert client.the_event(kind) == event


@pytest.mark.parametrize("provider", NAMES)
@settings(max_examples=10)
@given(malformed=control.malformed(received=0.0), unrecognized=control.unrecognized(received=0.0))
def test_what_is_no_message_is_none_to_any_provider(provider: str, malformed: Malformed, unrecognized: Unrecognized) -> None:
    client = ready_client(provider)
    client.receive(malformed.raw)
    assert client.the_event(Malformed).raw == malformed.raw
    client.events.clear()
    client.receive(unrecognized.raw)
    assert client.the_event(Unrecognized).raw == unrecognized.raw


# Values


def numbers(value: object) -> list[object]:
    """All numbers in a value."""
    if isinstance(value, Mapping):
        return [number for part in cast("Mapping[str, object]", value).values() for number in numbers(part)]
    if isinstance(value, list | tuple):
        return [number for part in cast("list[object]", value) for number in numbers(part)]
    return [value] if isinstance(value, int | float | Decimal) else []


@settings(max_examples=30)
@given(payment=quickpay_draw.payments(), change=bitpanda_draw.price_changes(), price=bitpanda_draw.prices())
def test_money_is_exact(payment: quickpay.Payment, change: bitpanda.PriceChange, price: bitpanda.Price) -> None:
    assert not any(isinstance(number, float) for number in numbers(msgspec.to_builtins(payment.data, builtin_types=(Decimal,))))
    assert all(isinstance(value, Decimal | None) for value in (change.daily_percent, change.yearly_value))
    assert price.ask >= price.bid >= 0


@settings(max_examples=50)
@given(event=pusher_draw.channel_events() | quickpay_draw.notifications())
def test_json_has_no_floats(event: pusher.ChannelEvent | quickpay.Notification) -> None:
    assert not any(isinstance(number, float) for number in numbers(event.data))


@settings(max_examples=5)
@given(data=st.data())
def test_a_field_can_be_fixed(data: st.DataObject) -> None:
    transaction = data.draw(gelabs_draw.transactions(tx_status="success", chain_type="bsc"))
    assert (transaction.key()[:2], transaction.tx_status) == (("bsc", 56), "success")
    assert data.draw(quantcite_draw.transactions(label="Trade")).label == "Trade"
    assert data.draw(bitpanda_draw.prices(raw_ask="0.10")).ask == Decimal("0.10")
    assert data.draw(quickpay_draw.payments(status="completed")).data.status == "completed"
    assert data.draw(control.ups(received=1.5)).received == 1.5
