"""Reading from a byte stream in as few steps as there are: a message that comes alone waits for each of them.

trio's own reading of a socket tries first and waits then, which is one call of the system in vain, and an error, for each message
of a feed that is read as fast as it comes. Its reading of TLS gives one record at a time, of which much data has many.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Receiver"]

CLOSED: Final = -1
"""The number of a closed file."""
RECORD: Final = 2**14
"""Bytes that a TLS record may hold (RFC 8446, 5.1)."""


class Receiver:
    """Reads from one stream. What is neither TCP nor TLS is read as trio does."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._socket = stream.socket if isinstance(stream, trio.SocketStream) and os.name == "posix" else None
        # Nothing public gives what has been received by TLS and lies there, encrypted. A trio without this is read as it reads.
        tls: object = getattr(stream, "_ssl_object", None)
        self._decrypt: Callable[[int], bytes] | None = tls.read if isinstance(tls, ssl.SSLObject) else None
        self._broken: ssl.SSLError | None = None
        self._emptied = True
        """Whether the last read took all that there was, as that of the handshake mostly has."""

    async def some(self, size: int) -> bytes | bytearray:
        """Up to `size` bytes; none at the end of the stream. Raises as `receive_some` does."""
        if self._decrypt is not None:
            return await self._records(self._decrypt, size)
        data: bytes | bytearray | None = None
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

    async def _records(self, decrypt: Callable[[int], bytes], size: int) -> bytes | bytearray:
        """The next record, and all that have come with it."""
        if self._broken is not None:
            raise trio.BrokenResourceError from self._broken
        data = await self._stream.receive_some(min(size, RECORD))
        parts, left = [data], size - len(data)
        try:
            while left and parts[-1]:
                parts.append(decrypt(min(left, RECORD)))
                left -= len(parts[-1])
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            # It is said once; what came before it is read first.
            self._broken = error
        return b"".join(parts)
