"""A relay whose sink stands still, or whose disk is full, for an hour of virtual time, in a process of its own. It prints what
came of it, as JSON.

All is real but the clock: sockets, WebSocket, ledger and sink in files, the operating system's account of the memory, that of the
provider in the same process included. The provider makes 5,000 events a second; what its socket does not take it keeps, as one
would. While the sink works, time is real; while it stands still, time goes on to the next deadline whenever nothing happens.

`python -m tests.relay.stalled FOLDER HOW KIND`: how it stands, `silent` or `full`; what the events are like, `small` or `large`.
"""

from __future__ import annotations

import gc
import json
import math
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import attrs
import trio
from trio.testing import MockClock
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from benchmarks.payloads import GREETINGS, ack_reply, message
from pushwire.core.secrets import Secret
from pushwire.providers import gelabs
from pushwire.relay.config import StreamSettings
from pushwire.relay.entries import Answer, Entry
from pushwire.relay.run import Relay
from pushwire.relay.sinks.sqlite import SqliteSink
from pushwire.stores.sqlite import SqliteStore
from tests.relay.cramped import fill

RATE: Final = 5000
EACH: Final = 0.02
"""Seconds from one portion of events to the next."""
STALL: Final = 3600.0
PINGS: Final = 30.0
IDLE: Final = 0.005
"""Seconds of real time in which nothing happens, after which virtual time goes on."""
ROWS: Final = 100


def small(number: int) -> str:
    """As it is usual: 711 bytes."""
    return message("push", number)


def large(number: int) -> str:
    """One that spends many coins: 10 KB, decoded three times as much."""
    found: dict[str, Any] = json.loads(small(number))  # JSON
    found["data"]["fromDetails"] = [
        {"address": f"bc1q{number:08d}{row:030d}", "amount": f"{row}00", "vinIndex": str(row)} for row in range(ROWS)
    ]
    return json.dumps(found, separators=(",", ":"))


@attrs.frozen
class Kind:
    """What the events are like; how many are stored before the sink stands still, so that everything has been used once, and how
    many are made when it goes on."""

    text: Callable[[int], str]
    before: int
    after: int


KINDS: Final = {"small": Kind(small, 3_000, 2_000), "large": Kind(large, 800, 500)}


class Provider:
    """One client's server: pushes, answers, and takes note."""

    def __init__(self, text: Callable[[int], str]) -> None:
        self.connections = 0
        self.sent = 0
        self.last = math.inf
        self.pings = self.answered = self.acks = 0
        self._text = text
        self._pongs: list[str] = []
        self._replies = [GREETINGS["push"]]

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        protocol = ServerProtocol()
        requests: list[object] = []
        while not requests:
            protocol.receive_data(await stream.receive_some())
            requests += protocol.events_received()
        (request,) = requests
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, protocol, stream)
            nursery.start_soon(self._write, protocol, stream)

    async def _read(self, protocol: ServerProtocol, stream: trio.SocketStream) -> None:
        async for data in stream:
            protocol.receive_data(data)
            for frame in protocol.events_received():
                assert isinstance(frame, Frame)
                if frame.opcode is Opcode.TEXT:
                    self._hear(json.loads(bytes(frame.data)))

    def _hear(self, asked: dict[str, Any]) -> None:  # JSON
        if asked["type"] == "ping":
            self.pings += 1
            self._pongs.append(f'{{"id":"{asked["id"]}","time":1,"type":"pong","code":0,"data":null,"msg":"success"}}')
        else:
            self.acks += asked["type"] == "transactionACK"
            self._replies.append(ack_reply(asked["id"]))

    async def _write(self, protocol: ServerProtocol, stream: trio.SocketStream) -> None:
        """Answers, and what is due by now; as one writes to a socket: what it does not take is waited for."""
        while True:
            pongs, self._pongs = self._pongs, []
            texts, self._replies = [*pongs, *self._replies], []
            until = min(self.sent + int(RATE * EACH), self.last)
            while self.sent < until:
                texts.append(self._text(self.sent))
                self.sent += 1
            for text in texts:
                protocol.send_text(text.encode())
            await stream.send_all(b"".join(protocol.data_to_send()))
            self.answered += len(pongs)
            await trio.sleep(EACH)


class Stalling(SqliteSink):
    """The SQLite sink, which can stand still: it does not answer, or no file may grow. While its thread works no virtual time
    passes."""

    def __init__(self, path: Path, how: str, clock: MockClock) -> None:
        super().__init__(path)
        self._file_path = path
        self._how = how
        self._clock = clock
        self._standing = False
        self._working = 0
        self._goes = trio.Event()
        self._goes.set()
        self._release: Callable[[], None] = self._goes.set
        self.opened = 0
        """Times, or that it was tried."""

    def stand(self) -> None:
        self._standing = True
        if self._how == "full":
            self._release = fill("limit", self._file_path.parent, self._file_path)
        else:
            self._goes = trio.Event()
            self._release = self._goes.set
        self._keep_time()

    def go(self) -> None:
        """Whatever it does next, it does in real time again."""
        self._standing = False
        self._release()

    async def open(self) -> None:
        self.opened += 1
        with self._work():
            await super().open()

    async def close(self) -> None:
        with self._work():
            await super().close()

    async def write(self, batch: Sequence[Entry]) -> Sequence[Answer]:
        await self._goes.wait()
        with self._work():
            return await super().write(batch)

    @contextmanager
    def _work(self) -> Generator[None]:
        self._working += 1
        self._keep_time()
        try:
            yield
        finally:
            self._working -= 1
            self._keep_time()

    def _keep_time(self) -> None:
        self._clock.rate = 0.0 if self._standing else 1.0
        self._clock.autojump_threshold = IDLE if self._standing and not self._working else math.inf


def memory(what: str) -> float:
    """MiB, as the kernel counts them: VmRSS now, or VmHWM at most since the mark was reset."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024


def reset_mark() -> None:
    # Where that is not allowed the mark is that of the whole run, which can only be higher.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def scenario(relay: Relay, provider: Provider, sink: Stalling, kind: Kind) -> dict[str, object]:
    async def until(done: Callable[[], bool]) -> None:
        while not done():  # noqa: ASYNC110 - nobody is told of it, and while it looks virtual time does not leap
            await trio.sleep(EACH)

    await until(lambda: relay.counts["stored"] >= kind.before)
    gc.collect()
    reset_mark()
    baseline = memory("VmRSS")
    sink.stand()
    await until(lambda: not relay._loop.taking("wallets"))
    pings, opened, started = provider.pings, sink.opened, trio.current_time()
    await trio.sleep(STALL)
    found: dict[str, object] = {
        "seconds": trio.current_time() - started,
        "pings": provider.pings - pings,
        "opened": sink.opened - opened,
        "held": relay._loop.held("wallets"),
        "unstored": provider.sent - relay.counts["stored"],
        "baseline": baseline,
        "stall": memory("VmHWM") - baseline,
    }
    provider.last = provider.sent + kind.after
    sink.go()
    await until(lambda: provider.acks >= provider.last and provider.answered == provider.pings)
    return {
        **found,
        "peak": memory("VmHWM") - baseline,
        "sent": provider.sent,
        "acks": provider.acks,
        "counts": dict(relay.counts),
        "connections": provider.connections,
    }


async def main(clock: MockClock, folder: str, how: str, name: str) -> None:
    kind = KINDS[name]
    provider, sink = Provider(kind.text), Stalling(Path(folder, "events.db"), how, clock)
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/"
    config = gelabs.Config(api_key=Secret("key"), url=url, ping_interval=PINGS)
    relay = Relay([StreamSettings("wallets", config, ())], sink, ledger=SqliteStore(f"{folder}/ledger.db"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, provider.serve, [listener])
        async with trio.open_nursery() as inner:
            inner.start_soon(relay.run)
            found = await scenario(relay, provider, sink, kind)
            relay.stop()
        nursery.cancel_scope.cancel()
    print(json.dumps(found))  # noqa: T201 - for the test that reads it


if __name__ == "__main__":
    virtual = MockClock(rate=1.0)
    trio.run(main, virtual, sys.argv[1], sys.argv[2], sys.argv[3], clock=virtual)
