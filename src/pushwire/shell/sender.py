"""Writing to a byte stream in as few steps as there are; `receiver` is its other half.

trio's own writing to a socket gives all other tasks their turn first, which takes longer than to write an ACK.
"""

from __future__ import annotations

import os
from typing import Final

import trio

__all__ = ["send_all"]

_CLOSED: Final = -1
"""The number of a closed file."""
_PLAIN: Final = os.name == "posix"
"""Whether a socket is written to as a file is."""


async def send_all(stream: trio.abc.SendStream, data: bytes) -> None:
    """As `stream.send_all`, but no checkpoint where the system takes all of it at once. Nobody else may be writing."""
    if _PLAIN and isinstance(stream, trio.SocketStream) and stream.socket.fileno() != _CLOSED:
        try:
            data = data[os.write(stream.socket.fileno(), data) :]
        except BlockingIOError:
            pass
        except OSError as error:
            # The system says it once: another attempt would find something else.
            raise trio.BrokenResourceError(f"socket connection broken: {error}") from error
        if not data:
            return
    await stream.send_all(data)
