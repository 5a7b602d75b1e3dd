"""A PostgreSQL server for all tests of the stores, and a schema of its own for each."""

from __future__ import annotations

import itertools
from collections.abc import Generator

import pytest

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
