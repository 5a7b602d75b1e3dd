"""Hostile clients of what serves: a relay's pages, and the sandboxes. Each is let go, and good ones are served in their midst.

No time is asserted here: who is let go sees the end of the stream, and the order of that and of the good ones' answers shows who
waited for whom.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import attrs
import pytest
import trio
import trio_websocket

from pushwire.relay.serving import CONNECTIONS
from tests.wire.server import BINARY, CONT, TEXT

from .peers import Again, forever
from .server_victim import KEY

BOUND: Final = 16 * 2**20
"""Bytes."""
CROWD: Final = 1_000
PATIENCE: Final = 1.0
"""Seconds that the server has with a client."""
LONG: Final = 600.0
"""The same, where none is to be let go for it."""

GET: Final = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE: Final = (
    b"GET /tx/api/v1/transaction/ws HTTP/1.1\r\nHost: x\r\nX-API-Key: k\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A short frame as a client sends it; the mask is zeros."""
    return bytes([(0x80 if fin else 0) | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def endless(first: bytes, then: bytes) -> Iterable[bytes]:
    return Again(lambda: forever(first, then))


@attrs.frozen
class Client:
    """What a hostile client writes; then it waits for its end."""

    name: str
    says: Iterable[bytes]
    ends_its_half: bool = False


WAITING: Final = (
    Client("says nothing", ()),
    Client("half a head", [b"GET /live HTTP/1.1\r\nHost:"]),
    Client("a body that does not come", [b"POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"]),
)
"""Who has not said what he wants is let go in time."""
RUDE: Final = (
    Client("a head without end", endless(b"GET /live HTTP/1.1\r\nHost: x\r\n", b"X-More: and more\r\n")),
    Client("one header without end", endless(b"GET /live HTTP/1.1\r\nX-More: ", b"x")),
    Client("no HTTP", [b"\x16\x03\x01" + bytes(200)]),
    Client("an end at once", (), ends_its_half=True),
    Client("an end within the head", [b"GET /live"], ends_its_half=True),
)
ON_A_WEBSOCKET: Final = (
    Client("bad UTF-8", [masked(TEXT, b"\xc0\xaf")]),
    Client("not masked", [b"\x81\x01x"]),
    Client("fragments without end", endless(masked(BINARY, fin=False), masked(CONT, b"x" * 100, fin=False))),
    Client("fragments of two bytes", endless(masked(BINARY, fin=False), masked(CONT, b"xy", fin=False))),
    Client("empty fragments", endless(masked(BINARY, fin=False), masked(CONT, fin=False))),
    Client("a frame of 4 EiB", endless(b"\x82\xff\x40" + bytes(11), b"x" * 1000)),
    Client("an end without a close frame", (), ends_its_half=True),
)
"""Who is accepted as a WebSocket first."""


class Victim:
    """A server's process."""

    def __init__(self, kind: str, port: int, process: trio.Process) -> None:
        self.kind = kind
        self.port = port
        self._process = process

    async def grown(self) -> int:
        """By how many bytes its memory was above where it stood when this was asked last."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(b"\n")
        return await number(self._process)

    async def attacked(self, client: Client, begun: Callable[[], object] = lambda: None) -> None:
        """Return when the server has let this client go."""
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream, trio.open_nursery() as nursery:
            if client in ON_A_WEBSOCKET:
                await stream.send_all(UPGRADE)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
            nursery.start_soon(write, stream, client)
            begun()
            try:
                while await stream.receive_some(65536):
                    pass
            except trio.BrokenResourceError:
                pass
            nursery.cancel_scope.cancel()

    async def serves(self) -> None:
        """A good client is served."""
        if self.kind == "pages":
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                await stream.send_all(GET)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
            return
        url = f"ws://127.0.0.1:{self.port}/tx/api/v1/transaction/ws"
        async with trio_websocket.open_websocket_url(url, extra_headers=[(b"X-API-Key", KEY.encode())]) as socket:
            assert '"connected"' in str(await socket.get_message())


async def number(process: trio.Process) -> int:
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        line += await process.stdout.receive_some(1)
    return int(line)


async def write(stream: trio.SocketStream, client: Client) -> None:
    try:
        for piece in client.says:
            await stream.send_all(piece)
        if client.ends_its_half:
            await stream.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # it was let go


@asynccontextmanager
async def victim(kind: str, patience: float = PATIENCE) -> AsyncGenerator[Victim, None]:
    command = [sys.executable, "-m", "tests.hostile.server_victim", kind, str(patience)]
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        server = Victim(kind, await number(process), process)
        await server.serves()
        await server.grown()
        yield server
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


def clients(kind: str) -> Sequence[Client]:
    # A page has no use for a body, and says so at once; over HTTP a sandbox waits a minute for one, which is another test's.
    waiting = WAITING if kind == "pages" else WAITING[:2]
    return (*waiting, *RUDE, *(ON_A_WEBSOCKET if kind == "sandbox" else ()))


@pytest.mark.parametrize("kind", ["pages", "sandbox"])
async def test_each_hostile_client_is_let_go_and_costs_at_most_16_mib(kind: str) -> None:
    async with victim(kind) as server:
        costs: dict[str, int] = {}
        for client in clients(kind):
            await server.attacked(client)
            costs[client.name] = await server.grown()
            await server.serves()
        assert max(costs.values()) <= BOUND, costs


@pytest.mark.parametrize("kind", ["pages", "sandbox"])
async def test_good_clients_are_served_while_a_thousand_hold_their_connections(kind: str) -> None:
    async with victim(kind, patience=LONG) as server:
        arrived = trio.Event()
        begun = gone = 0

        def begin() -> None:
            nonlocal begun
            begun += 1
            if begun == CROWD:
                arrived.set()

        async def attack(client: Client) -> None:
            nonlocal gone
            await server.attacked(client, begin)
            gone += 1

        async with trio.open_nursery() as nursery:
            for at in range(CROWD):
                nursery.start_soon(attack, WAITING[at % 2])
            await arrived.wait()
            for _ in range(10):
                await server.serves()
            # Of the pages' clients each new one takes the place of the oldest; nobody else has gone.
            assert gone <= (CROWD + 10 - CONNECTIONS if kind == "pages" else 0)
            assert await server.grown() <= BOUND
            nursery.cancel_scope.cancel()
