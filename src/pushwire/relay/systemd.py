"""What systemd is told of the relay, where it asks (`Type=notify`, `WatchdogSec=`): sd_notify(3), a datagram on a Unix socket."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

import trio

from ..core.machine import Phase
from .looking import RelayLook

__all__ = ["Notifier"]

EVERY: Final = 10.0
"""Seconds between two looks at the status, at most; a watchdog may want more."""


class Notifier:
    """Tells whoever `NOTIFY_SOCKET` names; where it names nobody, every method does nothing. Never raises: the relay does not
    depend on who listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.every: float | None = _watchdog(environment)
        """Seconds between two signs of life; None: nobody waits for them."""

    @property
    def wanted(self) -> bool:
        return self._address.startswith(("/", "@"))

    def stopping(self) -> None:
        """The relay was asked to end, and is doing so."""
        self._tell("STOPPING=1")

    async def run(self, look: Callable[[], RelayLook]) -> None:
        """Say that the relay runs, and go on saying how it does, until cancelled."""
        if not self.wanted:
            return
        self._tell("READY=1", _status(look()))
        signs = () if self.every is None else ("WATCHDOG=1",)
        while True:
            await trio.sleep(EVERY if self.every is None else min(self.every, EVERY))
            self._tell(*signs, _status(look()))

    def _tell(self, *lines: str) -> None:
        if not self.wanted:
            return
        # An abstract address begins with NUL, which an environment variable cannot hold.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), address)


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Half of what systemd waits for, as it advises; None where it does not wait, or for another process."""
    wanted, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(os.getpid()))
    if pid != str(os.getpid()) or not (wanted.isascii() and wanted.isdigit()) or not int(wanted):
        return None
    return int(wanted) / 1_000_000 / 2


def _status(look: RelayLook) -> str:
    ready = sum(one.status is not None and one.status.session.phase is Phase.READY for one in look.streams.values())
    held = sum(one.events for one in look.streams.values())
    return f"STATUS={ready} of {len(look.streams)} streams ready, sink {look.sink.value}, {held} events in hand"
