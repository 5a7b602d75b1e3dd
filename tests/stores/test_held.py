"""What every store must do with what is held: keep it whole until it is finished, in order. And what no retention may drop."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pushwire.core.effects import Held, Identity, Loaded, Record, Resends, Restored, Ticket
from pushwire.errors import StoreError
from pushwire.stores.base import NOTHING
from pushwire.stores.postgres import PostgresStore
from pushwire.stores.sqlite import SqliteStore
from tests.stores.kit import NAMESPACE, AnyStore, delivered, finished, identity, own, reopened, settling
from tests.stores.postgres_kit import Schema

RESENDS = Resends(before_mark=10.0, ever=1000.0)


def held(number: int, at: float = 50.0, raw: str = "{}") -> Record:
    return Record("held", identity(number), at, raw=raw)


async def payloads(store: AnyStore, *numbers: int) -> dict[Identity, str]:
    return dict((await store.payloads(NAMESPACE, [identity(number) for number in numbers])).raws)


async def test_what_is_held_is_there_at_the_next_open_in_the_order_it_came(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(held(3, 90.0, "{3}"), held(1, 80.0))], 40.0, {})
    await store.commit(NAMESPACE, [own(held(2, 10.0))], 41.0, {})
    restored = await reopened(store)
    expected = {identity(3): Held(90.0, 3), identity(1): Held(80.0, 2), identity(2): Held(10.0, 2)}
    assert restored == Restored({}, {}, 41.0, expected)
    assert list(restored.held) == [identity(3), identity(1), identity(2)]
    await store.close(NAMESPACE)


@pytest.mark.parametrize(
    "raw", ["", '{"amount": "115792089237316195423570985008687907853269984665640564039457584007913129639935"}', "☃ \ud800 \x00"]
)
async def test_a_payload_comes_back_as_it_was(store: AnyStore, raw: str) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(held(1, raw=raw), held(2))], 0.0, {})
    assert await store.payloads(NAMESPACE, [identity(1), identity(9)]) == Loaded({identity(1): raw})
    await reopened(store)
    assert await payloads(store, 2, 1) == {identity(1): raw, identity(2): "{}"}
    assert await payloads(store) == {}
    await store.close(NAMESPACE)


async def test_what_is_finished_or_parked_is_held_no_longer(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(held(1), held(2), held(3))], 0.0, {})
    await reopened(store)
    poison = Record("parked", identity(2), 70.0, "why", "raw")
    await store.commit(NAMESPACE, [settling(1, finished(1, 60.0)), settling(2, poison)], 0.0, {})
    assert await payloads(store, 1, 2, 3) == {identity(3): "{}"}
    restored = await reopened(store)
    assert (restored.finished, list(restored.held)) == ({identity(1): 60.0, identity(2): 70.0}, [identity(3)])
    assert await store.parked() == [poison]
    await store.close(NAMESPACE)


async def test_what_is_held_or_finished_already_is_not_held_again(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(held(1, raw="first"), delivered(2), finished(3))], 0.0, {})
    await store.commit(NAMESPACE, [own(held(1, raw="again"), held(3), held(4), finished(4), finished(5), held(5))], 0.0, {})
    restored = await reopened(store)
    assert list(restored.held) == [identity(1)]
    assert await payloads(store, 1) == {identity(1): "first"}
    await store.close(NAMESPACE)


async def test_a_booking_that_raises_leaves_the_delivery_held(store: AnyStore) -> None:
    def refuse(_: object) -> None:
        raise KeyError("no such account")

    def book(_: object) -> None:
        booked.append(2)

    booked: list[int] = []
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(held(1), held(2))], 0.0, {})
    committed = await store.commit(NAMESPACE, [settling(1), settling(2)], 0.0, {Ticket(1): refuse, Ticket(2): book})
    assert (list(committed.failed), booked) == ([Ticket(1)], [2])
    assert list((await reopened(store)).held) == [identity(1)]
    await store.close(NAMESPACE)


async def test_namespaces_hold_each_their_own(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.open("other")
    await store.commit(NAMESPACE, [own(held(1, raw="ours"))], 0.0, {})
    await store.commit("other", [own(held(1, raw="theirs"), finished(2))], 0.0, {})
    await store.commit("other", [own(finished(1))], 0.0, {})
    assert await payloads(store, 1) == {identity(1): "ours"}
    assert (await reopened(store, "other")).held == {}
    await store.close(NAMESPACE)
    await store.close("other")


# The retention


async def test_no_retention_drops_what_is_held(make: Callable[..., AnyStore]) -> None:
    store = make(retain_for=10.0, retain_rows=1)
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(held(1, 1.0), held(2, 2.0))], 0.0, {})
    for number in range(3, 9):
        await store.commit(NAMESPACE, [own(finished(number, 100.0 * number))], 0.0, {})
    restored = await reopened(store)
    assert (list(restored.held), list(restored.finished)) == ([identity(1), identity(2)], [identity(8)])
    await store.close(NAMESPACE)


@pytest.mark.parametrize("retention", [{"retain_rows": 2}, {"retain_for": 1.0}], ids=["count", "age"])
async def test_what_may_be_sent_again_is_kept_whatever_the_retention(
    make: Callable[..., AnyStore], retention: dict[str, float]
) -> None:
    store = make(**retention)
    await store.open(NAMESPACE, RESENDS)
    await store.commit(NAMESPACE, [own(delivered(0, 100.0))], 100.0, {})
    for number in range(1, 9):
        # The low-water mark stands still: the delivery of 0 is unfinished.
        await store.commit(NAMESPACE, [own(finished(number, 100.0 + 5 * number))], 100.0, {})
    await store.close(NAMESPACE)
    restored = await store.open(NAMESPACE, RESENDS)
    assert (len(restored.finished), len(restored.delivered)) == (8, 1)
    for number in range(9, 15):
        # It has moved on: from 190 on is what may be sent again.
        await store.commit(NAMESPACE, [own(finished(number, 201.0 + 2 * number))], 200.0, {})
    restored = await reopened(store)
    assert min(restored.finished.values()) >= 190.0
    assert len(restored.finished) == 6
    assert restored.delivered == {}
    await store.close(NAMESPACE)


async def test_what_is_older_than_any_resend_goes_though_the_mark_stands_still(make: Callable[..., AnyStore]) -> None:
    store = make(retain_rows=2)
    await store.open(NAMESPACE, RESENDS)
    for number in range(1, 9):
        await store.commit(NAMESPACE, [own(finished(number, 600.0 * number))], 0.0, {})
    assert len((await reopened(store)).finished) == 2
    await store.close(NAMESPACE)


def test_without_a_provider_nothing_is_sent_again() -> None:
    assert NOTHING.since(5.0, 9.0) == float("inf")
    assert RESENDS.since(5.0, 9.0) == -5.0
    assert RESENDS.since(5.0, 9000.0) == 8000.0


# Files and databases of the first version


async def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            """
            CREATE TABLE pushwire_schema (version INTEGER NOT NULL, commits INTEGER NOT NULL);
            CREATE TABLE pushwire_namespace (
                id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, mark REAL, finishes INTEGER NOT NULL DEFAULT 0);
            CREATE TABLE pushwire_ledger (
                seq INTEGER PRIMARY KEY, namespace INTEGER NOT NULL REFERENCES pushwire_namespace (id), key TEXT NOT NULL,
                version TEXT NOT NULL, finished INTEGER NOT NULL, at REAL NOT NULL, turn INTEGER NOT NULL,
                UNIQUE (namespace, key, version));
            CREATE INDEX pushwire_oldest ON pushwire_ledger (namespace, turn, at);
            CREATE TABLE pushwire_parked (
                seq INTEGER PRIMARY KEY AUTOINCREMENT, namespace INTEGER NOT NULL REFERENCES pushwire_namespace (id),
                key TEXT NOT NULL, version TEXT NOT NULL, at REAL NOT NULL, note TEXT NOT NULL, raw TEXT NOT NULL);
            INSERT INTO pushwire_schema VALUES (1, 7);
            INSERT INTO pushwire_namespace VALUES (1, 'n', 40.0, 1);
            INSERT INTO pushwire_ledger VALUES (1, 1, '["\\u2603"]', '[1]', 1, 60.0, 1), (2, 1, '["b"]', '[2]', 0, 50.0, 1);
            """
        )
    snowman, other = Identity(("☃",), (1,)), Identity(("b",), (2,))
    store = SqliteStore(path)
    assert await store.open("n") == Restored({snowman: 60.0}, {other: 50.0}, 40.0)
    await store.commit("n", [own(Record("finished", snowman, 70.0), Record("held", other, 71.0, raw="x"))], 41.0, {})
    restored = await reopened(store, "n")
    assert restored == Restored({snowman: 70.0}, {other: 50.0}, 41.0, {other: Held(71.0, 1)})
    await store.close("n")


async def test_a_database_of_the_first_version_is_brought_up_to_date(schema: Schema) -> None:
    store: PostgresStore = schema.store()
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(finished(1))], 1.0, {})
    await store.close(NAMESPACE)
    schema.column("DROP TABLE pushwire_held")
    schema.column("UPDATE pushwire_schema SET version = 1")
    assert (await store.open(NAMESPACE)).finished == {identity(1): 100.0}
    await store.commit(NAMESPACE, [own(held(2))], 1.0, {})
    assert list((await reopened(store)).held) == [identity(2)]
    await store.close(NAMESPACE)
    assert schema.column("SELECT version FROM pushwire_schema") == [2]


async def test_what_a_transaction_of_the_callers_finished_is_held_no_longer_for_the_next_run(schema: Schema) -> None:
    store = schema.store()
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(held(1), held(2))], 1.0, {})
    schema.column(
        "INSERT INTO pushwire_finished SELECT namespace, digest, key, version, 60.0, NULL FROM pushwire_held ORDER BY seq LIMIT 1"
    )
    restored = await reopened(store)
    assert (restored.finished, list(restored.held)) == ({identity(1): 60.0}, [identity(2)])
    await store.close(NAMESPACE)


async def test_payloads_of_a_store_that_is_not_open_are_refused(make: Callable[..., AnyStore]) -> None:
    with pytest.raises(StoreError, match="is not open"):
        await make().payloads(NAMESPACE, [identity(1)])
