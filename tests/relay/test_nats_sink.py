"""Events in a real NATS JetStream: stored once, whoever brings them, through cuts and cancellations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import pytest
import trio

from pushwire.relay.entries import Answer, Entry, Outcome, Refused
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.nats import NatsSink
from tests.relay.kit import entry
from tests.relay.nats_kit import ASIDE, STREAM, CancelAt, Cut, cutting, opened, sink_to, sockets, wipe
from tests.relay.nats_server import NatsServer, needed_nats

STORED, DUPLICATE, QUARANTINED, UNKNOWN = Outcome.STORED, Outcome.DUPLICATE, Outcome.QUARANTINED, Outcome.UNKNOWN


@pytest.fixture(scope="module")
def running() -> Generator[NatsServer]:
    server = needed_nats()
    yield server
    server.remove()


@pytest.fixture
def server(running: NatsServer) -> NatsServer:
    """One that runs, and has no streams."""
    wipe(running)
    return running


@pytest.fixture
def own_server() -> Generator[NatsServer]:
    """One that may be killed."""
    server = needed_nats()
    yield server
    server.remove()


async def test_what_is_stored_is_there_as_it_came_and_in_the_order_it_came(server: NatsServer) -> None:
    first = entry(3, payload='{"a":1.10}')
    async with opened(server, subject="money.{provider}.{stream}.{kind}") as sink:
        assert await sink.write([first, entry(1)]) == [STORED, STORED]
        assert await sink.write([entry(2)]) == [STORED]
    assert server.ids(STREAM) == ["wallets:3", "wallets:1", "wallets:2"]
    held = server.held(STREAM)[0]
    assert (held.subject, held.data) == ("money.gelabs.wallets.transaction", first.payload)
    assert {name: value for name, value in held.headers.items() if name.startswith("Pushwire-")} == {
        "Pushwire-Stream": "wallets",
        "Pushwire-Provider": "gelabs",
        "Pushwire-Kind": "transaction",
        "Pushwire-Digest": first.digest,
        "Pushwire-At": "1003.0",
    }


async def test_what_comes_again_is_stored_once_also_within_a_batch_and_beside_new_ones(server: NatsServer) -> None:
    async with opened(server) as sink:
        assert await sink.write([entry(1), entry(1)]) == [STORED, DUPLICATE]
    async with opened(server) as sink:
        assert await sink.write([entry(2), entry(1)]) == [STORED, DUPLICATE]
        assert await sink.write([]) == []
    assert server.ids(STREAM) == ["wallets:1", "wallets:2"]


async def test_without_a_key_it_is_stored_as_often_as_it_comes(server: NatsServer) -> None:
    async with opened(server) as sink:
        assert await sink.write([entry(1, key=None), entry(2), entry(1, key=None)]) == [STORED, STORED, STORED]
    assert [held.headers.get("Nats-Msg-Id") for held in server.held(STREAM)] == [None, "wallets:2", None]


@pytest.mark.parametrize("direct", [True, False])
async def test_another_payload_under_the_same_key_is_set_aside_once_and_listed(server: NatsServer, direct: bool) -> None:
    other = entry(1, payload='{"a":1.10}')
    async with opened(server) as sink:
        config = server.request(f"$JS.API.STREAM.INFO.{STREAM}")["config"]
        server.request(f"$JS.API.STREAM.UPDATE.{STREAM}", {**config, "allow_direct": direct})
    async with opened(server) as sink:
        assert await sink.write([entry(1), other, entry(1)]) == [STORED, QUARANTINED, DUPLICATE]
        assert await sink.write([other, entry(2)]) == [QUARANTINED, STORED]
        assert await sink.write([entry(2, payload="[]")]) == [QUARANTINED]
    async with opened(server) as sink:
        found, later = await sink.quarantine()
        assert f"stream {ASIDE}: 2 messages" in " ".join(await sink.check())
    assert (found.stream, found.kind, found.key, found.digest) == ("wallets", "transaction", "wallets:1", other.digest)
    assert (found.payload, found.at) == ('{"a":1.10}', 1001.0)
    assert (later.key, later.payload) == ("wallets:2", "[]")
    assert server.ids(STREAM) == ["wallets:1", "wallets:2"]


async def test_what_the_stream_holds_no_more_counts_as_held_where_it_comes_again(server: NatsServer) -> None:
    async with opened(server) as sink:
        assert await sink.write([entry(1), entry(2)]) == [STORED, STORED]
        server.request(f"$JS.API.STREAM.PURGE.{STREAM}")
        assert await sink.write([entry(1), entry(3)]) == [DUPLICATE, STORED]


async def test_two_relays_bring_the_same_entries_in_another_order_and_each_is_stored_once(server: NatsServer) -> None:
    answers: list[Answer] = []

    async def bring(sink: NatsSink, numbers: Sequence[int]) -> None:
        answers.extend(await sink.write([entry(number) for number in numbers]))

    async with opened(server) as one, opened(server) as other, trio.open_nursery() as nursery:
        nursery.start_soon(bring, one, range(2500))
        nursery.start_soon(bring, other, range(2499, -1, -1))
    assert Counter(answers) == {STORED: 2500, DUPLICATE: 2500}
    assert Counter(server.ids(STREAM)) == {f"wallets:{number}": 1 for number in range(2500)}


async def test_what_is_too_large_for_ever_is_refused_and_its_neighbours_are_stored(server: NatsServer) -> None:
    async with opened(server) as sink:
        first, bad, last = await sink.write([entry(1), entry(2, payload="x" * (1 << 20)), entry(3)])
        assert (first, last) == (STORED, STORED)
        assert isinstance(bad, Refused)
        assert bad.reason.endswith("bytes, the server takes 1048576")
        config = server.request(f"$JS.API.STREAM.INFO.{STREAM}")["config"]
        server.request(f"$JS.API.STREAM.UPDATE.{STREAM}", {**config, "max_msg_size": 2000})
        bad, last = await sink.write([entry(4, payload="x" * 3000), entry(5)])
        assert bad == Refused("message size exceeds maximum allowed (10054)")
        assert last is STORED
    assert server.ids(STREAM) == ["wallets:1", "wallets:3", "wallets:5"]


async def test_a_full_stream_that_takes_no_more_leaves_it_unknown(server: NatsServer) -> None:
    async with opened(server) as sink:
        config = server.request(f"$JS.API.STREAM.INFO.{STREAM}")["config"]
        server.request(f"$JS.API.STREAM.UPDATE.{STREAM}", {**config, "max_msgs": 2})
        assert await sink.write([entry(1), entry(2), entry(3)]) == [STORED, STORED, UNKNOWN]
        with pytest.raises(SinkError, match=f"stream {STREAM}: maximum messages exceeded"):
            await sink.write([entry(3)])
        server.request(f"$JS.API.STREAM.PURGE.{STREAM}")
        assert await sink.write([entry(3)]) == [STORED]


async def test_a_stream_that_was_deleted_leaves_it_unknown(server: NatsServer) -> None:
    async with opened(server) as sink:
        wipe(server)
        with pytest.raises(SinkError, match=r"^NATS 127\.0\.0\.1:.* no stream takes it"):
            await sink.write([entry(1)])


async def test_odd_keys_and_payloads_are_kept_apart(server: NatsServer) -> None:
    keys = ["k\udc80\0\r\nNats-Msg-Id: x", " a", "a ", "a", "ü", "%C3%BC", "k" * 100_000, "k" * 99_999, ""]
    batch = [entry(number, key=key, payload='{"a":"\udc80\0ü"}') for number, key in enumerate(keys)]
    async with opened(server) as sink:
        assert await sink.write(batch) == [STORED] * len(keys)
        assert await sink.write(batch) == [DUPLICATE] * len(keys)
        other = entry(1, key=keys[0], payload="{}", stream="a b.c")
        assert await sink.write([other]) == [QUARANTINED]
        (found,) = await sink.quarantine()
    assert (found.key, found.stream) == ("k\\udc80\0\r\nNats-Msg-Id: x", "a b.c")
    assert server.held(STREAM)[0].data == '{"a":"\\udc80\0ü"}'


async def test_used_between_open_and_close_alone_and_closing_twice_is_harmless(server: NatsServer) -> None:
    sink = sink_to(server)
    await sink.close()
    for use in (sink.write([entry(1)]), sink.check(), sink.quarantine()):
        with pytest.raises(SinkError, match="is not open"):
            await use
    before = sockets(), trio.lowlevel.current_statistics().tasks_living
    for _ in range(3):
        await sink.open()
        await sink.write([entry(1)])
        await sink.close()
        await sink.close()
    assert (sockets(), trio.lowlevel.current_statistics().tasks_living) == before


# Failure


async def test_a_server_that_is_killed_makes_the_outcome_unknown_and_is_found_again_by_opening(own_server: NatsServer) -> None:
    async with opened(own_server) as sink:
        await sink.write([entry(1)])
        own_server.kill()
        with pytest.raises(SinkError, match=r"^NATS 127\.0\.0\.1:\d+: "):
            await sink.write([entry(2)])
        await sink.close()
        with pytest.raises(SinkError, match="Connection refused"):
            await sink.open()
        own_server.start()
        await sink.open()
        assert await sink.write([entry(1), entry(2)]) == [DUPLICATE, STORED]
    assert own_server.ids(STREAM) == ["wallets:1", "wallets:2"]


async def test_another_server_is_tried_where_one_is_not_there(server: NatsServer) -> None:
    sink = NatsSink(
        ["nats://127.0.0.1:1", server.url], STREAM, create=True, replicas=1, accept=["fewer-replicas"], monitors=[server.monitor]
    )
    await sink.open()
    assert await sink.write([entry(1)]) == [STORED]
    await sink.close()


BATCH = [entry(1), entry(2), entry(1, payload="[]"), entry(3, key=None)]


async def settled(sink: NatsSink, batch: Sequence[Entry]) -> list[Answer]:
    """Its answers, all of them known."""
    await sink.open()
    answers = list(await sink.write(batch))
    await sink.close()
    assert UNKNOWN not in answers
    return answers


@pytest.mark.slow
@pytest.mark.parametrize("way", ["sent", "received"])
async def test_cut_anywhere_it_is_unknown_and_sent_again_it_is_stored_once(server: NatsServer, way: str) -> None:
    options: dict[str, Any] = {"accept": ["fewer-replicas", "page-cache"], "monitors": ()}
    whole = Cut()
    async with cutting(server, whole) as url:
        await settled(sink_to(server, url, **options), BATCH)
    bytes_in_all = whole.passed[way]
    begun = sockets()
    for place in range(0, bytes_in_all, 23):
        wipe(server)
        cut = Cut(sent=place) if way == "sent" else Cut(received=place)
        async with cutting(server, cut) as url:
            sink = sink_to(server, url, **options)
            try:
                await sink.open()
                answers: Sequence[Answer] = await sink.write(BATCH)
            except SinkError:
                answers = [UNKNOWN] * 4
            await sink.close()
        again = await settled(sink_to(server, **options), BATCH)
        ids = [held.headers.get("Nats-Msg-Id") for held in server.held(STREAM)]
        assert [one for one in ids if one is not None] == ["wallets:1", "wallets:2"], place
        assert len(server.ids(ASIDE)) == 1
        for first, second, expected in zip(answers, again, (STORED, STORED, QUARANTINED, None), strict=True):
            assert first in (expected, UNKNOWN) or expected is None
            assert second is not STORED or first is UNKNOWN or expected is None, "what was said to be stored was there"
    assert sockets() == begun


@pytest.mark.slow
async def test_cancelled_anywhere_it_leaves_nothing_and_can_be_used_again(server: NatsServer) -> None:
    sink = sink_to(server)
    await settled(sink, BATCH)
    before = sockets(), trio.lowlevel.current_statistics().tasks_living
    step = 0
    while True:
        step += 1
        cancel = CancelAt(step)

        async def work() -> None:
            await sink.open()
            await sink.write(BATCH)

        await cancel.run(work)
        await sink.close()
        assert (sockets(), trio.lowlevel.current_statistics().tasks_living) == before, step
        if not cancel.hit:
            break
        assert (await settled(sink, BATCH))[:3] == [DUPLICATE, DUPLICATE, QUARANTINED]
    assert step > 10
    assert len(server.ids(ASIDE)) == 1


async def test_a_cancelled_write_leaves_the_connection_to_the_others(server: NatsServer) -> None:
    async with opened(server) as sink:
        with trio.CancelScope() as scope:
            scope.cancel()
            await sink.write([entry(1)])
        assert await sink.write([entry(1), entry(2)]) in ([STORED, STORED], [DUPLICATE, STORED])
