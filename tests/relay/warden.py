"""A process that starts relays for a test, as forks of itself, and leaves nothing behind when the test is gone.

It has imported what `pushwire relay` needs, so that a restart takes milliseconds; what it forks is a process of its own that
runs the real command. Run as `python -m tests.relay.warden FD`, where FD is a Unix socket of packets, by `wards` alone.

When the other end is closed, however that came, it kills its relays and whatever else runs in the folders it was given, and
removes those.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

from tests.relay.planted import PLANTED

PR_SET_PDEATHSIG: Final = 1
LONGEST: Final = 65_536
"""Bytes of a request."""
IMPORTED: Final = (
    "pushwire.cli.app",
    "pushwire.cli.relay",
    "pushwire.cli.running",
    "pushwire.providers.gelabs",
    "pushwire.relay.config",
    "pushwire.relay.sinks.jsonl",
    "pushwire.relay.sinks.nats",
    "pushwire.relay.sinks.sqlite",
    "pushwire.relay.sinks.postgres",
    "pushwire.shell.websocket",
)


class Warden:
    """Does what it is asked, one request after the other, each answered with one packet."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._pid = os.getpid()
        self._relays: set[int] = set()
        self._folders: list[Path] = []

    def serve(self) -> None:
        """Returns when nobody asks any more."""
        while True:
            data, fds, _, _ = socket.recv_fds(self._control, LONGEST, 1)
            if not data:
                return
            request = json.loads(data)
            answer = self._answer(request, fds)
            for fd in fds:
                os.close(fd)
            self._control.send(json.dumps(answer).encode())

    def _answer(self, request: dict[str, Any], fds: list[int]) -> object:  # JSON
        if "relay" in request:
            (log,) = fds
            return self._fork(request["relay"], log, request["plant"], fresh=request["fresh"])
        if "reap" in request:
            pid, status = os.waitpid(request["reap"], 0)
            self._relays.discard(pid)
            return os.waitstatus_to_exitcode(status)
        if "leave" in request:
            # The test lives, and ends what it has started itself.
            self._folders.clear()
            return None
        self._folders.append(Path(request["folder"]))
        return None

    def _fork(self, config: str, log: int, plant: str | None, *, fresh: bool) -> int:
        pid = os.fork()
        if pid == 0:
            self._become_relay(config, log, plant, fresh=fresh)
        self._relays.add(pid)
        return pid

    def _become_relay(self, config: str, log: int, plant: str | None, *, fresh: bool) -> NoReturn:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._pid:
            os._exit(1)
        self._control.close()
        os.dup2(log, 2)
        os.close(log)
        command = ["relay", config]
        if fresh:
            os.execv(sys.executable, [sys.executable, "-m", "pushwire", *command])
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        if plant is not None:
            PLANTED[plant](Path(config).parent)
        from pushwire.cli import main

        sys.exit(main(command))

    def clear(self) -> None:
        """Kill all of them, and what runs in the folders; remove those."""
        for pid in self._relays:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for folder in self._folders:
            # A server may be about to start another process.
            while running := _running_in(folder):
                for pid in running:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


def _running_in(folder: Path) -> list[int]:
    """The processes whose working directory is this folder or within it, or whose command names something there."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder) or os.fsencode(folder) in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def main() -> None:
    """Serve the socket whose number is the first argument."""
    for name in IMPORTED:
        with contextlib.suppress(ImportError):
            __import__(name)
    gc.freeze()
    warden = Warden(socket.socket(fileno=int(sys.argv[1])))
    try:
        warden.serve()
    finally:
        if os.getpid() == warden._pid:
            warden.clear()


if __name__ == "__main__":
    main()
