"""The QuantCite client machine and the sandbox's server machine, joined by a link in virtual time.

Nothing here decides for either: it carries what they send, a little late, and tells each when the connection has ended.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count

from pushwire.core.effects import Close, Dial, Effect, Handshake, Hangup, Ping, SecretFrame, Settled
from pushwire.core.secrets import Secret
from pushwire.providers import quantcite
from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, SendTo, ServerEffect
from pushwire.sandbox.faults import with_faults
from pushwire.sandbox.quantcite import QuantciteServer
from pushwire.sandbox.quantcite_settings import QuantciteSettings
from tests.providers.harness import WALL
from tests.providers.quantcite.harness import no_ids

KEY = Secret("qc-sandbox")


class Pair:
    """Both machines and the link; `delay` is seconds one way."""

    def __init__(self, config: quantcite.Config, settings: QuantciteSettings, *faults: str, seed: int = 1) -> None:
        self.book = QuantciteServer(settings, random.Random(seed))
        self.server = with_faults(self.book, faults, random.Random(seed))
        self.client = config.machine(rng=random.Random(seed), ids=no_ids)
        self.now = 0.0
        self.delay = 0.01
        self.events: list[quantcite.Event] = []
        self.settled: list[Settled] = []
        self.conn = 0
        self._open = False
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._serials = count()
        self.client.start(0.0, WALL)
        self.server.handle_timer(0.0, WALL)
        self._settle()

    @property
    def wall(self) -> float:
        return WALL + self.now

    @property
    def transactions(self) -> list[quantcite.Transaction]:
        return [event for event in self.events if isinstance(event, quantcite.Transaction)]

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while True:
            due = min(self.client.next_deadline(), self.server.next_deadline(), self._later[0][0] if self._later else until)
            self.now = max(self.now, min(due, until))
            if due >= until:
                return
            while self._later and self._later[0][0] <= self.now:
                heapq.heappop(self._later)[2]()
            self.client.handle_timer(self.now, self.wall)
            self.server.handle_timer(self.now, self.wall)
            self._settle()

    def ask(self, command: quantcite.SubscribeTransactions | quantcite.ValidateCredentials | quantcite.GetExchanges) -> object:
        """Submit a command and wait for its reply; an error is raised."""
        ticket = self.client.submit(command, self.now)
        self._settle()
        for _ in range(1000):
            for settled in self.settled:
                if settled.ticket == ticket:
                    if settled.error is not None:
                        raise settled.error
                    return settled.reply
            self.run(0.1)
        raise AssertionError("no reply")

    # The link

    def _after(self, act: Callable[[], None]) -> None:
        heapq.heappush(self._later, (self.now + self.delay, next(self._serials), act))

    def _settle(self) -> None:
        """Carry what both have to say."""
        for effect in self.client.take_effects():
            self._carry(effect)
        for said in self.server.take_effects():
            self._bring(said)
        self.events += self.client.take_events()
        self.settled += self.client.take_settled()

    def _carry(self, effect: Effect) -> None:
        conn = self.conn
        if isinstance(effect, Dial):
            self._dial(effect)
        elif isinstance(effect, Hangup):
            self._end(conn, Close(code=effect.code, by="us"))
        elif isinstance(effect, Ping):
            payload = effect.payload
            self._later_on(conn, lambda: self.client.pong(payload, self.now), twice=True)
        else:
            assert isinstance(effect, str | SecretFrame)
            frame = effect if isinstance(effect, str) else effect.text
            self._later_on(conn, lambda: self.server.receive(conn, frame, self.now))

    def _bring(self, said: ServerEffect) -> None:
        if isinstance(said, SendTo):
            message = said.text
            self._later_on(said.conn, lambda: self.client.receive([message], self.now))
        elif isinstance(said, CloseConn):
            close = Close(code=said.code, reason=said.reason)
            self._later_on(said.conn, lambda: self._end(said.conn, close))
        else:
            self._end(said.conn, Close(reason="reset", by="transport"))

    def _later_on(self, conn: int, act: Callable[[], None], *, twice: bool = False) -> None:
        """On this connection, if it is still there by then."""

        def deliver() -> None:
            if self._open and conn == self.conn:
                act()
                self._settle()

        if twice:
            self._after(lambda: self._after(deliver))
        else:
            self._after(deliver)

    def _dial(self, dial: Dial) -> None:
        conn = dial.generation

        def arrive() -> None:
            answer = self.server.connect(conn, ConnectRequest(self.server.path), self.now, self.wall)
            if isinstance(answer, Accept):
                self.conn, self._open = conn, True
                self.client.opened(Handshake(), self.now, self.wall)
            else:
                self.client.closed(Close(status=answer.status, retry_after=answer.retry_after), self.now, self.wall)
            self._settle()

        self._after(arrive)

    def _end(self, conn: int, close: Close) -> None:
        if not self._open or conn != self.conn:
            return
        self._open = False
        self.server.disconnected(conn, self.now)
        self.client.closed(close, self.now, self.wall)
        self._settle()
