"""What is found when a file is opened is not on the disk for that: who wrote it may have been killed before it was synced.

What is found counts, and is ACKed when it is sent again. So it is made durable first, by what is here.
"""

from __future__ import annotations

import os
import sqlite3

__all__ = ["make_durable", "sync_folder"]


def make_durable(db: sqlite3.Connection, path: str) -> None:
    """All that this connection, alone on its file and with `synchronous=FULL`, can read is on the disk.

    Raises `sqlite3.Error` and `OSError`."""
    # It copies the log's pages home, from what is read now; so it helps as well where an earlier fsync had failed, after which
    # the kernel no longer writes those of the log. It syncs both files, but not their names.
    db.execute("PRAGMA wal_checkpoint").close()
    sync_folder(path)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """A new name is on the disk only when its folder is. Raises `OSError`."""
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened, and names need no sync of their own
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
