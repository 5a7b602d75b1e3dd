"""Short ways into PostgreSQL, for the tests of its store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import psycopg
from psycopg.rows import TupleRow

from pushwire.core.effects import Committed, Ticket
from pushwire.stores.postgres import PostgresStore
from tests.stores.kit import NAMESPACE, settling
from tests.stores.postgres_server import PostgresServer

Book: TypeAlias = Callable[[psycopg.Connection[TupleRow]], object]


@attrs.frozen
class Schema:
    """A schema of a server, made with the first store in it."""

    server: PostgresServer
    name: str

    @property
    def dsn(self) -> str:
        return f"{self.server.dsn} options='-c search_path={self.name}'"

    def store(self, **options: Any) -> PostgresStore:  # keyword arguments of several types
        return PostgresStore(self.dsn, schema=self.name, **options)

    def connect(self) -> psycopg.Connection[TupleRow]:
        return psycopg.connect(self.dsn)

    def column(self, statement: str) -> list[object]:
        """The first column of what it returns."""
        with psycopg.connect(self.dsn, autocommit=True) as db:
            cursor = db.execute(statement.encode())
            return [row[0] for row in cursor.fetchall()] if cursor.description else []


async def ack(store: PostgresStore, serial: int, book: Book | None = None, *, namespace: str = NAMESPACE) -> Committed:
    """Finish the delivery `serial`, in a commit of its own as far as this task can tell."""
    books = {} if book is None else {Ticket(serial): book}
    return await store.commit(namespace, [settling(serial)], float(serial), books)
