"""What a ledger's store must do: remember, durably, which deliveries are finished, and which are held until they are.

A batch goes in; it is durable, or it is a `StoreError`. The caller's booking runs inside the same transaction.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar, runtime_checkable

import attrs

from ..core.effects import Committed, Identity, Loaded, Record, Resends, Restored, Ticket, Write
from ..errors import LocalProtocolError, StoreError

__all__ = ["NOTHING", "ImmediateStore", "Receipt", "Store", "run_booking"]

ConnectionT = TypeVar("ConnectionT")
ResultT = TypeVar("ResultT")
ConnectionT_co = TypeVar("ConnectionT_co", covariant=True)


NOTHING: Final = Resends(-math.inf, -math.inf)
"""No provider: its rows may go as soon as the retention says."""


class Store(Protocol[ConnectionT_co]):
    """A ledger's memory. `ConnectionT_co` is what a booking gets to write through.

    One store may serve several streams at a time; each has a namespace of its own (provider, URL and a digest of the key).
    """

    async def open(self, namespace: str, resends: Resends = NOTHING) -> Restored:
        """Make ready for `namespace` and load what it holds. Raises `StoreError`; each `open` is paired with one `close`."""
        ...

    async def commit(
        self,
        namespace: str,
        writes: Sequence[Write],
        mark: float,
        books: Mapping[Ticket, Callable[[ConnectionT_co], object]],
    ) -> Committed:
        """Store all writes and the low-water mark in one transaction.

        Each write with a booking runs it first, inside a savepoint of its own: when it raises, that write alone is left out, and
        the exception is in `Committed.failed`. A write whose records are all finished already was booked by an earlier
        commit: its booking is not run again. A "held" record is kept with its payload until it is finished or parked, whatever
        the retention; of one that is held or finished already nothing is changed. Waits for the end of the transaction even when
        cancelled. Raises `StoreError`, and nothing else: when nothing was stored, when that cannot be known, or when `namespace`
        is not open.
        """
        ...

    async def payloads(self, namespace: str, identities: Sequence[Identity]) -> Loaded:
        """The raw messages of what is held under these identities. Raises `StoreError`."""
        ...

    async def close(self, namespace: str) -> None:
        """Done with `namespace`. The last one closes the store."""
        ...

    async def parked(self, namespace: str | None = None) -> list[Record]:
        """What was set aside, oldest first: of one namespace, or of all. Raises `StoreError`."""
        ...

    async def discard_parked(self, identities: Iterable[Identity], namespace: str | None = None) -> int:
        """Delete what was set aside under these identities, in one namespace or in all; durable when it returns. They stay
        finished. Returns how many rows went. Raises `StoreError`."""
        ...


@runtime_checkable
class ImmediateStore(Protocol[ConnectionT_co]):
    """A store that commits without waiting for anything; it is spared the way through another task."""

    def commit_now(
        self,
        namespace: str,
        writes: Sequence[Write],
        mark: float,
        books: Mapping[Ticket, Callable[[ConnectionT_co], object]],
    ) -> Committed:
        """`Store.commit`, at once."""
        ...


@attrs.frozen
class Receipt:
    """That these were marked as finished in a transaction of the caller's own: `store.finish` gives it, `stream.ack` takes it.

    It promises nothing by itself: whether that transaction was committed, the ledger's own looks. It stands where a booking
    stands, and what is finished is not booked again: so it only ever runs where the mark is not there.
    """

    namespace: str
    identities: tuple[Identity, ...]

    def __call__(self, connection: object) -> None:
        raise StoreError(f"{self}: its transaction was rolled back, or is not committed yet, or was another store's")

    def __str__(self) -> str:
        return f"receipt for {', '.join(str(identity.key) for identity in self.identities)}"


def run_booking(book: Callable[[ConnectionT], ResultT], connection: ConnectionT) -> ResultT:
    """Run a booking. Raises what it raises, and `LocalProtocolError` where it is an `async` function: nobody would await it, and
    what was never booked would be finished."""
    result = book(connection)
    if inspect.iscoroutine(result):
        result.close()
        raise LocalProtocolError("a booking is a plain function, not an async one: it runs inside the store's transaction")
    return result
