from __future__ import annotations

import trio
import trio.testing

from pushwire.core.effects import Close, Dial
from pushwire.shell.transport import Read
from pushwire.shell.websocket import WebSocketConnection, WebSocketConnector

from .raw_server import Server, raw
from .sockets import cut, dial, echo, read_all, serve, serve_websocket


async def connect(nursery: trio.Nursery, port: int, wanted: Dial | None = None) -> WebSocketConnection:
    return await WebSocketConnector().dial(wanted or dial(f"ws://127.0.0.1:{port}/"), nursery)


class TestEnding:
    async def test_the_peers_close_is_reported_with_the_last_messages_and_answered(self, nursery: trio.Nursery) -> None:
        answered: list[object] = []

        async def script(server: Server) -> None:
            server.protocol.send_text(b"last")
            server.protocol.send_close(4000, "enough")
            await server.flush()
            answered.extend(await server.receive())
            assert server.protocol.close_rcvd is not None
            answered.append(server.protocol.close_rcvd.code)

        connection = await connect(nursery, await serve(nursery, raw(script)))
        assert await read_all(connection) == (["last"], Close(code=4000, reason="enough"))
        await connection.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert answered[-1] == 4000

    async def test_our_close_is_reported_as_ours(self, nursery: trio.Nursery) -> None:
        connection = await connect(nursery, await serve_websocket(nursery, echo))
        connection.send_close(1000, "done")
        await connection.flush()
        assert await read_all(connection) == ([], Close(code=1000, reason="done", by="us"))
        await connection.aclose()

    async def test_an_end_of_the_stream_is_a_lost_connection(self, nursery: trio.Nursery) -> None:
        async def script(server: Server) -> None:
            server.protocol.send_text(b"last")
            await server.flush()

        connection = await connect(nursery, await serve(nursery, raw(script)))
        assert await read_all(connection) == (
            ["last"],
            Close(reason="the peer ended the stream without a close frame", by="transport"),
        )
        assert (await connection.read()).close is not None
        await connection.aclose()

    async def test_a_reset_is_a_lost_connection(self, nursery: trio.Nursery) -> None:
        async def script(server: Server) -> None:
            await server.receive()
            cut(server.stream)

        connection = await connect(nursery, await serve(nursery, raw(script)))
        connection.send_text("a")
        await connection.flush()
        assert await read_all(connection) == ([], Close(reason="read: Connection reset by peer", by="transport"))
        await connection.aclose()

    async def test_dropping_it_wakes_the_reader_and_may_be_repeated(self, nursery: trio.Nursery) -> None:
        connection = await connect(nursery, await serve_websocket(nursery, echo))
        reads: list[Read] = []

        async def read() -> None:
            reads.append(await connection.read())

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await connection.aclose()
        await connection.aclose()
        connection.send_text("too late")
        await connection.flush()
        await trio.testing.wait_all_tasks_blocked()
        assert reads == [Read([], [], Close(reason="closed here", by="transport"))]

    async def test_a_peer_that_closes_and_does_not_read_is_not_waited_for(
        self, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
    ) -> None:
        async def script(server: Server) -> None:
            await gate.wait()
            server.protocol.send_close(1001, "")
            await server.flush()
            await trio.sleep_forever()

        gate = trio.Event()
        connection = await connect(nursery, await serve(nursery, raw(script)))
        connection.send_text("a" * 20_000_000)
        nursery.start_soon(connection.flush)
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
        started = trio.current_time()
        assert await read_all(connection) == ([], Close(code=1001))
        assert trio.current_time() - started <= 1.0
        await connection.aclose()
