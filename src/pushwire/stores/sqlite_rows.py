"""Rows into SQLite by the hundred, and what makes that cheap. No table is known here.

The `sqlite3` module lets other threads run while a statement does, and has to get the interpreter back after it; where another
thread is busy, that takes 5 ms. A statement for each row would be far slower than the disk: so there is one for many.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final

__all__ = ["Insert", "digest", "tune"]

MOST: Final = 512
"""Rows of one statement."""
LOG_BYTES: Final = 32 << 20
"""How far the write-ahead log grows before its pages are copied home: keys are as scattered as hashes, so commits write to the
same pages of an index again and again."""
CACHE_BYTES: Final = 16 << 20


def tune(db: sqlite3.Connection) -> None:
    """How much is kept in memory, and in the log."""
    (page,) = db.execute("PRAGMA page_size").fetchone()
    db.execute(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // page}").close()
    db.execute(f"PRAGMA cache_size = -{CACHE_BYTES >> 10}")


def digest(text: str) -> bytes:
    """Sixteen bytes that stand for a text in an index, which would be five times as large with the text itself."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Insert:
    """An INSERT of any number of rows. `into` is its table with `columns` in brackets, the first of which is never null; `rest`
    what follows the rows."""

    def __init__(self, into: str, columns: int, rest: str) -> None:
        self._into = into
        self._columns = columns
        self._rest = rest
        self._statements: dict[int, str] = {}

    def __call__(self, db: sqlite3.Connection, rows: Sequence[Sequence[object]]) -> int:
        """Insert them, in order. Returns how many rows that inserted or changed. Raises `sqlite3.Error`, and `UnicodeError` for
        text that no database can hold; then a part of the rows may have been inserted."""
        most = min(MOST, db.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // self._columns)
        changed = 0
        for at in range(0, len(rows), most):
            part = rows[at : at + most]
            # The next power of two, so that there are few statements to prepare; what is too much is null.
            size = min(most, 1 << (len(part) - 1).bit_length())
            values = [*chain.from_iterable(part), *[None] * (self._columns * (size - len(part)))]
            changed += db.execute(self._statements.get(size) or self._make(size), values).rowcount
        return changed

    def _make(self, size: int) -> str:
        row = f"({', '.join('?' * self._columns)})"
        rows = ", ".join([row] * size)
        statement = f"INSERT INTO {self._into} SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL {self._rest}"
        return self._statements.setdefault(size, statement)
