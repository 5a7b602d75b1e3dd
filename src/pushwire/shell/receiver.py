"""Reading from a byte stream in as few steps as there are: a message that comes alone waits for each of them.

trio's own reading of a socket tries first and waits then, which is one call of the system in vain, and an error, for each message
of a feed that is read as fast as it comes. Its reading of TLS gives one record at a time, of which much data has many, and tries
in vain twice.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Final, cast

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
        # Nothing public gives what has been received by TLS and lies there, encrypted. A trio without these is read as it reads.
        tls: object = getattr(stream, "_ssl_object", None)
        self._decrypt: Callable[[int], bytes] | None = tls.read if isinstance(tls, ssl.SSLObject) else None
        self._incoming, self._outgoing = _memory(stream, "_incoming"), _memory(stream, "_outgoing")
        if self._incoming is not None and self._outgoing is not None:
            stream = cast("trio.SSLStream[trio.abc.Stream]", stream).transport_stream
        self._socket = stream.socket if isinstance(stream, trio.SocketStream) and os.name == "posix" else None
        self._broken: ssl.SSLError | None = None
        self._emptied = self._decrypt is None
        """Whether nothing lies decrypted, or ready to be, in TLS. Of that of the handshake it is not known."""
        self.full: bool = False
        """Whether the last read brought as much as it was to, so that there is more, most likely."""

    @property
    def source(self) -> trio.socket.SocketType | None:
        """What is readable as soon as `now` may have something, unless the last read was `full`. None: `some` must be asked."""
        return self._socket if self._emptied else None

    async def some(self, size: int) -> bytes | bytearray:
        """Up to `size` bytes; none at the end of the stream. Raises as `receive_some` does."""
        if self._emptied and self._socket is not None and self._socket.fileno() != CLOSED:
            if self.full:
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_readable(self._socket)
            came = self.now(size)
            if came:
                return came
        data: bytes | bytearray
        if self._decrypt is not None:
            data = await self._records(self._decrypt, size)
        else:
            data = await self._stream.receive_some(size)
        self.full = len(data) == size
        return data

    def now(self, size: int) -> bytes | None:
        """Up to `size` bytes of what has come at the `source`, none where nothing has. None: `some` must be asked."""
        sock = self.source
        if sock is None or (number := sock.fileno()) == CLOSED:
            return None
        self.full = False
        try:
            data = os.read(number, size)
        except BlockingIOError:
            return b""
        except OSError as error:
            # The system says it once: another attempt would find an end in good order.
            raise trio.BrokenResourceError(f"socket connection broken: {error}") from error
        if not data:
            # Whether this end is in good order trio can tell, and finds it again.
            return None
        self.full = len(data) == size
        if self._decrypt is None or self._incoming is None:
            return data
        self._incoming.write(data)
        data = b"".join(self._decrypted(self._decrypt, [], size))
        # Nothing: the rest of a record is still to come, or TLS has something else to say.
        return data if data or self._emptied else None

    async def _records(self, decrypt: Callable[[int], bytes], size: int) -> bytes:
        """The next record, and all that have come with it."""
        if self._broken is not None:
            raise trio.BrokenResourceError from self._broken
        first = await self._stream.receive_some(min(size, RECORD))
        return b"".join(self._decrypted(decrypt, [first], size - len(first)))

    def _decrypted(self, decrypt: Callable[[int], bytes], parts: list[bytes | bytearray], left: int) -> list[bytes | bytearray]:
        """These parts, and all records that lie there, up to so many bytes or to the end."""
        self._emptied = False
        try:
            while left and (not parts or parts[-1]):
                parts.append(decrypt(min(left, RECORD)))
                left -= len(parts[-1])
        except ssl.SSLWantReadError:
            # What TLS itself has to say goes out where trio reads.
            self._emptied = self._outgoing is not None and not self._outgoing.pending
        except ssl.SSLError as error:
            # It is said once; what came before it is read first.
            self._broken = error
        return parts


def _memory(stream: object, name: str) -> ssl.MemoryBIO | None:
    memory: object = getattr(stream, name, None)
    return memory if isinstance(memory, ssl.MemoryBIO) else None
