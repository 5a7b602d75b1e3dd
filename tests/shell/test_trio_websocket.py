from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
import trio_websocket
import wsproto

from pushwire.core.effects import Close, Dial, Handshake
from pushwire.core.secrets import Secret
from pushwire.shell.transport import Connector, DialFailed, Read
from pushwire.shell.trio_websocket import HandedOver, TrioWebSocketConnection, TrioWebSocketConnector

from .sockets import Proxy, Witness, client_tls, cut, dial, echo, read_all, serve, serve_websocket, server_tls

Script = Callable[[trio_websocket.WebSocketConnection], Awaitable[None]]


async def connect(nursery: trio.Nursery, port: int, wanted: Dial | None = None) -> TrioWebSocketConnection:
    return await TrioWebSocketConnector().dial(wanted or dial(f"ws://127.0.0.1:{port}/"), nursery)


async def failed(nursery: trio.Nursery, port: int, **headers: str | Secret) -> Close:
    with pytest.raises(DialFailed) as caught:
        await connect(nursery, port, dial(f"ws://127.0.0.1:{port}/?token=hunter22", headers))
    return caught.value.close


def upgraded(then: Callable[[trio.abc.Stream], Awaitable[None]]) -> Callable[[trio.abc.Stream], Awaitable[None]]:
    """A raw handler that accepts the handshake and then sends whatever it likes."""

    async def handler(stream: trio.abc.Stream) -> None:
        protocol = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        protocol.receive_data(bytes(await stream.receive_some()))
        await stream.send_all(protocol.send(wsproto.events.AcceptConnection()))
        await then(stream)

    return handler


class TestDialling:
    async def test_a_connection_opens_with_headers_and_subprotocol(self, nursery: trio.Nursery) -> None:
        requests: list[trio_websocket.WebSocketRequest] = []
        port = await serve_websocket(nursery, echo, requests=requests)
        connector: Connector = TrioWebSocketConnector()
        url = Secret(f"ws://user:pass@127.0.0.1:{port}/feed?token=hunter22")
        connection = await connector.dial(dial(url, {"X-API-Key": Secret("correct-horse")}, subprotocols=("v1", "v2")), nursery)
        assert connection.handshake.subprotocol == "v2"
        assert connection.handshake.headers["x-served-by"] == "test"
        assert requests[0].path == "/feed?token=hunter22"
        assert (b"x-api-key", b"correct-horse") in requests[0].headers
        assert (b"authorization", b"Basic dXNlcjpwYXNz") in requests[0].headers
        assert (b"user-agent", b"pushwire") in requests[0].headers
        await connection.aclose()

    async def test_headers_of_the_caller_replace_ours(self, nursery: trio.Nursery) -> None:
        witness = Witness(b"HTTP/1.1 400 No\r\n\r\n")
        port = await serve(nursery, witness)
        with pytest.raises(DialFailed):
            await connect(nursery, port, dial(f"ws://127.0.0.1:{port}/", {"Host": "other.test", "user-agent": "mine"}))
        assert b"Host: other.test\r\n" in witness.first
        assert witness.first.lower().count(b"host:") == 1
        assert b"user-agent: mine\r\n" in witness.first

    async def test_wss_goes_through_tls_and_a_proxy(self, nursery: trio.Nursery) -> None:
        port = await serve_websocket(nursery, echo, server_tls())
        proxy_port = await serve(nursery, Proxy().http)
        connector = TrioWebSocketConnector(tls=client_tls(), proxy=f"http://127.0.0.1:{proxy_port}")
        connection = await connector.dial(dial(f"wss://127.0.0.1:{port}/"), nursery)
        connection.send_text("hello")
        await connection.flush()
        assert (await connection.read()).messages == ("hello",)
        await connection.aclose()

    async def test_a_refusal_has_its_status_though_the_server_keeps_the_connection(self, nursery: trio.Nursery) -> None:
        witness = Witness(b"HTTP/1.1 429 Slow\r\nRetry-After: 5\r\nContent-Length: 10\r\n\r\n")
        port = await serve(nursery, witness)
        assert await failed(nursery, port) == Close(status=429, reason="Slow", retry_after=5.0)
        await witness.closed.wait()

    async def test_a_refusal_with_its_whole_body_is_no_other(self, nursery: trio.Nursery) -> None:
        async def refuse(request: trio_websocket.WebSocketRequest) -> None:
            await request.reject(403, body=b"no")

        server = await nursery.start(trio_websocket.serve_websocket, refuse, "127.0.0.1", 0, None)
        assert isinstance(server, trio_websocket.WebSocketServer)
        assert (await failed(nursery, server.port)).status == 403

    @pytest.mark.parametrize(
        "answer,reason",
        [
            (b"SSH-2.0-OpenSSH\r\n\r\n", "handshake: not an HTTP/1.1 response"),
            (b"S", "handshake: not an HTTP/1.1 response"),
            (b"HTTP/1.1 101 Sure\r\nUpgrade: h2c\r\n\r\n", "handshake: not a valid WebSocket response"),
            (b"HTTP/1.1 101 " + b"x" * 2_000_000, "handshake: not a valid WebSocket response"),
        ],
    )
    async def test_a_bad_handshake_is_named_and_leaves_no_socket(self, answer: bytes, reason: str, nursery: trio.Nursery) -> None:
        witness = Witness(answer)
        close = await failed(nursery, await serve(nursery, witness))
        assert close.by == "transport"
        assert close.reason.startswith(reason)
        await witness.closed.wait()

    async def test_a_server_that_echoes_our_key_in_its_refusal_does_not_make_us_show_it(self, nursery: trio.Nursery) -> None:
        port = await serve(nursery, Witness(b"HTTP/1.1 403 no correct-horse here\r\n\r\n"))
        assert (await failed(nursery, port, key=Secret("correct-horse"))).reason == "no *** here"

    async def test_a_server_that_hangs_up_instead_of_answering_is_named(self, nursery: trio.Nursery) -> None:
        async def leave(stream: trio.abc.Stream) -> None:
            await stream.receive_some()

        close = await failed(nursery, await serve(nursery, leave))
        assert close == Close(reason="handshake: the peer ended the stream", by="transport")

    async def test_a_server_that_resets_instead_of_answering_is_named(self, nursery: trio.Nursery) -> None:
        async def reset(stream: trio.abc.Stream) -> None:
            await stream.receive_some()
            cut(stream)

        close = await failed(nursery, await serve(nursery, reset))
        assert close == Close(reason="handshake: Connection reset by peer", by="transport")

    async def test_a_server_that_resets_before_it_was_asked_is_named(self, nursery: trio.Nursery) -> None:
        async def reset(stream: trio.abc.Stream) -> None:
            cut(stream)

        close = await failed(nursery, await serve(nursery, reset))
        assert close.reason.startswith("handshake: ")

    async def test_a_server_that_does_not_speak_tls_is_named(self, nursery: trio.Nursery) -> None:
        port = await serve(nursery, Witness(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        with pytest.raises(DialFailed, match="tls: "):
            await connect(nursery, port, dial(f"wss://127.0.0.1:{port}/"))

    async def test_a_dial_that_cannot_be_sent_fails_without_showing_the_url(self, nursery: trio.Nursery) -> None:
        with pytest.raises(DialFailed) as caught:
            await connect(nursery, 0, dial("http://example.test/?token=hunter22"))
        assert caught.value.close.by == "us"
        assert "hunter22" not in str(caught.value)

    async def test_no_socket_or_task_is_left_when_a_dial_is_cancelled_in_the_handshake(self, nursery: trio.Nursery) -> None:
        witness = Witness(b"HTTP/1.1 101 ")
        port = await serve(nursery, witness)
        async with trio.open_nursery() as tasks:
            async with trio.open_nursery() as dialling:

                async def give_up() -> None:
                    await connect(tasks, port)

                dialling.start_soon(give_up)
                await witness.reached.wait()
                dialling.cancel_scope.cancel()
            assert not tasks.child_tasks
        await witness.closed.wait()


class TestReading:
    async def test_all_that_has_arrived_comes_together(self, nursery: trio.Nursery) -> None:
        async def script(connection: trio_websocket.WebSocketConnection) -> None:
            for number in range(20):
                await connection.send_message(str(number))
            await connection.send_message(b"\xff")
            await connection.get_message()

        connection = await connect(nursery, await serve_websocket(nursery, script))
        await trio.testing.wait_all_tasks_blocked()
        messages: list[str | bytes] = []
        reads = 0
        while len(messages) < 21:
            messages += (await connection.read()).messages
            reads += 1
        assert messages == [*map(str, range(20)), b"\xff"]
        assert reads < 21
        await connection.aclose()

    async def test_unread_messages_stop_the_server(self, nursery: trio.Nursery) -> None:
        sent = 0

        async def script(connection: trio_websocket.WebSocketConnection) -> None:
            nonlocal sent
            for _ in range(1000):
                await connection.send_message("x" * 100_000)
                sent += 1
            await connection.aclose()

        connection = await connect(nursery, await serve_websocket(nursery, script))
        await trio.testing.wait_all_tasks_blocked()
        assert sent < 1000
        messages, close = await read_all(connection)
        assert len(messages) == 1000
        assert close == Close(code=1000)
        await connection.aclose()

    async def test_our_pings_come_back_as_pongs(self, nursery: trio.Nursery) -> None:
        connection = await connect(nursery, await serve_websocket(nursery, echo))
        for payload in (b"us", b"us", b"too"):
            connection.send_ping(payload)
        await connection.flush()
        pongs: list[bytes] = []
        while len(pongs) < 2:
            pongs += (await connection.read()).pongs
        assert sorted(pongs) == [b"too", b"us"]
        await connection.aclose()

    async def test_a_message_over_the_limit_ends_it_with_1009_by_us(self, nursery: trio.Nursery) -> None:
        async def script(connection: trio_websocket.WebSocketConnection) -> None:
            await connection.send_message("x" * 101)
            await connection.get_message()

        port = await serve_websocket(nursery, script)
        connection = await connect(nursery, port, dial(f"ws://127.0.0.1:{port}/", max_message=100))
        messages, close = await read_all(connection)
        assert messages == []
        assert (close.code, close.by) == (1009, "us")
        await connection.aclose()

    async def test_a_peer_that_breaks_the_protocol_is_refused_by_us(self, nursery: trio.Nursery) -> None:
        async def garbage(stream: trio.abc.Stream) -> None:
            await stream.send_all(b"\x83\x01x")
            await stream.receive_some()

        connection = await connect(nursery, await serve(nursery, upgraded(garbage)))
        messages, close = await read_all(connection)
        assert (messages, close.by, close.code) == ([], "us", 1002)
        await connection.aclose()


class TestWriting:
    async def test_frames_of_two_tasks_arrive_whole_and_in_the_order_of_each(self, nursery: trio.Nursery) -> None:
        received: list[str | bytes] = []
        done = trio.Event()

        async def collect(connection: trio_websocket.WebSocketConnection) -> None:
            try:
                while True:
                    received.append(await connection.get_message())
            finally:
                done.set()

        connection = await connect(nursery, await serve_websocket(nursery, collect))

        async def send(letter: str) -> None:
            for number in range(10):
                connection.send_text(f"{letter}{number}" + "x" * 50_000)
                await connection.flush()

        async with trio.open_nursery() as senders:
            senders.start_soon(send, "a")
            senders.start_soon(send, "b")
        connection.send_close(1000, "")
        await connection.flush()
        await done.wait()
        heads = [str(message)[:2] for message in received]
        assert [head for head in heads if head[0] == "a"] == [f"a{number}" for number in range(10)]
        assert [head for head in heads if head[0] == "b"] == [f"b{number}" for number in range(10)]
        await connection.aclose()

    async def test_a_cancelled_write_ends_the_connection(self, nursery: trio.Nursery) -> None:
        async def stay(stream: trio.abc.Stream) -> None:
            await trio.sleep_forever()

        connection = await connect(nursery, await serve(nursery, upgraded(stay)))
        async with trio.open_nursery() as writers:
            connection.send_text("a" * 20_000_000)
            writers.start_soon(connection.flush)
            await trio.testing.wait_all_tasks_blocked()
            writers.cancel_scope.cancel()
        assert await connection.read() == Read((), (), Close(reason="write: cut short", by="transport"))
        connection.send_text("too late")
        await connection.flush()
        await connection.aclose()

    async def test_what_is_flushed_after_the_peer_closed_goes_nowhere(self, nursery: trio.Nursery) -> None:
        async def leave(connection: trio_websocket.WebSocketConnection) -> None:
            await connection.aclose(4000, "enough")

        connection = await connect(nursery, await serve_websocket(nursery, leave))
        await trio.testing.wait_all_tasks_blocked()
        connection._close = None
        connection._outbox += ["late", b"late"]
        await connection.flush()
        await trio.testing.wait_all_tasks_blocked()
        await connection.aclose()


class TestEnding:
    async def test_the_peers_close_is_reported_with_the_last_messages(self, nursery: trio.Nursery) -> None:
        async def script(connection: trio_websocket.WebSocketConnection) -> None:
            await connection.send_message("last")
            await connection.aclose(4000, "enough")

        connection = await connect(nursery, await serve_websocket(nursery, script))
        assert await read_all(connection) == (["last"], Close(code=4000, reason="enough"))
        await connection.aclose()

    async def test_our_close_is_reported_as_ours_though_nobody_answers(self, nursery: trio.Nursery) -> None:
        async def stay(stream: trio.abc.Stream) -> None:
            await trio.sleep_forever()

        connection = await connect(nursery, await serve(nursery, upgraded(stay)))
        connection.send_close(1000, "done")
        connection.send_close(1001, "twice")
        connection.send_text("too late")
        await connection.flush()
        assert await read_all(connection) == ([], Close(code=1000, reason="done", by="us"))
        await connection.aclose()

    async def test_an_end_of_the_stream_is_a_lost_connection(self, nursery: trio.Nursery) -> None:
        async def leave(stream: trio.abc.Stream) -> None:
            return

        connection = await connect(nursery, await serve(nursery, upgraded(leave)))
        _, close = await read_all(connection)
        assert (close.code, close.by) == (None, "transport")
        await connection.aclose()

    async def test_dropping_it_wakes_the_reader_closes_the_socket_and_ends_its_tasks(self, nursery: trio.Nursery) -> None:
        witness = Witness()
        port = await serve(nursery, upgraded(witness))
        reads: list[Read] = []
        async with trio.open_nursery() as tasks:
            connection = await connect(tasks, port)

            async def read() -> None:
                reads.append(await connection.read())

            connection.send_ping(b"unanswered")
            await connection.flush()
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await connection.aclose()
            await connection.aclose()
        assert reads == [Read((), (), Close(reason="closed here", by="transport"))]
        await witness.closed.wait()

    async def test_a_crash_of_the_library_ends_the_connection_alone(
        self, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(data: bytes) -> None:
            raise AssertionError("a bug")

        async with trio.open_nursery() as tasks:
            connection = await connect(tasks, await serve_websocket(nursery, echo))
            monkeypatch.setattr(connection._websocket._wsproto, "receive_data", broken)
            connection.send_text("x")
            await connection.flush()
            close = (await connection.read()).close
        assert close is not None
        assert close.by == "transport"
        await connection.aclose()


class TestHandedOver:
    async def test_the_callers_connection_serves_one_dial(self, nursery: trio.Nursery) -> None:
        port = await serve_websocket(nursery, echo)
        wanted = dial("ws://unused.test/")
        async with trio_websocket.open_websocket_url(f"ws://127.0.0.1:{port}/") as websocket:
            connector: Connector = HandedOver(websocket)
            connection = await connector.dial(wanted, nursery)
            assert isinstance(connection.handshake, Handshake)
            assert connection.handshake.headers["x-served-by"] == "test"
            connection.send_text("hello")
            await connection.flush()
            assert (await connection.read()).messages == ("hello",)
            with pytest.raises(DialFailed, match="serves one dial only"):
                await connector.dial(wanted, nursery)
            await connection.aclose()
            await connection.aclose()
            await trio.testing.wait_all_tasks_blocked()
            assert websocket.closed is not None

    async def test_a_closed_one_is_not_taken(self, nursery: trio.Nursery) -> None:
        port = await serve_websocket(nursery, echo)
        async with trio_websocket.open_websocket_url(f"ws://127.0.0.1:{port}/") as websocket:
            await websocket.aclose()
            with pytest.raises(DialFailed, match="is closed"):
                await HandedOver(websocket).dial(dial("ws://unused.test/"), nursery)

    async def test_dropping_it_closes_the_socket(self, nursery: trio.Nursery) -> None:
        witness = Witness()
        port = await serve(nursery, upgraded(witness))
        async with trio_websocket.open_websocket_url(f"ws://127.0.0.1:{port}/") as websocket:
            connection = await HandedOver(websocket).dial(dial("ws://unused.test/"), nursery)
            await connection.aclose()
            await witness.closed.wait()

    async def test_a_peer_that_closed_first_leaves_no_socket(self, nursery: trio.Nursery) -> None:
        async def leave(connection: trio_websocket.WebSocketConnection) -> None:
            await connection.aclose(4000, "enough")

        port = await serve_websocket(nursery, leave)
        async with trio_websocket.open_websocket_url(f"ws://127.0.0.1:{port}/") as websocket:
            connection = await HandedOver(websocket).dial(dial("ws://unused.test/"), nursery)
            assert await read_all(connection) == ([], Close(code=4000, reason="enough"))
            await connection.aclose()
