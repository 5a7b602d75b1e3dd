"""One connection between the machines: real bytes of both ends' WebSocket, carried late, in pieces, damaged, or not at all."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ..core.effects import Close, Dial, Handshake
from ..sandbox.base import Accept, ConnectRequest, Refuse
from ..wire.client import ClientWire
from .agenda import Agenda
from .plan import Plan
from .server_wire import ServerWire

__all__ = ["Ends", "Link"]

DAMAGED: Final = 0xFF
"""A byte that is no text, no length that a server sends, and no frame's beginning."""


class Ends(Protocol):
    """Who sits at both ends of a link."""

    def connected(self, link: Link, request: ConnectRequest) -> Accept | Refuse:
        """The server is asked for a connection."""
        ...

    def heard(self, link: Link, messages: list[str | bytes], *, pinged: bool) -> None:
        """Messages reach the server."""
        ...

    def gone(self, link: Link) -> None:
        """The server notices the end of an accepted connection. Said once."""
        ...

    def opened(self, link: Link, handshake: Handshake) -> None:
        """The client's handshake is answered."""
        ...

    def read(self, link: Link, messages: Sequence[str | bytes], pongs: list[bytes]) -> None:
        """The client has read something."""
        ...

    def closed(self, link: Link, close: Close) -> None:
        """The client notices the end. Said once."""
        ...


class Pipe:
    """One way. `blocked`: what lands waits until `go_on`."""

    def __init__(self, agenda: Agenda, rng: random.Random, plan: Plan, arrive: Callable[[bytes | None], None]) -> None:
        self._agenda = agenda
        self._rng = rng
        self._plan = plan
        self._arrive = arrive
        self._flying: deque[bytes | None] = deque()
        self._landed: deque[bytes | None] = deque()
        self._last = 0.0
        self.blocked: bool = False
        self.damage_next: bool = False
        self.dead: bool = False

    def send(self, data: bytes | None) -> None:
        """None: the end of the stream."""
        if data == b"" or self.dead:
            return
        for piece in self._pieces(data):
            at = self._agenda.now + self._rng.expovariate(1.0 / self._plan.delay)
            self._last = max(self._last, at)
            self._flying.append(piece)
            self._agenda.after(self._last - self._agenda.now, self._land)

    def go_on(self) -> None:
        """What has landed arrives, unless the way is blocked."""
        while self._landed and not self.blocked and not self.dead:
            self._arrive(self._landed.popleft())

    def unblock(self) -> None:
        self.blocked = False
        self.go_on()

    def cut(self) -> None:
        """Any part of what is on its way arrives, and nothing more."""
        whole = b"".join(piece for piece in (*self._landed, *self._flying) if piece is not None)
        part = whole[: self._rng.randrange(len(whole) + 1)]
        self._landed.clear()
        if part and not self.dead and not self.blocked:
            self._arrive(part)
        self.dead = True

    def _land(self) -> None:
        if self.dead:
            return
        piece = self._flying.popleft()
        if piece is not None and self.damage_next:
            self.damage_next = False
            damaged = bytearray(piece)
            damaged[self._rng.randrange(len(damaged))] = DAMAGED
            piece = bytes(damaged)
        self._landed.append(piece)
        self.go_on()

    def _pieces(self, data: bytes | None) -> list[bytes | None]:
        if data is None or len(data) < 2 or self._rng.random() >= self._plan.split:
            return [data]
        at = self._rng.randrange(1, len(data))
        return [data[:at], data[at:]]


class Link:
    """From the dial to the end, as both sides see it: one may notice it long before the other."""

    def __init__(self, number: int, dial: Dial, ends: Ends, agenda: Agenda, rng: random.Random, plan: Plan) -> None:
        self.number: Final = number
        self.up: Final = Pipe(agenda, rng, plan, self._at_server)
        self.down: Final = Pipe(agenda, rng, plan, self._at_client)
        self._ends = ends
        self._client = ClientWire(dial)
        self._server = ServerWire()
        self._opened = False
        self._accepted = False
        self._client_knows = False
        self._server_knows = False

    # The client's side

    def begin(self) -> None:
        """TCP stands."""
        self.up.send(self._client.request())

    def say(self, text: str) -> None:
        self._client.send_text(text)
        self.up.send(self._client.data_to_send())

    def ping(self, payload: bytes) -> None:
        self._client.send_ping(payload)
        self.up.send(self._client.data_to_send())

    def hang_up(self, code: int, reason: str) -> None:
        """Begin to close."""
        self._client.send_close(code, reason)
        self.up.send(self._client.data_to_send())

    def lose(self, reason: str) -> None:
        """The client's own end breaks."""
        self._client.lost(reason)
        self._look()

    # The server's side

    def tell(self, message: str | bytes) -> None:
        self._server.send(message)
        self.down.send(self._server.data_to_send())

    def dismiss(self, code: int, reason: str) -> None:
        """The server closes."""
        self._server.close(code, reason)
        self.down.send(self._server.data_to_send())

    # The link itself

    def cut(self, reason: str) -> None:
        """It breaks, at any byte, and both notice."""
        self.up.cut()
        self._server_ended()
        self.down.cut()
        self.lose(reason)

    def vanish(self) -> None:
        """It breaks, and the client does not notice."""
        self.up.dead = self.down.dead = True
        self._server_ended()

    def _at_server(self, data: bytes | None) -> None:
        if self._server_knows:
            return
        if data is None:
            self._server_ended()
            return
        self._server.feed(data)
        if self._server.request is not None:
            verdict = self._ends.connected(self, self._server.request)
            self._accepted = isinstance(verdict, Accept)
            self._server.answer(verdict)
        messages = self._server.take_messages()
        if messages or self._server.pinged:
            self._ends.heard(self, messages, pinged=self._server.pinged)
            self._server.pinged = False
        self.down.send(self._server.data_to_send())
        if self._server.ended:
            self.down.send(None)
            self._server_ended()

    def _server_ended(self) -> None:
        if not self._server_knows:
            self._server_knows = True
            if self._accepted:
                self._ends.gone(self)

    def _at_client(self, data: bytes | None) -> None:
        if self._client_knows:
            return
        if data is None:
            self._client.feed_eof()
        else:
            self._client.feed(data)
        self._look()

    def _look(self) -> None:
        """What the client has read, as the shell would hand it in."""
        wire = self._client
        if not self._opened and wire.handshake is not None:
            self._opened = True
            self._ends.opened(self, wire.handshake)
        messages, pongs = wire.take_messages(), wire.take_pongs()
        if self._opened and not self._client_knows:
            self._ends.read(self, messages, pongs)
        self.up.send(wire.data_to_send())
        if wire.close is not None and not self._client_knows:
            self._client_knows = True
            self.down.dead = True
            self.up.send(None)
            self._ends.closed(self, wire.close)
