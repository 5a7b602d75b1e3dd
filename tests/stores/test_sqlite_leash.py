"""What a booking and a look may not do. Whatever they try, the ledger and the neighbours are unhurt."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

import pytest
import trio

from pushwire.core.effects import Committed, Ticket
from pushwire.errors import LocalProtocolError, StoreError
from pushwire.stores.sqlite import SqliteStore
from pushwire.stores.sqlite_leash import LeashedConnection
from tests.stores.kit import NAMESPACE, Book, ack, column, finished, numbers, opened, settling, together


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore, None]:
    async with opened(SqliteStore(tmp_path / "ledger.db")) as store:
        await ack(store, 1, lambda db: db.execute("CREATE TABLE mine (number INTEGER PRIMARY KEY, note TEXT)"))
        yield store


def run(sql: str) -> Book:
    return lambda db: db.execute(sql)


def insert(number: int) -> Book:
    return lambda db: db.execute("INSERT INTO mine VALUES (?, 'booked')", (number,))


def in_block(db: sqlite3.Connection) -> None:
    with db:
        db.execute("INSERT INTO mine VALUES (77, 'in a block')")


def in_block_that_fails(db: sqlite3.Connection) -> None:
    with db:
        raise ZeroDivisionError


def set_isolation_level(value: str | None, db: sqlite3.Connection) -> None:
    db.isolation_level = value  # type: ignore[assignment] # a str here, which mypy wants as a literal


def set_autocommit(db: sqlite3.Connection) -> None:
    setattr(db, "autocommit", True)  # noqa: B010 - known since Python 3.12


def leave(db: sqlite3.Connection) -> None:
    """A booking that leaves a trace, so that its undoing can be seen."""
    db.execute("INSERT INTO mine VALUES (666, 'not allowed')")


ENDINGS: dict[str, Book] = {
    "commit()": lambda db: db.commit(),
    "rollback()": lambda db: db.rollback(),
    "close()": lambda db: db.close(),
    "executescript()": lambda db: db.executescript("INSERT INTO mine VALUES (77, 'scripted')"),
    "a cursor's executescript()": lambda db: db.cursor().executescript("INSERT INTO mine VALUES (77, 'scripted')"),
    "with": in_block,
    "with, and an exception": in_block_that_fails,
    "set_authorizer()": lambda db: db.set_authorizer(None),
    "isolation_level = None": partial(set_isolation_level, None),
    "isolation_level = ''": partial(set_isolation_level, ""),
    "autocommit = True": set_autocommit,
}

STATEMENTS = [
    "BEGIN",
    "begin immediate",
    "COMMIT",
    "commit;",
    "END TRANSACTION",
    "ROLLBACK",
    "/* all of it */ rollback",
    "SAVEPOINT pushwire_booking",
    "RELEASE pushwire_booking",
    "RELEASE Pushwire_Booking",
    "ROLLBACK TO pushwire_booking",
    "rollback to PUSHWIRE_BOOKING",
    "ATTACH ':memory:' AS other",
    "DETACH main",
    "PRAGMA query_only = ON",
    "PRAGMA Locking_Mode = NORMAL",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous(OFF)",
    "PRAGMA foreign_keys = ON",
    "PRAGMA writable_schema = ON",
    "INSERT INTO pushwire_parked VALUES (1, 1, '[]', '[]', 0, '', '')",
    "UPDATE pushwire_ledger SET finished = 0",
    "UPDATE PUSHWIRE_schema SET commits = 0",
    "DELETE FROM pushwire_ledger",
    "REPLACE INTO main.pushwire_namespace VALUES (1, 'mine', 0)",
    "DROP TABLE pushwire_ledger",
    "ALTER TABLE pushwire_ledger RENAME TO mine_now",
    "ALTER TABLE pushwire_ledger ADD COLUMN more",
    "CREATE TABLE pushwire_more (number)",
    "CREATE TEMP TABLE Pushwire_ledger (number)",
    "CREATE TEMP VIEW pushwire_schema AS SELECT 1 AS commits",
    "CREATE UNIQUE INDEX one ON pushwire_ledger (finished)",
    "CREATE TRIGGER hook AFTER INSERT ON pushwire_ledger BEGIN DELETE FROM mine; END",
    "CREATE TEMP TRIGGER hook AFTER INSERT ON pushwire_ledger BEGIN DELETE FROM mine; END",
]

FORBIDDEN = [*((name, book) for name, book in ENDINGS.items()), *((sql, run(sql)) for sql in STATEMENTS)]


@pytest.mark.parametrize("attempt", [pytest.param(book, id=name) for name, book in FORBIDDEN])
async def test_a_booking_may_not(store: SqliteStore, attempt: Book) -> None:
    def book(db: sqlite3.Connection) -> None:
        leave(db)
        attempt(db)

    first, bad, last = await together(
        store, [partial(ack, store, 2, insert(2)), partial(ack, store, 3, book), partial(ack, store, 4, insert(4))]
    )
    assert first == last == Committed({})
    assert isinstance(bad, Committed)
    error = bad.failed[Ticket(3)]
    assert isinstance(error, LocalProtocolError)
    assert "may not" in str(error)
    # Once more: by now the ledger itself has used every statement it has for a booking that fails.
    assert isinstance((await ack(store, 3, book)).failed[Ticket(3)], LocalProtocolError)
    assert await column(store, "SELECT number FROM mine") == [2, 4]
    assert await numbers(store) == [1, 2, 4]
    assert await ack(store, 3, insert(3)) == Committed({})


@pytest.mark.parametrize("attempt", [pytest.param(book, id=name) for name, book in FORBIDDEN])
async def test_a_booking_that_goes_on_after_a_refusal_is_booked_without_it(store: SqliteStore, attempt: Book) -> None:
    def book(db: sqlite3.Connection) -> None:
        with pytest.raises(LocalProtocolError):
            attempt(db)
        db.execute("INSERT INTO mine VALUES (2, 'went on')")

    assert await ack(store, 2, book) == Committed({})
    found = await column(store, "SELECT number FROM mine")
    assert found == ([2] if attempt is not in_block else [2, 77])
    assert await numbers(store) == [1, 2]


@pytest.mark.parametrize("attempt", [pytest.param(book, id=name) for name, book in FORBIDDEN])
async def test_a_look_may_not(store: SqliteStore, attempt: Book) -> None:
    with pytest.raises((LocalProtocolError, sqlite3.OperationalError)):
        await store.read(attempt)
    assert await column(store, "SELECT number FROM mine") == []
    assert await ack(store, 2, insert(2)) == Committed({})
    assert await numbers(store) == [1, 2]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO mine VALUES (5, '')",
        "UPDATE mine SET note = ''",
        "DELETE FROM mine",
        "CREATE TABLE more (number)",
        "CREATE TEMP TABLE more (number)",
        "DROP TABLE mine",
        "PRAGMA user_version = 5",
        "PRAGMA query_only = OFF",
        "PRAGMA max_page_count = 5",
        "VACUUM",
    ],
)
async def test_a_look_changes_nothing(store: SqliteStore, sql: str) -> None:
    """Also not a second time, when the statement may be prepared already."""
    await ack(store, 2, insert(2))
    for _ in range(3):
        with pytest.raises((LocalProtocolError, sqlite3.OperationalError)):
            await store.read(run(sql))
        assert await column(store, "SELECT note FROM mine") == ["booked"]
    assert await column(store, "PRAGMA user_version") == [0]


async def test_a_statement_that_a_booking_has_run_is_refused_to_a_look(store: SqliteStore) -> None:
    sql = "UPDATE mine SET note = note || '!'"
    await ack(store, 2, insert(2))
    await ack(store, 3, run(sql))
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store.read(run(sql))
    await ack(store, 4, run(sql))
    assert await column(store, "SELECT note FROM mine") == ["booked!!"]


async def test_a_look_cannot_turn_its_blindfold_off(store: SqliteStore) -> None:
    def look(db: sqlite3.Connection) -> None:
        with pytest.raises(LocalProtocolError):
            db.execute("PRAGMA query_only = OFF")
        db.execute("INSERT INTO mine VALUES (5, '')")

    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await store.read(look)


async def test_a_look_sees_the_ledgers_tables_and_the_callers(store: SqliteStore) -> None:
    await ack(store, 2, insert(2))
    assert await column(store, "SELECT note FROM mine JOIN pushwire_ledger ON number = 2 AND key LIKE '%0x0002%'") == ["booked"]
    assert await column(store, "SELECT name FROM pushwire_namespace") == [NAMESPACE]


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyboardInterrupt(), SystemExit(3)])
async def test_what_a_look_raises_is_its_callers_and_the_thread_lives_on(store: SqliteStore, error: BaseException) -> None:
    def look(_: sqlite3.Connection) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await store.read(look)
    assert caught.value is error
    assert await ack(store, 2, insert(2)) == Committed({})


# What a booking may do


async def test_a_booking_has_its_own_savepoints_tables_triggers_and_pragmas(store: SqliteStore) -> None:
    def book(db: sqlite3.Connection) -> None:
        db.execute("SAVEPOINT mine")
        db.execute("INSERT INTO mine VALUES (5, 'undone')")
        db.execute("ROLLBACK TO mine")
        db.execute("CREATE TABLE more (number, pushwire_note)")
        db.execute("CREATE INDEX more_number ON more (number)")
        db.execute("CREATE TRIGGER copy AFTER INSERT ON mine BEGIN INSERT INTO more VALUES (new.number, ''); END")
        db.executemany("INSERT INTO mine VALUES (?, ?)", [(6, "a"), (7, "b")])
        db.execute("UPDATE more SET pushwire_note = 'a column of the caller'")
        db.execute("PRAGMA user_version = 4")
        db.execute("ANALYZE")
        assert db.execute("PRAGMA table_info(mine)").fetchone()[1] == "number"
        assert db.execute("SELECT count(*) FROM pushwire_ledger").fetchone() == (1,)

    assert await ack(store, 2, book) == Committed({})
    assert await column(store, "SELECT number FROM more") == [6, 7]
    assert await column(store, "PRAGMA user_version") == [4]
    assert await numbers(store) == [1, 2]


async def test_a_trigger_may_not_write_to_the_ledger_for_a_booking(store: SqliteStore) -> None:
    def book(db: sqlite3.Connection) -> None:
        db.execute("CREATE TRIGGER cut AFTER INSERT ON mine BEGIN DELETE FROM pushwire_ledger; END")
        db.execute("INSERT INTO mine VALUES (2, '')")

    committed = await ack(store, 2, book)
    assert isinstance(committed.failed[Ticket(2)], LocalProtocolError)
    assert await ack(store, 2, insert(2)) == Committed({})


async def test_a_mistake_in_the_sql_is_sqlites_own_error(store: SqliteStore) -> None:
    committed = await ack(store, 2, run("INSERT INTO nowhere VALUES (1)"))
    error = committed.failed[Ticket(2)]
    assert isinstance(error, sqlite3.OperationalError)
    assert "nowhere" in str(error)
    many: Book = lambda db: db.executemany("INSERT INTO mine VALUES (?, 1, 1)", [(1,)])  # noqa: E731 - one of many bookings
    assert isinstance((await ack(store, 2, many)).failed[Ticket(2)], sqlite3.OperationalError)


# What a booking leaves behind


async def test_a_statement_left_running_does_not_keep_anyone_from_committing(store: SqliteStore) -> None:
    kept: list[sqlite3.Cursor] = []

    def half_done(db: sqlite3.Connection) -> None:
        kept.append(db.execute("INSERT INTO mine VALUES (2, '') RETURNING number"))

    def half_done_and_refused(db: sqlite3.Connection) -> None:
        half_done(db)
        raise ZeroDivisionError

    good, bad, neighbour = await together(
        store,
        [partial(ack, store, 2, half_done), partial(ack, store, 3, half_done_and_refused), partial(ack, store, 4, insert(4))],
    )
    assert good == neighbour == Committed({})
    assert isinstance(bad, Committed)
    assert list(bad.failed) == [Ticket(3)]
    assert await ack(store, 5, insert(5)) == Committed({})
    assert await numbers(store) == [1, 2, 4, 5]


async def test_rows_that_a_look_did_not_fetch_are_out_of_reach(store: SqliteStore) -> None:
    await ack(store, 2, insert(2))
    cursor = await store.read(lambda db: db.execute("SELECT number FROM mine"))
    with pytest.raises(sqlite3.ProgrammingError):
        cursor.fetchall()


async def test_a_connection_carried_out_of_a_booking_is_of_no_use(store: SqliteStore) -> None:
    kept: list[sqlite3.Connection] = []
    await ack(store, 2, kept.append)
    with pytest.raises(sqlite3.ProgrammingError, match="thread"):
        kept[0].execute("DELETE FROM pushwire_ledger")


async def test_a_cursor_carried_into_another_booking_is_closed(store: SqliteStore) -> None:
    kept: list[sqlite3.Cursor] = []
    await ack(store, 2, lambda db: kept.append(db.cursor()))
    committed = await ack(store, 3, lambda _: kept[0].execute("INSERT INTO mine VALUES (3, '')"))
    assert isinstance(committed.failed[Ticket(3)], sqlite3.ProgrammingError)


def set_rows_to_dicts(db: sqlite3.Connection) -> None:
    def as_dict(cursor: sqlite3.Cursor, row: tuple[object, ...]) -> dict[str, object]:
        return {name[0]: value for name, value in zip(cursor.description, row, strict=True)}

    db.row_factory = as_dict
    db.text_factory = bytes
    assert db.execute("SELECT 'a' AS first").fetchone() == {"first": b"a"}


async def test_the_row_and_text_factories_are_a_bookings_own(store: SqliteStore) -> None:
    assert await ack(store, 2, set_rows_to_dicts) == Committed({})
    await store.read(set_rows_to_dicts)
    assert await column(store, "SELECT 'text'") == ["text"]
    assert await ack(store, 3) == Committed({})
    assert await numbers(store) == [1, 2, 3]


class Careful(sqlite3.Cursor):
    """A cursor class of the caller's."""


async def test_a_cursor_class_of_the_callers_is_closed_too(store: SqliteStore) -> None:
    kept: list[Careful] = []

    def book(db: sqlite3.Connection) -> None:
        cursor = db.cursor(Careful)
        kept.append(cursor)
        cursor.execute("INSERT INTO mine VALUES (2, '') RETURNING number")
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            db.cursor(Careful).execute("COMMIT")

    assert await ack(store, 2, book) == Committed({})
    assert await numbers(store) == [1, 2]


async def test_a_booking_is_let_go_when_it_is_done(store: SqliteStore) -> None:
    released = trio.Event()

    def book(_: sqlite3.Connection) -> None:
        """What it refers to may be large."""

    weakref.finalize(book, trio.lowlevel.current_trio_token().run_sync_soon, released.set)
    await ack(store, 2, book)
    del book
    with trio.fail_after(60):
        await released.wait()


# When SQLite ends the transaction by itself


def or_rollback(db: sqlite3.Connection) -> None:
    leave(db)
    db.execute("INSERT OR ROLLBACK INTO mine VALUES (666, 'again')")


def or_rollback_and_on(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        or_rollback(db)
    with pytest.raises(LocalProtocolError, match="cannot go on"):
        db.execute("INSERT INTO mine VALUES (667, '')")
    with pytest.raises(LocalProtocolError, match="cannot go on"):
        db.executemany("INSERT INTO mine VALUES (?, '')", [(668,)])


@pytest.mark.parametrize(
    "culprit, expected",
    [(or_rollback, sqlite3.IntegrityError), (or_rollback_and_on, LocalProtocolError)],
    ids=["raises", "goes on"],
)
async def test_a_booking_that_takes_the_transaction_with_it_fails_alone(
    store: SqliteStore, culprit: Book, expected: type[Exception]
) -> None:
    first, bad, plain, worse, last = await together(
        store,
        [
            partial(ack, store, 2, insert(2)),
            partial(ack, store, 3, culprit),
            partial(ack, store, 4),
            partial(ack, store, 5, culprit),
            partial(ack, store, 6, insert(6)),
        ],
    )
    assert first == plain == last == Committed({})
    assert isinstance(bad, Committed)
    assert isinstance(bad.failed[Ticket(3)], expected)
    assert isinstance(worse, Committed)
    assert isinstance(worse.failed[Ticket(5)], expected)
    assert await column(store, "SELECT number FROM mine") == [2, 6]
    assert await numbers(store) == [1, 2, 4, 6]


async def test_tickets_of_two_streams_are_not_mistaken_for_one_another(store: SqliteStore) -> None:
    await store.open("other")
    one, other = await together(
        store, [partial(ack, store, 3, or_rollback), partial(ack, store, 3, insert(3), namespace="other")]
    )
    assert isinstance(one, Committed)
    assert list(one.failed) == [Ticket(3)]
    assert other == Committed({})
    await store.close("other")


async def test_a_record_that_cannot_be_stored_leaves_no_half_behind(store: SqliteStore) -> None:
    nan = float("nan")
    with pytest.raises(StoreError) as caught:
        await store.commit(NAMESPACE, [settling(2), settling(3, finished(3, at=nan))], 0.0, {Ticket(2): insert(2)})
    assert caught.value.outcome == "not_stored"
    assert await column(store, "SELECT number FROM mine") == []
    assert await numbers(store) == [1]
    assert await ack(store, 2, insert(2)) == Committed({})


async def test_a_progress_handler_left_behind_stops_nobody(store: SqliteStore) -> None:
    await ack(store, 1, lambda db: db.set_progress_handler(lambda: 1, 1))
    assert await ack(store, 2) == Committed({})


# The connection itself


def test_a_connection_that_is_not_lent_is_like_any_other(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "plain.db", factory=LeashedConnection)
    db.executescript("CREATE TABLE pushwire_x (number); CREATE TABLE mine (number);")
    with db:
        db.cursor().executemany("INSERT INTO mine VALUES (?)", [(1,), (2,)])
    db.executemany("INSERT INTO pushwire_x VALUES (?)", [(1,)])
    db.commit()
    db.execute("DELETE FROM mine")
    db.rollback()
    db.isolation_level = "IMMEDIATE"
    assert db.execute("SELECT count(*) FROM mine").fetchone() == (2,)
    assert db.execute("SELECT count(*) FROM pushwire_x").fetchone() == (1,)
    db.close()


def test_a_cursor_that_was_lent_obeys_no_longer(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "plain.db", factory=LeashedConnection)
    with db.lent("booking"):
        cursor = db.cursor()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        cursor.executescript("CREATE TABLE mine (number);")
    db.close()
