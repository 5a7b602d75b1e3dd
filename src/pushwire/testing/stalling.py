"""A sandbox's server whose connections can stand still: to a client it looks as if the line were dead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from ..sandbox.base import ServerMachine
from ..sandbox.server import SandboxServer

__all__ = ["StallingServer"]


class StallingServer(SandboxServer):
    """See `sandbox.server.SandboxServer`; `gate` shuts the line and opens it. Of a shut one nothing is read, so that nothing is
    answered, not even a ping; what had been sent before still leaves."""

    def __init__(self, machine: ServerMachine, *, wall: Callable[[], float]) -> None:
        super().__init__(machine, wall=wall)
        self._shut = False
        self._lines: set[_Line] = set()

    def gate(self, shut: bool) -> None:
        """From now on nothing is read; or all goes on where it stood."""
        if self._shut != shut:
            self._shut = shut
            for line in self._lines:
                line.turn(shut)

    async def handle(self, raw: trio.abc.Stream) -> None:
        """Serve one client, to the end of its connection."""
        line = _Line(raw, shut=self._shut)
        self._lines.add(line)
        try:
            await super().handle(line)
        finally:
            self._lines.discard(line)


class _Line(trio.abc.Stream):
    """A stream that may stand still. It is noticed all the same when the client has gone."""

    def __init__(self, raw: trio.abc.Stream, *, shut: bool) -> None:
        self._raw = raw
        self._late: deque[bytes] = deque()
        self._shut = shut
        self._reading: trio.CancelScope | None = None

    def turn(self, shut: bool) -> None:
        self._shut = shut
        if self._late and self._reading is not None:
            # It waits for bytes, and there are some.
            self._reading.cancel()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while True:
            if self._late and not self._shut:
                return self._late.popleft()
            data: bytes | None = None
            with trio.CancelScope() as self._reading:
                data = bytes(await self._raw.receive_some(max_bytes))
            self._reading = None
            if data == b"":
                return data
            if data is not None:
                self._late.append(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._raw.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._raw.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._raw.aclose()
