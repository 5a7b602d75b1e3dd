"""`connect`, cancelled at every moment up to where the stream is ready: nothing is left, and the same settings connect anew."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio_websocket

import pushwire
from pushwire import Secret
from pushwire.core.effects import Credential, Restored
from pushwire.core.machine import Machine, Phase
from pushwire.shell.trio_websocket import HandedOver, TrioWebSocketConnector
from pushwire.shell.websocket import WebSocketConnector
from pushwire.testing.gelabs import connected
from tests.core.toy import Event, Toy
from tests.shell.cancelled import TRANSPORTS, Transport, world
from tests.shell.checkpoints import Attempt, at_every_moment, standing
from tests.shell.provider import CONFIG, Wall
from tests.shell.sockets import Proxy, client_tls, serve, serve_websocket, server_tls
from tests.shell.toys import ToyConfig, ToyServer

pytestmark = pytest.mark.slow


async def come_up(attempt: Attempt, stream: AbstractAsyncContextManager[Any]) -> None:
    """The operation: up to the body of the block."""
    with attempt.watching():
        attempt.begin()
        async with stream:
            attempt.end()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_dial_the_handshakes_and_the_login(transport: Transport) -> None:
    async def life(attempt: Attempt) -> None:
        async with world(transport) as made:
            await come_up(attempt, made.stream())
            await made.deserted()
            await made.works()

    assert at_every_moment(life).cancelled > 10


def test_the_back_off_after_a_refusal() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("wire") as made:
            made.provider.refuse = 503

            async def relent() -> None:
                await trio.sleep(0.5)
                made.provider.refuse = None

            async with trio.open_nursery() as nursery:
                nursery.start_soon(relent)
                await come_up(attempt, made.stream())
            await made.deserted()
            await made.works()

    assert at_every_moment(life).cancelled > 10


def test_returning_at_once() -> None:
    async def life(attempt: Attempt) -> None:
        async with world() as made:
            await come_up(attempt, made.stream(ready_within=None))
            await made.deserted()
            await made.works()

    assert at_every_moment(life).moments > 0


def test_a_store_in_a_file_and_its_thread(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    journals = (tmp_path / f"{number}.journal" for number in itertools.count())

    async def life(attempt: Attempt) -> None:
        store = pushwire.SqliteStore(path)
        async with world() as made:
            await come_up(attempt, made.connect(store, journal=next(journals)))
            await made.deserted()
            await made.works(store)
            await made.works(pushwire.SqliteStore(path))

    assert at_every_moment(life, clock=standing, exact=False).cancelled > 10


# Credentials


@attrs.frozen(kw_only=True)
class Guarded(ToyConfig):
    """The toy that fetches a token before it dials."""

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> Machine[Event]:
        return Toy(self, rng=rng)


def test_a_credential_that_is_fetched_first() -> None:
    async def life(attempt: Attempt) -> None:
        fetching = given_up = 0

        async def token(wanted: Credential) -> Secret:
            nonlocal fetching, given_up
            fetching += 1
            try:
                await trio.sleep(1)
            except trio.Cancelled:
                given_up += 1
                raise
            finally:
                fetching -= 1
            return Secret("t")

        server = ToyServer()
        connect = partial(pushwire.connect, Guarded(), transport=server.network, credential=token, entropy=Wall().entropy())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            await come_up(attempt, connect())
            assert fetching == 0
            assert given_up <= attempt.cancelled
            assert not server.network._waiting
            async with connect() as stream:
                assert stream.status.session.phase is Phase.READY
            nursery.cancel_scope.cancel()

    assert at_every_moment(life).cancelled > 10


# What only sockets show


def real(attempts: Callable[[Attempt, trio.Nursery], Any]) -> int:
    """Lives over sockets of 127.0.0.1: how many of them were cancelled."""

    async def life(attempt: Attempt) -> None:
        async with trio.open_nursery() as nursery:
            await attempts(attempt, nursery)
            nursery.cancel_scope.cancel()

    return at_every_moment(life, clock=standing, exact=False).cancelled


async def greet(connection: trio_websocket.WebSocketConnection) -> None:
    await connection.send_message(connected())
    await connection.get_message()


async def http_proxy(stream: trio.abc.Stream) -> None:
    """It reads a head in one piece: one that is read by bytes has a hundred moments."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await stream.receive_some(65536) or b"gone\r\n\r\n"
    if head.startswith(b"CONNECT"):
        port = int(head.split(b" ")[1].split(b":")[1])
        await Proxy()._join(stream, port, b"HTTP/1.1 200 Connection established\r\n\r\n")


PROXIES = {"http": http_proxy, "socks5": Proxy().socks5}


@pytest.mark.parametrize(
    "connector, secure, through",
    [
        (WebSocketConnector, False, ""),
        (WebSocketConnector, True, ""),
        (WebSocketConnector, True, "http"),
        (WebSocketConnector, True, "socks5"),
        (TrioWebSocketConnector, False, ""),
        (TrioWebSocketConnector, True, ""),
    ],
)
def test_sockets_with_tls_and_through_a_proxy(
    connector: type[WebSocketConnector | TrioWebSocketConnector], secure: bool, through: str
) -> None:
    tls, known = (server_tls(), client_tls()) if secure else (None, None)

    async def life(attempt: Attempt, nursery: trio.Nursery) -> None:
        port = await serve_websocket(nursery, greet, tls)
        proxy = None
        if through:
            proxy = f"{through}://127.0.0.1:{await serve(nursery, PROXIES[through])}"
        config = attrs.evolve(CONFIG, url=f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/ws")
        transport = connector(tls=known, proxy=proxy)

        def connect() -> AbstractAsyncContextManager[Any]:
            return pushwire.connect(config, transport=transport, entropy=Wall().entropy())

        await come_up(attempt, connect())
        async with connect():
            pass

    assert real(life) > 10


def test_a_connection_that_was_handed_over() -> None:
    async def life(attempt: Attempt, nursery: trio.Nursery) -> None:
        port = await serve_websocket(nursery, greet)
        config = attrs.evolve(CONFIG, url=f"ws://127.0.0.1:{port}/ws")
        async with trio.open_nursery() as own:
            websocket = await trio_websocket.connect_websocket_url(own, config.url)
            handed = HandedOver(websocket)
            await come_up(attempt, pushwire.connect(config, transport=handed, entropy=Wall().entropy()))
            if handed._websocket is not None:  # never taken: it is the caller's still
                await trio.aclose_forcefully(websocket._stream)
            own.cancel_scope.cancel()

    assert real(life) > 3
