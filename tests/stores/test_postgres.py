"""Commits to PostgreSQL that gather, bookings that end or spoil the transaction, and what is kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial

import psycopg
import pytest
from psycopg.rows import TupleRow, dict_row, scalar_row
from psycopg.sql import SQL, Identifier

from pushwire.core.effects import Committed, Identity, Record, Ticket
from pushwire.errors import LocalProtocolError, StoreError
from pushwire.stores.postgres import PostgresStore
from tests.stores.kit import NAMESPACE, delivered, finished, identity, own, settling
from tests.stores.postgres_kit import Book, Schema, ack, numbers, opened, together


@pytest.fixture
async def store(schema: Schema) -> AsyncGenerator[PostgresStore, None]:
    async with opened(schema.store()) as store:
        await ack(store, 1, lambda db: db.execute("CREATE TABLE mine (number INTEGER PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)"))
        yield store


def insert(number: int) -> Book:
    return lambda db: db.execute("INSERT INTO mine VALUES (%s)", (number,))


def mine(schema: Schema) -> list[object]:
    return schema.column("SELECT number FROM mine ORDER BY number")


def commits(schema: Schema) -> list[object]:
    return schema.column("SELECT commits FROM pushwire_namespace ORDER BY id")


# Together


async def test_commits_that_wait_at_the_same_time_are_one_transaction(store: PostgresStore, schema: Schema) -> None:
    await store.open("other")
    outcomes = await together(
        store, [partial(ack, store, n, insert(n), namespace="other" if n % 3 == 0 else NAMESPACE) for n in range(2, 32)]
    )
    assert outcomes == [Committed({})] * 30
    assert commits(schema) == [2, 1]
    assert mine(schema) == list(range(2, 32))
    assert await numbers(store) == [1, *(n for n in range(2, 32) if n % 3)]
    assert await numbers(store, "other") == [n for n in range(2, 32) if n % 3 == 0]
    await store.close("other")


async def test_the_mark_of_the_last_one_counts(store: PostgresStore) -> None:
    await together(store, [partial(ack, store, n) for n in (7, 5, 6)])
    assert (await store.open(NAMESPACE)).mark == 6.0
    await store.close(NAMESPACE)


async def test_the_same_delivery_settled_twice_in_one_transaction_is_booked_once(store: PostgresStore, schema: Schema) -> None:
    outcomes = await together(store, [partial(ack, store, 2, insert(2)), partial(ack, store, 2, insert(2))])
    assert outcomes == [Committed({}), Committed({})]
    assert mine(schema) == [2]


async def test_a_refused_booking_takes_no_turn_from_the_rows_that_are_kept(schema: Schema) -> None:
    def refuse(_: object) -> None:
        raise KeyError("no such account")

    async with opened(schema.store(retain_rows=3)) as store:
        for number in range(3):
            await store.commit(NAMESPACE, [own(finished(number, float(number)))], 0.0, {})
        for number in range(10, 20):
            await ack(store, number, refuse)
        outcomes = await together(store, [partial(ack, store, 9, refuse), partial(ack, store, 3), partial(ack, store, 9, refuse)])
        assert outcomes[1] == Committed({})
        assert await numbers(store) == [1, 2, 3]


# Bookings that would end the transaction


def by_method(db: psycopg.Connection[TupleRow]) -> None:
    db.commit()


def by_rollback(db: psycopg.Connection[TupleRow]) -> None:
    db.rollback()


def by_closing(db: psycopg.Connection[TupleRow]) -> None:
    db.close()


def by_with(db: psycopg.Connection[TupleRow]) -> None:
    with db:
        pass


def by_commit(db: psycopg.Connection[TupleRow]) -> None:
    db.execute("-- at last\n /* now */ COMMIT")


def by_cursor(db: psycopg.Connection[TupleRow]) -> None:
    with db.cursor() as cursor:
        cursor.executemany("ROLLBACK", [()])


def by_stream(db: psycopg.Connection[TupleRow]) -> None:
    with db.cursor() as cursor:
        list(cursor.stream("END"))


def by_setting(db: psycopg.Connection[TupleRow]) -> None:
    db.execute(SQL("SET {} = 'off'").format(Identifier("synchronous_commit")))


def by_two_statements(db: psycopg.Connection[TupleRow]) -> None:
    db.execute("SELECT 1; COMMIT")


def by_two_statements_swallowed(db: psycopg.Connection[TupleRow]) -> None:
    try:
        db.execute("SELECT 1; COMMIT")
    except psycopg.Error:
        db.execute("SELECT 2")


def by_a_new_transaction(db: psycopg.Connection[TupleRow]) -> None:
    db.execute("SELECT 1; ROLLBACK; BEGIN")


def by_autocommit(db: psycopg.Connection[TupleRow]) -> None:
    db.autocommit = False


ENDINGS = [
    by_method, by_rollback, by_closing, by_with, by_commit, by_cursor, by_stream, by_setting,
    by_two_statements, by_two_statements_swallowed, by_a_new_transaction, by_autocommit,
]  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_booking_that_would_end_the_transaction_fails_alone_and_leaves_nothing(
    store: PostgresStore, schema: Schema, ending: Callable[[psycopg.Connection[TupleRow]], None]
) -> None:
    def book(db: psycopg.Connection[TupleRow]) -> None:
        insert(3)(db)
        ending(db)

    outcomes = await together(
        store, [partial(ack, store, 2, insert(2)), partial(ack, store, 3, book), partial(ack, store, 4, insert(4))]
    )
    assert outcomes[::2] == [Committed({}), Committed({})]
    assert isinstance(outcomes[1], Committed)
    assert isinstance(outcomes[1].failed[Ticket(3)], LocalProtocolError | psycopg.Error)
    assert mine(schema) == [2, 4]
    assert await numbers(store) == [1, 2, 4]
    assert commits(schema) == [2]


async def test_savepoints_of_its_own_are_a_bookings_right(store: PostgresStore, schema: Schema) -> None:
    def book(db: psycopg.Connection[TupleRow]) -> None:
        with db.transaction(force_rollback=True):
            insert(2)(db)
        db.execute("SAVEPOINT a")
        insert(3)(db)
        db.execute("ROLLBACK TO a")
        db.execute("SET LOCAL lock_timeout = '1s'")
        with db.cursor(row_factory=dict_row) as cursor:
            assert cursor.execute("SELECT 4 AS four").fetchone() == {"four": 4}
        insert(4)(db)

    assert await ack(store, 2, book) == Committed({})
    assert mine(schema) == [4]


async def test_a_booking_that_goes_on_after_a_failed_statement_fails(store: PostgresStore, schema: Schema) -> None:
    def book(db: psycopg.Connection[TupleRow]) -> None:
        insert(2)(db)
        with pytest.raises(psycopg.errors.DivisionByZero):
            db.execute("SELECT 1 / 0")

    committed = await ack(store, 2, book)
    assert isinstance(committed.failed[Ticket(2)], LocalProtocolError)
    assert mine(schema) == []


async def test_what_a_booking_sets_on_the_connection_is_not_the_next_ones(store: PostgresStore) -> None:
    def book(db: psycopg.Connection[TupleRow]) -> None:
        setattr(db, "row_factory", scalar_row)  # noqa: B010 - its type forbids it

    seen: list[object] = []
    await ack(store, 2, book)
    await ack(store, 3, lambda db: seen.append(db.execute("SELECT 1, 2").fetchone()))
    assert seen == [(1, 2)]


async def test_what_is_checked_at_the_end_fails_the_booking_that_left_it_and_no_other(
    store: PostgresStore, schema: Schema
) -> None:
    outcomes = await together(
        store, [partial(ack, store, 2, insert(2)), partial(ack, store, 3, insert(2)), partial(ack, store, 4, insert(4))]
    )
    assert outcomes[::2] == [Committed({}), Committed({})]
    assert isinstance(outcomes[1], Committed)
    assert isinstance(outcomes[1].failed[Ticket(3)], psycopg.errors.UniqueViolation)
    assert mine(schema) == [2, 4]
    assert await numbers(store) == [1, 2, 4]
    alone = await ack(store, 3, insert(2))
    assert isinstance(alone.failed[Ticket(3)], psycopg.errors.UniqueViolation)


async def test_a_connection_lost_while_the_culprit_is_looked_for_leaves_it_unknown(store: PostgresStore, schema: Schema) -> None:
    runs: list[int] = []

    def cut_off_the_second_time(db: psycopg.Connection[TupleRow]) -> None:
        runs.append(1)
        if len(runs) == 2:
            schema.column(f"SELECT pg_terminate_backend({db.info.backend_pid}, 60000)")
        insert(4)(db)

    books = {Ticket(2): insert(2), Ticket(3): insert(2), Ticket(4): cut_off_the_second_time}
    with pytest.raises(StoreError) as caught:
        await store.commit(NAMESPACE, [settling(2), settling(3), settling(4)], 0.0, books)
    assert caught.value.outcome == "unknown"
    assert await numbers(store) == [1, 2]
    assert await ack(store, 4, cut_off_the_second_time) == Committed({})
    assert mine(schema) == [2, 4]


async def test_a_booking_cannot_make_the_commit_less_durable(store: PostgresStore, schema: Schema) -> None:
    schema.column("CREATE TABLE seen (setting TEXT)")
    schema.column(
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$"
    )
    schema.column(
        "CREATE CONSTRAINT TRIGGER at_the_end AFTER INSERT ON mine DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION look()"
    )

    def book(db: psycopg.Connection[TupleRow]) -> None:
        db.execute("SET LOCAL synchronous_commit = off")
        insert(2)(db)

    await ack(store, 2, book)
    assert schema.column("SELECT setting FROM seen") == ["on"]


async def test_a_booking_waits_for_a_lock_for_so_long_and_no_longer(store: PostgresStore, schema: Schema) -> None:
    with schema.connect() as other:
        other.execute("LOCK TABLE mine")
        committed = await ack(store, 2, insert(2))
        other.rollback()
    assert isinstance(committed.failed[Ticket(2)], psycopg.errors.LockNotAvailable)
    assert await ack(store, 2, insert(2)) == Committed({})


# What is kept


async def test_a_key_longer_than_an_index_can_hold_is_one_like_any_other(store: PostgresStore) -> None:
    long = Identity(("x" * 100_000,), ("y" * 100_000,))
    await store.commit(NAMESPACE, [own(Record("finished", long, 1.0))], 0.0, {})
    assert long in (await store.open(NAMESPACE)).finished
    await store.close(NAMESPACE)


async def test_retention_is_undone_with_the_transaction_it_was_part_of(schema: Schema) -> None:
    async with opened(schema.store(retain_rows=2)) as store:
        await store.commit(NAMESPACE, [own(finished(1), finished(2))], 0.0, {})
        with pytest.raises(StoreError):
            await store.commit("unheard of", [own(finished(3))], 0.0, {})
        with pytest.raises(StoreError, match="null value"):
            await store.commit(NAMESPACE, [own(finished(3), Record("finished", identity(4), None))], 0.0, {})  # type: ignore[arg-type]  # wrong on purpose
        assert await numbers(store) == [1, 2]


async def test_delivered_rows_go_with_what_finishes_them(store: PostgresStore, schema: Schema) -> None:
    await store.commit(NAMESPACE, [own(delivered(5), delivered(6))], 0.0, {})
    await ack(store, 5)
    assert schema.column("SELECT count(*) FROM pushwire_delivered") == [1]
