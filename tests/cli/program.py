"""The command line as a process of its own, and a sandbox in ours for it to talk to. Tests wait for its lines, never for time."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import trio

from pushwire.sandbox import GelabsServer, GelabsSettings

KEY: Final = "s3cret-of-the-test"
PATIENCE: Final = 60
"""Seconds until a test that hangs is given up; none of them needs more than two."""


class Program:
    """A running `pushwire`."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._unread = b""
        self.printed: list[str] = []
        """The whole lines read so far."""

    async def line(self) -> str:
        """Its next line on stdout. Raises `EOFError` at the end."""
        assert self.process.stdout is not None
        while b"\n" not in self._unread:
            data = await self.process.stdout.receive_some()
            if not data:
                raise EOFError
            self._unread += data
        line, self._unread = self._unread.split(b"\n", 1)
        self.printed.append(line.decode())
        return self.printed[-1]

    async def event(self, name: str) -> dict[str, Any]:  # JSON
        """The next event of that name, past all others."""
        while True:
            shown: dict[str, Any] = json.loads(await self.line())  # JSON
            if shown["event"] == name:
                return shown

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Read the rest of its lines and wait for its status."""
        try:
            while True:
                await self.line()
        except EOFError:
            pass
        assert self._unread == b"", "a line was cut short"
        return await self.process.wait()

    async def complaint(self) -> str:
        """All it wrote to stderr."""
        assert self.process.stderr is not None
        return b"".join([data async for data in self.process.stderr]).decode()


def environment(**variables: str) -> dict[str, str]:
    """Ours, without secrets of ours, and with `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PUSHWIRE_")}
    return {**kept, **variables}


@asynccontextmanager
async def pushwire(*arguments: str, **variables: str) -> AsyncGenerator[Program, None]:
    """`pushwire ARGUMENTS` with these environment variables. Killed at the end of the block, if it still runs."""
    with trio.fail_after(PATIENCE):
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "pushwire", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**variables),
        )
        try:
            yield Program(process)
        finally:
            if process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                await pipe.aclose()


async def outcome(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run `pushwire ARGUMENTS` to its end: its status, stdout and stderr."""
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            [sys.executable, "-m", "pushwire", *arguments],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=environment(**variables),
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Gelabs(GelabsServer):
    """The sandbox's gelabs, whose book a test can wait on."""

    def __init__(self, settings: GelabsSettings) -> None:
        super().__init__(settings, random.Random(7))
        self.pings = 0
        self._changed = trio.lowlevel.ParkingLot()

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        super().receive(conn, message, now)
        self.pings += '"type":"ping"' in str(message)
        self._changed.unpark_all()

    def handle_timer(self, now: float, wall: float) -> None:
        super().handle_timer(now, wall)
        self._changed.unpark_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a message of a client, or the timer, to make `condition` true."""
        with trio.fail_after(PATIENCE):
            while not condition():
                await self._changed.park()


def gelabs(**settings: Any) -> Gelabs:  # forwarded to GelabsSettings, which checks them
    """A gelabs that accepts `KEY` alone."""
    return Gelabs(GelabsSettings(keys=[KEY], **settings))
