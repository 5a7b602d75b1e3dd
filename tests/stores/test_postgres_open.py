"""Who owns a namespace of PostgreSQL, what happens when the connection or the server is lost, and what is refused at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trio

from pushwire.core.effects import Committed, Ticket
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, StoreError
from pushwire.stores.postgres import PostgresStore
from pushwire.stores.postgres_leash import LeashedConnection
from tests.stores.kit import NAMESPACE
from tests.stores.postgres_kit import Schema, ack, inside, numbers, opened
from tests.stores.postgres_server import PostgresServer
from tests.threads import threads_at_work


async def fails(store: PostgresStore, match: str) -> StoreError:
    """The error of opening it; nothing is left running."""
    threads = threads_at_work()
    with pytest.raises(StoreError, match=match) as caught:
        await store.open(NAMESPACE)
    assert caught.value.outcome == "not_stored"
    assert threads_at_work() == threads
    with pytest.raises(StoreError, match="is not open"):
        await ack(store, 1)
    return caught.value


async def backend(store: PostgresStore) -> int:
    """The server's process for its connection."""
    return await inside(store, lambda ledger: ledger._connected().info.backend_pid)


def terminate(schema: Schema, pid: int) -> None:
    """End a connection from the server's side, and wait until it is gone."""
    assert schema.column(f"SELECT pg_terminate_backend({pid}, 60000)") == [True]


# One owner


async def test_a_second_store_on_a_namespace_is_told_that_it_is_held(schema: Schema) -> None:
    async with opened(schema.store()) as store, opened(schema.store(), "other") as other:
        await fails(schema.store(), "the ledger of .* is held by another process, or another store of this one")
        with pytest.raises(StoreError, match="is held by another process"):
            await other.open(NAMESPACE)
        assert await ack(store, 1) == Committed({})
        assert await ack(other, 1, namespace="other") == Committed({})
    async with opened(schema.store()) as store:
        assert await numbers(store) == [1]


async def test_a_namespace_that_is_left_may_be_anothers_at_once(schema: Schema) -> None:
    async with opened(schema.store()) as store:
        await store.open("other")
        await store.close("other")
        async with opened(schema.store(), "other") as other:
            assert await ack(other, 1, namespace="other") == Committed({})
        assert await numbers(store, "other") == [1]


async def test_the_same_names_in_another_schema_are_another_ledger(postgres: PostgresServer, schema: Schema) -> None:
    elsewhere = Schema(postgres, f"{schema.name}_b")
    async with opened(schema.store()) as store, opened(elsewhere.store()) as other:
        await ack(store, 1)
        assert await numbers(other) == []


async def test_stores_that_begin_at_the_same_time_make_the_tables_once(schema: Schema) -> None:
    async with trio.open_nursery() as nursery:
        stores = [schema.store(lock_timeout=10.0) for _ in range(4)]
        for place, store in enumerate(stores):
            nursery.start_soon(store.open, str(place))
    for place, store in enumerate(stores):
        await store.close(str(place))


# Connections that are lost


async def test_a_connection_lost_while_idle_is_made_anew_by_the_next_commit(schema: Schema) -> None:
    async with opened(schema.store()) as store:
        await ack(store, 1)
        terminate(schema, await backend(store))
        assert await ack(store, 2) == Committed({})
        terminate(schema, await backend(store))
        assert await numbers(store) == [1, 2]
        terminate(schema, await backend(store))
        assert await store.parked() == []
        await fails(schema.store(), "is held by another process")


async def test_a_connection_lost_during_a_booking_stores_nothing(schema: Schema) -> None:
    async with opened(schema.store()) as store:
        await ack(store, 1, lambda db: db.execute("CREATE TABLE mine (number INTEGER)"))

        def book(db: psycopg.Connection[tuple[object, ...]]) -> None:
            db.execute("INSERT INTO mine VALUES (2)")
            terminate(schema, db.info.backend_pid)

        with pytest.raises(StoreError, match=r"terminating connection|closed") as caught:
            await ack(store, 2, book)
        assert caught.value.outcome == "not_stored"
        assert schema.column("SELECT number FROM mine") == []
        assert await ack(store, 2, lambda db: db.execute("INSERT INTO mine VALUES (2)")) == Committed({})
        assert schema.column("SELECT number FROM mine") == [2]


async def test_who_lost_a_namespace_to_another_process_is_told_so_until_it_connects_anew(schema: Schema) -> None:
    store = schema.store()
    await store.open(NAMESPACE)
    await store.open("other")
    pid = await backend(store)
    thief = schema.store()
    terminate(schema, pid)
    await thief.open(NAMESPACE)
    with pytest.raises(StoreError, match="is held by another process"):
        await ack(store, 1)
    assert await ack(store, 1, namespace="other") == Committed({})
    await ack(thief, 7)
    await thief.close(NAMESPACE)
    for number in (1, 2):
        with pytest.raises(StoreError, match="another process has had the ledger") as caught:
            await ack(store, number)
        assert caught.value.outcome == "not_stored"
    await store.close(NAMESPACE)
    assert set((await store.open(NAMESPACE)).finished.values()) == {100.0}
    assert await ack(store, 1) == Committed({})
    await store.close(NAMESPACE)
    await store.close("other")


async def test_an_owner_who_finds_another_number_has_lost_the_namespace(schema: Schema) -> None:
    async with opened(schema.store()) as store:
        await ack(store, 1)
        # As through a pooler that hands the same session to both.
        schema.column("UPDATE pushwire_namespace SET owner = owner + 1")
        with pytest.raises(StoreError, match="another process has had the ledger"):
            await ack(store, 2)


# Commits that are lost


async def lose_commit(
    schema: Schema, store: PostgresStore, monkeypatch: pytest.MonkeyPatch, *, stored: bool, reachable: bool = True
) -> Committed:
    """Finish and book delivery 2; the connection goes before or after the server has committed."""
    await ack(store, 1, lambda db: db.execute("CREATE TABLE mine (number INTEGER)"))
    real = LeashedConnection.execute

    def execute(self: LeashedConnection, query: Any, *rest: Any, **options: Any) -> object:  # handed on as they came
        if query == "COMMIT":
            monkeypatch.setattr(LeashedConnection, "execute", real)
            if stored:
                self.pgconn.exec_(b"COMMIT")
            terminate(schema, self.info.backend_pid)
            if not reachable:
                monkeypatch.setattr(LeashedConnection, "connect", unreachable)
        return real(self, query, *rest, **options)

    monkeypatch.setattr(LeashedConnection, "execute", execute)
    return await ack(store, 2, lambda db: db.execute("INSERT INTO mine VALUES (2)"))


def unreachable(*_: object, **options: object) -> LeashedConnection:
    raise psycopg.OperationalError("connection refused")


async def test_a_lost_commit_that_the_server_made_is_found_there(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(schema.store()) as store:
        assert await lose_commit(schema, store, monkeypatch, stored=True) == Committed({})
        assert await numbers(store) == [1, 2]
        assert schema.column("SELECT number FROM mine") == [2]


async def test_a_lost_commit_that_the_server_never_made_stored_nothing(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(schema.store()) as store:
        with pytest.raises(StoreError) as caught:
            await lose_commit(schema, store, monkeypatch, stored=False)
        assert caught.value.outcome == "not_stored"
        assert await numbers(store) == [1]
        assert schema.column("SELECT number FROM mine") == []


@pytest.mark.parametrize("stored", [True, False])
async def test_a_lost_commit_that_cannot_be_asked_about_is_unknown_and_safe_to_repeat(
    schema: Schema, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    async with opened(schema.store()) as store:
        with monkeypatch.context() as patch:
            with pytest.raises(StoreError, match="cannot be read back") as caught:
                await lose_commit(schema, store, patch, stored=stored, reachable=False)
            assert caught.value.outcome == "unknown"
            with pytest.raises(StoreError, match="connection refused") as caught:
                await ack(store, 2)
            assert caught.value.outcome == "not_stored"
        assert await ack(store, 2, lambda db: db.execute("INSERT INTO mine VALUES (2)")) == Committed({})
        assert schema.column("SELECT number FROM mine") == [2]
        assert await numbers(store) == [1, 2]


# Servers that will not do


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting, match", [("fsync=off", "`fsync` is off"), ("synchronous_commit=off", "`synchronous_commit` is off")]
)
async def test_a_server_whose_commits_are_not_durable_is_refused(own_postgres: PostgresServer, setting: str, match: str) -> None:
    own_postgres.stop()
    own_postgres.settings = (setting,)
    own_postgres.start()
    await fails(PostgresStore(own_postgres.dsn), match)
    assert own_postgres.execute("SELECT to_regclass('pushwire_schema')") == [(None,)]


@pytest.mark.slow
async def test_a_standby_is_refused(own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    (own_postgres.folder / "data" / "standby.signal").touch()
    own_postgres.start()
    await fails(PostgresStore(own_postgres.dsn), "is a standby")


@pytest.mark.slow
async def test_the_store_survives_the_server_restarted_and_says_what_it_is_while_it_is_away(own_postgres: PostgresServer) -> None:
    async with opened(PostgresStore(own_postgres.dsn)) as store:
        await ack(store, 1)
        own_postgres.stop()
        with pytest.raises(StoreError, match="PostgreSQL 'user=tester dbname=postgres host=") as caught:
            await ack(store, 2)
        assert caught.value.outcome == "not_stored"
        await fails(PostgresStore(own_postgres.dsn), "connection")
        own_postgres.start()
        assert await ack(store, 2) == Committed({})
        assert await numbers(store) == [1, 2]


async def test_a_newer_schema_is_refused(schema: Schema) -> None:
    async with opened(schema.store()):
        pass
    schema.column("UPDATE pushwire_schema SET version = 3")
    await fails(schema.store(), r"newer pushwire \(schema 3, known: 2\)")


async def test_a_namespace_no_database_can_hold_is_refused_and_leaves_the_others_as_they_were(schema: Schema) -> None:
    async with opened(schema.store()) as store:
        with pytest.raises(StoreError, match="surrogates"):
            await store.open("half \ud800")
        assert await ack(store, 1) == Committed({})


# Settings


@pytest.mark.parametrize(
    "conninfo", ["host=here password=hunter2", "postgresql://me:hunter2@here/db", "hunter2", "host=here x=hunter2"]
)
def test_a_password_belongs_into_a_secret_and_is_shown_nowhere(conninfo: str) -> None:
    with pytest.raises(ConfigError, match=r"^conninfo: ") as caught:
        PostgresStore(conninfo)
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: PostgresStore("host=/nowhere dbname=x user=me", password=Secret("hunter2")),
        lambda: PostgresStore(Secret("host=/nowhere dbname=x user=me password=hunter2")),
        lambda: PostgresStore(Secret("postgresql://me:hunter2@/x?host=/nowhere")),
    ],
)
async def test_a_secret_is_in_no_repr_and_no_error(make: Callable[[], PostgresStore]) -> None:
    store = make()
    assert repr(store) == "PostgresStore('user=me dbname=x host=/nowhere')"
    error = await fails(store, "user=me dbname=x host=/nowhere")
    assert "hunter2" not in f"{error!r} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.slow
async def test_the_password_reaches_the_server(own_postgres: PostgresServer) -> None:
    own_postgres.execute("CREATE ROLE careful LOGIN PASSWORD 'hunter2'")
    own_postgres.execute("GRANT ALL ON SCHEMA public TO careful")
    rules = own_postgres.folder / "data" / "pg_hba.conf"
    rules.write_text("local all careful scram-sha-256\nlocal all all trust\n", encoding="utf-8")
    own_postgres.stop()
    own_postgres.start()
    dsn = own_postgres.dsn.replace("tester", "careful")
    await fails(PostgresStore(dsn, password=Secret("wrong")), "password authentication failed")
    async with opened(PostgresStore(dsn, password=Secret("hunter2"))) as store:
        assert await ack(store, 1) == Committed({})


@pytest.mark.parametrize("name", ["", "a b", 'a"; DROP TABLE x', "1st", "x" * 64])
def test_a_schema_is_a_plain_name(name: str) -> None:
    with pytest.raises(ConfigError, match="schema: must be a plain name"):
        PostgresStore(schema=name)


# Runs that end without a close


def test_a_run_of_trio_that_ends_without_a_close_leaves_the_namespace_free(schema: Schema, tmp_path: Path) -> None:
    store, threads = schema.store(), threads_at_work()

    async def run(store: PostgresStore, number: int) -> Committed:
        await store.open(NAMESPACE)
        return await ack(store, number)

    assert trio.run(run, store, 1) == Committed({})
    assert threads_at_work() == threads
    assert trio.run(run, store, 2) == Committed({})
    assert trio.run(run, schema.store(), 3) == Committed({})

    async def look() -> list[int]:
        async with opened(schema.store()) as again:
            return await numbers(again)

    assert trio.run(look) == [1, 2, 3]


async def test_a_booking_that_names_no_ticket_of_ours_is_nobodys(schema: Schema) -> None:
    def never(_: object) -> None:
        raise AssertionError("never runs")

    async with opened(schema.store()) as store:
        assert await store.commit(NAMESPACE, [], 1.0, {Ticket(9): never}) == Committed({})
