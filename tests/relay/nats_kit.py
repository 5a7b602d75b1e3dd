"""Short ways into NATS, for the tests of its sink."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import attrs
import trio

from pushwire.relay.sinks.nats import NatsSink
from tests.relay.nats_server import NatsServer

__all__ = ["ASIDE", "STREAM", "CancelAt", "Cut", "cutting", "opened", "sink_to", "sockets", "wipe"]

STREAM: Final = "EVENTS"
ASIDE: Final = "EVENTS_quarantine"


def sink_to(server: NatsServer, url: str | None = None, **options: Any) -> NatsSink:  # keyword arguments of several types
    """A sink that makes its streams, on this one server."""
    chosen: dict[str, Any] = {
        "create": True,
        "replicas": 1,
        "monitors": [server.monitor],
        "accept": ["fewer-replicas"],
        **options,
    }
    return NatsSink([url or server.url], STREAM, **chosen)


@asynccontextmanager
async def opened(server: NatsServer, **options: Any) -> AsyncGenerator[NatsSink]:  # as above
    sink = sink_to(server, **options)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


def wipe(server: NatsServer) -> None:
    """Delete all streams."""
    for name in server.request("$JS.API.STREAM.NAMES")["streams"] or ():
        assert server.request(f"$JS.API.STREAM.DELETE.{name}")["success"]


def sockets() -> int:
    """How many this process has open."""
    found = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
        except FileNotFoundError:
            continue  # the listing's own
    return found


@attrs.define
class Cut:
    """When the connections through here are cut: after so many bytes from the client, or to it. None: never."""

    sent: int | None = None
    received: int | None = None
    passed: dict[str, int] = attrs.field(factory=lambda: {"sent": 0, "received": 0})


@asynccontextmanager
async def cutting(server: NatsServer, cut: Cut) -> AsyncGenerator[str]:
    """A way to the server that is cut; the URL. Each connection counts its bytes anew, and `cut` keeps those of the last."""

    async def serve(client: trio.SocketStream) -> None:
        cut.passed = {"sent": 0, "received": 0}
        try:
            upstream = await trio.open_tcp_stream("127.0.0.1", server.port)
        except OSError:
            return
        async with upstream, trio.open_nursery() as pumps:
            pumps.start_soon(pump, "sent", client, upstream, pumps.cancel_scope)
            pumps.start_soon(pump, "received", upstream, client, pumps.cancel_scope)

    async def pump(way: str, source: trio.SocketStream, target: trio.SocketStream, scope: trio.CancelScope) -> None:
        limit: int | None = getattr(cut, way)
        try:
            async for data in source:
                room = len(data) if limit is None else limit - cut.passed[way]
                cut.passed[way] += len(data)
                await target.send_all(data[:room])
                if room < len(data):
                    break
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield f"nats://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


class CancelAt(trio.abc.Instrument):
    """Runs a task that is cancelled when it is resumed for the `step`th time. `hit`: it came so far."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._scope = trio.CancelScope()
        self._task: trio.lowlevel.Task | None = None
        self.hit = False

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._step -= 1
            if not self._step:
                self.hit = True
                self._scope.cancel()

    async def run(self, work: Callable[[], Awaitable[object]]) -> None:
        self._task = trio.lowlevel.current_task()
        trio.lowlevel.add_instrument(self)
        try:
            with self._scope:
                await work()
        finally:
            trio.lowlevel.remove_instrument(self)
