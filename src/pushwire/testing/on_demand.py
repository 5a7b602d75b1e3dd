"""Trouble when a test asks for it: a server machine around a sandbox's, whose faults are switched while it runs.

The faults by name are the sandbox's own (`sandbox.faults`); here is what puts them around a server that has clients already, and
what a test wants at one certain moment. As pure as the machine within; `sandbox.base` has the contract.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING

from ..sandbox.base import Accept, CloseConn, ConnectRequest, Refuse, SendTo
from ..sandbox.fault_layers import Layer
from ..sandbox.faults import with_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..core.http import HttpCall, Response
    from ..sandbox.base import ServerEffect, ServerMachine
    from ..sandbox.faults import Fault

__all__ = ["OnDemand"]


class OnDemand(Layer):
    """`machine` with such trouble as it is told to make. What draws is drawn from `rng`."""

    def __init__(self, machine: ServerMachine, rng: Random) -> None:
        super().__init__(machine, rng)
        self._machine = machine
        self._refusals: deque[Refuse] = deque()
        self._stalled = False
        self._waiting: list[tuple[int, str | bytes]] = []
        self._late: list[ServerEffect] = []
        self.noticed: Callable[[], None] = _nothing
        """Is called when a client has come, gone, or said something, and when time has passed."""
        self.dials: int = 0
        """Opening handshakes so far, those refused included."""

    # The test's side

    def disturb(self, faults: Iterable[Fault | str], now: float) -> None:
        """From now on these faults and no others; what earlier ones held back goes out. Raises `ConfigError` for one that is
        none."""
        layers = with_faults(self._machine, faults, self._rng)
        before, self._inner = self._inner, layers
        if isinstance(before, Layer):
            before.let_go(now)
            self._bring(before.take_effects(), now)
        if isinstance(layers, Layer):
            layers.adopt(sorted(self._live), now)

    def refuse(self, status: int, times: int, reason: str, retry_after: float | None) -> None:
        """Refuse the next handshakes with an HTTP status."""
        self._refusals.extend([Refuse(status, reason, retry_after)] * times)

    def say(self, text: str | bytes, now: float) -> None:
        """Send a message to all, whatever it is."""
        self._bring([SendTo(conn, text, "push") for conn in sorted(self._live)], now)

    def cut(self, now: float) -> None:
        """Drop all connections, without a close frame."""
        for conn in sorted(self._live):
            self._cut(conn, now)

    def close(self, code: int, reason: str, now: float) -> None:
        """Close all connections in good order."""
        for conn in sorted(self._live):
            self._inner.disconnected(conn, now)
            self._forget(conn)
            self._out.append(CloseConn(conn, code, reason))

    def stall(self) -> None:
        """Hang: what clients say is not looked at, and nothing goes out."""
        self._stalled = True

    def resume(self, now: float) -> None:
        """Go on: with what was to go out, then with what clients have said meanwhile."""
        self._stalled = False
        late, self._late = self._late, []
        self._bring(late, now)
        waiting, self._waiting = self._waiting, []
        for conn, message in waiting:
            if conn in self._live:
                self._inner.receive(conn, message, now)
        self._drain(now)
        self.noticed()

    # The driver's side

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self.dials += 1
        answer = self._refusals.popleft() if self._refusals else super().connect(conn, request, now, wall)
        self.noticed()
        return answer

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        if self._stalled:
            self._waiting.append((conn, message))
        else:
            super().receive(conn, message, now)
            self.noticed()

    def disconnected(self, conn: int, now: float) -> None:
        super().disconnected(conn, now)
        self.noticed()

    def handle_timer(self, now: float, wall: float) -> None:
        super().handle_timer(now, wall)
        self.noticed()

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        response = super().http(call, now, wall)
        self.noticed()
        return response

    def _pass(self, effect: SendTo, now: float) -> None:
        (self._late if self._stalled else self._out).append(effect)

    def _close(self, effect: CloseConn, now: float) -> None:
        if self._stalled:
            self._late.append(effect)
        else:
            super()._close(effect, now)


def _nothing() -> None:
    """Nobody wants to know."""
