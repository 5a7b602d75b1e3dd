"""The gelabs client machine and the sandbox's server machine, joined by a link in virtual time.

Nothing here decides for either: it carries what they send, late, twice or not at all, keeps a store, and counts. The store
survives a restart of the client; what was on its way to it does not.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count
from typing import Any

import attrs

from pushwire.core.commands import Command, Finish
from pushwire.core.effects import (
    Close,
    Committed,
    Dial,
    Done,
    Failed,
    Handshake,
    Hangup,
    Identity,
    Persist,
    Restored,
    Settled,
    Ticket,
)
from pushwire.core.events import Gap
from pushwire.core.secrets import Secret
from pushwire.errors import StoreError
from pushwire.providers import gelabs
from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, Cut, SendTo
from pushwire.sandbox.gelabs import GelabsServer
from pushwire.sandbox.gelabs_settings import GelabsSettings

KEY = Secret("sk-sandbox")
WALL = 1_745_000_000.0


@attrs.define
class Memory:
    """A durable store, as far as this process is concerned."""

    finished: dict[Identity, float] = attrs.Factory(dict[Identity, float])
    delivered: dict[Identity, float] = attrs.Factory(dict[Identity, float])
    mark: float | None = None
    failing: int = 0
    """How many of the next commits fail."""

    def commit(self, persist: Persist) -> Done | Failed:
        if self.failing:
            self.failing -= 1
            return Failed(StoreError("disk full"))
        for write in persist.writes:
            for record in write.records:
                kind = self.delivered if record.kind == "delivered" else self.finished
                kind[record.identity] = record.at
        self.mark = persist.mark
        return Done(Committed())

    def restored(self) -> Restored:
        open_ones = {identity: at for identity, at in self.delivered.items() if identity not in self.finished}
        return Restored(dict(self.finished), open_ones, self.mark)


class Pair:
    """Both machines, the link and the store. `delay` is seconds one way; `twice` of the next pushes are duplicated."""

    def __init__(self, settings: gelabs.Config | None = None, server: GelabsSettings | None = None, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.settings = settings or gelabs.Config(api_key=KEY)
        self.server = GelabsServer(server or GelabsSettings(keys=(KEY,), addresses={}), random.Random(seed))
        self.now = 0.0
        self.delay = 0.01
        self.twice = 0
        self.unreachable_until = 0.0
        self.memory = Memory()
        self.conn: int | None = None
        self.in_hand: list[gelabs.Transaction] = []
        self.delivered: list[Identity] = []
        """In this run of the client."""
        self.ever_delivered: set[Identity] = set()
        self.gaps: list[Gap] = []
        self.control: list[gelabs.Event] = []
        self.overtaken: set[Identity] = set()
        """Versions that came after an ACK of their key had left, and that it cleared all the same: it names no version."""
        self._finishing: dict[Ticket, tuple[gelabs.Transaction, ...]] = {}
        self._ids = map("c{}".format, count(1))
        self._conns = count(1)
        self._serial = count()
        self._run = 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._arrives: dict[str, float] = {}
        self._attempt: int | None = None
        self._restored = Restored()
        self.server.handle_timer(self.now, self.wall)
        self.start()

    # Steps

    def start(self) -> None:
        """A new run of the client, from what the store holds."""
        self._run += 1
        self.delivered = []
        self.in_hand = []
        self._finishing = {}
        self._restored = self.memory.restored()
        self.client = self.settings.machine(
            rng=random.Random(self.rng.getrandbits(32)), ids=self._ids.__next__, restored=self._restored
        )
        self.client.start(self.now, self.wall)
        self.drain()

    def kill(self) -> None:
        """The client's process dies, and its connection with it."""
        self._end()
        self._run += 1

    def cut(self, close: Close | None = None) -> None:
        """The connection breaks; both ends notice at once, and what was on its way is lost."""
        if self.conn is not None:
            self._closed(close or Close(reason="reset", by="transport"))
            self.drain()

    def push(self, data: dict[str, object]) -> Identity:
        message = self.server.push(data, self.now)
        self.drain()
        return message.identity

    def finish(self, *transactions: gelabs.Transaction) -> None:
        """The caller has dealt with these. Those whose commit fails come back into its hands."""
        ids = {tx.identity for tx in transactions}
        self.in_hand = [tx for tx in self.in_hand if tx.identity not in ids]
        ticket = self.client.submit(Finish(tuple(ids)), self.now)
        self._finishing[ticket] = transactions
        self.drain()

    def submit(self, command: Command[Any, Any]) -> None:  # whichever command
        self.client.submit(command, self.now)
        self.drain()

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due."""
        until = self.now + seconds
        while (due := self._next()) <= until:
            self.now = max(self.now, due)
            while self._agenda and self._agenda[0][0] <= self.now:
                heapq.heappop(self._agenda)[2]()
                self.drain()
            if self.client.next_deadline() <= self.now:
                self.client.handle_timer(self.now, self.wall)
            if self.server.next_deadline() <= self.now:
                self.server.handle_timer(self.now, self.wall)
            self.drain()
        self.now = until

    # What is known

    @property
    def wall(self) -> float:
        return WALL + self.now

    @property
    def ready(self) -> bool:
        return self.conn is not None and self.client.status().phase.value == "ready"

    @property
    def pushed(self) -> set[Identity]:
        """Every version the server has pushed, or would have."""
        return {message.identity for message in self.server.messages.values()}

    @property
    def unacked(self) -> set[Identity]:
        return {message.identity for message in self.server.unacked()}

    # Carrying

    def drain(self) -> None:
        """Carry out what both machines ask for, until they ask for nothing."""
        while True:
            mine, theirs = self.client.take_effects(), self.server.take_effects()
            self._take_events()
            for settled in self.client.take_settled():
                self._take_settled(settled)
            if not mine and not theirs:
                return
            for wish in mine:
                if isinstance(wish, str):
                    self._send_up(wish)
                elif isinstance(wish, Dial):
                    self._dial(wish)
                elif isinstance(wish, Persist):
                    self._persist(wish)
                else:
                    assert isinstance(wish, Hangup)
                    self._hang_up(wish)
            for effect in theirs:
                self._carry_down(effect)

    def _take_events(self) -> None:
        for event in self.client.take_events():
            if isinstance(event, gelabs.Transaction):
                assert event.identity not in self.delivered, "delivered twice in one run"
                assert event.identity not in self.memory.finished, "delivered although the store holds it as finished"
                assert (event.delivery == "redelivery") == (event.identity in self._restored.delivered)
                self.delivered.append(event.identity)
                self.ever_delivered.add(event.identity)
                self.in_hand.append(event)
            elif isinstance(event, Gap):
                self.gaps.append(event)
            else:
                self.control.append(event)

    def _take_settled(self, settled: Settled) -> None:
        transactions = self._finishing.pop(settled.ticket, None)
        if transactions is not None and settled.error is not None:
            assert isinstance(settled.error, StoreError)
            self.in_hand += transactions

    def _later(self, direction: str, then: Callable[[], None]) -> None:
        """Do this once it has been carried, in order with what else goes that way, unless the client dies before."""
        at = self._arrives[direction] = max(self.now + self.delay, self._arrives.get(direction, 0.0))
        run = self._run

        def arrive() -> None:
            if run == self._run:
                then()

        heapq.heappush(self._agenda, (at, next(self._serial), arrive))

    def _next(self) -> float:
        arriving = self._agenda[0][0] if self._agenda else float("inf")
        return min(arriving, self.client.next_deadline(), self.server.next_deadline())

    def _end(self) -> None:
        if self.conn is not None:
            self.server.disconnected(self.conn, self.now)
        self.conn = self._attempt = None

    def _closed(self, close: Close) -> None:
        self._end()
        self.client.closed(close, self.now, self.wall)

    def _dial(self, dial: Dial) -> None:
        shown = {name.lower(): v.reveal() if isinstance(v, Secret) else v for name, v in dial.headers.items()}
        conn = self._attempt = next(self._conns)

        def arrive() -> None:
            if conn != self._attempt:
                return
            if self.now < self.unreachable_until:
                self._closed(Close(reason="unreachable", by="transport"))
                return
            answer = self.server.connect(conn, ConnectRequest(headers=shown), self.now, self.wall)
            if isinstance(answer, Accept):
                self.conn = conn
                self.client.opened(Handshake(), self.now, self.wall)
            else:
                self._closed(Close(status=answer.status, reason=answer.reason, retry_after=answer.retry_after))

        self._later("up", arrive)

    def _send_up(self, frame: str) -> None:
        conn = self.conn
        # What the client could know when it sent this.
        known = {*self.delivered, *self._restored.delivered} - set(self.memory.finished)

        def arrive() -> None:
            if conn is not None and conn == self.conn:
                before = self.unacked
                self.server.receive(conn, frame, self.now)
                self._check_ack(frame, before - self.unacked, known)

        self._later("up", arrive)

    def _check_ack(self, frame: str, cleared: set[Identity], known: set[Identity]) -> None:
        """Nothing may be ACKed that is not durable, but for what came after the ACK had left."""
        keys = {identity.key for identity in self.memory.finished}
        for identity in cleared - set(self.memory.finished):
            assert identity not in known, f"ACKed before it was finished: {frame}"
            assert identity.key in keys, f"ACKed out of nothing: {frame}"
            self.overtaken.add(identity)

    def _carry_down(self, effect: SendTo | CloseConn | Cut) -> None:
        conn = effect.conn
        if conn != self.conn:
            return
        if isinstance(effect, SendTo):
            text = effect.text
            copies = 1
            if effect.kind != "reply" and self.twice:
                self.twice -= 1
                copies = 2
            for _ in range(copies):
                self._later("down", lambda: self.client.receive([text], self.now) if conn == self.conn else None)
        else:
            close = Close(code=effect.code, reason=effect.reason) if isinstance(effect, CloseConn) else None
            self._later("down", lambda: self.cut(close) if conn == self.conn else None)

    def _persist(self, persist: Persist) -> None:
        def arrive() -> None:
            outcome = self.memory.commit(persist)
            # Durable now; the client hears of it later, or dies before it does.
            self._later("store", lambda: self.client.fulfil(persist.token, outcome, self.now))

        self._later("store", arrive)

    def _hang_up(self, hangup: Hangup) -> None:
        attempt = self._attempt

        def arrive() -> None:
            if attempt == self._attempt:
                self._closed(Close(code=hangup.code, reason=hangup.reason, by="us"))

        self._later("down", arrive)
