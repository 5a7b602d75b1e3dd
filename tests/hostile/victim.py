"""`python -m tests.hostile.victim TRANSPORT GOOD_PORT SECONDS PORT...`: a client in a process of its own, whose memory shows.

It dials them all at once and reads each to its end, or for so many seconds; those that are the good one are held until all of
them are there. It says how each ended, and how far its memory was ever above what one good connection had left.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import attrs
import trio

from pushwire.core.effects import Close, Dial
from pushwire.shell.transport import Connector, DialFailed
from pushwire.shell.trio_websocket import TrioWebSocketConnector
from pushwire.shell.websocket import WebSocketConnector

__all__ = ["CONNECTORS", "forget", "memory"]

CONNECTORS: Final[dict[str, type[WebSocketConnector] | type[TrioWebSocketConnector]]] = {
    "own": WebSocketConnector,
    "trio-websocket": TrioWebSocketConnector,
}


def memory(name: str) -> int:
    """Bytes: VmRSS, what is held now; VmHWM, the most since the last `forget`."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith(name)]
    return int(line.split()[1]) * 1024


def forget() -> None:
    """Count the most from now on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def visit(
    connector: Connector, port: int, nursery: trio.Nursery, greeted: Callable[[], Awaitable[None]] | None = None
) -> Close:
    """Read until the end, or until the first message where that is waited for: `greeted` is called then."""
    wanted = Dial(1, f"ws://127.0.0.1:{port}/", {}, 2**20, True, ())
    try:
        connection = await connector.dial(wanted, nursery)
    except DialFailed as failed:
        return failed.close
    try:
        while True:
            read = await connection.read()
            if read.messages and greeted is not None:
                await greeted()
                return Close(code=1000, by="us")
            if read.close is not None:
                return read.close
    finally:
        with trio.CancelScope(shield=True):
            await connection.aclose()


async def main(transport: str, good: int, seconds: float, ports: list[int]) -> None:
    connector = CONNECTORS[transport]()
    ends: list[dict[str, object]] = []
    gate = trio.Event()
    held = 0

    async def hold() -> None:
        nonlocal held
        held += 1
        if held == ports.count(good):
            gate.set()
        await gate.wait()

    async def suffer(port: int) -> None:
        with trio.move_on_after(seconds):
            ends.append(attrs.asdict(await visit(connector, port, nursery, hold if port == good else None)))

    async with trio.open_nursery() as nursery:
        await visit(connector, good, nursery, trio.lowlevel.checkpoint)
        forget()
        before = memory("VmRSS")
        async with trio.open_nursery() as crowd:
            for port in ports:
                crowd.start_soon(suffer, port)
            friend = await visit(connector, good, nursery, trio.lowlevel.checkpoint)
        told = {"ends": ends, "friend": friend.code, "grown": memory("VmHWM") - before}
        sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), [int(port) for port in sys.argv[4:]])
