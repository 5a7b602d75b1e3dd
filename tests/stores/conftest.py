"""A PostgreSQL server for all tests of the stores, and a schema of its own for each; and each store in turn."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import pytest

from pushwire.stores.memory import MemoryStore
from pushwire.stores.sqlite import SqliteStore
from tests.stores.kit import AnyStore
from tests.stores.postgres_kit import Schema
from tests.stores.postgres_server import PostgresServer, needed_server

_serials = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    """One that everybody shares: nobody stops it."""
    server = needed_server()
    yield server
    server.remove()


@pytest.fixture
def own_postgres() -> Generator[PostgresServer]:
    """One that may be stopped and killed."""
    server = needed_server()
    yield server
    server.remove()


@pytest.fixture
def schema(postgres: PostgresServer) -> Schema:
    """Empty; the tables of bookings go there as well."""
    return Schema(postgres, f"test_{next(_serials)}")


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., AnyStore]:
    """Makes the store, with the retention asked for."""
    if request.param == "memory":
        return MemoryStore
    if request.param == "sqlite":
        return partial(SqliteStore, tmp_path / "ledger.db")
    schema: Schema = request.getfixturevalue("schema")
    return schema.store


@pytest.fixture
def store(make: Callable[..., AnyStore]) -> AnyStore:
    return make()
