"""What a ledger's store must do: remember, durably, which deliveries are finished.

A batch goes in; it is durable, or it is a `StoreError`. The caller's booking runs inside the same transaction.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from ..core.effects import Committed, Restored, Ticket, Write
from ..errors import LocalProtocolError

__all__ = ["ImmediateStore", "Store", "run_booking"]

ConnectionT = TypeVar("ConnectionT")
ConnectionT_co = TypeVar("ConnectionT_co", covariant=True)


class Store(Protocol[ConnectionT_co]):
    """A ledger's memory. `ConnectionT_co` is what a booking gets to write through.

    One store may serve several streams at a time; each has a namespace of its own (provider, URL and a digest of the key).
    """

    async def open(self, namespace: str) -> Restored:
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
        commit: its booking is not run again. Waits for the end of the transaction even when cancelled. Raises `StoreError`, and
        nothing else: when nothing was stored, when that cannot be known, or when `namespace` is not open.
        """
        ...

    async def close(self, namespace: str) -> None:
        """Done with `namespace`. The last one closes the store."""
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


def run_booking(book: Callable[[ConnectionT], object], connection: ConnectionT) -> None:
    """Run a booking. Raises what it raises, and `LocalProtocolError` where it is an `async` function: nobody would await it, and
    what was never booked would be finished."""
    result = book(connection)
    if inspect.iscoroutine(result):
        result.close()
        raise LocalProtocolError("a booking is a plain function, not an async one: it runs inside the store's transaction")
