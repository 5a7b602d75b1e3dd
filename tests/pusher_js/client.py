"""pusher-js, the reference client, as a process of its own (client.js). Tests wait for its lines, never for time."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import trio

__all__ = ["PATIENCE", "Line", "PusherJs", "running"]

PATIENCE: Final = 60
"""Seconds until a test that waits in vain is given up."""

Line: TypeAlias = dict[str, Any]  # JSON


class PusherJs:
    """A running client."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._unread = b""

    async def do(self, command: str, **fields: object) -> None:
        assert self._process.stdin is not None
        await self._process.stdin.send_all(json.dumps({"do": command, **fields}).encode() + b"\n")

    async def line(self) -> Line:
        """The next thing it says."""
        assert self._process.stdout is not None
        with trio.fail_after(PATIENCE):
            while b"\n" not in self._unread:
                data = await self._process.stdout.receive_some()
                assert data, "pusher-js ended"
                self._unread += data
        line, self._unread = self._unread.split(b"\n", 1)
        said: Line = json.loads(line)
        return said

    async def saying(self, **fields: object) -> Line:
        """The next line with these fields, past all others."""
        while True:
            line = await self.line()
            if all(name in line and line[name] == value for name, value in fields.items()):
                return line

    async def subscribe(self, channel: str) -> Line:
        """Returns what it says when that has succeeded."""
        await self.do("subscribe", channel=channel)
        return await self.saying(event="pusher:subscription_succeeded", channel=channel)


@asynccontextmanager
async def running(package: Path, port: int, *, until: str = "connected", **options: object) -> AsyncGenerator[PusherJs, None]:
    """A client of the server on `port` of this machine, its connection in the state `until`; dead when the block ends."""
    program = str(Path(__file__).parent / "client.js")
    arguments = json.dumps({"host": "127.0.0.1", "port": port, **options})
    environment = {**os.environ, "PUSHER_JS": str(package)}
    process = await trio.lowlevel.open_process(
        ["node", program, arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    try:
        client = PusherJs(process)
        await client.saying(state=until)
        yield client
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            await trio.aclose_forcefully(pipe)
