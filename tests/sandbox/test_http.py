"""Plain HTTP on the sandbox's port."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Sequence

import h11
import trio

from pushwire.core.http import Response
from pushwire.sandbox import Accept, GelabsServer, GelabsSettings, SendTo, ServerEffect, serve, with_faults
from pushwire.sandbox.base import ConnectRequest, HttpCall


class Echo:
    """Answers HTTP with what it was asked, and tells its WebSocket clients."""

    path = "/"

    def __init__(self) -> None:
        self.calls: list[HttpCall] = []
        self.effects: list[ServerEffect] = []

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept:
        return Accept()

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        pass

    def disconnected(self, conn: int, now: float) -> None:
        pass

    def handle_timer(self, now: float, wall: float) -> None:
        pass

    def next_deadline(self) -> float:
        return math.inf

    def take_effects(self) -> Sequence[ServerEffect]:
        effects, self.effects = self.effects, []
        return effects

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        self.calls.append(call)
        self.effects.append(SendTo(1, "somebody called"))
        return Response(201, {"x-mark": "1"}, call.body)


async def ask(stream: trio.abc.Stream, *requests: bytes) -> list[tuple[int, bytes]]:
    """Send requests over one connection, as they are; read an answer to each."""
    client = h11.Connection(h11.CLIENT)
    answers: list[tuple[int, bytes]] = []
    for request in requests:
        client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
        client.send(h11.EndOfMessage())
        await stream.send_all(request)
        status, body = 0, b""
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                client.receive_data(bytes(await stream.receive_some()))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
        answers.append((status, body))
        client.start_next_cycle()
    return answers


POST = b"POST /auth?a=1&b= HTTP/1.1\r\nHost: x\r\nX-Key: s\r\nContent-Length: 5\r\n\r\nhello"


async def test_a_machine_with_an_http_side_answers_on_the_same_port() -> None:
    machine = Echo()
    async with serve(machine) as server, await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        assert await ask(stream, POST, POST) == [(201, b"hello"), (201, b"hello")]
    call = machine.calls[0]
    assert (call.method, call.path, call.query, call.headers["x-key"]) == ("POST", "/auth", {"a": "1", "b": ""}, "s")
    assert "hello" not in repr(call)


async def test_faults_leave_http_alone() -> None:
    machine = Echo()
    faulty = with_faults(machine, ["drop:every=1", "refuse:503"], random.Random(1))
    async with serve(faulty) as server, await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        assert await ask(stream, POST) == [(201, b"hello")]


async def test_a_body_may_come_in_pieces() -> None:
    head, body = POST[:-5], POST[-5:]
    async with serve(Echo()) as server, await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        await stream.send_all(head)
        assert await ask(stream, body) == [(201, b"hello")]


async def ends(request: bytes) -> bytes:
    """What is answered before the end, as far as it arrived."""
    machine = Echo()
    answer = b""
    async with serve(machine) as server, await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        # What the server has not read makes the end of a connection an abrupt one.
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(request)
            async for data in stream:
                answer += data
    assert machine.calls == []
    return answer


async def test_a_body_without_bounds_ends_the_connection() -> None:
    await ends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 1_100_000)


async def test_what_is_neither_http_nor_websocket_ends_the_connection() -> None:
    for request in (b"\x00\x01\x02\x03", b"NONSENSE\r\n\r\n"):
        assert (await ends(request)).startswith(b"HTTP/1.1 400 ")


async def test_a_request_that_is_never_finished_ends_with_its_connection() -> None:
    machine = Echo()
    async with serve(machine) as server:
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            await stream.send_all(b"POST / HTTP/1.1\r\nHost")
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            assert await ask(stream, POST) == [(201, b"hello")]
    assert len(machine.calls) == 1


async def test_http_is_not_found_where_the_machine_has_no_such_side() -> None:
    machine = with_faults(GelabsServer(GelabsSettings(keys=None), random.Random(1)), ["slow"], random.Random(1))
    async with serve(machine) as server, await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        assert await ask(stream, POST) == [(404, b"")]
