"""A client machine and the sandbox's server, joined in virtual time by a link with a delay, which can be cut."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from functools import partial
from typing import Final

from pushwire.core.effects import Close, Dial, Done, Fetch, Handshake, Hangup, Ping
from pushwire.core.events import Gap
from pushwire.core.secrets import Secret
from pushwire.providers import satoriex
from pushwire.sandbox.base import ConnectRequest, Refuse, SendTo
from pushwire.sandbox.satoriex import SatoriexServer, Sent
from tests.providers.harness import WALL, counted, expect
from tests.providers.satoriex.harness import TOKEN, config

LATENCY: Final = 0.05
"""Seconds, one way."""


class Pair:
    """Both, and what the client was told. Times are seconds from 0."""

    def __init__(self, server: SatoriexServer, *commands: satoriex.SubscribeMarket | satoriex.SubscribeMarketData) -> None:
        self.server = server
        self.client = config().machine(rng=random.Random(1), ids=counted())
        self.now = 0.0
        self.conn = 0
        self.alive = False
        self.serials: list[int] = []
        self.gaps: list[Gap] = []
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._planned = 0
        self.client.start(self.now, WALL)
        for command in commands:
            self.client.submit(command, self.now)

    def run(self, until: float) -> None:
        """Let time pass."""
        self._drain()
        while (due := self._due()) <= until:
            self.now = max(self.now, due)
            while self._later and self._later[0][0] <= self.now:
                heapq.heappop(self._later)[2]()
                self._drain()
            self.server.handle_timer(self.now, WALL + self.now)
            if not self.client.finished and self.client.next_deadline() <= self.now:
                self.client.handle_timer(self.now, WALL + self.now)
            self._drain()
        self.now = until

    def cut(self, unnoticed: float) -> None:
        """The connection breaks; what is on its way is lost, and the client notices after so many seconds."""
        if self.alive:
            conn = self.conn
            self.alive = False
            self.server.disconnected(conn, self.now)
            self._plan(unnoticed, partial(self._client_closed, conn))

    def missing(self) -> list[Sent]:
        """What was sent, has not arrived, and is in no gap."""
        arrived = set(self.serials)
        lost = (sent for sent in self.server.sent if sent.serial not in arrived)
        return [sent for sent in lost if not any(gap.since <= sent.at <= gap.until for gap in self.gaps)]

    # Within

    def _due(self) -> float:
        planned = self._later[0][0] if self._later else float("inf")
        return min(planned, self.server.next_deadline(), self.client.next_deadline())

    def _plan(self, seconds: float, action: Callable[[], None]) -> None:
        self._planned += 1
        heapq.heappush(self._later, (self.now + seconds, self._planned, action))

    def _drain(self) -> None:
        for sent in self.server.take_effects():
            assert isinstance(sent, SendTo)
            self._travel(sent.conn, partial(self._say, sent.text))
        for effect in self.client.take_effects():
            match effect:
                case Fetch(token=token):
                    self.client.fulfil(token, Done(Secret(TOKEN)), self.now)
                    self._drain()
                case Dial():
                    self._plan(LATENCY, partial(self._dialled, effect))
                case Hangup():
                    self.cut(0.0)
                case Ping(payload=payload):
                    pong = partial(self._pong, payload)
                    self._travel(self.conn, partial(self._travel, self.conn, pong))
                case _:
                    self._travel(self.conn, partial(self._hear, self.conn, expect(str, effect)))
        for event in self.client.take_events():
            if isinstance(event, satoriex.Push):
                self.serials.append(expect(int, event.fields["serial"]))
            elif isinstance(event, Gap):
                self.gaps.append(event)

    def _say(self, text: str | bytes) -> None:
        self.client.receive([text], self.now)

    def _hear(self, conn: int, frame: str) -> None:
        self.server.receive(conn, frame, self.now)

    def _pong(self, payload: bytes) -> None:
        self.client.pong(payload, self.now)

    def _travel(self, conn: int, arrive: Callable[[], None]) -> None:
        """It arrives after the delay, unless its connection has broken by then."""

        def arrived() -> None:
            if self.alive and conn == self.conn:
                arrive()

        self._plan(LATENCY, arrived)

    def _dialled(self, dial: Dial) -> None:
        self.conn += 1
        query = {"token": expect(Secret, dial.url).reveal().partition("?token=")[2]}
        answer = self.server.connect(self.conn, ConnectRequest("/ws", query), self.now, WALL + self.now)
        assert not isinstance(answer, Refuse)
        self.alive = True
        self._travel(self.conn, self._opened)

    def _opened(self) -> None:
        self.client.opened(Handshake(), self.now, WALL + self.now)

    def _client_closed(self, conn: int) -> None:
        if conn == self.conn:
            self.client.closed(Close(reason="reset", by="transport"), self.now, WALL + self.now)
