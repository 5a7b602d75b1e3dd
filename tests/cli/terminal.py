"""The command line on a terminal of its own: a pseudo-terminal, of which a test reads what is shown."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Final

import trio

from tests.cli.program import PATIENCE, environment

ENTER: Final = "\x1b[?1049h\x1b[?25l"
LEAVE: Final = "\x1b[?25h\x1b[?1049l"


class Terminal:
    """A running `pushwire` on a terminal."""

    def __init__(self, process: trio.Process, descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self.shown = ""
        """All that came so far, as it came."""

    async def until(self, *texts: str, since: int = 0) -> str:
        """Wait until all these were shown, of what came after so many characters; returns that, without what moves the cursor."""
        while not all(text in plain(self.shown[since:]) for text in texts):
            if not await self._read():
                raise EOFError(self.shown)
        return plain(self.shown[since:])

    async def until_raw(self, text: str, since: int = 0) -> None:
        """Wait until this came, of what came after so many characters."""
        while text not in self.shown[since:]:
            if not await self._read():
                raise EOFError(self.shown)

    async def ended(self) -> int:
        """Read all it shows to its end; returns its status."""
        while await self._read():
            pass
        return await self.process.wait()

    async def complaint(self) -> str:
        """All it wrote to stderr, which is no terminal."""
        assert self.process.stderr is not None
        return b"".join([data async for data in self.process.stderr]).decode()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def suspended(self) -> None:
        """Wait until it stands still."""
        await trio.to_thread.run_sync(os.waitid, os.P_PID, self.process.pid, os.WSTOPPED)

    def resize(self, columns: int, lines: int) -> None:
        resize(self._descriptor, columns, lines)

    async def _read(self) -> bool:
        try:
            data = await trio.to_thread.run_sync(os.read, self._descriptor, 65536)
        except OSError:  # how Linux says that the other side of a pseudo-terminal is closed
            return False
        self.shown += data.decode()
        return bool(data)


def plain(shown: str) -> str:
    """Without what moves the cursor or colours the text."""
    return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", shown)


def resize(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


@asynccontextmanager
async def on_terminal(
    *arguments: str, columns: int = 120, lines: int = 30, more: Mapping[str, str] = MappingProxyType({}), **variables: str
) -> AsyncGenerator[Terminal, None]:
    """`pushwire ARGUMENTS` on a terminal of that size, with these environment variables, and `more`."""
    ours, theirs = pty.openpty()
    resize(ours, columns, lines)
    kept = {name: value for name, value in environment().items() if name not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    with trio.fail_after(PATIENCE):
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "pushwire", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            env={**kept, "TERM": "xterm-256color", **variables, **more},
        )
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            if process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
            assert process.stderr is not None
            await process.stderr.aclose()
            os.close(ours)
