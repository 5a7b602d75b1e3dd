"""A client machine and the sandbox's server machine, joined by a link in virtual time.

Nothing here decides for either: it carries what they send, late or not at all, and tells both when a connection has ended. What
is fetched and stored, and what is made of events, is the provider's own pair's.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import Close, Dial, Effect, Fetch, Handshake, Hangup, Pause, Persist, Ping, Settled, Ticket
from pushwire.core.machine import Machine
from pushwire.core.secrets import Secret
from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, SendTo, ServerEffect, ServerMachine
from tests.providers.harness import LOST, WALL, text_of

EventT = TypeVar("EventT")
ServerT = TypeVar("ServerT", bound=ServerMachine)

UNREACHABLE: Final = Close(reason="unreachable", by="transport")


class Pair(Generic[EventT, ServerT]):
    """Both machines and the link. `delay` is seconds one way; `conn` the connection that stands, as the server sees it."""

    def __init__(self, client: Machine[EventT], server: ServerT, *, delay: float = 0.01) -> None:
        self.client = client
        self.server = server
        self.now = 0.0
        self.delay = delay
        self.conn: int | None = None
        self.unreachable_until = 0.0
        self.events: list[EventT] = []
        self.settled: list[Settled] = []
        self._attempt: int | None = None
        """The connection as the client sees it, be it only dialled."""
        self._conns = count(1)
        self._serials = count()
        self._run = 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._arrives: dict[str, float] = {}

    @property
    def wall(self) -> float:
        return WALL + self.now

    # Steps

    def begin(self, client: Machine[EventT] | None = None) -> None:
        """Start; with a client given, start that one in the place of the last."""
        self._run += 1
        self.client = client or self.client
        self.server.handle_timer(self.now, self.wall)
        self.client.start(self.now, self.wall)
        self.drain()

    def kill(self) -> None:
        """The client's process dies, and its connection with it."""
        self._end()
        self._attempt = None
        self._run += 1

    def cut(self, close: Close = LOST, *, unnoticed: float = 0.0) -> None:
        """The connection breaks, and what was on its way is lost; the client notices so many seconds later."""
        attempt = self._attempt
        if self.conn is None:
            return
        self._end()
        if unnoticed:
            self.after(unnoticed, lambda: self._tell(attempt, close))
        else:
            self._tell(attempt, close)
            self.drain()

    def submit(self, command: AnyCommand) -> Ticket:
        ticket = self.client.submit(command, self.now)
        self.drain()
        return ticket

    def ask(self, command: AnyCommand) -> object:
        """Submit a command and wait for its reply; an error is raised."""
        ticket = self.submit(command)
        for _ in range(1000):
            for settled in self.settled:
                if settled.ticket == ticket:
                    if settled.error is not None:
                        raise settled.error
                    return settled.reply
            self.advance(0.1)
        raise AssertionError("no reply")

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due."""
        until = self.now + seconds
        while (due := self._due()) <= until:
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

    # What a provider's pair may have its own of

    def delivered(self, event: EventT) -> None:
        """The client delivers an event."""
        self.events.append(event)

    def answered(self, settled: Settled) -> None:
        """A command is answered."""
        self.settled.append(settled)

    def fetched(self, fetch: Fetch) -> None:
        """The client wants something that does not come over the connection."""
        raise AssertionError(fetch)

    def persisted(self, persist: Persist) -> None:
        """The client wants something stored."""
        raise AssertionError(persist)

    def up(self, frame: str) -> None:
        """The client sends a frame."""
        self.on_link("up", partial(self.hear, frame))

    def hear(self, frame: str) -> None:
        """A frame reaches the server."""
        assert self.conn is not None
        self.server.receive(self.conn, frame, self.now)

    def down(self, message: SendTo) -> None:
        """The server sends a message."""
        self.on_link("down", lambda: self.client.receive([message.text], self.now))

    # The link

    def drain(self) -> None:
        """Carry out what both machines ask for, until they ask for nothing."""
        while True:
            mine, theirs = self.client.take_effects(), self.server.take_effects()
            for event in self.client.take_events():
                self.delivered(event)
            for settled in self.client.take_settled():
                self.answered(settled)
            if not mine and not theirs:
                return
            for effect in mine:
                self._obey_client(effect)
            for said in theirs:
                self._obey_server(said)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do this then, unless the client dies before."""
        run = self._run
        heapq.heappush(self._agenda, (self.now + seconds, next(self._serials), lambda: act() if run == self._run else None))

    def later(self, way: str, act: Callable[[], None]) -> None:
        """Do this once it has been carried, in order with what else goes that way."""
        at = self._arrives[way] = max(self.now + self.delay, self._arrives.get(way, 0.0))
        self.after(at - self.now, act)

    def on_link(self, way: str, act: Callable[[], None]) -> None:
        """The same, if the connection stands that long."""
        conn = self.conn

        def arrive() -> None:
            if conn is not None and conn == self.conn:
                act()

        self.later(way, arrive)

    def _obey_client(self, effect: Effect) -> None:
        match effect:
            case Dial():
                self._dial(effect)
            case Hangup():
                attempt = self._attempt
                self.later("down", lambda: self._hung_up(attempt, Close(code=effect.code, reason=effect.reason, by="us")))
            case Ping(payload):
                self.on_link("up", lambda: self.on_link("down", lambda: self.client.pong(payload, self.now)))
            case Fetch():
                self.fetched(effect)
            case Persist():
                self.persisted(effect)
            case Pause():
                raise AssertionError("no machine here holds what it receives")
            case _:
                self.up(text_of(effect))

    def _obey_server(self, said: ServerEffect) -> None:
        if said.conn != self.conn:
            return
        if isinstance(said, SendTo):
            self.down(said)
        elif isinstance(said, CloseConn):
            self.on_link("down", lambda: self.cut(Close(code=said.code, reason=said.reason)))
        else:
            self.cut()

    def _dial(self, dial: Dial) -> None:
        conn = self._attempt = next(self._conns)

        def arrive() -> None:
            if conn != self._attempt:
                return
            if self.now < self.unreachable_until:
                self._tell(conn, UNREACHABLE)
                return
            answer = self.server.connect(conn, _request(dial), self.now, self.wall)
            if isinstance(answer, Accept):
                self.conn = conn
                self.client.opened(Handshake(), self.now, self.wall)
            else:
                self._tell(conn, Close(status=answer.status, reason=answer.reason, retry_after=answer.retry_after))

        self.later("up", arrive)

    def _hung_up(self, attempt: int | None, close: Close) -> None:
        if attempt == self._attempt:
            self._end()
            self._tell(attempt, close)

    def _tell(self, attempt: int | None, close: Close) -> None:
        """The client notices the end of a connection, or of an attempt, unless it has done so before."""
        if attempt is not None and attempt == self._attempt:
            self._attempt = None
            self.client.closed(close, self.now, self.wall)

    def _end(self) -> None:
        """The server notices the end of the connection."""
        if self.conn is not None:
            self.server.disconnected(self.conn, self.now)
            self.conn = None

    def _due(self) -> float:
        arriving = self._agenda[0][0] if self._agenda else float("inf")
        return min(arriving, self.client.next_deadline(), self.server.next_deadline())


def _request(dial: Dial) -> ConnectRequest:
    """What the server gets to see of a dial."""
    url = urlsplit(dial.url.reveal() if isinstance(dial.url, Secret) else dial.url)
    headers = {name.lower(): value.reveal() if isinstance(value, Secret) else value for name, value in dial.headers.items()}
    return ConnectRequest(url.path, dict(parse_qsl(url.query)), headers)
