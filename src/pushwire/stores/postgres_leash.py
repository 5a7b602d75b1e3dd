"""The leash on a caller's own code while it holds the ledger's connection to PostgreSQL.

A booking works inside the ledger's transaction and may not end it, by any of psycopg's methods nor by a statement that says so.
What slips through is found out by the ledger: the server refuses a COMMIT that is not the ledger's, and a ROLLBACK leaves no
savepoint. It guards against mistakes, not against malice.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg.abc import Params, Query
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, tuple_row
from psycopg.sql import Composable

from ..errors import LocalProtocolError

__all__ = ["LeashedConnection"]

_RULE: Final = (
    "a booking works inside the ledger's transaction: it may not commit, roll back, close, or set what outlives the transaction "
    "(SET LOCAL is allowed)"
)
_REFUSED: Final = re.compile(
    r"""(?: \s | ; | --[^\n]*(?:\n|$) | /\*.*?\*/ )*
    (?: begin | start | commit | end | abort | prepare\s+transaction | discard | reset
      | rollback (?! \s+ (?:(?:work|transaction)\s+)? to \b)
      | set (?! \s+ (?:local|constraints) \b)
    ) \b""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


class LeashedConnection(psycopg.Connection[TupleRow]):
    """A connection that can be lent out. Outside `lent` it is like any other."""

    _lent = False

    @contextlib.contextmanager
    def lent(self) -> Generator[None]:
        """The caller's code has it. What it set on the object is reset at the end."""
        self._set("cursor_factory", _LeashedCursor)
        self._lent = True
        try:
            yield
        finally:
            self._lent = False
            self._set("row_factory", tuple_row)
            self._set("cursor_factory", psycopg.Cursor)

    def _set(self, name: str, value: object) -> None:
        # Assigned plainly, they would be declared anew.
        setattr(self, name, value)

    def check(self) -> None:
        """Raise `LocalProtocolError` while the caller's code has it."""
        if self._lent:
            raise LocalProtocolError(_RULE)

    def check_statement(self, query: Query) -> None:
        """Raise `LocalProtocolError` where the caller's statement would end the transaction, or where that has ended."""
        if not self._lent:
            return
        if self.info.transaction_status is TransactionStatus.IDLE:
            raise LocalProtocolError("the ledger's transaction is over: a booking cannot go on")
        if isinstance(query, Composable):
            query = query.as_bytes(self)
        text = query.decode("utf-8", "replace") if isinstance(query, bytes) else str(query)
        if _REFUSED.match(text):
            raise LocalProtocolError(_RULE)

    def commit(self) -> None:
        self.check()
        super().commit()

    def rollback(self) -> None:
        self.check()
        super().rollback()

    def close(self) -> None:
        self.check()
        super().close()

    def __enter__(self) -> Self:
        # Its exit commits and closes.
        self.check()
        return super().__enter__()

    def __exit__(self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None) -> None:
        self.check()
        super().__exit__(exc_type, exc_val, exc_tb)


class _LeashedCursor(psycopg.Cursor[Any]):  # of whichever rows its caller wants
    """A cursor of a connection that is lent out."""

    def _check(self, query: Query) -> None:
        connection = self.connection
        assert isinstance(connection, LeashedConnection), "made by its `cursor` alone"
        connection.check_statement(query)

    def execute(
        self,
        query: Any,  # whatever psycopg takes: it has an overload for each kind
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        self._check(query)
        return super().execute(query, params, prepare=prepare, binary=binary)

    def executemany(self, query: Query, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        self._check(query)
        super().executemany(query, params_seq, returning=returning)

    def stream(self, query: Query, params: Params | None = None, *, binary: bool | None = None, size: int = 1) -> Iterator[Any]:
        self._check(query)
        return super().stream(query, params, binary=binary, size=size)
