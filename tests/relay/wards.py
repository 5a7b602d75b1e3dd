"""The test's side of `warden`: relays as real processes, started within milliseconds, with their log at hand."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import trio

ROOT: Final = Path(__file__).parent.parent.parent
REMEMBERED: Final = 40
"""Lines of a relay's log that are kept."""


class Ward:
    """A running relay. Its process is `pid`'s until `status` was asked for."""

    def __init__(self, wards: Wards, pid: int, log: int) -> None:
        self._wards = wards
        self._log = trio.lowlevel.FdStream(log)
        self.pid: Final = pid
        self.lines: deque[str] = deque(maxlen=REMEMBERED)
        self.up = trio.Event()
        """Its stream has been up."""
        self.ended = trio.Event()
        self.stopping = False
        self.killed: str | None = None
        """When it was killed, as whoever did so calls it."""

    async def read(self) -> None:
        """Read its log to the end, which is its own."""
        unread = b""
        async with self._log:
            async for data in self._log:
                *whole, unread = (unread + data).split(b"\n")
                for line in whole:
                    self.lines.append(line.decode(errors="replace"))
                    if b'"event":"up"' in line:
                        self.up.set()
        self.ended.set()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal. It may have ended; the number is still its own."""
        self.stopping = self.stopping or number is signal.SIGTERM
        os.kill(self.pid, number)

    async def status(self) -> int:
        """As of `subprocess`, once it has ended; to be asked for once."""
        await self.ended.wait()
        answer = await self._wards.ask({"reap": self.pid})
        assert isinstance(answer, int)
        return answer


class Wards:
    """The warden, asked from here."""

    def __init__(self, control: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        self._control = control
        self._nursery = nursery
        self._lock = trio.Lock()

    async def relay(self, config: Path, *, plant: str | None = None, fresh: bool = False) -> Ward:
        """Start `pushwire relay CONFIG`; with `fresh` in an interpreter of its own, with `plant` (of `planted`) with that bug."""
        read, write = os.pipe()
        try:
            pid = await self.ask({"relay": str(config), "plant": plant, "fresh": fresh}, write)
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        assert isinstance(pid, int)
        ward = Ward(self, pid, read)
        self._nursery.start_soon(ward.read)
        return ward

    async def guard(self, folder: Path) -> None:
        """Should this process die, kill what runs in `folder`, and remove it."""
        await self.ask({"folder": str(folder)})

    async def ask(self, request: dict[str, Any], *fds: int) -> object:  # JSON
        """Its answer to one request."""
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, b"".join(fd.to_bytes(4, sys.byteorder) for fd in fds))] if fds else []
        answer = b""
        # Whoever is cancelled meanwhile would leave his answer to the next one.
        with trio.CancelScope(shield=True):
            async with self._lock:
                await self._control.sendmsg([json.dumps(request).encode()], ancillary)
                answer = await self._control.recv(100)
        if not answer:
            raise EOFError("the warden is dead")
        return json.loads(answer)


@asynccontextmanager
async def wards(**environment: str) -> AsyncGenerator[Wards]:
    """A warden while the block runs, whose relays see this environment; all of them are dead at its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PUSHWIRE_")}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: ASYNC220 - it returns when the process is there, which is at once
            [sys.executable, "-m", "tests.relay.warden", str(theirs.fileno())],
            cwd=ROOT,
            env={**kept, **environment},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            # Ctrl-C is for the test, which then closes the socket.
            start_new_session=True,
        )
    with process, ours:
        ours.setblocking(False)
        async with trio.open_nursery() as nursery:
            asked = Wards(trio.socket.from_stdlib_socket(ours), nursery)
            try:
                yield asked
            finally:
                with contextlib.suppress(OSError, EOFError):
                    await asked.ask({"leave": True})
                nursery.cancel_scope.cancel()
