"""Streams of the toy provider (`tests.core.toy`), for what needs topics and no ledger, and a server for them."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, TypeAlias, Unpack

import attrs
import trio

import pushwire
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Restored
from pushwire.core.machine import Machine
from pushwire.shell.connect import Options
from pushwire.shell.memory import MemoryNetwork, Peer
from tests.core.toy import Data, Event, Toy
from tests.shell.provider import Wall

ToyStream: TypeAlias = pushwire.Stream[Event]


class Open(Toy):
    """The toy that needs no credential."""

    credentials: ClassVar[tuple[str, ...]] = ()


@attrs.frozen(kw_only=True)
class ToyConfig(ConnectionConfig):
    ping_interval: float = 1000.0

    @property
    def namespace(self) -> str:
        return "toy"

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> Machine[Event]:
        return Open(self, rng=rng)

    def expendable(self, event: object) -> Hashable | None:
        return event.topic if isinstance(event, Data) else None

    def topics(self, event: object) -> tuple[Hashable, ...]:
        """A topic and, with a `/` in it, all topics above it."""
        if not isinstance(event, Data):
            return ()
        parts = event.topic.split("/")
        return tuple("/".join(parts[: number + 1]) for number in range(len(parts)))


class ToyServer:
    """Greets, and answers every command with `ok`, where it is to; keeps what it got. `run` is started in the test's nursery."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.peers: list[Peer] = []
        self.frames: list[str] = []
        self.answer = True
        self.changed = trio.lowlevel.ParkingLot()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                peer = await self.network.accept()
                self.peers.append(peer)
                nursery.start_soon(self._serve, peer)

    async def _serve(self, peer: Peer) -> None:
        while True:
            try:
                word, *rest = (await peer.receive()).split()
            except trio.EndOfChannel:
                return
            if word == "auth":
                peer.send("hello")
            elif word == "ping":
                peer.send("pong")
            else:
                self.frames.append(f"{word} {rest[-1]}")
                if self.answer:
                    peer.send(f"ok {rest[0]}")
            self.changed.unpark_all()

    async def until(self, *frames: str) -> None:
        """Wait until these are all frames that came."""
        while self.frames != list(frames):
            await self.changed.park()

    def say(self, *messages: str) -> None:
        """Send on the newest connection, each in a read of its own."""
        for message in messages:
            self.peers[-1].send(message)


def connect(server: ToyServer, **options: Unpack[Options]) -> AbstractAsyncContextManager[ToyStream]:
    return pushwire.connect(ToyConfig(), **_with(server, options))


def _with(server: ToyServer, options: Options) -> Options:
    options.setdefault("entropy", Wall().entropy())
    options["transport"] = server.network
    return options


def hydrated(
    server: ToyServer, snapshot: Callable[[], Any], **options: Unpack[Options]
) -> AbstractAsyncContextManager[pushwire.Stream[Any]]:
    """A stream whose snapshot is what this function gives, which may be a coroutine function."""
    return pushwire.connect(ToyConfig(), snapshot=snapshot, **_with(server, options))


def taken(stream: pushwire.Stream[Any]) -> list[object]:
    """All events that wait for a consumer of the stream."""
    events: list[object] = stream._driver.router.inbox.take_many_nowait(10_000) or []
    return events


def data(*values: str, topic: str = "a") -> list[Data]:
    return [Data(topic, value) for value in values]
