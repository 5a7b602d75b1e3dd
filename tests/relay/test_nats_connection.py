"""The connection to NATS, against servers that are played here."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeAlias

import pytest
import trio
import trio.testing

from pushwire.core.secrets import Secret
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.nats_connection import IN_FLIGHT, NatsConnection
from pushwire.relay.sinks.nats_login import Login
from pushwire.relay.sinks.nats_wire import Command, Info, Message, WireReader
from tests.relay.nats_kit import sockets
from tests.shell.sockets import client_tls, server_tls

Clock: TypeAlias = trio.testing.MockClock

ASK = Command.of("a.b", b"hi")


class Played:
    """The server's end of a connection in memory."""

    def __init__(self) -> None:
        ours, theirs = trio.testing.memory_stream_pair()
        self.connection = NatsConnection("NATS x:1", ours, WireReader(), Info())
        self._stream = theirs
        self._read = b""

    async def heard(self, pattern: bytes) -> re.Match[bytes]:
        """What matches, once it was sent; it and what was before it are not heard again."""
        while (found := re.search(pattern, self._read)) is None:
            data = await self._stream.receive_some()
            assert data, self._read
            self._read += data
        self._read = self._read[found.end() :]
        return found

    async def say(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def answer(self, body: bytes) -> None:
        """Answer the next question."""
        reply = (await self.heard(rb"PUB \S+ (\S+) 2\r\nhi\r\n"))[1]
        await self.say(b"MSG %b 1 %d\r\n%b\r\n" % (reply, len(body), body))

    async def end(self) -> bytes:
        """What comes until the connection is closed."""
        return b"".join([bytes(data) async for data in self._stream])

    async def hang_up(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def playing() -> AsyncGenerator[Played]:
    """Nothing of the connection is left behind the block."""
    tasks = trio.lowlevel.current_statistics().tasks_living
    played = Played()
    try:
        yield played
    finally:
        await played.connection.aclose()
        assert trio.lowlevel.current_statistics().tasks_living == tasks


def bodies(answers: list[Message | None]) -> list[bytes | None]:
    return [None if answer is None else answer.body for answer in answers]


async def test_answers_come_to_whom_asked_in_the_order_asked(nursery: trio.Nursery) -> None:
    async with playing() as server:
        found: list[bytes | None] = []

        async def ask() -> None:
            found.extend(bodies(await server.connection.ask([ASK, ASK])))

        nursery.start_soon(ask)
        inbox = (await server.heard(rb"SUB (\S+)\* 1\r\n"))[1]
        first = (await server.heard(rb"PUB a.b (\S+) 2"))[1]
        second = (await server.heard(rb"PUB a.b (\S+) 2"))[1]
        assert first.startswith(inbox)
        await server.say(b"MSG %b 1 1\r\n2\r\nMSG %b 1 1\r\n1\r\nMSG %b 1 1\r\n3\r\n" % (second, first, inbox + b"unknown"))
        await trio.testing.wait_all_tasks_blocked()
        assert found == [b"1", b"2"]


async def test_a_ping_is_answered_and_new_facts_are_taken() -> None:
    async with playing() as server:
        await server.say(b'PING\r\nPONG\r\nINFO {"max_payload":77}\r\n')
        await server.heard(rb"PONG\r\n")
        assert server.connection.info.max_payload == 77


async def test_what_was_answered_before_the_connection_is_lost_is_kept(nursery: trio.Nursery) -> None:
    async with playing() as server:
        found: list[bytes | None] = []

        async def ask() -> None:
            found.extend(bodies(await server.connection.ask([ASK, ASK])))

        nursery.start_soon(ask)
        await server.answer(b"1")
        await server.hang_up()
        await trio.testing.wait_all_tasks_blocked()
        assert found == [b"1", None]
        with pytest.raises(SinkError, match=r"^NATS x:1: it hung up$"):
            await server.connection.ask([ASK])


async def lost(server: Played, nursery: trio.Nursery, match: str) -> None:
    async def ask() -> None:
        with pytest.raises(SinkError, match=match):
            await server.connection.ask([ASK])

    nursery.start_soon(ask)
    await server.heard(rb"hi\r\n")


@pytest.mark.parametrize(
    "said, match",
    [
        (b"-ERR 'Permissions Violation for Publish to \"a.b\"'\r\n", "Permissions Violation"),
        (b"-ERR 'Stale Connection'\r\n", "Stale Connection"),
        (b"nonsense\r\n", "this is no NATS server"),
    ],
)
async def test_what_would_never_be_answered_is_lost_at_once(nursery: trio.Nursery, said: bytes, match: str) -> None:
    async with playing() as server:
        await lost(server, nursery, match)
        await server.say(said)
        await trio.testing.wait_all_tasks_blocked()
        assert server.connection.lost is not None


async def test_a_server_that_is_gone_without_a_word_is_found_out(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    async with playing() as server:
        begun = trio.current_time()
        await lost(server, nursery, "it does not answer")
        await server.heard(rb"PING\r\n")
        assert trio.current_time() - begun == 10
        await server.say(b"PONG\r\n")
        await server.heard(rb"PING\r\n")
        assert await server.end() == b""
        assert trio.current_time() - begun == 30
        assert server.connection.lost is not None


async def test_a_cancelled_question_leaves_room_and_its_late_answer_goes_nowhere(nursery: trio.Nursery) -> None:
    async with playing() as server:
        with trio.CancelScope() as scope:
            nursery.start_soon(_cancel_when_blocked, scope)
            await server.connection.ask([ASK])
        assert scope.cancelled_caught
        await server.answer(b"late")
        nursery.start_soon(server.answer, b"own")
        assert bodies(await server.connection.ask([ASK])) == [b"own"]


async def _cancel_when_blocked(scope: trio.CancelScope) -> None:
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()


async def test_no_more_than_so_many_are_under_way_at_a_time(nursery: trio.Nursery) -> None:
    async with playing() as server:
        answers: list[Message | None] = []

        async def ask(count: int) -> None:
            answers.extend(await server.connection.ask([ASK] * count))

        nursery.start_soon(ask, IN_FLIGHT + 1)
        nursery.start_soon(ask, 2)
        for done in range(IN_FLIGHT + 3):
            if done == 0:
                await trio.testing.wait_all_tasks_blocked()
                assert len(server.connection._waiting) <= IN_FLIGHT
            await server.answer(b"ok")
        await trio.testing.wait_all_tasks_blocked()
        assert len(answers) == IN_FLIGHT + 3
        assert server.connection._waiting == {}


async def test_who_waits_for_room_is_told_that_the_connection_is_lost(nursery: trio.Nursery) -> None:
    async with playing() as server:
        reasons: list[str] = []

        async def ask(count: int) -> None:
            with pytest.raises(SinkError) as caught:
                await server.connection.ask([ASK] * count)
            reasons.append(str(caught.value))

        for _ in range(2):
            nursery.start_soon(ask, IN_FLIGHT)
        await trio.testing.wait_all_tasks_blocked()
        await server.connection.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert reasons == ["NATS x:1: it was closed"] * 2


# Connecting


Handler: TypeAlias = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def served(handler: Handler, scheme: str = "nats") -> AsyncGenerator[str]:
    async def serve(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with stream:
                await handler(stream)

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield f"{scheme}://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def refused(handler: Handler, match: str, scheme: str = "nats") -> None:
    """It cannot be opened, and leaves nothing behind."""
    begun = trio.lowlevel.current_statistics().tasks_living
    login = Login(token=Secret("hunter2"))
    async with served(handler, scheme) as url:
        with pytest.raises(SinkError, match=match) as caught:
            await NatsConnection.open(url, login, client_tls())
        assert str(caught.value).startswith("NATS 127.0.0.1:")
        assert "hunter2" not in str(caught.value)
    assert trio.lowlevel.current_statistics().tasks_living == begun


@pytest.mark.parametrize(
    "said, scheme, match",
    [
        (b"", "nats", "it hung up"),
        (b"SSH-2.0\r\n", "nats", "this is no NATS server"),
        (b"PING\r\n", "nats", "this is no NATS server"),
        (b'INFO {"version":"1.4"}\r\n', "nats", r"version 1\.4 knows no headers"),
        (b'INFO {"headers":true}\r\n', "tls", "it offers no TLS"),
        (b'INFO {"headers":true,"tls_available":true}\r\nPIN', "tls", "it sent more before TLS than it may"),
        (b"INFO {\"headers\":true}\r\n-ERR 'no hunter2 here'\r\n", "nats", r"no \*+ here"),
    ],
)
async def test_a_server_that_will_not_do_is_told_by_its_name(said: bytes, scheme: str, match: str) -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.send_all(said)
        if b"ERR" in said:
            await stream.receive_some()

    await refused(handler, match, scheme)


async def test_a_certificate_of_another_host_is_refused() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.send_all(b'INFO {"headers":true,"tls_required":true}\r\n')
        with contextlib.suppress(trio.BrokenResourceError):
            await trio.SSLStream(stream, server_tls("other.example"), server_side=True).do_handshake()

    await refused(handler, "certificate verify failed")


async def test_cancelled_while_it_connects_no_socket_is_left() -> None:
    reached = trio.Event()

    async def handler(stream: trio.SocketStream) -> None:
        reached.set()
        await trio.sleep_forever()

    async with served(handler) as url, trio.open_nursery() as nursery:
        before = sockets()
        nursery.start_soon(NatsConnection.open, url, Login(), None)
        await reached.wait()
        nursery.cancel_scope.cancel()
    assert sockets() <= before
