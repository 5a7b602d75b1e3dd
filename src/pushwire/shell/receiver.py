"""Reading from a byte stream in as few steps as there are: a message that comes alone waits for each of them.

trio's own reading of a socket tries first and waits then, which is one call of the system in vain, and an error, for each message
of a feed that is read as fast as it comes.
"""

from __future__ import annotations

import os
from typing import Final

import trio

__all__ = ["Receiver"]

CLOSED: Final = -1
"""The number of a closed file."""


class Receiver:
    """Reads from one stream. What is no plain TCP socket is read as trio does."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._socket = stream.socket if isinstance(stream, trio.SocketStream) and os.name == "posix" else None
        self._emptied = False
        """Whether the last read took all that there was."""

    async def some(self, size: int) -> bytes | bytearray:
        """Up to `size` bytes; none at the end of the stream. Raises as `receive_some` does."""
        data = None
        if self._emptied and self._socket is not None:
            data = await self._wait(self._socket, size)
        if data is None:
            data = await self._stream.receive_some(size)
        self._emptied = len(data) < size
        return data

    async def _wait(self, sock: trio.socket.SocketType, size: int) -> bytes | None:
        """Wait first. None: to be tried as trio does."""
        if sock.fileno() == CLOSED:
            return None
        await trio.lowlevel.wait_readable(sock)
        try:
            return os.read(sock.fileno(), size)
        except BlockingIOError:
            return None
        except OSError as error:
            if sock.fileno() == CLOSED:
                return None
            # The system says it once: another attempt would find an end in good order.
            raise trio.BrokenResourceError(f"socket connection broken: {error}") from error
