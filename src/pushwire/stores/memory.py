"""A ledger's memory that lives as long as this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..core.effects import Committed, Identity, Record, Restored, Ticket, Write

__all__ = ["MemoryStore"]


class _Namespace:
    """The rows of one stream."""

    __slots__ = ("delivered", "finished", "mark", "parked")

    def __init__(self) -> None:
        self.finished: dict[Identity, float] = {}
        self.delivered: dict[Identity, float] = {}
        self.parked: list[Record] = []
        self.mark: float | None = None


class MemoryStore:
    """Survives reconnects, and successive `connect`s that are given the same instance; not the end of the process.

    After a restart what was finished is delivered again if the provider sends it again. A booking gets None to write through.
    """

    def __init__(self) -> None:
        self._namespaces: dict[str, _Namespace] = {}

    async def open(self, namespace: str) -> Restored:
        rows = self._namespaces.setdefault(namespace, _Namespace())
        return Restored(dict(rows.finished), dict(rows.delivered), rows.mark)

    async def commit(
        self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
    ) -> Committed:
        return self.commit_now(namespace, writes, mark, books)

    def commit_now(
        self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
    ) -> Committed:
        """`commit`, which here waits for nothing."""
        rows = self._namespaces[namespace]
        failed: dict[Ticket, BaseException] = {}
        for write in writes:
            book = None if write.ticket is None else books.get(write.ticket)
            if write.ticket is not None and book is not None:
                try:
                    book(None)
                except BaseException as error:  # the caller's own, whatever it is: it goes back to the caller
                    failed[write.ticket] = error
                    continue
            for record in write.records:
                self._keep(rows, record)
        rows.mark = mark
        return Committed(failed)

    async def close(self, namespace: str) -> None:
        """Nothing to do: the rows stay for the next `open`."""

    def parked(self) -> list[Record]:
        """What was set aside, in order."""
        return [record for rows in self._namespaces.values() for record in rows.parked]

    @staticmethod
    def _keep(rows: _Namespace, record: Record) -> None:
        if record.kind == "delivered":
            rows.delivered[record.identity] = record.at
        else:
            rows.delivered.pop(record.identity, None)
            rows.finished[record.identity] = record.at
            if record.kind == "parked":
                rows.parked.append(record)
