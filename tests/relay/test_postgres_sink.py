"""Events in a real PostgreSQL: stored once, whoever brings them, through kills of the server; and servers that are refused."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
import trio

from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.relay.config import parse
from pushwire.relay.entries import Answer, Entry, Outcome, Refused
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.postgres import PostgresSink
from tests.relay.kit import entry, number_of
from tests.stores.postgres_server import PostgresServer, needed_server
from tests.threads import threads_at_work

KILLS = 3
EVENTS = "public.pushwire_events"
STORED, DUPLICATE, QUARANTINED = Outcome.STORED, Outcome.DUPLICATE, Outcome.QUARANTINED


@pytest.fixture(scope="module")
def running() -> Generator[PostgresServer]:
    server = needed_server()
    yield server
    server.remove()


@pytest.fixture
def server(running: PostgresServer) -> PostgresServer:
    """One that runs, and holds no events."""
    running.execute("DROP TABLE IF EXISTS pushwire_events, pushwire_events_quarantine, pushwire_events_schema")
    return running


@pytest.fixture
def own_server() -> Generator[PostgresServer]:
    """One that may be stopped and killed."""
    server = needed_server()
    yield server
    server.remove()


@asynccontextmanager
async def opened(server: PostgresServer) -> AsyncGenerator[PostgresSink]:
    sink = PostgresSink(server.dsn)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


async def fails(sink: PostgresSink, match: str) -> str:
    """What opening it says; nothing is left running."""
    threads = threads_at_work()
    with pytest.raises(SinkError, match=match) as caught:
        await sink.open()
    assert threads_at_work() == threads
    return str(caught.value)


def held(server: PostgresServer) -> list[str]:
    """The keys of what is stored, in order."""
    return [key for (key,) in server.execute(f"SELECT key FROM {EVENTS} ORDER BY seq")]


def terminate(server: PostgresServer) -> None:
    """End the sink's connection from the server's side, and wait until it is gone."""
    ask = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'pushwire relay'"
    assert server.execute(ask) == [(True,)]


async def test_what_is_stored_is_there_as_it_came_and_in_the_order_it_came(server: PostgresServer) -> None:
    async with opened(server) as sink:
        assert await sink.write([entry(3, payload='{"a":1.10}'), entry(1)]) == [STORED, STORED]
        assert await sink.write([entry(2)]) == [STORED]
    assert held(server) == ["wallets:3", "wallets:1", "wallets:2"]
    ask = f"SELECT stream, provider, kind, key, at, digest, payload FROM {EVENTS} ORDER BY seq LIMIT 1"
    first = entry(3, payload='{"a":1.10}')
    assert server.execute(ask) == [("wallets", "gelabs", "transaction", "wallets:3", 1003.0, first.digest, first.payload)]


async def test_what_comes_again_is_stored_once_also_within_a_batch_and_beside_new_ones(server: PostgresServer) -> None:
    async with opened(server) as sink:
        assert await sink.write([entry(1), entry(1)]) == [STORED, DUPLICATE]
    async with opened(server) as sink:
        assert await sink.write([entry(2), entry(1)]) == [STORED, DUPLICATE]
        assert await sink.write([]) == []
    assert held(server) == ["wallets:1", "wallets:2"]


async def test_without_a_key_it_is_stored_as_often_as_it_comes(server: PostgresServer) -> None:
    async with opened(server) as sink:
        assert await sink.write([entry(1, key=None), entry(2), entry(1, key=None)]) == [STORED, STORED, STORED]
    assert held(server) == [None, "wallets:2", None]


async def test_another_payload_under_the_same_key_is_set_aside_once_and_listed(server: PostgresServer) -> None:
    other = entry(1, payload='{"a":1.10}')
    async with opened(server) as sink:
        assert await sink.write([entry(1), other, entry(1)]) == [STORED, QUARANTINED, DUPLICATE]
        assert await sink.write([other, entry(2)]) == [QUARANTINED, STORED]
    async with opened(server) as sink:
        (found,) = await sink.quarantine()
        assert "1 in quarantine" in (await sink.check())[0]
    assert (found.key, found.digest, found.payload, found.at) == ("wallets:1", other.digest, '{"a":1.10}', 1001.0)
    assert held(server) == ["wallets:1", "wallets:2"]


async def test_two_relays_bring_the_same_entries_in_another_order_and_each_is_stored_once(server: PostgresServer) -> None:
    answers: list[Answer] = []

    async def bring(sink: PostgresSink, partition: str, numbers: Sequence[int]) -> None:
        # Of a partition of its own: that the rows are sorted is all that keeps them from waiting in a circle.
        answers.extend(await sink.write([entry(number, partition=partition) for number in numbers]))

    async with opened(server) as one, opened(server) as other, trio.open_nursery() as nursery:
        nursery.start_soon(bring, one, "a", range(3000))
        nursery.start_soon(bring, other, "b", range(2999, -1, -1))
    assert Counter(answers) == {STORED: 3000, DUPLICATE: 3000}
    assert Counter(held(server)) == {f"wallets:{number}": 1 for number in range(3000)}


async def test_one_relay_at_a_time_writes_a_partition(server: PostgresServer) -> None:
    async with opened(server) as one, opened(server) as other:
        with psycopg.connect(server.dsn) as db:
            # It holds up the first, which holds the partition.
            db.execute(f"LOCK TABLE {EVENTS} IN SHARE MODE")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one.write, [entry(1)])
                await waiting(server, "relation")
                nursery.start_soon(other.write, [entry(2)])
                await waiting(server, "advisory")
                db.rollback()
    assert held(server) == ["wallets:1", "wallets:2"]


async def waiting(server: PostgresServer, kind: str) -> None:
    """Returns when a connection waits for a lock of this kind."""
    while server.execute(f"SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = '{kind}'") == []:
        await trio.lowlevel.checkpoint()


async def test_what_the_database_will_never_take_is_refused_and_its_neighbours_are_stored(server: PostgresServer) -> None:
    async with opened(server) as sink:
        server.execute(f"""ALTER TABLE {EVENTS} ADD CHECK (payload <> '"bad"')""")
        first, bad, last, again = await sink.write([entry(1), entry(2, payload='"bad"'), entry(3), entry(1)])
        assert (first, last, again) == (STORED, STORED, DUPLICATE)
        assert isinstance(bad, Refused)
        assert "violates check constraint" in bad.reason
    assert held(server) == ["wallets:1", "wallets:3"]


async def test_text_that_no_database_can_hold_is_kept_as_escapes_and_known_by_its_own_key(server: PostgresServer) -> None:
    odd, long = entry(1, key="k\udc80\0", payload='{"a":"\udc80"}'), entry(2, key="k" * 100_000)
    async with opened(server) as sink:
        assert await sink.write([odd, long, entry(3, key="k\\udc80\\u0000"), odd]) == [STORED, STORED, STORED, DUPLICATE]
    assert held(server) == ["k\\udc80\\u0000", "k" * 100_000, "k\\udc80\\u0000"]


@pytest.mark.parametrize("key", ["", None])
async def test_what_a_trigger_leaves_out_is_not_taken_for_stored(server: PostgresServer, key: str | None) -> None:
    server.execute(
        "CREATE OR REPLACE FUNCTION left_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''no''; RETURN NULL; END'"
    )
    async with opened(server) as sink:
        server.execute(f"CREATE TRIGGER t BEFORE INSERT ON {EVENTS} FOR EACH ROW EXECUTE FUNCTION left_out()")
        with pytest.raises(SinkError, match="was neither stored nor found: a trigger leaves it out"):
            await sink.write([entry(1, key=key)])
        server.execute(f"DROP TRIGGER t ON {EVENTS}")
        assert await sink.write([entry(1, key=key)]) == [STORED]


async def test_a_connection_that_is_lost_makes_the_outcome_unknown_and_is_made_anew_by_opening(server: PostgresServer) -> None:
    async with opened(server) as sink:
        await sink.write([entry(1)])
        terminate(server)
        with pytest.raises(SinkError, match=r"^PostgreSQL 'user=tester dbname=postgres host="):
            await sink.write([entry(2)])
        await sink.close()
        with pytest.raises(SinkError, match="is not open"):
            await sink.write([entry(2)])
        await sink.open()
        assert await sink.write([entry(1), entry(2)]) == [DUPLICATE, STORED]
    assert held(server) == ["wallets:1", "wallets:2"]


async def test_a_write_that_is_cancelled_leaves_the_sink_to_be_opened_again(server: PostgresServer) -> None:
    async with opened(server) as sink:
        with psycopg.connect(server.dsn) as db:
            db.execute(f"LOCK TABLE {EVENTS} IN SHARE MODE")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sink.write, [entry(1)])
                await waiting(server, "relation")
                nursery.cancel_scope.cancel()
            db.rollback()
        await sink.close()
        await sink.open()
        assert await sink.write([entry(1), entry(2)]) in ([STORED, STORED], [DUPLICATE, STORED])
    assert held(server) == ["wallets:1", "wallets:2"]


# Servers that will not do


@pytest.mark.slow
async def test_a_server_whose_commits_are_not_durable_is_refused(own_server: PostgresServer) -> None:
    for setting, match in (("fsync=off", "`fsync` is off"), ("synchronous_commit=off", "`synchronous_commit` is off")):
        own_server.stop()
        own_server.settings = (setting,)
        own_server.start()
        await fails(PostgresSink(own_server.dsn), match)
        assert own_server.execute("SELECT to_regclass('pushwire_events')") == [(None,)]
    own_server.stop()
    own_server.settings = ()
    (own_server.folder / "data" / "standby.signal").touch()
    own_server.start()
    await fails(PostgresSink(own_server.dsn), "is a standby")
    own_server.stop()
    await fails(PostgresSink(own_server.dsn), "connection")


@pytest.mark.slow
async def test_a_commit_that_no_standby_has_confirmed_is_unknown_and_is_waited_for_when_it_comes_again(
    own_server: PostgresServer,
) -> None:
    own_server.stop()
    own_server.settings = ("synchronous_standby_names=nobody",)
    async with opened_by_hand(own_server) as sink:
        assert "on the synchronous standbys (nobody)" in (await sink.check())[1]
        for _ in range(2):  # the second time it is there already, and nobody else has it
            async with trio.open_nursery() as nursery:
                nursery.start_soon(unknown, sink, "canceling wait for synchronous replication")
                ask = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                while own_server.execute(ask) == []:
                    await trio.lowlevel.checkpoint()


@asynccontextmanager
async def opened_by_hand(server: PostgresServer) -> AsyncGenerator[PostgresSink]:
    """With the tables made before anybody is waited for."""
    names, server.settings = server.settings, ()
    server.start()
    async with opened(server):
        pass
    server.stop()
    server.settings = names
    server.start()
    async with opened(server) as sink:
        yield sink


async def unknown(sink: PostgresSink, match: str) -> None:
    with pytest.raises(SinkError, match=match):
        await sink.write([entry(1)])


async def test_what_it_holds_to_on_one_server_is_said(server: PostgresServer) -> None:
    async with opened(server) as sink:
        await sink.write([entry(1)])
        assert [line.partition(": ")[2] or line for line in await sink.check()] == [
            "the last event has seq 1, 0 in quarantine",
            "each commit is on the disk (fsync=on, synchronous_commit=on) of this server; no standby is waited for",
        ]
        server.execute("UPDATE pushwire_events_schema SET version = 2")
        await fails(PostgresSink(server.dsn), r"newer pushwire \(schema 2, known: 1\)")


async def test_sinks_that_begin_at_the_same_time_make_schema_and_tables_once(server: PostgresServer) -> None:
    sinks = [PostgresSink(server.dsn, schema="elsewhere") for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for sink in sinks:
            nursery.start_soon(sink.open)
    assert await sinks[0].write([entry(1)]) == [STORED]
    for sink in sinks:
        await sink.close()
    assert server.execute("SELECT count(*) FROM elsewhere.pushwire_events") == [(1,)]


# Settings


def settings(**sink: object) -> list[str]:
    """What is wrong with a relay's file whose sink is this."""
    with pytest.raises(ConfigError) as caught:
        parse({"sink": {"kind": "postgres", **sink}})
    assert "hunter2" not in repr(caught.value)
    return [problem for problem in caught.value.problems if problem.startswith("sink")]


def test_the_file_names_a_database_and_where_its_password_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings() == []
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    assert settings(conninfo="host=db user=relay", schema="events", password={"env": "DB_PASSWORD"}) == []
    assert settings(conninfo="host=db password=hunter2") == ["sink.conninfo: holds a password, which must come from elsewhere"]
    assert settings(password="hunter2") == ["sink.password: not a table"]
    assert settings(conninfo="hunter2", schema="a b", password={"env": "NOT_SET_ANYWHERE"}) == [
        "sink.password: environment variable NOT_SET_ANYWHERE is not set (nor NOT_SET_ANYWHERE_FILE)",
        "sink.conninfo: libpq cannot read it",
        "sink.schema: must be a plain name",
    ]
    assert settings(password={"env": "DB_PASSWORD", "file": "x"}) == ["sink.password: must be { env = NAME } or { file = PATH }"]


def test_without_psycopg_the_file_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, PostgresSink.__module__)
    assert settings() == ["sink.kind: PostgresSink needs psycopg 3: pip install 'pushwire[postgres]'"]


async def test_the_password_is_in_no_repr_and_no_error() -> None:
    sink = PostgresSink("host=/nowhere dbname=x user=me", password=Secret("hunter2"))
    assert repr(sink) == "PostgresSink('user=me dbname=x host=/nowhere')"
    assert "hunter2" not in await fails(sink, "user=me dbname=x host=/nowhere")


# Kills


@pytest.mark.slow
async def test_through_kills_of_the_server_all_that_was_sent_is_stored_once(own_server: PostgresServer) -> None:
    rng = random.Random(5)
    total = 2_000 * KILLS
    sink = PostgresSink(own_server.dsn)
    answered: set[int] = set()
    troubles = 0
    running, progress = trio.Event(), trio.lowlevel.ParkingLot()
    running.set()

    async def write_until_stored(batch: Sequence[Entry]) -> None:
        """As the relay does: what was not answered for is written again on another connection."""
        nonlocal troubles
        while True:
            try:
                answers = await sink.write(batch)
            except SinkError:
                troubles += 1
                await sink.close()
                await running.wait()
                await sink.open()
            else:
                assert set(answers) <= {STORED, DUPLICATE}
                answered.update(map(number_of, batch))
                progress.unpark_all()
                return

    async def kill() -> None:
        nonlocal running
        for _ in range(KILLS):
            until = len(answered) + rng.randrange(100, 1_500)
            while len(answered) < until:
                await progress.park()
            running = trio.Event()
            # In a thread: commits go on up to the very moment.
            await trio.to_thread.run_sync(own_server.kill)
            await trio.to_thread.run_sync(own_server.start)
            running.set()

    await sink.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kill)
        for start in range(0, total, 20):
            await write_until_stored([entry(number) for number in range(start, start + 20)])
    await sink.close()
    assert troubles >= KILLS
    assert held(own_server) == [f"wallets:{number}" for number in range(total)]
