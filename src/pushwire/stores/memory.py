"""A ledger's memory that lives as long as this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Final

from ..core.effects import Committed, Held, Identity, Loaded, Record, Resends, Restored, Ticket, Write
from ..errors import StoreError
from .base import NOTHING, run_booking

__all__ = ["MemoryStore"]

WEEK: Final = 7 * 86_400.0


class _Namespace:
    """The rows of one stream."""

    __slots__ = ("delivered", "finished", "held", "mark", "order", "parked", "resends")

    def __init__(self) -> None:
        self.held: dict[Identity, Record] = {}
        self.resends = NOTHING
        self.finished: dict[Identity, float] = {}
        self.delivered: dict[Identity, float] = {}
        # Both, in the order they came: a dict's first item is slow to find once its left end is holes.
        self.order: deque[tuple[Identity, float]] | None = None
        self.parked: list[Record] = []
        self.mark: float | None = None

    def keep_all(self, records: Sequence[Record]) -> None:
        rows = [(record.identity, record.at) for record in records]
        fresh = dict(rows)
        kinds = {record.kind for record in records}
        # Most commits are of one kind alone.
        if kinds == {"finished"} and not self.held:
            if self.delivered:
                list(map(self.delivered.pop, fresh, repeat(None)))
            self.finished.update(fresh)
        elif kinds == {"delivered"} and len(fresh) == len(rows) and self._knows_none(fresh):
            self.delivered.update(fresh)
        else:
            for record in records:
                self._keep(record)
            return
        self._in_order().extend(rows)

    def _knows_none(self, identities: Mapping[Identity, float]) -> bool:
        return self.delivered.keys().isdisjoint(identities) and self.finished.keys().isdisjoint(identities)

    def _keep(self, record: Record) -> None:
        kind, identity, at = record.kind, record.identity, record.at
        if kind == "held":
            if identity not in self.finished:
                self.held.setdefault(identity, record)
            return
        if kind == "delivered":
            if identity in self.finished or identity in self.delivered:
                return
            self.delivered[identity] = at
        else:
            self.delivered.pop(identity, None)
            self.held.pop(identity, None)
            self.finished[identity] = at
            if kind == "parked":
                self.parked.append(record)
        self._in_order().append((identity, at))

    def _in_order(self) -> deque[tuple[Identity, float]]:
        if self.order is None:
            self.order = deque()
        return self.order

    def retain(self, horizon: float, rows: int, floor: float) -> None:
        """Forget what is older than `horizon`, and the oldest of more than `rows`; but nothing from `floor` on."""
        order = self.order
        while order and (order[0][1] < horizon or len(self.finished) + len(self.delivered) > rows):
            identity, at = order[0]
            if at >= floor:
                break
            order.popleft()
            for kept in (self.finished, self.delivered):
                if kept.get(identity) == at:
                    del kept[identity]

    def is_booked(self, write: Write) -> bool:
        """Whether an earlier commit has booked this already."""
        return bool(write.records) and all(record.identity in self.finished for record in write.records)


class MemoryStore:
    """Survives reconnects, and successive `connect`s that are given the same instance; not the end of the process.

    After a restart what was finished is delivered again if the provider sends it again. A booking gets None to write through.
    Of each stream, rows are kept for `retain_for` seconds and at most `retain_rows` of them, parked ones as long as the store.
    """

    def __init__(self, *, retain_for: float = WEEK, retain_rows: int = 1_000_000) -> None:
        self._retain_for = retain_for
        self._retain_rows = retain_rows
        self._namespaces: dict[str, _Namespace] = {}

    async def open(self, namespace: str, resends: Resends = NOTHING) -> Restored:
        rows = self._namespaces.setdefault(namespace, _Namespace())
        rows.resends = resends
        held = {identity: Held(record.at, len(record.raw)) for identity, record in rows.held.items()}
        return Restored(_oldest_first(rows.finished), _oldest_first(rows.delivered), rows.mark, held)

    async def commit(
        self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
    ) -> Committed:
        return self.commit_now(namespace, writes, mark, books)

    def commit_now(
        self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
    ) -> Committed:
        """`commit`, which here waits for nothing."""
        rows = self._opened(namespace)
        failed: dict[Ticket, BaseException] = {}
        now = mark
        for write in writes:
            book = None if write.ticket is None else books.get(write.ticket)
            if write.ticket is not None and book is not None and not rows.is_booked(write):
                try:
                    run_booking(book, None)
                except BaseException as error:  # noqa: BLE001 - the caller's own, whatever it is: it goes back to the caller
                    failed[write.ticket] = error
                    continue
            if write.records:
                rows.keep_all(write.records)
                now = write.records[-1].at
        rows.retain(now - self._retain_for, self._retain_rows, rows.resends.since(mark, now))
        rows.mark = mark
        return Committed(failed)

    async def payloads(self, namespace: str, identities: Sequence[Identity]) -> Loaded:
        """What is held of these, whole."""
        held = self._opened(namespace).held
        return Loaded({identity: held[identity].raw for identity in identities if identity in held})

    async def close(self, namespace: str) -> None:
        """Nothing to do: the rows stay for the next `open`."""

    async def parked(self, namespace: str | None = None) -> list[Record]:
        """What was set aside, in order: of one namespace, or of all."""
        return [record for rows in self._chosen(namespace) for record in rows.parked]

    async def discard_parked(self, identities: Iterable[Identity], namespace: str | None = None) -> int:
        """Forget what was set aside under these identities. Returns how many there were."""
        gone = frozenset(identities)
        before = len(await self.parked(namespace))
        for rows in self._chosen(namespace):
            rows.parked = [record for record in rows.parked if record.identity not in gone]
        return before - len(await self.parked(namespace))

    def _opened(self, namespace: str) -> _Namespace:
        rows = self._namespaces.get(namespace)
        if rows is None:
            raise StoreError("the store is not open: it works inside `async with pushwire.connect(..., store=...)`")
        return rows

    def _chosen(self, namespace: str | None) -> list[_Namespace]:
        return [rows for name, rows in self._namespaces.items() if namespace in (None, name)]


def _oldest_first(rows: Mapping[Identity, float]) -> dict[Identity, float]:
    return dict(sorted(rows.items(), key=itemgetter(1)))
