"""Any sequence of commits against plain dicts: what a store restores is what was committed, bookings included."""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import attrs
import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from pushwire.core.effects import Committed, Identity, Record, Restored, Ticket, Write
from pushwire.stores.memory import MemoryStore
from pushwire.stores.postgres import PostgresStore
from pushwire.stores.sqlite import SqliteStore
from tests.stores.postgres_kit import Schema
from tests.stores.postgres_server import PostgresServer

NAMESPACES = ("one", "other")

scalars = st.one_of(st.text(max_size=4), st.integers(), st.none())
parts = st.tuples(scalars, st.booleans())
identities = st.builds(Identity, parts, parts)
times = st.integers(0, 1000).map(float)


class Refused(Exception):
    """What a booking raises here."""


@attrs.frozen
class Step:
    """One commit: in which namespace, what, and which of its bookings raise; then, whether the store is opened anew."""

    namespace: str
    writes: tuple[tuple[Record, ...], ...]
    bookings: tuple[bool | None, ...]
    mark: float
    reopen: bool


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    # Few identities, so that they meet again.
    pool = draw(st.lists(identities, min_size=1, max_size=5, unique=True))
    records = st.builds(Record, st.sampled_from(["finished", "delivered"]), st.sampled_from(pool), times)
    poison = st.builds(Record, st.just("parked"), st.sampled_from(pool), times, st.text(max_size=5), st.text(max_size=5))
    writes = st.lists(st.lists(records | poison, max_size=3).map(tuple), max_size=4).map(tuple)
    bookings = st.tuples(*[st.none() | st.booleans()] * 4)
    step = st.builds(Step, st.sampled_from(NAMESPACES), writes, bookings, times, st.booleans())
    return draw(st.lists(step, min_size=1, max_size=8))


@attrs.define
class Model:
    """A namespace in dicts."""

    finished: dict[Identity, float] = attrs.Factory(dict[Identity, float])
    delivered: dict[Identity, float] = attrs.Factory(dict[Identity, float])
    parked: list[Record] = attrs.Factory(list[Record])
    mark: float | None = None

    def keep(self, record: Record) -> None:
        if record.kind == "delivered":
            if record.identity not in self.finished:
                self.delivered.setdefault(record.identity, record.at)
            return
        self.delivered.pop(record.identity, None)
        self.finished[record.identity] = record.at
        if record.kind == "parked":
            self.parked.append(record)


@attrs.define
class World:
    """What should be there: of each namespace, and in the table that the bookings write to."""

    models: dict[str, Model] = attrs.Factory(lambda: {name: Model() for name in NAMESPACES})
    booked: list[int] = attrs.Factory(list[int])

    def commit(self, step: Step, first: int) -> set[Ticket]:
        """The tickets that fail."""
        model = self.models[step.namespace]
        failed: set[Ticket] = set()
        for number, records in enumerate(step.writes):
            raises = step.bookings[number]
            booked_before = bool(records) and all(record.identity in model.finished for record in records)
            if raises is not None and not booked_before:
                if raises:
                    failed.add(Ticket(first + number))
                    continue
                self.booked.append(first + number)
            for record in records:
                model.keep(record)
        model.mark = step.mark
        return failed

    def restored(self, namespace: str) -> Restored:
        model = self.models[namespace]
        return Restored(model.finished, model.delivered, model.mark)


Bookings: TypeAlias = Callable[[int, bool], Callable[[object], object]]


async def check(plan: list[Step], store: MemoryStore | SqliteStore | PostgresStore, booking: Bookings) -> World:
    """Run the plan on the store, and compare what it says with what should be there, which is returned."""
    world = World()
    for namespace in NAMESPACES:
        await store.open(namespace)
    for place, step in enumerate(plan):
        first = 10 * place
        writes = [Write(Ticket(first + number), records) for number, records in enumerate(step.writes)]
        raises = {Ticket(first + number): fails for number, fails in enumerate(step.bookings[: len(writes)]) if fails is not None}
        books = {ticket: booking(ticket.serial, fails) for ticket, fails in raises.items()}
        committed: Committed = await store.commit(step.namespace, writes, step.mark, books)
        assert set(committed.failed) == world.commit(step, first)
        assert all(isinstance(error, Refused) for error in committed.failed.values())
        if step.reopen:
            for namespace in NAMESPACES:
                await store.close(namespace)
            for namespace in NAMESPACES:
                restored = await store.open(namespace)
                assert restored == world.restored(namespace)
                assert list(restored.finished.values()) == sorted(restored.finished.values())
    parked = await store.parked()
    # Of two namespaces, each keeps its order.
    assert sorted(parked, key=repr) == sorted((r for model in world.models.values() for r in model.parked), key=repr)
    return world


@given(plan=steps())
async def test_the_memory_store_restores_what_was_committed(plan: list[Step]) -> None:
    booked: list[int] = []

    def booking(serial: int, fails: bool) -> Callable[[object], object]:
        def book(nothing: object) -> None:
            assert nothing is None
            if fails:
                raise Refused
            booked.append(serial)

        return book

    world = await check(plan, MemoryStore(), booking)
    assert booked == world.booked


@given(plan=steps())
@settings(max_examples=60)
async def test_the_sqlite_store_restores_what_was_committed(plan: list[Step]) -> None:
    def booking(serial: int, fails: bool) -> Callable[[object], object]:
        def book(db: object) -> None:
            assert isinstance(db, sqlite3.Connection)
            db.execute("CREATE TABLE IF NOT EXISTS booked (serial INTEGER)")
            db.execute("INSERT INTO booked VALUES (?)", (serial,))
            if fails:
                raise Refused

        return book

    with tempfile.TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory) / "ledger.db")
        world = await check(plan, store, booking)

        def rows(db: sqlite3.Connection) -> list[int]:
            exists = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'booked'").fetchone()
            return [row[0] for row in db.execute("SELECT serial FROM booked")] if exists else []

        assert await store.read(rows) == world.booked
        for namespace in NAMESPACES:
            await store.close(namespace)


_serials = itertools.count(1)


@given(plan=steps())
@settings(max_examples=40)
async def test_the_postgres_store_restores_what_was_committed(plan: list[Step], postgres: PostgresServer) -> None:
    schema = Schema(postgres, f"model_{next(_serials)}")

    def booking(serial: int, fails: bool) -> Callable[[object], object]:
        def book(db: object) -> None:
            assert isinstance(db, psycopg.Connection)
            db.execute("CREATE TABLE IF NOT EXISTS booked (serial INTEGER)")
            db.execute("INSERT INTO booked VALUES (%s)", (serial,))
            if fails:
                raise Refused

        return book

    store = schema.store()
    world = await check(plan, store, booking)
    assert schema.column("SELECT to_regclass('booked') IS NOT NULL") == [bool(world.booked)]
    assert not world.booked or schema.column("SELECT serial FROM booked") == world.booked
    for namespace in NAMESPACES:
        await store.close(namespace)
    schema.column(f"DROP SCHEMA {schema.name} CASCADE")
