"""What stores that work in a thread share: who uses them, and commits that gather into one transaction.

What lives here: opening, closing, the way into the thread. What must not: anything of one database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import attrs
import trio

from ..core.effects import Committed, Identity, Loaded, Record, Resends, Restored, Ticket, Write
from ..errors import LocalProtocolError, StoreError
from .base import NOTHING
from .writer import Job, WriterThread

__all__ = ["WEEK", "Backend", "Batch", "ThreadedStore"]

ConnectionT = TypeVar("ConnectionT")

WEEK: Final = 7 * 86_400.0


@attrs.frozen
class Batch(Generic[ConnectionT]):
    """What one `commit` call wants stored."""

    namespace: str
    writes: Sequence[Write]
    mark: float
    books: Mapping[Ticket, Callable[[ConnectionT], object]]


class Backend(Protocol[ConnectionT]):
    """A database while it is open. Every method runs in the store's thread, and raises `StoreError`."""

    def open(self) -> None:
        """Connect, check and prepare."""
        ...

    def close(self) -> None:
        """Let go of it. Never raises: what was reported durable is."""
        ...

    def load(self, namespace: str, resends: Resends) -> Restored:
        """Make ready for a namespace, perhaps again, and say what is known of it."""
        ...

    def payloads(self, namespace: str, identities: Sequence[Identity]) -> Loaded:
        """What is held of these."""
        ...

    def leave(self, namespace: str) -> None:
        """Nobody uses this namespace any more. Never raises."""
        ...

    def commit(self, batches: Sequence[Batch[ConnectionT]]) -> Sequence[Committed | StoreError]:
        """Store them, in one transaction where that can be. Raises `StoreError` where that befalls all of them."""
        ...

    def parked(self, namespace: str | None) -> list[Record]: ...

    def discard_parked(self, identities: Sequence[Identity], namespace: str | None) -> int: ...


BackendT = TypeVar("BackendT", bound=Backend[Any])  # of which connection, the subclass of the store says


class ThreadedStore(Generic[ConnectionT, BackendT]):
    """A `Store` whose database is used by one thread alone. `name` says in errors what it is."""

    def __init__(self, name: str, thread_name: str) -> None:
        self._name = name
        self._thread_name = thread_name
        self._reset()

    def _reset(self) -> None:
        """As never opened. A run of trio that ended without closing leaves nothing behind, not even a lock that is held."""
        self._lock = trio.Lock()
        self._users = Counter[str]()
        self._backend: BackendT | None = None
        self._thread: WriterThread | None = None

    def _make(self) -> BackendT:
        """The database, not open yet."""
        raise NotImplementedError

    async def open(self, namespace: str, resends: Resends = NOTHING) -> Restored:
        async with self._lock:
            if self._thread is None:
                await self._start()
            backend, thread = self._running()
            try:
                restored = await thread.do(Job(lambda: backend.load(namespace, resends)))
            except BaseException:
                if not self._users:
                    await self._end()
                raise
            self._users[namespace] += 1
            return restored

    async def commit(
        self,
        namespace: str,
        writes: Sequence[Write],
        mark: float,
        books: Mapping[Ticket, Callable[[ConnectionT], object]],
    ) -> Committed:
        _, thread = self._running(namespace)
        await trio.lowlevel.checkpoint_if_cancelled()
        return await thread.do(_CommitJob(Batch(namespace, writes, mark, books)))

    async def payloads(self, namespace: str, identities: Sequence[Identity]) -> Loaded:
        backend, thread = self._running(namespace)
        await trio.lowlevel.checkpoint_if_cancelled()
        return await thread.do(Job(lambda: backend.payloads(namespace, identities)))

    async def close(self, namespace: str) -> None:
        with trio.CancelScope(shield=True):
            async with self._lock:
                backend, thread = self._running(namespace)
                self._users -= Counter((namespace,))
                if not self._users:
                    await self._end()
                elif namespace not in self._users:
                    await thread.do(Job(lambda: backend.leave(namespace)))

    async def parked(self, namespace: str | None = None) -> list[Record]:
        """What was set aside, oldest first: of one namespace, or of all. Raises `StoreError`."""
        backend, thread = self._running()
        return await thread.do(Job(lambda: backend.parked(namespace)))

    async def discard_parked(self, identities: Iterable[Identity], namespace: str | None = None) -> int:
        """Delete what was set aside under these identities, in one namespace or in all; durable when it returns. They stay
        finished. Returns how many rows went. Raises `StoreError`."""
        backend, thread = self._running()
        gone = list(identities)
        return await thread.do(Job(lambda: backend.discard_parked(gone, namespace)))

    def _running(self, namespace: str | None = None) -> tuple[BackendT, WriterThread]:
        if self._backend is None or self._thread is None or (namespace is not None and namespace not in self._users):
            raise StoreError(f"{self._name} is not open: the store works inside `async with pushwire.connect(..., store=...)`")
        return self._backend, self._thread

    def _only_namespace(self, namespace: str | None) -> str:
        """The one that is meant where the caller names none."""
        self._running(namespace)
        if namespace is not None:
            return namespace
        names = list(self._users)
        if len(names) != 1:
            raise LocalProtocolError("several streams use this store: say which is meant, by `namespace=config.namespace`")
        return names[0]

    async def _start(self) -> None:
        backend = self._make()
        thread = WriterThread(self._thread_name, lambda jobs: _run(backend, jobs), last=backend.close, abandoned=self._reset)
        try:
            await thread.do(Job(backend.open))
        except BaseException:
            await thread.end()
            raise
        self._backend, self._thread = backend, thread

    async def _end(self) -> None:
        _, thread = self._running()
        self._backend = self._thread = None
        await thread.end()


class _CommitJob(Job[Committed]):
    """A batch to commit, together with its neighbours."""

    def __init__(self, batch: Batch[Any]) -> None:  # of whatever connection
        super().__init__(Committed)
        self.batch = batch


def _run(backend: Backend[Any], jobs: list[Job[Any]]) -> None:  # of whatever connection and results
    """In the thread: neighbouring commits as one transaction, all else by itself."""
    together: list[_CommitJob] = []
    for job in jobs:
        if isinstance(job, _CommitJob):
            together.append(job)
        else:
            _commit(backend, together)
            together = []
            job.run()
    _commit(backend, together)


def _commit(backend: Backend[Any], jobs: Sequence[_CommitJob]) -> None:
    if not jobs:
        return
    try:
        results = backend.commit([job.batch for job in jobs])
    except BaseException as error:  # noqa: BLE001 - it belongs to the tasks that wait
        for job in jobs:
            job.fail(error)
    else:
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, StoreError):
                job.fail(result)
            else:
                job.succeed(result)
