"""HTTP and WebSocket on the same port of the sandbox: which of the two a connection begins with."""

from __future__ import annotations

from typing import Final

import trio

__all__ = ["Peeked", "is_websocket", "peek"]

MAX_HEAD: Final = 64 * 1024


class Peeked(trio.abc.Stream):
    """A stream of which the beginning has been read, and is given again."""

    def __init__(self, raw: trio.abc.Stream, head: bytes) -> None:
        self._raw = raw
        self._head = head

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._raw.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._raw.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        return bytes(await self._raw.receive_some(max_bytes))

    async def aclose(self) -> None:
        await self._raw.aclose()


async def peek(raw: trio.abc.Stream) -> bytes:
    """The head of the first request, and what came with it. Less, where the client ended it there, where it is no HTTP, or where
    it is too long."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_HEAD and (not head or head[:1].isalpha()):
        data = await raw.receive_some()
        if not data:
            break
        head += data
    return head


def is_websocket(head: bytes) -> bool:
    """Whether a request wants to become a WebSocket."""
    return b"\r\nupgrade:" in head.partition(b"\r\n\r\n")[0].lower()
