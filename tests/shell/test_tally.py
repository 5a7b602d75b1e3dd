"""What is counted of a stream, and that it stays bounded."""

from __future__ import annotations

import random

import trio

from pushwire.core.effects import Close
from pushwire.core.events import Down, Gap, Malformed, Stale, Up
from pushwire.core.machine import Phase, Status
from pushwire.core.secrets import Secret
from pushwire.providers import bitpanda, gelabs
from pushwire.shell.observer import StreamStatus
from pushwire.shell.tally import OTHER, REASONS, TOPICS, Ended, StreamTally
from pushwire.testing.bitpanda import price
from pushwire.testing.gelabs import transaction

NOW = 1_767_225_600.0
CONFIG = gelabs.Config(api_key=Secret("k"))
PRICES = bitpanda.Config(token=Secret("k"), url="wss://example.org/ws")


def status() -> StreamStatus:
    return StreamStatus(Status(Phase.READY, 1.0, 1, 2, None, None), 3, 4)


def began(config: gelabs.Config | bitpanda.Config = CONFIG) -> StreamTally:
    tally = StreamTally(lambda: NOW)
    tally.began(config, status)
    return tally


def test_before_it_begins_there_is_nothing_to_say() -> None:
    tally = StreamTally()
    assert (tally.status, tally.lag, tally.last_at, tally.kinds) == (None, None, None, {})


async def test_events_are_counted_by_kind_and_messages_by_why_they_came() -> None:
    tally = began()
    tally.saw([Up(1.0, 1), transaction(delivery="new"), transaction(delivery="redelivery"), Malformed(1.0, "x", "bad")])
    tally.saw([transaction(delivery="new"), transaction(delivery="reorg")])
    assert tally.kinds == {"up": 1, "transaction": 4, "malformed": 1}
    assert tally.messages == 4
    assert tally.deliveries == {"new": 2, "redelivery": 1, "reorg": 1}
    assert tally.status == status()


async def test_the_lag_is_from_the_providers_time_of_the_last_message_to_ours() -> None:
    tally = began()
    tally.saw([transaction(sent=None, tx_time=None)])
    assert tally.lag is None
    tally = began()
    tally.saw([transaction(sent=int((NOW - 9) * 1000)), transaction(sent=int((NOW - 1.5) * 1000)), Up(1.0, 2)])
    assert tally.lag == 1.5
    assert tally.last_at == NOW


async def test_the_first_time_that_it_is_up_is_no_reconnect() -> None:
    tally = began()
    assert tally.reconnects == 0
    for expected in (0, 1, 2):
        tally.saw([Up(1.0, 1)])
        assert tally.reconnects == expected


async def test_the_ways_to_end_are_told_apart_as_far_as_there_is_room() -> None:
    tally = began()
    close = {
        "code": Close(code=1006),
        "refusal": Close(status=503),
        "error": Close(reason="reset by 10.0.0.7", by="transport"),
        "ours": None,
    }
    tally.saw([Down(1.0, "why", how) for how in close.values()])
    assert tally.ended_by == {Ended("peer", "1006"): 1, Ended("http", "503"): 1, Ended("transport", ""): 1, Ended("us", ""): 1}
    tally.saw([Down(1.0, "why", Close(code=code)) for code in range(3000, 3100)])
    assert len(tally.ended_by) == REASONS + 1
    assert tally.ended_by[OTHER] == 100 - (REASONS - 4)
    tally.saw([Down(1.0, "why", Close(code=1006))])
    assert tally.ended_by[Ended("peer", "1006")] == 2


async def test_gaps_add_up() -> None:
    tally = began()
    tally.saw([Gap(1.0, 10.0, 25.0), Gap(1.0, 30.0, 31.5)])
    assert tally.gaps == 16.5


def silence(topic: object, since: float = 0.0) -> Stale[object]:
    return Stale(since + 1, topic, since)


async def test_a_topic_is_silent_until_it_has_data_again(autojump_clock: object) -> None:
    topic, other = price(asset="BTC").topics[0], price(asset="ETH").topics[0]
    tally = began(PRICES)
    start = trio.current_time()
    tally.saw([silence(topic, start), silence(other, start)])
    await trio.sleep(5)
    assert tally.silences() == {"prices-v1:EUR:BTC:cr": 5.0, "prices-v1:EUR:ETH:cr": 5.0}
    tally.saw([price(asset="BTC")])
    assert set(tally.silences()) == {"prices-v1:EUR:ETH:cr"}
    tally.saw([silence(topic, start), price(asset="BTC"), silence(topic, start)])
    assert tally.silent_topics == 2


async def test_a_connection_that_is_gone_has_no_silent_topics() -> None:
    tally = began(PRICES)
    tally.saw([silence("a")])
    tally.saw([Down(9.0, "cut", None)])
    assert tally.silent_topics == 0
    tally.saw([silence("a")])
    tally.ended(None)
    assert tally.silent_topics == 0


async def test_of_many_silent_topics_those_are_named_that_are_silent_for_longest(autojump_clock: object) -> None:
    tally = began()
    topics = list(range(TOPICS * 3))
    random.Random(7).shuffle(topics)
    tally.saw([silence(f"t{number}", since=float(-number)) for number in topics])
    assert tally.silent_topics == TOPICS * 3
    assert set(tally.silences()) == {f"t{number}" for number in range(TOPICS * 2, TOPICS * 3)}
    tally.ended(None)
    tally.saw([silence("x" * 1000)])
    assert max(map(len, tally.silences())) == 200


def _down(tally: StreamTally) -> float | None:
    # A call, since type checkers take an attribute for unchanged.
    return tally.down_since


async def test_it_says_since_when_the_stream_has_not_been_ready(autojump_clock: object) -> None:
    def down_since() -> float | None:
        return tally.down_since

    assert _down(StreamTally()) is None
    tally = began()
    assert down_since() == trio.current_time()
    tally.saw([Up(1.0, 1)])
    assert down_since() is None
    tally.saw([transaction(), Down(7.0, "cut", None), Down(8.0, "cut", None), Malformed(9.0, "x", "bad")])
    assert down_since() == 8.0
    tally.ended(None)
    assert down_since() == 8.0
    tally.saw([Up(9.0, 2)])
    tally.ended(None)
    assert _down(tally) == trio.current_time()
