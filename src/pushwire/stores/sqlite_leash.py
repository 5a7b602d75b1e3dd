"""The leash on a caller's own code while it holds the ledger's connection.

A booking works inside the ledger's transaction, and a look must change nothing: neither may end the transaction, reconfigure the
connection or change the ledger's tables, by any of the ways that SQLite and the `sqlite3` module offer. It guards against
mistakes, not against malice: it is the caller's own program. What the ledger stores is not known here.
"""

from __future__ import annotations

import contextlib
import sqlite3
import weakref
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar, overload

from ..errors import LocalProtocolError

__all__ = ["LeashedConnection"]

CursorT = TypeVar("CursorT", bound=sqlite3.Cursor)

Holder: TypeAlias = Literal["booking", "run", "look"]

_MAY_NOT: Final = "it may not commit, roll back, close, attach or reconfigure, nor change what is named pushwire_..."
_RULES: Final[dict[Holder, str]] = {
    "booking": f"a booking works inside the ledger's transaction: {_MAY_NOT}",
    "run": f"what `run` runs works inside a transaction that the store ends: {_MAY_NOT}",
    "look": "what `read` runs may change nothing: neither the tables nor the connection",
}

_TRANSACTIONS: Final = frozenset({sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})
_HARMLESS: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_ANALYZE,
        sqlite3.SQLITE_REINDEX,
    }
)
# With an argument most pragmas reconfigure; these take the name of what to tell about.
_TELLING: Final = frozenset(
    {
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
# These belong to the file, not to us.
_FILE_SETTINGS: Final = frozenset({"application_id", "max_page_count", "user_version"})


class LeashedConnection(sqlite3.Connection):
    """A connection that can be lent out. Outside `lent` it is like any other."""

    _holder: Holder | None = None

    def __init__(self, *args: Any, **options: Any) -> None:  # whatever `sqlite3.connect` hands on
        super().__init__(*args, **options)
        self._cursors = weakref.WeakSet[sqlite3.Cursor]()
        self.set_authorizer(self._authorize)

    @contextlib.contextmanager
    def lent(self, holder: Holder) -> Generator[None]:
        """The caller's code has it. What it left open or set is closed and reset at the end."""
        self._holder = holder
        try:
            yield
        finally:
            self._holder = None
            # A statement left running, as by an INSERT ... RETURNING that was not read, would keep the ledger from committing.
            for cursor in list(self._cursors):
                with contextlib.suppress(sqlite3.Error):
                    cursor.close()
            self._cursors.clear()
            self.set_progress_handler(None, 0)
            setattr(self, "row_factory", None)  # noqa: B010 - assigned plainly, it would declare the attribute anew
            self.text_factory = str

    @contextlib.contextmanager
    def taken_back(self) -> Generator[None]:
        """For a moment the ledger has it, within what `run` runs. Raises `LocalProtocolError` in anything else."""
        if self._holder != "run":
            raise LocalProtocolError("`finish` belongs inside the function that `store.run` runs, with the connection it gets")
        self._holder = None
        try:
            yield
        finally:
            self._holder = "run"

    def check(self) -> None:
        """Raise `LocalProtocolError` while the caller's code has it."""
        if self._holder is not None:
            raise LocalProtocolError(_RULES[self._holder])

    def explain(self, error: sqlite3.Error) -> None:
        """Raise `LocalProtocolError` where a statement was refused by a rule; return where it failed for another reason."""
        if self._holder is not None and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
            raise LocalProtocolError(_RULES[self._holder]) from error

    def check_alive(self) -> None:
        """Raise `LocalProtocolError` where SQLite has rolled back by itself: what is written now would be stored at once."""
        if self._holder in ("booking", "run") and not self.in_transaction:
            raise LocalProtocolError("the transaction is over, SQLite rolled it back: a booking cannot go on")

    # Statements

    @overload
    def cursor(self, factory: None = None) -> sqlite3.Cursor: ...
    @overload
    def cursor(self, factory: Callable[[sqlite3.Connection], CursorT]) -> CursorT: ...
    def cursor(self, factory: Callable[[sqlite3.Connection], sqlite3.Cursor] | None = None) -> sqlite3.Cursor:
        if self._holder is None:
            return super().cursor(factory or sqlite3.Cursor)
        cursor = super().cursor(factory or _LeashedCursor)
        self._cursors.add(cursor)
        return cursor

    # The parameters of a statement are what sqlite3 takes, which its stubs declare with a private name.

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return super().execute(sql, parameters) if self._holder is None else self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        return super().executemany(sql, parameters) if self._holder is None else self.cursor().executemany(sql, parameters)

    # What the module offers beside statements

    def commit(self) -> None:
        self.check()
        super().commit()

    def rollback(self) -> None:
        self.check()
        super().rollback()

    def close(self) -> None:
        self.check()
        # It refers back to this connection, where the garbage collector does not look.
        self.set_authorizer(None)
        super().close()

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        # The module commits before a script.
        self.check()
        return super().executescript(sql_script)

    def set_authorizer(self, authorizer_callback: Callable[..., int] | None) -> None:
        self.check()
        super().set_authorizer(authorizer_callback)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> Literal[False]:
        self.check()
        return super().__exit__(kind, error, traceback)

    def __setattr__(self, name: str, value: object) -> None:
        # Assigning these commits, or makes the module begin transactions of its own.
        if name in ("isolation_level", "autocommit"):
            self.check()
        super().__setattr__(name, value)

    # What SQLite asks before it prepares a statement

    def _authorize(self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
        holder = self._holder
        if holder is None or action in _HARMLESS:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA:
            allowed = second is None or _lower(first) in (_TELLING if holder == "look" else _TELLING | _FILE_SETTINGS)
        elif action == sqlite3.SQLITE_UPDATE:
            allowed = not _ours(first)  # the second is a column's name
        else:
            allowed = action not in _TRANSACTIONS and not _ours(first) and not _ours(second)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


class _LeashedCursor(sqlite3.Cursor):
    """A cursor of a connection that is lent out."""

    def __init__(self, connection: sqlite3.Connection, /) -> None:
        super().__init__(connection)
        assert isinstance(connection, LeashedConnection), "made by its `cursor` alone"
        self._lent = connection

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        self._lent.check_alive()
        try:
            return super().execute(sql, parameters)
        except sqlite3.Error as error:
            self._lent.explain(error)
            raise

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        self._lent.check_alive()
        try:
            return super().executemany(sql, parameters)
        except sqlite3.Error as error:
            self._lent.explain(error)
            raise

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        self._lent.check()
        return super().executescript(sql_script)


def _ours(name: str | None) -> bool:
    return _lower(name).startswith("pushwire_")


def _lower(name: str | None) -> str:
    # SQLite's names have no case.
    return "" if name is None else name.lower()
