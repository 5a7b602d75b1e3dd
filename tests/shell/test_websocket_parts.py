"""How much the default transport reads and hands over at a time: no peer keeps the other tasks of the process waiting."""

from __future__ import annotations

import pytest
import trio

from pushwire.core.effects import Close
from pushwire.shell.transport import Read
from pushwire.shell.websocket import WebSocketConnection, WebSocketConnector

from .raw_server import Server, raw
from .sockets import client_tls, dial, echo, serve, serve_websocket, server_tls


async def connect(nursery: trio.Nursery, port: int) -> WebSocketConnection:
    return await WebSocketConnector().dial(dial(f"ws://127.0.0.1:{port}/"), nursery)


@pytest.mark.parametrize("ends", [True, False])
async def test_many_small_messages_are_handed_over_in_parts_and_others_get_their_turn(ends: bool, nursery: trio.Nursery) -> None:
    count = 1300
    turns = 0

    async def script(server: Server) -> None:
        await server.receive()
        for number in range(count):
            server.protocol.send_text(b"%d" % number)
        if ends:
            server.protocol.send_close(4000, "enough")
        await server.flush()
        await server.receive()

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    connection = await connect(nursery, await serve(nursery, raw(script)))
    connection._size = 2**16  # as if it had read much before
    connection.send_ping(b"us")
    await connection.flush()
    nursery.start_soon(take_turns)
    reads: list[Read] = []
    at: list[int] = []
    while not (reads and reads[-1].pongs):
        reads.append(await connection.read())
        at.append(turns)
        # Whoever is lent the waiting may take the next part as well.
        assert connection.ready is not bool(reads[-1].pongs)
    assert [len(read.messages) for read in reads] == [512, 512, 276]
    assert [message for read in reads for message in read.messages] == [*map(str, range(count))]
    assert [read.pongs for read in reads] == [(), (), [b"us"]]
    assert [read.close for read in reads] == [None, None, Close(code=4000, reason="enough") if ends else None]
    assert at[-1] > at[0]
    nursery.cancel_scope.cancel()
    await connection.aclose()


async def test_the_parts_are_handed_to_whom_the_waiting_is_lent_as_well(nursery: trio.Nursery) -> None:
    async def script(server: Server) -> None:
        await server.receive()
        server.protocol.send_pong(b"us")
        for number in range(1300):
            server.protocol.send_text(b"%d" % number)
        await server.flush()
        await server.receive()

    connection = await connect(nursery, await serve(nursery, raw(script)))
    connection._size = 2**16
    connection.send_text("go")
    await connection.flush()
    assert connection.source is not None
    await trio.lowlevel.wait_readable(connection.source)
    reads: list[Read] = []
    while not reads or connection.ready:
        read = connection.read_now()
        assert read is not None
        reads.append(read)
    assert [message for read in reads for message in read.messages] == [*map(str, range(1300))]
    assert [(len(read.messages), read.pongs) for read in reads] == [(512, ()), (512, ()), (276, [b"us"])]
    await connection.aclose()


async def test_more_is_read_at_a_time_as_long_as_it_is_not_tiny_frames(nursery: trio.Nursery) -> None:
    connection = await connect(nursery, await serve_websocket(nursery, echo))
    sizes: list[int] = []

    def feed(size: int, frames: int) -> None:
        connection._receiver.full = size == connection._size
        connection._pace(size, frames)
        sizes.append(connection._size)

    first = connection._size
    feed(first - 1, 10)
    for _ in range(4):
        feed(connection._size, 10)
    feed(connection._size, connection._size // 100)
    feed(connection._size, connection._size // 10)
    feed(connection._size, 1)
    # Small ones that are many: a read holds enough of them.
    feed(connection._size, 512)
    assert sizes == [first, 4 * first, 16 * first, 48 * first, 48 * first, 48 * first, first, 4 * first, 4 * first]
    await connection.aclose()


async def test_of_small_tls_records_more_is_read_at_a_time_as_well(nursery: trio.Nursery) -> None:
    count, told = 60, trio.Event()

    async def script(server: Server) -> None:
        await server.receive()
        server.protocol.send_text(b"first")
        await server.flush()
        await server.receive()
        for number in range(count):
            # A record for each.
            server.protocol.send_text(b"%1000d" % number)
            await server.flush()
        told.set()
        await server.receive()

    port = await serve(nursery, raw(script), server_tls())
    connection = await WebSocketConnector(tls=client_tls()).dial(dial(f"wss://127.0.0.1:{port}/"), nursery)
    first = connection._size
    for text in ("first", "go"):
        connection.send_text(text)
        await connection.flush()
        if text == "first":
            assert (await connection.read()).messages == ["first"]
    await told.wait()
    got: list[str | bytes] = []
    while len(got) < count:
        got += (await connection.read()).messages
    assert [int(text) for text in got] == [*range(count)]
    assert connection._size == 16 * first
    await connection.aclose()
