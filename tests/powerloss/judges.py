"""Whether an image keeps the promises: opened by the code under test, it holds what was ACKed, whole, and nothing by halves."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from pushwire.errors import StoreError
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.jsonl_file import LineFile
from pushwire.relay.sinks.sqlite_file import EventFile
from pushwire.stores.base import NOTHING
from pushwire.stores.sqlite_file import LedgerFile
from pushwire.stores.threaded import WEEK
from tests.powerloss.workloads import entry_of, note, other_of, raw, text
from tests.stores.kit import NAMESPACE, number_of

__all__ = ["FILES", "JUDGES", "Verdict"]

Verdict: TypeAlias = Literal["whole", "lost", "corrupt"]
"""Lost: something that was ACKed is not there. Corrupt: it cannot be opened, or holds what was never stored."""

FILES: Final = {"ledger": "ledger.db", "sqlite": "events.db", "jsonl": "events.jsonl"}
"""What the files of the workloads are called."""


def _verdict(acked: Iterable[int], held: Iterable[int]) -> Verdict:
    return "whole" if set(acked) <= set(held) else "lost"


def _is_sound(db: sqlite3.Connection) -> bool:
    return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _ledger(path: Path, acked: Iterable[int]) -> Verdict:
    file = LedgerFile(str(path), WEEK, 1_000_000)
    try:
        file.open()
        restored = file.load(NAMESPACE, NOTHING)
        aside = file.parked(NAMESPACE)
        rows, sound = file.read(_booked)
    except (StoreError, sqlite3.Error):
        return "corrupt"
    finally:
        file.close()
    held = sorted(number_of(found) for found in restored.finished)
    parked = {number_of(record.identity): (record.note, record.raw) for record in aside}
    booked = [number for number in held if number not in parked]
    # What is finished is booked, in full; and nothing else is.
    whole = rows == [(number, part, text(number)) for number in booked for part in ("credit", "debit")]
    whole &= parked == {number: (note(number), raw(number)) for number in parked} and set(parked) <= set(held)
    return _verdict(acked, held) if whole and sound and _in_order(held) else "corrupt"


def _booked(db: sqlite3.Connection) -> tuple[list[object], bool]:
    known = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'bookings'").fetchone() is not None
    rows = db.execute("SELECT number, part, said FROM bookings ORDER BY number, part").fetchall() if known else []
    return rows, _is_sound(db)


def _in_order(numbers: list[int]) -> bool:
    """One transaction came after the other: of no later one is anything there where an earlier one is missing."""
    return all(after == before + 1 for before, after in itertools.pairwise(numbers))


def _sqlite(path: Path, acked: Iterable[int]) -> Verdict:
    file = EventFile(str(path))
    try:
        file.open()
        file.check()
        rows = file._db.execute("SELECT key, at, digest, payload FROM events ORDER BY seq").fetchall()
        aside = {found.key: found.payload for found in file.quarantine()}
        sound = _is_sound(file._db)
    except Exception:  # noqa: BLE001 - what a damaged file may raise
        return "corrupt"
    finally:
        file.close()
    held = [int(at) - 1000 for _, at, _, _ in rows]
    whole = rows == [(e.key, e.at, e.digest, e.payload) for e in map(entry_of, held)]
    return _verdict(acked, held) if whole and sound and _in_order(held) and _is_aside(aside, held) else "corrupt"


def _is_aside(aside: Mapping[str, str], held: Iterable[int]) -> bool:
    """What is in quarantine is what was set aside, and what it differs from is there."""
    known = {e.key: e.payload for e in map(other_of, held)}
    return all(known.get(key) == payload for key, payload in aside.items())


def _jsonl(path: Path, acked: Iterable[int]) -> Verdict:
    file = LineFile(str(path), 20_000, False, 200_000)
    try:
        file.open()
        aside = {found.key: found.payload for found in file.quarantine()}
    except (SinkError, OSError, ValueError):
        return "corrupt"
    finally:
        file.close()
    held: list[int] = []
    try:
        for part in [*sorted(path.parent.glob("events-*.jsonl")), path]:
            for line in part.read_bytes().splitlines():
                found = msgspec.json.decode(line, type=dict[str, object])
                number = int(str(found["key"]).partition(":")[2])
                if (found["digest"], f'"{found["payload"]}"') != (entry_of(number).digest, entry_of(number).payload):
                    return "corrupt"
                held.append(number)
    except (ValueError, KeyError):
        return "corrupt"
    once = max(Counter(held).values(), default=1) == 1
    return _verdict(acked, held) if once and _is_aside(aside, held) else "corrupt"


JUDGES: Final[Mapping[str, Callable[[Path, Iterable[int]], Verdict]]] = {
    "ledger": _ledger,
    "sqlite": _sqlite,
    "jsonl": _jsonl,
}
