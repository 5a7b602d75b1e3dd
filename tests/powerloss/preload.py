"""Real processes whose every access to their files is written down, and made to fail: `preload.c`, compiled, run and read.

Here nothing stands in for anything: it is the interpreter's own SQLite, its file layer and the kernel's answers.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.powerloss.disk import Acked, Event, FolderSynced, Made, Moved, Removed, Resized, Synced, SyncFailed, Wrote

__all__ = ["Faults", "compiled", "observed"]

ROOT: Final = Path(__file__).parent.parent.parent
REQUIRED: Final = "PUSHWIRE_REQUIRE_SERVICES"
"""Set where a compiler that is missing is a failure and no reason to skip."""
HEAD: Final = struct.Struct("<cHqq")


def compiled(folder: Path) -> Path:
    """The library; the test is skipped with the reason where it cannot be made, or fails where it must not be."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        reason = "needs Linux and a C compiler"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    library = folder / "preload.so"
    source = str(Path(__file__).with_name("preload.c"))
    options = ("-Wall", "-Werror", "-O1", "-shared", "-fPIC")
    subprocess.run([compiler, *options, "-o", str(library), source, "-ldl"], check=True)
    return library


def observed(library: Path, module: str, place: Path, log: Path, *arguments: str) -> dict[str, list[Event]]:
    """Run `module` with `place` and more arguments. What it asked for, by the subfolders of `place` that it worked in."""
    seen = {"PUSHWIRE_DISK_FOLDER": str(place.resolve()), "PUSHWIRE_DISK_LOG": str(log), "LD_PRELOAD": str(library)}
    subprocess.run(
        [sys.executable, "-m", module, str(place.resolve()), *arguments], check=True, cwd=ROOT, env={**os.environ, **seen}
    )
    logs: defaultdict[str, list[Event]] = defaultdict(list)
    for where, event in _events(log.read_bytes()):
        logs[where].append(event)
    return logs


def _events(data: bytes) -> Iterator[tuple[str, Event]]:
    """Each with the subfolder it belongs to."""
    at = 0
    while at < len(data):
        kind, length, place, size = HEAD.unpack_from(data, at)
        at += HEAD.size
        where, _, name = data[at : at + length].decode().partition("/")
        at += length
        event = _event(kind.decode(), name, place, data[at : at + (size if kind in b"WRA" else 0)])
        at += size if kind in b"WRA" else 0
        if event is not None:
            yield where, event


def _event(kind: str, name: str, at: int, data: bytes) -> Event | None:
    match kind:
        case "A":
            return Acked(tuple(map(int, data.split())))
        case "M":
            return Made(name)
        case "W":
            return Wrote(name, at, data)
        case "T":
            return Resized(name, at)
        case "U":
            return Removed(name)
        case "R":
            return Moved(name, data.decode().partition("/")[2])
        case "S":
            return Synced(name) if name else FolderSynced()
        case "X":
            # Of a folder that could not be synced nothing is known, as before.
            return SyncFailed(name) if name else None
        case _:
            raise ValueError(kind)


class Faults:
    """In the process that is watched: what is to fail, and what it tells."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.disk_seen.restype = ctypes.c_long

    def fail(self, kinds: str, after: int, times: int, error: int) -> None:
        """Calls of these kinds, after some of them, so many in a row. `kinds`: see `preload.c`; none: nothing fails any more."""
        self._library.disk_fail(kinds.encode(), ctypes.c_long(after), ctypes.c_long(times), error)

    def seen(self) -> int:
        """How many calls of these kinds there have been since."""
        seen = self._library.disk_seen()
        assert isinstance(seen, int)
        return seen

    def told(self, where: str, numbers: Sequence[int]) -> None:
        """That these are durable, in the subfolder `where`."""
        self._library.disk_told(where.encode(), " ".join(map(str, numbers)).encode())
