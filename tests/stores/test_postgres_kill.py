"""Real processes, killed in the middle of their commits: ours, and the server with all its children.

`PUSHWIRE_KILLS` asks for more of them than a test run has time for.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg
import pytest
import trio
from psycopg.rows import TupleRow

from pushwire.errors import StoreError
from pushwire.stores.postgres import PostgresStore
from tests.stores.kit import ROOT
from tests.stores.postgres_kit import Book, Schema, ack, numbers, opened
from tests.stores.postgres_server import PostgresServer

KILLS: Final = int(os.environ.get("PUSHWIRE_KILLS", "5"))


def insert(number: int) -> Book:
    def book(db: psycopg.Connection[TupleRow]) -> None:
        db.execute("INSERT INTO bookings VALUES (%s, 'debit')", (number,))
        db.execute("INSERT INTO bookings VALUES (%s, 'credit')", (number,))

    return book


@pytest.mark.slow
async def test_through_kills_of_the_server_each_is_booked_exactly_once(own_postgres: PostgresServer) -> None:
    own_postgres.execute("CREATE TABLE bookings (number INTEGER, part TEXT)")
    rng = random.Random(5)
    unfinished = list(range(1, 200 * KILLS + 1))
    settled: set[int] = set()
    outcomes = Counter[str]()
    progress = trio.lowlevel.ParkingLot()
    runs = trio.Event()
    runs.set()

    async def work(store: PostgresStore) -> None:
        while unfinished:
            number = unfinished.pop()
            while number not in settled:
                try:
                    await ack(store, number, insert(number))
                except StoreError as error:
                    outcomes[error.outcome] += 1
                    # It is repeated until it is stored, though it may have been.
                    await runs.wait()
                else:
                    settled.add(number)
                    progress.unpark_all()

    async def kill() -> None:
        nonlocal runs
        for _ in range(KILLS):
            until = len(settled) + rng.randrange(20, 180)
            while len(settled) < until:
                await progress.park()
            runs = trio.Event()
            # In a thread: commits go on up to the very moment.
            await trio.to_thread.run_sync(own_postgres.kill)
            await trio.to_thread.run_sync(own_postgres.start)
            runs.set()

    async with opened(PostgresStore(own_postgres.dsn)) as store:
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(work, store)
            nursery.start_soon(kill)
        assert await numbers(store) == sorted(settled) == list(range(1, 200 * KILLS + 1))
    booked = Counter(own_postgres.execute("SELECT number, part FROM bookings"))
    assert booked == Counter((number, part) for number in settled for part in ("debit", "credit"))
    assert sum(outcomes.values()) >= KILLS


@contextmanager
def committer(schema: Schema) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.stores.postgres_committer", schema.dsn, schema.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        try:
            yield started
        finally:
            started.kill()


async def in_ledger(schema: Schema) -> list[int]:
    async with opened(schema.store()) as store:
        return await numbers(store)


@pytest.mark.slow
def test_after_a_kill_all_that_was_reported_durable_is_there_and_booked_once(postgres: PostgresServer, schema: Schema) -> None:
    postgres.execute(f"CREATE SCHEMA {schema.name}")
    schema.column("CREATE TABLE bookings (number INTEGER, part TEXT)")
    rng = random.Random(7)
    reported: set[int] = set()
    for _ in range(KILLS):
        with committer(schema) as process:
            assert process.stdout is not None
            for _ in range(rng.randint(5, 150)):
                reported.add(int(process.stdout.readline()))
            process.kill()
            reported.update(int(line) for line in process.stdout if line.endswith("\n"))
            assert process.wait() == -signal.SIGKILL
        ledger = trio.run(in_ledger, schema)
        assert reported <= set(ledger)
        with schema.connect() as db:
            booked = db.execute("SELECT number, part FROM bookings ORDER BY number, part").fetchall()
        assert booked == [(number, part) for number in ledger for part in ("credit", "debit")]
    assert len(reported) > 20 * KILLS
