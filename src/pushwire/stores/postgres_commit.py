"""One transaction of the ledger in PostgreSQL: what to store, claimed first, then booked, then written down.

The finished rows are claimed before anything is booked: of two transactions that finish the same delivery, wherever they come
from, the later one waits for the earlier and learns that it is finished. What is not known here: connections and their loss.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import attrs
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from ..core.effects import Committed, Record, Resends, Ticket, Write
from ..errors import LocalProtocolError
from .base import Receipt, run_booking
from .postgres_leash import LeashedConnection
from .postgres_sql import Statements, digest, texts
from .threaded import Batch

__all__ = ["Booking", "Fenced", "Limits", "Owned", "Spoilt", "Transaction"]

Booking: TypeAlias = tuple[str, Ticket]
PostgresBatch: TypeAlias = Batch[psycopg.Connection[TupleRow]]
Place: TypeAlias = tuple[int, bytes]
"""Namespace and digest: where a row is."""


class Owned(NamedTuple):
    """A namespace that is ours: its number, which owner of it we are, and what its provider may send again."""

    id: int
    owner: int
    resends: Resends


class Limits(NamedTuple):
    """For how long, in seconds, and how many finished rows are kept; and what makes a commit durable."""

    seconds: float
    rows: int
    synchronous_commit: str


class Kept(NamedTuple):
    """What a finished row says."""

    at: float
    turn: int


class Spoilt(Exception):
    """A booking took the whole transaction with it. `error` is what becomes of that booking."""

    def __init__(self, booking: Booking, error: BaseException) -> None:
        super().__init__(booking)
        self.booking = booking
        self.error = error


class Fenced(Exception):
    """Others have had these namespaces meanwhile."""

    def __init__(self, namespaces: Sequence[str]) -> None:
        super().__init__(*namespaces)
        self.namespaces = namespaces


@attrs.define
class _Rows:
    """Rows to write, column by column."""

    namespaces: list[int] = attrs.Factory(list[int])
    digests: list[bytes] = attrs.Factory(list[bytes])
    keys: list[str] = attrs.Factory(list[str])
    versions: list[str] = attrs.Factory(list[str])
    ats: list[float] = attrs.Factory(list[float])
    turns: list[int] = attrs.Factory(list[int])

    def add(self, place: Place, record: Record, kept: Kept) -> None:
        key, version = texts(record.identity)
        self.namespaces.append(place[0])
        self.digests.append(place[1])
        self.keys.append(key)
        self.versions.append(version)
        self.ats.append(kept.at)
        self.turns.append(kept.turn)

    def columns(self) -> tuple[list[int], list[bytes], list[str], list[str], list[float], list[int]]:
        return self.namespaces, self.digests, self.keys, self.versions, self.ats, self.turns


class Transaction:
    """One attempt to store these batches, on a connection that is in no transaction."""

    def __init__(
        self,
        db: LeashedConnection,
        sql: Statements,
        batches: Sequence[PostgresBatch],
        owned: Mapping[str, Owned],
        spoilt: Mapping[Booking, BaseException],
        holding: set[int],
    ) -> None:
        self._db = db
        self._sql = sql
        self._batches = batches
        self._owned = owned
        self._spoilt = spoilt
        self._holding = holding
        self._turns: dict[int, int] = {}
        self._commits: dict[int, int] = {}
        self._finished: set[Place] = set()
        self._claimed: dict[Place, Kept] = {}
        self._kept: dict[Place, tuple[Record, Kept]] = {}
        self._delivered: dict[Place, tuple[Record, Kept]] = {}
        self._parked: list[tuple[Place, Record]] = []
        self._held: dict[Place, Record] = {}
        self._times: dict[int, list[float]] = {}

    def number(self, namespace: str) -> int:
        """How many commits the namespace has had if this one was stored."""
        return self._commits[self._owned[namespace].id] + 1

    def begin(self) -> None:
        """Raises `Fenced`. Where the connection turns out to be lost here, nothing has been done yet."""
        names = {batch.namespace: self._owned[batch.namespace] for batch in self._batches}
        with self._db.pipeline():
            self._db.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            found = self._db.execute(
                self._sql.begin_namespaces, ([owned.id for owned in names.values()], [owned.owner for owned in names.values()])
            )
            rows = found.fetchall()
        for number, finishes, commits in rows:
            self._turns[number] = finishes
            self._commits[number] = commits
        lost = [name for name, owned in names.items() if owned.id not in self._turns]
        if lost:
            raise Fenced(lost)

    def store(self, limits: Limits) -> list[Committed]:
        """All but the COMMIT. Raises `Spoilt`."""
        self._claim()
        results = [self._run(batch) for batch in self._batches]
        self._write(limits)
        return results

    # First, who else has finished what

    def _claim(self) -> None:
        rows = _Rows()
        asked: set[Place] = set()
        turns = dict(self._turns)
        claims: dict[Place, tuple[Record, Kept]] = {}
        for batch in self._batches:
            namespace = self._owned[batch.namespace].id
            for write in batch.writes:
                has_receipt = isinstance(_booking(batch, write), Receipt)
                for record in write.records:
                    place = (namespace, digest(record.identity))
                    if has_receipt or record.kind in ("delivered", "held"):
                        # A claim would wait for the transaction that gave the receipt, which may be waiting for us.
                        asked.add(place)
                    else:
                        turns[namespace] += 1
                        claims[place] = (record, Kept(record.at, turns[namespace]))
        if asked:
            self._finished.update(self._db.execute(self._sql.are_finished, _columns(asked)).fetchall())
        # In one order everywhere: transactions that meet on several rows wait for one another, never in a circle.
        for place, (record, kept) in sorted(claims.items(), key=lambda claim: claim[0]):
            rows.add(place, record, kept)
        if claims:
            new = set(self._db.execute(self._sql.claim, rows.columns()).fetchall())
            self._claimed = {place: claims[place][1] for place in new}
            self._finished.update(claims.keys() - new)

    # Then the bookings, in order

    def _run(self, batch: PostgresBatch) -> Committed:
        namespace = self._owned[batch.namespace].id
        failed: dict[Ticket, BaseException] = {}
        for write in batch.writes:
            places = [(namespace, digest(record.identity)) for record in write.records]
            book = _booking(batch, write)
            if write.ticket is not None and book is not None and not (places and self._finished.issuperset(places)):
                error = self._book((batch.namespace, write.ticket), book)
                if error is not None:
                    failed[write.ticket] = error
                    continue
            for place, record in zip(places, write.records, strict=True):
                self._keep(place, record)
        return Committed(failed)

    def _book(self, booking: Booking, book: Callable[[LeashedConnection], object]) -> BaseException | None:
        """Run a booking inside a savepoint. Returns what it raised, its own writes undone; raises `Spoilt`."""
        if booking in self._spoilt:
            return self._spoilt[booking]
        db = self._db
        raised: BaseException | None = None
        db.execute("SAVEPOINT pushwire_booking")
        try:
            with db.lent():
                run_booking(book, db)
        except BaseException as error:  # noqa: BLE001 - the caller's own, whatever it is: it goes back to the caller
            raised = error
        status = db.info.transaction_status
        if raised is None and status is not TransactionStatus.INTRANS:
            raised = LocalProtocolError(
                "the booking ended the ledger's transaction, or went on after a statement that had failed"
            )
        try:
            if raised is not None:
                db.execute("ROLLBACK TO pushwire_booking")
            db.execute("RELEASE pushwire_booking")
        except psycopg.Error:
            if db.closed:
                raise
            # Its transaction is over, and what there is of another one is none of ours.
            raise Spoilt(booking, raised or LocalProtocolError("the booking ended the ledger's transaction")) from None
        return raised

    def _keep(self, place: Place, record: Record) -> None:
        namespace = place[0]
        self._times.setdefault(namespace, []).append(record.at)
        if record.kind == "delivered":
            if place not in self._finished:
                self._delivered.setdefault(place, (record, Kept(record.at, self._turns[namespace])))
            return
        if record.kind == "held":
            self._holding.add(namespace)
            if place not in self._finished:
                self._held.setdefault(place, record)
            return
        self._turns[namespace] += 1
        self._kept[place] = (record, Kept(record.at, self._turns[namespace]))
        self._finished.add(place)
        if record.kind == "parked":
            self._parked.append((place, record))

    # Last, all that is to be kept, in one go

    def _write(self, limits: Limits) -> None:
        db, sql = self._db, self._sql
        marks = {self._owned[batch.namespace].id: batch.mark for batch in self._batches}
        resends = {owned.id: owned.resends for owned in self._owned.values()}
        renewed, delivered = _Rows(), _Rows()
        for place, (record, kept) in self._kept.items():
            if self._claimed.get(place) != kept:
                renewed.add(place, record, kept)
        for place, (record, kept) in self._delivered.items():
            if place not in self._kept:
                delivered.add(place, record, kept)
        refused = self._claimed.keys() - self._kept.keys()
        with db.pipeline():
            if refused:
                db.execute(sql.unclaim, _columns(refused))
            if renewed.digests:
                db.execute(sql.renew, renewed.columns())
            if self._kept:
                db.execute(sql.supersede, _columns(self._kept))
            held_once = [place for place in self._kept if place[0] in self._holding]
            if held_once:
                db.execute(sql.held_no_longer, _columns(held_once))
            if self._held:
                db.execute(sql.hold, self._held_columns())
            if delivered.digests:
                db.execute(sql.deliver, delivered.columns())
            for place, record in self._parked:
                note, raw = record.note.encode("utf-8", "surrogatepass"), record.raw.encode("utf-8", "surrogatepass")
                db.execute(sql.park, (*place, *texts(record.identity), record.at, note, raw))
            for namespace, times in self._times.items():
                # What is old is measured by what is written now: one record with a time far ahead must not outdate all others for
                # good. At most two rows go for each one written.
                now = max(times)
                floor = resends[namespace].since(marks[namespace], now)
                oldest = (namespace, 2 * len(times), self._turns[namespace] - limits.rows, now - limits.seconds, floor)
                for statement in sql.retain:
                    db.execute(statement, oldest)
            for namespace, mark in marks.items():
                db.execute(sql.end_namespace, (mark, self._turns[namespace], namespace, limits.synchronous_commit))

    def _held_columns(self) -> tuple[list[int], list[bytes], list[str], list[str], list[float], list[bytes]]:
        """What is to be held, in order, but for what this very commit has finished."""
        rows = [(*place, *texts(record.identity), record) for place, record in self._held.items() if place not in self._kept]
        return (
            [row[0] for row in rows],
            [row[1] for row in rows],
            [row[2] for row in rows],
            [row[3] for row in rows],
            [row[4].at for row in rows],
            [row[4].raw.encode("utf-8", "surrogatepass") for row in rows],
        )


def _booking(batch: PostgresBatch, write: Write) -> Callable[[LeashedConnection], object] | None:
    return None if write.ticket is None else batch.books.get(write.ticket)


def _columns(places: Collection[Place]) -> tuple[list[int], list[bytes]]:
    ordered = sorted(places)
    return [place[0] for place in ordered], [place[1] for place in ordered]
