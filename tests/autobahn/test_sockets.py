"""Autobahn's cases against both transports, over a socket."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from pushwire.shell.transport import Connector
from pushwire.shell.trio_websocket import TrioWebSocketConnector
from pushwire.shell.websocket import WebSocketConnector
from tests.shell.raw_server import Server, raw
from tests.shell.sockets import dial, read_all, serve
from tests.wire.server import frame

from .cases import CLOSE_1000, Case, close_payloads
from .table import CASES

PLAIN = [case for case in CASES if case.extensions is None]


class Choosing(ServerProtocol):
    """A server that answers an offer of extensions with `extensions`, and leaves all frames to the test."""

    def __init__(self, extensions: str | None) -> None:
        super().__init__()
        self.chosen = extensions

    def process_extensions(self, headers: object) -> tuple[str | None, list[object]]:  # type: ignore[override]  # the test's own frames need no extension objects
        return self.chosen, []


class Played:
    """What a run of a case showed at the server's end."""

    def __init__(self, case: Case) -> None:
        self.sent = trio.Event()
        self._case = case
        self._got = bytearray()

    async def script(self, server: Server) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, server)
            for piece in (*self._case.sends, CLOSE_1000):
                try:
                    await server.stream.send_all(piece)
                except trio.BrokenResourceError:
                    break  # the client has ended it, as it must where the piece before was bad
                await trio.testing.wait_all_tasks_blocked()
            self.sent.set()

    async def _listen(self, server: Server) -> None:
        try:
            while data := await server.stream.receive_some():
                self._got += data
        except trio.BrokenResourceError:
            pass  # the client went without reading what it need not read

    def frames(self) -> Sequence[Frame]:
        """The frames that came."""
        protocol = ServerProtocol(state=State.OPEN)
        protocol.receive_data(bytes(self._got))
        return [event for event in protocol.events_received() if isinstance(event, Frame)]


async def play(case: Case, connector: Connector) -> None:
    """What is delivered, answered, and how it ends, must be what the row says."""
    played = Played(case)
    async with trio.open_nursery() as nursery:
        port = await serve(nursery, raw(played.script, Choosing(case.extensions)))
        wanted = dial(f"ws://127.0.0.1:{port}/", compression=case.extensions is not None)
        with trio.fail_after(30):
            connection = await connector.dial(wanted, nursery)
            delivered, close = await read_all(connection)
            await played.sent.wait()
            await connection.aclose()
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert tuple(delivered) == case.delivers
    assert (close.code, close.by) == (case.ends, case.by)
    frames = played.frames()
    assert tuple(bytes(each.data) for each in frames if each.opcode is Opcode.PONG) == case.answers
    assert frames[-1].opcode is Opcode.CLOSE
    assert bytes(frames[-1].data)[:2] in close_payloads(case)
    assert len(frames) == len(case.answers) + 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_the_default_transport_does_what_the_row_says(case: Case) -> None:
    await play(case, WebSocketConnector())


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.id)
async def test_the_second_transport_does_what_the_row_says(case: Case) -> None:
    await play(case, TrioWebSocketConnector())


async def test_the_second_transport_does_not_offer_compression() -> None:
    """Why the groups 12 and 13 are not played on it: a server has nothing to choose from."""
    offered: list[str | None] = []

    class Noting(Choosing):
        def process_extensions(self, headers: object) -> tuple[str | None, list[object]]:  # type: ignore[override]  # as above
            offered.append(headers.get("Sec-WebSocket-Extensions"))  # type: ignore[attr-defined]  # websockets' own Headers
            return None, []

    async def leave(server: Server) -> None:
        await server.stream.send_all(frame(1, b"hello") + CLOSE_1000)

    async with trio.open_nursery() as nursery:
        port = await serve(nursery, raw(leave, Noting(None)))
        connection = await TrioWebSocketConnector().dial(dial(f"ws://127.0.0.1:{port}/", compression=True), nursery)
        assert (await read_all(connection))[0] == ["hello"]
        await connection.aclose()
        nursery.cancel_scope.cancel()
    assert offered == [None]
