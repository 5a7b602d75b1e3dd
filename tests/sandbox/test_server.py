"""The server machine on real sockets, with two independent clients: trio-websocket's, and the websockets library's parser."""

from __future__ import annotations

import json
import random
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
import trio_websocket
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from pushwire.sandbox import (
    Accept,
    CloseConn,
    ConnectRequest,
    Cut,
    GelabsServer,
    GelabsSettings,
    Refuse,
    SandboxServer,
    SendTo,
    ServerEffect,
    serve,
    with_faults,
)
from pushwire.sandbox.server import HTTP_WITHIN
from tests.shell.sockets import client_tls, server_tls

KEY = [(b"X-API-Key", b"k")]


def gelabs(**settings: Any) -> GelabsServer:  # forwarded to GelabsSettings, which checks them
    given: dict[str, Any] = {"keys": ("k",), "addresses": {"base": ["0xaa"]}, **settings}
    return GelabsServer(GelabsSettings(**given), random.Random(1))


@asynccontextmanager
async def dial(url: str, tls: ssl.SSLContext | None = None) -> AsyncGenerator[trio_websocket.WebSocketConnection, None]:
    """A client whose socket is closed at the end, however its connection ended."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with await trio.open_tcp_stream(parts.hostname, parts.port) as tcp, trio.open_nursery() as nursery:
        stream = tcp if tls is None else trio.SSLStream(tcp, tls, server_hostname=parts.hostname)
        path = f"{parts.path}?{parts.query}"
        socket = await trio_websocket.wrap_client_stream(nursery, stream, parts.netloc, path, extra_headers=KEY)
        yield socket
        await socket.aclose()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def dial_raw(server: SandboxServer) -> AsyncGenerator[tuple[ClientProtocol, trio.SocketStream], None]:
    """A client that reads and writes only when told to; its handshake has been answered."""
    client = ClientProtocol(parse_uri(server.url))
    async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        request = client.connect()
        request.headers["X-API-Key"] = "k"
        client.send_request(request)
        await stream.send_all(b"".join(client.data_to_send()))
        while client.state is State.CONNECTING and client.handshake_exc is None:
            data = await stream.receive_some()
            client.receive_data(data) if data else client.receive_eof()
        yield client, stream


async def read(socket: trio_websocket.WebSocketConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.get_message())
    return message


async def until_gone(server: SandboxServer) -> None:
    while server.connections:
        await trio.lowlevel.checkpoint()


class Plain:
    """A server machine that accepts all and does what the test says."""

    path = "/plain"

    def __init__(self) -> None:
        self.requests: list[ConnectRequest] = []
        self.heard: list[str | bytes] = []
        self.gone: list[int] = []
        self.effects: list[ServerEffect] = []
        self.answer: Accept | Refuse = Accept()

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self.requests.append(request)
        return self.answer

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        self.heard.append(message)
        self.effects.append(SendTo(conn, message))

    def disconnected(self, conn: int, now: float) -> None:
        self.gone.append(conn)

    def handle_timer(self, now: float, wall: float) -> None:
        pass

    def next_deadline(self) -> float:
        return float("inf")

    def take_effects(self) -> Sequence[ServerEffect]:
        effects, self.effects = self.effects, []
        return effects


async def test_a_whole_conversation() -> None:
    machine = gelabs()
    async with serve(machine) as server:
        assert server.url == f"ws://127.0.0.1:{server.port}/tx/api/v1/transaction/ws"
        async with dial(server.url) as socket:
            assert (await read(socket))["type"] == "connected"
            machine.push({"chain_type": "base", "txhash": "0x1"}, trio.current_time())
            server.pump()
            assert (await read(socket))["data"]["txhash"] == "0x1"
            ack = {"id": "a", "type": "transactionACK", "data": {"chain_type": "base", "txHash": "0x1"}}
            await socket.send_message(json.dumps(ack))
            assert (await read(socket))["id"] == "a"
        await until_gone(server)
    assert machine.unacked() == []
    assert machine.connections == []


async def test_pushes_come_by_the_timer() -> None:
    machine = gelabs(rate=100_000.0, max_messages=2_000)
    async with serve(machine) as server, dial(server.url) as socket:
        await read(socket)
        ids = [(await read(socket))["id"] for _ in range(2_000)]
    assert ids == list(machine.messages)


@pytest.mark.parametrize("status,after,header", [(401, None, None), (503, 0.5, "1"), (429, 7.0, "7")])
async def test_a_refusal_is_an_http_status(status: int, after: float | None, header: str | None) -> None:
    machine = Plain()
    machine.answer = Refuse(status, "no", after)
    async with serve(machine) as server, dial_raw(server) as (client, _):
        refusal = client.handshake_exc
    assert isinstance(refusal, InvalidStatus)
    assert refusal.response.status_code == status
    assert refusal.response.body == b"no"
    assert refusal.response.headers.get("Retry-After") == header
    assert machine.gone == []


async def test_path_query_and_headers_reach_the_machine_and_any_path_will_do() -> None:
    machine = Plain()
    async with serve(machine) as server, dial(f"ws://127.0.0.1:{server.port}/other/path?token=a%20b&empty="):
        [request] = machine.requests
    assert request.path == "/other/path"
    assert request.query == {"token": "a b", "empty": ""}
    assert request.headers["x-api-key"] == "k"


async def test_text_and_binary_go_both_ways() -> None:
    machine = Plain()
    async with serve(machine) as server, dial(server.url) as socket:
        await socket.send_message("text")
        await socket.send_message(b"\x00\xff")
        assert [await socket.get_message(), await socket.get_message()] == ["text", b"\x00\xff"]


async def test_a_close_arrives_with_its_code_after_what_was_sent_before() -> None:
    machine = Plain()
    async with serve(machine) as server:
        async with dial(server.url) as socket:
            machine.effects = [SendTo(1, "last"), CloseConn(1, 4001, "enough"), SendTo(1, "too late")]
            server.pump()
            assert await socket.get_message() == "last"
            with pytest.raises(trio_websocket.ConnectionClosed) as caught:
                await socket.get_message()
            assert caught.value.reason is not None
            assert (caught.value.reason.code, caught.value.reason.reason) == (4001, "enough")
        await until_gone(server)
    assert machine.gone == [1]


async def test_a_cut_comes_without_a_close_frame() -> None:
    machine = Plain()
    async with serve(machine) as server, dial_raw(server) as (client, stream):
        machine.effects = [Cut(1)]
        server.pump()
        assert await stream.receive_some() == b""
        client.receive_eof()
        assert client.close_rcvd is None
        await until_gone(server)
    assert machine.gone == [1]


async def test_a_clients_close_is_answered() -> None:
    machine = Plain()
    async with serve(machine) as server, dial_raw(server) as (client, stream):
        client.send_close(1000, "bye")
        await stream.send_all(b"".join(client.data_to_send()))
        while data := await stream.receive_some():
            client.receive_data(data)
    assert client.close_rcvd is not None
    assert client.close_rcvd.code == 1000


async def test_a_protocol_ping_is_answered() -> None:
    async with serve(Plain()) as server, dial(server.url) as socket:
        await socket.ping(b"are you there")


async def test_the_answer_to_a_ping_comes_behind_what_was_sent_before_it() -> None:
    machine = Plain()
    async with serve(machine) as server, dial_raw(server) as (client, stream):
        machine.effects = [SendTo(1, str(number)) for number in range(1_000)]
        server.pump()
        client.send_ping(b"!")
        await stream.send_all(b"".join(client.data_to_send()))
        came: list[Frame] = []
        while not came or came[-1].opcode is not Opcode.PONG:
            client.receive_data(await stream.receive_some())
            came += [event for event in client.events_received() if isinstance(event, Frame)]
    assert [bytes(frame.data) for frame in came] == [*(str(number).encode() for number in range(1_000)), b"!"]


async def test_a_ping_is_answered_and_more_is_heard_however_much_is_sent_meanwhile() -> None:
    machine = Plain()
    async with serve(machine) as server, dial(server.url) as socket:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def feed() -> None:
                    while not machine.heard:
                        machine.effects = [SendTo(1, "x" * 100_000)]
                        server.pump()
                        await trio.lowlevel.checkpoint()
                    nursery.cancel_scope.cancel()

                @nursery.start_soon
                async def read_all() -> None:
                    while True:
                        await socket.get_message()

                await socket.ping(b"!")
                await socket.send_message("heard")
                await trio.sleep_forever()


async def test_a_slow_reader_is_cut_when_too_much_waits_for_it() -> None:
    machine = Plain()
    async with serve(machine, max_queue=100_000) as server, dial_raw(server):
        while server.connections:
            machine.effects = [SendTo(1, "x" * 50_000)]
            server.pump()
            await trio.lowlevel.checkpoint()
    assert machine.gone == [1]


@pytest.mark.parametrize(
    "request_bytes", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x00", b"GET /\xff HTTP/1.1\r\n\r\n"]
)
async def test_what_is_no_websocket_is_turned_away(request_bytes: bytes) -> None:
    machine = Plain()
    async with serve(machine) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        await stream.send_all(request_bytes)
        answer = await stream.receive_some()
        await stream.aclose()
        async with dial(server.url):
            pass
    assert answer == b"" or answer.startswith(b"HTTP/1.1 40")


async def test_frames_that_break_the_protocol_end_that_connection_alone() -> None:
    machine = Plain()
    async with serve(machine) as server:
        async with dial_raw(server) as (_, stream):
            await stream.send_all(Frame(Opcode.TEXT, b"unmasked").serialize(mask=False))
            while await stream.receive_some():
                pass
        await until_gone(server)
        async with dial(server.url) as socket:
            await socket.send_message("still here")
            assert await socket.get_message() == "still here"


async def test_at_the_end_of_the_block_clients_are_cut_and_no_task_is_left() -> None:
    machine = Plain()
    async with AsyncExitStack() as clients:
        async with serve(machine) as server:
            _, stream = await clients.enter_async_context(dial_raw(server))
        assert await stream.receive_some() == b""
    assert machine.gone == [1]
    assert server.connections == 0


async def test_an_exception_of_the_block_leaves_it_as_itself() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with serve(Plain()):
            raise KeyError("mine")


async def test_it_speaks_tls() -> None:
    async with serve(Plain(), tls=server_tls()) as server, dial(server.url, client_tls()) as socket:
        assert server.url.startswith("wss://")
        await socket.send_message("secret")
        assert await socket.get_message() == "secret"


def pushed(client: ClientProtocol) -> set[str]:
    """The ids of the transactions that have arrived."""
    frames = [frame for frame in client.events_received() if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT]
    messages = [json.loads(bytes(frame.data)) for frame in frames]
    return {message["id"] for message in messages if message["type"] == "transaction"}


async def test_through_drops_and_duplicates_every_message_arrives() -> None:
    machine = gelabs(rate=20_000.0, max_messages=1_000)
    faulty = with_faults(machine, ["duplicate:0.2", "reorder:0.2", "drop:every=300"], random.Random(4))
    seen: set[str] = set()
    dials = 0
    async with serve(faulty) as server:
        while len(seen) < 1_000:
            dials += 1
            async with dial_raw(server) as (client, stream):
                seen.update(pushed(client))
                while len(seen) < 1_000 and (data := await stream.receive_some()):
                    client.receive_data(data)
                    seen.update(pushed(client))
    assert seen == set(machine.messages)
    assert dials > 1


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"])
async def test_a_client_that_does_not_come_to_the_end_of_its_request_is_let_go(
    begun: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.01
    async with serve(Plain(), handshake_within=3.0) as server, await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        await stream.send_all(begun)
        while await stream.receive_some():
            pass
        assert trio.current_time() == pytest.approx(HTTP_WITHIN if b"\r\n\r\n" in begun else 3.0)
