"""Peers that mean harm, as handlers for `tests.shell.sockets.serve`: what they do to a client that dials them.

What must come of each is not said here: `table` has it.
"""

from __future__ import annotations

import contextlib
import itertools
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, TypeAlias

import trio
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from tests.shell.raw_server import Server, raw
from tests.shell.sockets import Handler, cut
from tests.wire.server import BINARY, frame

__all__ = ["ACCEPTED", "Play", "answer", "bomb", "drip", "drop", "forever", "head", "play", "pour", "say", "shut", "silent"]

ACCEPTED: Final = b"HTTP/1.1 101 Switching Protocols\r\n"
Play: TypeAlias = Callable[[Server], Awaitable[None]]


async def listen(stream: trio.abc.Stream) -> None:
    """Take what comes until the client has gone."""
    with contextlib.suppress(trio.BrokenResourceError):
        while await stream.receive_some(65536):
            pass


# In place of a handshake


async def silent(stream: trio.abc.Stream) -> None:
    """Take what comes, and say nothing."""
    await listen(stream)


def answer(data: bytes) -> Handler:
    """Answer the handshake with `data`, and then say nothing more."""

    async def handler(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(data)
        await listen(stream)

    return handler


def drip(data: Iterable[bytes], every: float = 0.0) -> Handler:
    """Answer the handshake with `data`, a piece at a time, each so many seconds after the last; and then say nothing more."""

    async def handler(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        for piece in data:
            await stream.send_all(piece)
            await trio.sleep(every)
        await listen(stream)

    return handler


def head(line: bytes) -> Handler:
    """Answer the handshake with a head that does not end."""
    return drip(Again(lambda: forever(ACCEPTED, line)))


async def drop(stream: trio.abc.Stream) -> None:
    """Reset the connection instead of an answer."""
    await stream.receive_some()
    cut(stream)


# Behind a handshake


def play(script: Play) -> Handler:
    """Accept, compression too where it is offered, and play `script`."""

    async def handler(stream: trio.abc.Stream) -> None:
        # One each: it is the state of a connection.
        await raw(script, ServerProtocol(extensions=[ServerPerMessageDeflateFactory()]))(stream)

    return handler


def pour(pieces: Callable[[], Iterable[bytes]], *, reads: bool = True) -> Handler:
    """Accept, then write `pieces` and nothing more; without `reads` nothing of what the client says is taken meanwhile."""

    async def script(server: Server) -> None:
        async with trio.open_nursery() as nursery:
            if reads:
                nursery.start_soon(listen, server.stream)
            with contextlib.suppress(trio.BrokenResourceError):
                for piece in pieces():
                    await server.stream.send_all(piece)
            if not reads:
                await trio.sleep_forever()

    return play(script)


def say(*pieces: bytes) -> Handler:
    """Accept, then write just these."""
    return pour(lambda: pieces)


def shut(*pieces: bytes) -> Handler:
    """Accept, write these, and end our half of the stream; the other is read on."""

    async def script(server: Server) -> None:
        for piece in pieces:
            await server.stream.send_all(piece)
        assert isinstance(server.stream, trio.SocketStream)
        await server.stream.send_eof()
        await listen(server.stream)

    return play(script)


# What is written


class Again(Iterable[bytes]):
    """Pieces that are the same for each connection."""

    def __init__(self, make: Callable[[], Iterable[bytes]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._make())


def forever(first: bytes, then: bytes) -> Iterable[bytes]:
    """`first`, and `then` without end, in writes of 64 KiB or a little more."""
    return itertools.chain([first], itertools.repeat(then * (65536 // len(then) + 1)))


def bomb(size: int) -> bytes:
    """A compressed frame of about a thousandth of the `size` of what it holds, which is a multiple of 1 MiB."""
    compressor = zlib.compressobj(9, wbits=-15)
    packed = b"".join(compressor.compress(bytes(2**20)) for _ in range(size >> 20)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return frame(BINARY, packed[:-4], rsv=0x40)
