"""A caller's own async function as a sink."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ..entries import Answer, Entry, Outcome

__all__ = ["FunctionSink"]


class FunctionSink:
    """Hands batches to `store`, which returns when all of the batch is durable (None), or an answer for each entry.

    What it raises means that nothing is known, and the same entries come again: it must know them by their keys."""

    def __init__(self, store: Callable[[Sequence[Entry]], Awaitable[Sequence[Answer] | None]]) -> None:
        self._store = store

    async def open(self) -> None:
        """Nothing to open."""

    async def write(self, batch: Sequence[Entry]) -> Sequence[Answer]:
        answers = await self._store(batch)
        return [Outcome.STORED] * len(batch) if answers is None else answers

    async def close(self) -> None:
        """Nothing to close."""

    async def check(self) -> Sequence[str]:
        return ("a function of the program's own: what it returns from is taken to be durable",)
