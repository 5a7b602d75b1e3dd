"""Several relays and one PostgreSQL: who says that there are several, and who does not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest

from pushwire.relay.entries import Outcome
from pushwire.relay.run import Relay
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.postgres import PostgresSink
from tests.relay.kit import entry
from tests.relay.test_run import stream
from tests.stores.postgres_server import PostgresServer, needed_server


@pytest.fixture(scope="module")
def server() -> Generator[PostgresServer]:
    made = needed_server()
    yield made
    made.remove()


def sink(server: PostgresServer, streams: Sequence[str] = ("wallets",), *, shared: bool, schema: str = "public") -> PostgresSink:
    made = PostgresSink(server.dsn, schema=schema)
    made.claim(streams, shared=shared)
    return made


@asynccontextmanager
async def opened(sink: PostgresSink) -> AsyncGenerator[PostgresSink]:
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


@pytest.mark.parametrize("first, second", [(False, False), (True, False), (False, True)])
async def test_who_does_not_say_so_is_alone_and_the_other_takes_over(server: PostgresServer, first: bool, second: bool) -> None:
    other = sink(server, ("prices", "wallets"), shared=second)
    async with opened(sink(server, shared=first)):
        with pytest.raises(SinkError, match=r"another relay brings the stream wallets.*active_active = true in \[sink\]"):
            await other.open()
    async with opened(other):
        assert await other.write([entry(1)]) in ([Outcome.STORED], [Outcome.DUPLICATE])


async def test_nothing_is_claimed_any_more_when_it_is_closed_or_was_refused(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as looking:
        for _ in range(20):
            async with opened(sink(server, shared=False)):
                with pytest.raises(SinkError, match="another relay"):
                    await sink(server, ("prices", "wallets"), shared=False).open()
                assert claims(looking) == 1
            assert claims(looking) == 0


def claims(looking: psycopg.Connection) -> int:
    """How many streams are claimed, as the server sees it now."""
    (count,) = looking.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() or (None,)
    assert isinstance(count, int)
    return count


async def test_those_who_all_say_so_write_at_the_same_time(server: PostgresServer) -> None:
    async with opened(sink(server, shared=True)) as one, opened(sink(server, shared=True)) as other:
        assert await one.write([entry(7)]) == [Outcome.STORED]
        assert await other.write([entry(7)]) == [Outcome.DUPLICATE]


async def test_other_streams_and_other_schemas_are_nobody_elses_business(server: PostgresServer) -> None:
    async with (
        opened(sink(server, shared=False)),
        opened(sink(server, ("prices",), shared=False)),
        opened(sink(server, shared=False, schema="other")),
    ):
        pass


async def test_who_only_looks_claims_nothing(server: PostgresServer) -> None:
    async with opened(sink(server, shared=False)), opened(PostgresSink(server.dsn)) as looking:
        assert await looking.quarantine() == []


async def test_a_relay_claims_its_streams_and_says_whether_it_is_alone(server: PostgresServer) -> None:
    one, other = PostgresSink(server.dsn), PostgresSink(server.dsn)
    Relay([stream("ws://127.0.0.1:1/")], one)
    Relay([stream("ws://127.0.0.1:1/")], other)
    async with opened(one):
        with pytest.raises(SinkError, match="another relay brings the stream wallets"):
            await other.open()
