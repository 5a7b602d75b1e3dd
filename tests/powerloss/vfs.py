"""An SQLite whose every access to its files is written down: an apsw VFS, and a connection over it that does for `sqlite3`'s.

SQLite is apsw's own here, not the interpreter's; the statements are those that the code under test makes.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import stat
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias, cast
from unittest import mock

import apsw

from tests.powerloss.disk import Event, FolderSynced, Made, Removed, Resized, Synced, Wrote

__all__ = ["recording"]

Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Value, ...]

_NUMBERS: Final = itertools.count()


@contextmanager
def recording(log: list[Event]) -> Generator[None]:
    """Within the block `sqlite3.connect` gives connections whose every change of a file goes to `log` as well."""
    vfs = _RecordingVFS(f"recording-{next(_NUMBERS)}", log)
    fsync = os.fsync

    def connect(path: str, **_: object) -> _Connection:
        return _Connection(path, vfs.vfs_name)

    def folder_synced(descriptor: int) -> None:
        fsync(descriptor)
        assert stat.S_ISDIR(os.fstat(descriptor).st_mode), "files are SQLite's"
        log.append(FolderSynced())

    try:
        with mock.patch.object(sqlite3, "connect", connect), mock.patch.object(os, "fsync", folder_synced):
            yield
    finally:
        vfs.unregister()


class _RecordingVFS(apsw.VFS):
    """The operating system's, and a log."""

    def __init__(self, name: str, log: list[Event]) -> None:
        self.vfs_name: Final = name
        self.log: Final = log
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        assert name is not None, "no temporary files: what is in them need not survive"
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        new = not os.path.exists(path)
        file = _RecordingFile(path, flags, self.log, new=new)
        if new:
            self.log.append(Made(os.path.basename(path)))
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        super().xDelete(filename, syncdir)
        self.log.append(Removed(os.path.basename(filename)))
        if syncdir:
            self.log.append(FolderSynced())


class _RecordingFile(apsw.VFSFile):
    def __init__(self, path: str, flags: list[int], log: list[Event], *, new: bool) -> None:
        super().__init__("", path, flags)
        self._name = os.path.basename(path)
        self._log = log
        # SQLite's os_unix.c syncs the folder with the first sync of a log that it made (UNIXFILE_DIRSYNC), of no other file.
        self._syncs_folder = new and bool(flags[0] & (apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        super().xWrite(data, offset)  # pyright: ignore[reportUnknownMemberType] - of a type that Python 3.11 does not have
        self._log.append(Wrote(self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(newsize)
        self._log.append(Resized(self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        super().xSync(flags)
        self._log.append(Synced(self._name))
        if self._syncs_folder:
            self._syncs_folder = False
            self._log.append(FolderSynced())


class _Connection:
    """As much of `sqlite3.Connection`, leashed or not, as stores and sinks use."""

    def __init__(self, path: str, vfs: str) -> None:
        self._db = apsw.Connection(path, vfs=vfs)

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def getlimit(self, category: int) -> int:
        return self._db.limit(category)

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> _Rows:
        return self.executemany(sql, [parameters])

    def executemany(self, sql: str, parameters: Iterable[Sequence[Value]]) -> _Rows:
        before = self._db.total_changes()
        found = list(self._db.executemany(sql, parameters))  # pyright: ignore[reportUnknownMemberType] - as `xWrite`
        rows = cast(list[Row], found)  # of no other values than these
        return _Rows(rows, self._db.total_changes() - before)

    @contextmanager
    def lent(self, _: str) -> Generator[None]:
        yield

    @contextmanager
    def taken_back(self) -> Generator[None]:
        yield

    def check_alive(self) -> None:
        """It is, as long as nothing fails."""

    def close(self) -> None:
        self._db.close()


class _Rows:
    """A cursor that has read all."""

    def __init__(self, rows: list[Row], rowcount: int) -> None:
        self.rowcount: Final = rowcount
        self._rows = iter(rows)

    def close(self) -> None:
        """It holds nothing."""

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def fetchone(self) -> Row | None:
        return next(self._rows, None)

    def fetchall(self) -> list[Row]:
        return list(self._rows)
