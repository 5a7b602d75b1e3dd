from __future__ import annotations

import pytest
import trio
import trio.testing
import trio_websocket
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from pushwire.core.effects import Close, Dial
from pushwire.core.secrets import Secret
from pushwire.shell import websocket
from pushwire.shell.transport import Connector, DialFailed, Read
from pushwire.shell.websocket import WebSocketConnection, WebSocketConnector
from pushwire.wire.client import ClientWire

from .raw_server import Server, ping, raw, stay
from .sockets import Proxy, Witness, client_tls, cut, dial, echo, read_all, serve, serve_websocket, server_tls


async def connect(nursery: trio.Nursery, port: int, wanted: Dial | None = None) -> WebSocketConnection:
    return await WebSocketConnector().dial(wanted or dial(f"ws://127.0.0.1:{port}/"), nursery)


async def failed(nursery: trio.Nursery, port: int, **headers: str | Secret) -> Close:
    with pytest.raises(DialFailed) as caught:
        await connect(nursery, port, dial(f"ws://127.0.0.1:{port}/?token=hunter22", headers))
    return caught.value.close


class TestDialling:
    async def test_a_connection_opens_with_headers_and_subprotocol(self, nursery: trio.Nursery) -> None:
        requests: list[trio_websocket.WebSocketRequest] = []
        port = await serve_websocket(nursery, echo, requests=requests)
        url = Secret(f"ws://127.0.0.1:{port}/feed?token=hunter22")
        connector: Connector = WebSocketConnector()
        connection = await connector.dial(dial(url, {"X-API-Key": Secret("correct-horse")}, subprotocols=("v1", "v2")), nursery)
        assert connection.handshake.subprotocol == "v2"
        assert connection.handshake.headers["x-served-by"] == "test"
        assert requests[0].path == "/feed?token=hunter22"
        assert (b"x-api-key", b"correct-horse") in requests[0].headers
        await connection.aclose()

    async def test_wss_goes_through_tls_and_a_proxy(self, nursery: trio.Nursery) -> None:
        port = await serve_websocket(nursery, echo, server_tls())
        proxy_port = await serve(nursery, Proxy().http)
        connector = WebSocketConnector(tls=client_tls(), proxy=f"http://127.0.0.1:{proxy_port}")
        connection = await connector.dial(dial(f"wss://127.0.0.1:{port}/"), nursery)
        connection.send_text("hello")
        await connection.flush()
        assert (await connection.read()).messages == ["hello"]
        await connection.aclose()

    async def test_a_connector_without_the_scanner_reads_the_same(
        self, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ClientWire, "_scan", None)
        port = await serve_websocket(nursery, echo)
        connection = await WebSocketConnector(scanner=False).dial(dial(f"ws://127.0.0.1:{port}/"), nursery)
        connection.send_text("hello")
        await connection.flush()
        assert (await connection.read()).messages == ["hello"]
        await connection.aclose()

    async def test_messages_that_come_with_the_handshake_are_in_the_first_read(self, nursery: trio.Nursery) -> None:
        async def script(server: Server) -> None:
            server.protocol.send_text(b"early")
            await server.flush()
            await server.receive()

        connection = await connect(nursery, await serve(nursery, raw(script, at_once=True)))
        assert await connection.read() == Read(["early"], [], None)
        await connection.aclose()

    @pytest.mark.parametrize("status,phrase", [(401, "Unauthorized"), (302, "Found"), (503, "Unavailable")])
    async def test_a_refusal_has_its_status_though_the_server_keeps_the_connection(
        self, status: int, phrase: str, nursery: trio.Nursery
    ) -> None:
        witness = Witness(f"HTTP/1.1 {status} {phrase}\r\nRetry-After: 5\r\nContent-Length: 10\r\n\r\n".encode())
        port = await serve(nursery, witness)
        assert await failed(nursery, port) == Close(status=status, reason=phrase, retry_after=5.0)
        await witness.closed.wait()

    @pytest.mark.parametrize(
        "answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 101 Sure\r\nUpgrade: h2c\r\n\r\n", b"\x15\x03\x01\0\x02\x02\x28"]
    )
    async def test_a_bad_handshake_is_named_and_leaves_no_socket(self, answer: bytes, nursery: trio.Nursery) -> None:
        witness = Witness(answer)
        close = await failed(nursery, await serve(nursery, witness))
        assert close.by == "transport"
        assert close.reason.startswith("handshake: ")
        await witness.closed.wait()

    async def test_a_server_that_echoes_our_key_in_its_refusal_does_not_make_us_show_it(self, nursery: trio.Nursery) -> None:
        port = await serve(nursery, Witness(b"HTTP/1.1 403 no correct-horse here\r\n\r\n"))
        assert (await failed(nursery, port, key=Secret("correct-horse"))).reason == "no *** here"

    async def test_a_server_that_hangs_up_instead_of_answering_is_named(self, nursery: trio.Nursery) -> None:
        async def leave(stream: trio.abc.Stream) -> None:
            await stream.receive_some()

        assert await failed(nursery, await serve(nursery, leave)) == Close(
            reason="handshake: the peer ended the stream", by="transport"
        )

    async def test_a_server_that_resets_instead_of_answering_is_named(self, nursery: trio.Nursery) -> None:
        async def reset(stream: trio.abc.Stream) -> None:
            await stream.receive_some()
            cut(stream)

        assert await failed(nursery, await serve(nursery, reset)) == Close(
            reason="handshake: Connection reset by peer", by="transport"
        )

    async def test_a_dial_that_cannot_be_sent_fails_without_showing_the_url(self, nursery: trio.Nursery) -> None:
        with pytest.raises(DialFailed) as caught:
            await connect(nursery, 0, dial("http://example.test/?token=hunter22"))
        assert caught.value.close.by == "us"
        assert "hunter22" not in str(caught.value)

    async def test_no_socket_is_left_when_a_dial_is_cancelled_in_the_handshake(self, nursery: trio.Nursery) -> None:
        witness = Witness(b"HTTP/1.1 101 ")
        port = await serve(nursery, witness)
        async with trio.open_nursery() as dialling:

            async def give_up() -> None:
                await connect(nursery, port)

            dialling.start_soon(give_up)
            await witness.reached.wait()
            dialling.cancel_scope.cancel()
        await witness.closed.wait()


class TestReading:
    async def test_all_messages_of_a_read_come_together(self, nursery: trio.Nursery) -> None:
        async def script(server: Server) -> None:
            for number in range(50):
                server.protocol.send_text(b"%d" % number)
            server.protocol.send_binary(b"\xff")
            await server.flush()
            await server.receive()

        connection = await connect(nursery, await serve(nursery, raw(script)))
        read = await connection.read()
        assert read.messages == [*map(str, range(50)), b"\xff"]
        await connection.aclose()

    async def test_compressed_messages_are_read(self, nursery: trio.Nursery) -> None:
        async def script(server: Server) -> None:
            assert server.protocol.extensions
            server.protocol.send_text(b"x" * 10_000)
            await server.flush()
            await server.receive()

        protocol = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()])
        port = await serve(nursery, raw(script, protocol))
        connection = await connect(nursery, port, dial(f"ws://127.0.0.1:{port}/", compression=True))
        assert (await connection.read()).messages == ["x" * 10_000]
        await connection.aclose()

    async def test_a_ping_is_answered_while_the_client_only_reads(self, nursery: trio.Nursery) -> None:
        go = trio.Event()

        async def script(server: Server) -> None:
            await go.wait()
            await ping(server)

        connection = await connect(nursery, await serve(nursery, raw(script)))
        go.set()
        assert await connection.read() == Read([], [], None)
        assert (await connection.read()).messages == ["hello"]
        await connection.aclose()

    async def test_a_ping_that_comes_with_the_handshake_is_answered(self, nursery: trio.Nursery) -> None:
        connection = await connect(nursery, await serve(nursery, raw(ping, at_once=True)))
        assert (await connection.read()).messages == ["hello"]
        await connection.aclose()

    async def test_our_ping_comes_back_as_a_pong(self, nursery: trio.Nursery) -> None:
        connection = await connect(nursery, await serve_websocket(nursery, echo))
        connection.send_ping(b"us")
        await connection.flush()
        assert (await connection.read()).pongs == [b"us"]
        await connection.aclose()

    async def test_a_flood_of_pings_stops_the_reading_until_the_pongs_are_out(
        self, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(websocket, "_MAX_BACKLOG", 10)
        pongs: list[object] = []

        async def script(server: Server) -> None:
            for _ in range(50):
                server.protocol.send_ping(b"x")
            await server.flush()
            while len(pongs) < 50:
                pongs.extend(await server.receive())
            server.protocol.send_text(b"enough")
            await server.flush()
            await server.receive()

        connection = await connect(nursery, await serve(nursery, raw(script)))
        while not (await connection.read()).messages:
            pass
        assert len(pongs) == 50
        await connection.aclose()

    async def test_a_cancelled_read_loses_nothing(self, nursery: trio.Nursery) -> None:
        connection = await connect(nursery, await serve_websocket(nursery, echo))
        with trio.move_on_after(0):
            await connection.read()
        connection.send_text("a")
        await connection.flush()
        assert (await connection.read()).messages == ["a"]
        await connection.aclose()

    async def test_a_message_over_the_limit_ends_it_with_1009_which_the_server_hears(self, nursery: trio.Nursery) -> None:
        closed: list[trio_websocket.CloseReason | None] = []

        async def send(connection: trio_websocket.WebSocketConnection) -> None:
            await connection.send_message("x" * 101)
            try:
                await connection.get_message()
            finally:
                closed.append(connection.closed)

        port = await serve_websocket(nursery, send)
        connection = await connect(nursery, port, dial(f"ws://127.0.0.1:{port}/", max_message=100))
        assert await read_all(connection) == ([], Close(code=1009, reason="a message is over 100 bytes", by="us"))
        await connection.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert [reason and reason.code for reason in closed] == [1009]


class TestWriting:
    async def test_nothing_is_written_before_a_flush(self, nursery: trio.Nursery) -> None:
        received: list[str | bytes] = []

        async def collect(connection: trio_websocket.WebSocketConnection) -> None:
            while True:
                received.append(await connection.get_message())

        connection = await connect(nursery, await serve_websocket(nursery, collect))
        connection.send_text("a")
        await trio.testing.wait_all_tasks_blocked()
        assert received == []
        await connection.flush()
        connection.send_close(1000, "")
        await connection.flush()
        await read_all(connection)
        assert received == ["a"]
        await connection.aclose()

    @pytest.mark.parametrize("tls", [False, True])
    async def test_frames_of_two_tasks_arrive_whole_and_each_flush_waits_for_its_own(
        self, tls: bool, nursery: trio.Nursery
    ) -> None:
        received: list[str | bytes] = []

        async def collect(connection: trio_websocket.WebSocketConnection) -> None:
            while True:
                received.append(await connection.get_message())

        port = await serve_websocket(nursery, collect, server_tls() if tls else None)
        url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/"
        connection = await WebSocketConnector(tls=client_tls()).dial(dial(url), nursery)

        async def send(letter: str) -> None:
            for _ in range(20):
                connection.send_text(letter * 100_000)
                await connection.flush()

        async with trio.open_nursery() as senders:
            senders.start_soon(send, "a")
            senders.start_soon(send, "b")
        connection.send_close(1000, "")
        await connection.flush()
        await read_all(connection)
        await connection.aclose()
        assert sorted(received) == ["a" * 100_000] * 20 + ["b" * 100_000] * 20

    async def test_a_flush_while_another_task_writes_waits_until_all_is_written(self, nursery: trio.Nursery) -> None:
        gate = trio.Event()
        received: list[int] = []

        async def script(server: Server) -> None:
            await gate.wait()
            while events := await server.receive():
                received.append(len(events))

        connection = await connect(nursery, await serve(nursery, raw(script, ServerProtocol(max_size=None))))
        done: list[str] = []

        async def write(text: str) -> None:
            connection.send_text(text)
            await connection.flush()
            done.append(text[:1])

        async with trio.open_nursery() as writers:
            writers.start_soon(write, "a" * 20_000_000)
            await trio.testing.wait_all_tasks_blocked()
            writers.start_soon(write, "b")
            writers.start_soon(write, "c")
            await trio.testing.wait_all_tasks_blocked()
            assert done == []
            gate.set()
        assert sorted(done) == ["a", "b", "c"]
        await connection.aclose()

    async def test_a_write_to_a_lost_connection_is_reported_by_the_read(self, nursery: trio.Nursery) -> None:
        gone = trio.Event()

        async def script(server: Server) -> None:
            cut(server.stream)
            gone.set()

        connection = await connect(nursery, await serve(nursery, raw(script)))
        await gone.wait()
        connection.send_text("a")
        await connection.flush()
        connection.send_text("b")
        await connection.flush()
        close = (await connection.read()).close
        assert close is not None
        assert close.by == "transport"
        assert close.reason.startswith("write: ")
        await connection.aclose()

    async def test_a_cancelled_write_ends_the_connection(self, nursery: trio.Nursery) -> None:
        connection = await connect(nursery, await serve(nursery, raw(stay)))
        reads: list[Read] = []

        async def read() -> None:
            reads.append(await connection.read())

        nursery.start_soon(read)
        async with trio.open_nursery() as writers:
            connection.send_text("a" * 20_000_000)
            writers.start_soon(connection.flush)
            await trio.testing.wait_all_tasks_blocked()
            writers.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert reads == [Read([], [], Close(reason="write: cut short", by="transport"))]
        await connection.aclose()
