"""The faults themselves: each is a server machine around another one, which it disturbs in one way.

`Layer` passes everything through, holds messages back where a fault wants that, and knows how a connection ends. How faults are
named and parsed is `faults`' business.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ..core.http import Response
from .base import Accept, CloseConn, Cut, HttpMachine, ListeningMachine, Refuse, SendTo, ServerEffect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from .base import ConnectRequest, HttpCall, ServerMachine

__all__ = ["AcceptThenClose", "Drop", "Duplicate", "Garbage", "Layer", "Mute", "Refusing", "Reorder", "Slow"]


class _Held(NamedTuple):
    due: float
    serial: int
    effect: ServerEffect


class Layer:
    """A server machine that hands everything through. Faults derive from it; see `sandbox.base` for the contract."""

    def __init__(self, inner: ServerMachine, rng: Random) -> None:
        self._inner = inner
        self._rng = rng
        self._live: set[int] = set()
        self._out: list[ServerEffect] = []
        self._held: list[_Held] = []
        self._serial = 0

    @property
    def path(self) -> str:
        return self._inner.path

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self._tick(now)
        answer = self._inner.connect(conn, request, now, wall)
        if isinstance(answer, Accept):
            self._live.add(conn)
            self._opened(conn, now)
        self._drain(now)
        return answer

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        self._tick(now)
        self._inner.receive(conn, message, now)
        self._drain(now)

    def sign_of_life(self, conn: int, now: float) -> None:
        """Nobody is deaf to a ping: the library answers it, whatever the machine does."""
        if isinstance(self._inner, ListeningMachine):
            self._inner.sign_of_life(conn, now)

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        """Faults are of the WebSocket alone."""
        self._tick(now)
        response = self._inner.http(call, now, wall) if isinstance(self._inner, HttpMachine) else Response(404)
        self._drain(now)
        return response

    def disconnected(self, conn: int, now: float) -> None:
        self._forget(conn)
        self._inner.disconnected(conn, now)
        self._drain(now)

    def handle_timer(self, now: float, wall: float) -> None:
        self._tick(now)
        self._inner.handle_timer(now, wall)
        self._drain(now)

    def next_deadline(self) -> float:
        return min(self._inner.next_deadline(), self._held[0].due if self._held else math.inf)

    def take_effects(self) -> Sequence[ServerEffect]:
        out, self._out = self._out, []
        return out

    # For whoever puts faults around a server that runs, and takes them away again

    def adopt(self, conns: Iterable[int], now: float) -> None:
        """These connections were there before this layer was."""
        conns = list(conns)
        if isinstance(self._inner, Layer):
            self._inner.adopt(conns, now)
        for conn in conns:
            self._live.add(conn)
            self._opened(conn, now)

    def let_go(self, now: float) -> None:
        """Send now all that is held back: the layer is taken away."""
        if isinstance(self._inner, Layer):
            self._inner.let_go(now)
        self._drain(now)
        for conn in sorted(self._live):
            self._release(conn)

    # What a fault may override

    def _opened(self, conn: int, now: float) -> None:
        """A connection was accepted."""

    def _pass(self, effect: SendTo, now: float) -> None:
        """A message on its way out, on a live connection."""
        self._out.append(effect)

    def _close(self, effect: CloseConn, now: float) -> None:
        """The server closes a connection: what was held back on it goes first."""
        self._release(effect.conn)
        self._forget(effect.conn)
        self._out.append(effect)

    def _cut_off(self, effect: Cut, now: float) -> None:
        """The connection is cut: what was held back on it is lost."""
        self._forget(effect.conn)
        self._out.append(effect)

    def _tick(self, now: float) -> None:
        """Time has passed."""
        while self._held and self._held[0].due <= now:
            self._out.append(heapq.heappop(self._held).effect)

    def _forget(self, conn: int) -> None:
        """A connection has ended."""
        self._live.discard(conn)
        if self._held:
            self._held = [held for held in self._held if held.effect.conn != conn]
            heapq.heapify(self._held)

    # What a fault may use

    def _hold(self, effect: ServerEffect, due: float) -> None:
        """Send it at `due`. What is due at the same time keeps its order."""
        self._serial += 1
        heapq.heappush(self._held, _Held(due, self._serial, effect))

    def _holds(self, conn: int) -> bool:
        return any(held.effect.conn == conn for held in self._held)

    def _release(self, conn: int) -> None:
        """Send now what is held on this connection."""
        self._out.extend(held.effect for held in sorted(self._held) if held.effect.conn == conn)
        self._held = [held for held in self._held if held.effect.conn != conn]
        heapq.heapify(self._held)

    def _cut(self, conn: int, now: float) -> None:
        self._forget(conn)
        self._inner.disconnected(conn, now)
        self._out.append(Cut(conn))

    def _drain(self, now: float) -> None:
        self._bring(self._inner.take_effects(), now)

    def _bring(self, effects: Iterable[ServerEffect], now: float) -> None:
        for effect in effects:
            if effect.conn not in self._live:
                continue
            if isinstance(effect, SendTo):
                self._pass(effect, now)
            elif isinstance(effect, CloseConn):
                self._close(effect, now)
            else:
                self._cut_off(effect, now)


class Drop(Layer):
    """Cuts each connection after about `seconds`, or after every `every` pushes that were not sent before.

    Resends do not count: a backlog above `every` would else be cut at the same message for ever.
    """

    def __init__(self, inner: ServerMachine, rng: Random, *, seconds: float | None, every: int | None) -> None:
        super().__init__(inner, rng)
        self._seconds = seconds
        self._every = every
        self._due: dict[int, float] = {}
        self._pushes: dict[int, int] = {}

    def next_deadline(self) -> float:
        return min(super().next_deadline(), min(self._due.values(), default=math.inf))

    def _opened(self, conn: int, now: float) -> None:
        if self._seconds is not None:
            self._due[conn] = now + self._seconds * self._rng.uniform(0.5, 1.5)

    def _tick(self, now: float) -> None:
        for conn in [conn for conn, due in self._due.items() if due <= now]:
            self._cut(conn, now)

    def _forget(self, conn: int) -> None:
        super()._forget(conn)
        self._due.pop(conn, None)
        self._pushes.pop(conn, None)

    def _pass(self, effect: SendTo, now: float) -> None:
        self._out.append(effect)
        if self._every is not None and effect.kind == "push":
            count = self._pushes[effect.conn] = self._pushes.get(effect.conn, 0) + 1
            if count >= self._every:
                self._cut(effect.conn, now)


class Mute(Layer):
    """Hangs for `seconds`, about every `every`: what clients send meanwhile is never answered, what goes out comes late.

    Pushes are late and not lost, since TCP loses nothing on a connection that lives.
    """

    def __init__(self, inner: ServerMachine, rng: Random, *, seconds: float, every: float) -> None:
        super().__init__(inner, rng)
        self._seconds = seconds
        self._every = every
        self._from = math.inf
        self._until = -math.inf

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        self._tick(now)
        if now >= self._until:
            super().receive(conn, message, now)

    def _tick(self, now: float) -> None:
        if self._from == math.inf:
            self._from = now + self._pause()
        while self._from <= now:
            self._until = self._from + self._seconds
            self._from = self._until + self._pause()
        super()._tick(now)

    def _pause(self) -> float:
        return self._every * self._rng.uniform(0.5, 1.5)

    def _pass(self, effect: SendTo, now: float) -> None:
        if now < self._until:
            self._hold(effect, self._until)
        else:
            self._out.append(effect)

    def _close(self, effect: CloseConn, now: float) -> None:
        if now < self._until:
            self._hold(effect, self._until)
        else:
            super()._close(effect, now)


class Slow(Layer):
    """Sends everything `seconds` late, in order."""

    def __init__(self, inner: ServerMachine, rng: Random, *, seconds: float) -> None:
        super().__init__(inner, rng)
        self._seconds = seconds

    def _pass(self, effect: SendTo, now: float) -> None:
        self._hold(effect, now + self._seconds)

    def _close(self, effect: CloseConn, now: float) -> None:
        self._hold(effect, now + self._seconds)


class AcceptThenClose(Layer):
    """Completes a `share` of the handshakes and then closes at once with `code`; the server behind never hears of those."""

    def __init__(self, inner: ServerMachine, rng: Random, *, code: int, share: float) -> None:
        super().__init__(inner, rng)
        self._code = code
        self._share = share

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        if self._rng.random() >= self._share:
            return super().connect(conn, request, now, wall)
        self._out.append(CloseConn(conn, self._code, "accepted, then closed"))
        return Accept()


class Refusing(Layer):
    """Refuses the `first` handshakes, or a `share` of all, with an HTTP status."""

    def __init__(
        self, inner: ServerMachine, rng: Random, *, status: int, share: float, first: int | None, after: float | None
    ) -> None:
        super().__init__(inner, rng)
        self._answer = Refuse(status, "refused on purpose", after)
        self._share = share
        self._first = first
        self._seen = 0

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self._seen += 1
        refused = self._rng.random() < self._share if self._first is None else self._seen <= self._first
        return self._answer if refused else super().connect(conn, request, now, wall)


class Duplicate(Layer):
    """Sends a `share` of the pushes twice: half of the copies follow at once, the others within a second."""

    def __init__(self, inner: ServerMachine, rng: Random, *, share: float) -> None:
        super().__init__(inner, rng)
        self._share = share

    def _pass(self, effect: SendTo, now: float) -> None:
        self._out.append(effect)
        if effect.kind != "reply" and self._rng.random() < self._share:
            if self._rng.random() < 0.5:
                self._out.append(effect)
            else:
                self._hold(effect, now + self._rng.uniform(0.05, 1.0))


class Reorder(Layer):
    """Swaps a `share` of the pushes with the next one on the same connection."""

    PATIENCE: Final = 0.5
    """Seconds that a push waits for another one to overtake it."""

    def __init__(self, inner: ServerMachine, rng: Random, *, share: float) -> None:
        super().__init__(inner, rng)
        self._share = share

    def _pass(self, effect: SendTo, now: float) -> None:
        if effect.kind == "reply":
            self._out.append(effect)
        elif self._holds(effect.conn):
            self._out.append(effect)
            self._release(effect.conn)
        elif self._rng.random() < self._share:
            self._hold(effect, now + self.PATIENCE)
        else:
            self._out.append(effect)

    def _cut_off(self, effect: Cut, now: float) -> None:
        # An answer to a ping may have overtaken what is held, and says that all before it has come: so it comes.
        at_once = effect.at_once and not self._holds(effect.conn)
        self._release(effect.conn)
        super()._cut_off(Cut(effect.conn, at_once), now)


class Garbage(Layer):
    """Sends nonsense after a `share` of the messages: not JSON, cut short, of wrong types, of unknown kinds, binary."""

    def __init__(self, inner: ServerMachine, rng: Random, *, share: float) -> None:
        super().__init__(inner, rng)
        self._share = share

    def _pass(self, effect: SendTo, now: float) -> None:
        self._out.append(effect)
        if self._rng.random() < self._share:
            self._out.append(SendTo(effect.conn, self._nonsense(effect)))

    def _nonsense(self, effect: SendTo) -> str | bytes:
        rng = self._rng
        texts: list[str | bytes] = [
            str(effect.text)[: rng.randrange(1, max(2, len(effect.text)))],
            f'{{"id":"garbage","type":"mystery","event":"mystery-{rng.randrange(100)}","code":0,"data":{{"n":1}}}}',
            rng.choice(("", "null", "[]", "42", '"text"', "NaN", "{}", "not JSON at all")),
            "[" * rng.choice((2, 5_000)),
            rng.randbytes(rng.randrange(1, 64)),
            *_broken(effect),
        ]
        return rng.choice(texts)


def _broken(effect: SendTo) -> list[str]:
    """A real push with every value, or its `data` alone where it has any, of another type: no such thing can be taken for a real
    one."""
    if effect.kind == "reply" or isinstance(effect.text, bytes):
        return []
    message = msgspec.json.decode(effect.text, type=dict[str, object])
    wrapped = {name: [value] for name, value in message.items()}
    broken = [wrapped, {**message, "data": 7}] if "data" in message else [wrapped]
    return [msgspec.json.encode(changed).decode() for changed in broken]
