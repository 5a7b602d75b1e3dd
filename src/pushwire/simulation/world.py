"""Both machines and all between them, in virtual time. It decides nothing: it carries, and lets the plan's troubles happen."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from ..core.assembled import assembled
from ..core.commands import AnyCommand
from ..core.effects import (
    Close,
    Dial,
    Effect,
    Fetch,
    Handshake,
    Hangup,
    Outcome,
    Pause,
    Persist,
    Ping,
    SecretFrame,
    Settled,
    Ticket,
    Token,
)
from ..core.ids import id_source
from ..core.machine import Machine
from ..sandbox.base import (
    Accept,
    CloseConn,
    ConnectRequest,
    ListeningMachine,
    Refuse,
    SendTo,
    ServerMachine,
)
from ..sandbox.faults import parse_faults
from ..sandbox.server_base import ServerBase
from .agenda import Agenda
from .errands import Errands
from .judge import Judge
from .link import Link
from .plan import Plan
from .store import SimulatedStore
from .story import Story, answered
from .subject import Subject
from .weight import weight

__all__ = ["World"]

UNREACHABLE: Final = Close(reason="connect: unreachable", by="transport")
GIVEN_UP: Final = Close(reason="given up", by="us")
EARLY: Final = 0.01
"""How often the client's timers are looked at before they are due, which they must bear."""


class World:
    """See `core.machine` and `sandbox.base` for the contracts that it keeps as a driver of both."""

    def __init__(self, subject: Subject, plan: Plan, rng: random.Random, judge: Judge, story: Story) -> None:
        self.agenda: Final = Agenda()
        self.subject: Final = subject
        self.store: Final = SimulatedStore(random.Random(rng.getrandbits(32)))
        self.on_event: Callable[[object], None] = judge.event
        self.on_settled: Callable[[Settled], None] = lambda settled: None
        self.on_crash: Callable[[float], None] = lambda pause: None
        self.books: dict[Ticket, Callable[[None], object]] = {}
        self.run: int = 0
        """Which process of the client this is."""
        self._plan = plan
        self._rng = rng
        self._judge = judge
        self._story = story
        faults = random.Random(rng.getrandbits(32))
        self._bare = subject.simulated.machine
        self._server: ServerMachine = subject.simulated.disturbed(parse_faults(plan.faults), faults).machine
        self._links: dict[int, Link] = {}
        self._link: Link | None = None
        self._open = False
        self._serial = 0
        self._deaf_until = 0.0
        self._paused = False
        self.unread: bool = False
        """Whether the client reads nothing of what comes."""
        self._unread_until = -1.0
        self.errands: Final = Errands(subject, plan, rng, self.agenda, self.store, judge)
        self.client: Machine[object] = self._new_client()

    # The process

    @property
    def calm(self) -> bool:
        """Whether nothing goes wrong any more."""
        return self.errands.calm

    def start(self) -> None:
        """The client's process begins."""
        self._judge.ended(self.agenda.now)
        self.client.start(self.agenda.now, self.agenda.wall)
        self.drain()

    def submit(self, command: AnyCommand) -> Ticket:
        ticket = self.client.submit(command, self.agenda.now)
        self.tell("caller", lambda: f"asks {type(command).__name__} as {ticket.serial}")
        return ticket

    def abandon(self, ticket: Ticket) -> None:
        self.tell("caller", lambda: f"no longer waits for {ticket.serial}")
        self.client.abandon(ticket, self.agenda.now)
        self.drain()

    def crash(self, pause: float) -> None:
        """The process dies, with all it had not stored; another one is to begin after a pause."""
        self._judge.crashing()
        self.tell("caller", lambda: "dies")
        self.run += 1
        self.books.clear()
        for link in list(self._links.values()):
            link.vanish()
        self._link, self._open, self._paused = None, False, False
        self.client = self._new_client()
        self.on_crash(pause)

    def calm_down(self) -> None:
        """From now on nothing goes wrong. The server is another one behind the same name: what was connected is cut."""
        self.tell("world", lambda: "nothing goes wrong any more")
        self.errands.calm = True
        # The client's own among them, also where the server has long been told of its end.
        for link in filter(None, {**self._links, 0: self._link}.values()):
            link.cut("reset")
        self._server = self._bare
        self.store.failing, self.store.delay = False, 0.001
        self._look_up()
        self.drain()

    def advance(self, until: float) -> None:
        """Let time pass, and everything happen that is due."""
        agenda, steps = self.agenda, 0
        while True:
            next_act, client_due, server_due = agenda.due(), self.client.next_deadline(), self._server.next_deadline()
            due = min(next_act, client_due, server_due)
            if due > until:
                break
            if due > agenda.now:
                agenda.now, steps = due, 0
            steps += 1
            self._judge.not_spinning(steps)
            if client_due <= agenda.now:
                self.client.handle_timer(agenda.now, agenda.wall)
            elif server_due <= agenda.now:
                self._server.handle_timer(agenda.now, agenda.wall)
            else:
                agenda.take()()
                if self._open and self._rng.random() < EARLY:
                    self.client.handle_timer(agenda.now, agenda.wall)
            self.drain()
        agenda.now = until

    def weight(self) -> int:
        """Items that the client keeps, beyond those of a new one."""
        return weight(self.client) - weight(self._new_client())

    # Both machines' outputs

    def drain(self) -> None:
        """Carry out what both ask for, until they ask for nothing."""
        while True:
            self._pump()
            theirs = self._server.take_effects()
            cut = False
            for effect in theirs:
                link = self._links.get(effect.conn)
                if link is None:
                    continue
                if isinstance(effect, SendTo):
                    link.tell(effect.text)
                elif isinstance(effect, CloseConn):
                    link.dismiss(effect.code, effect.reason)
                else:
                    link.cut("reset")
                    cut = True
            if not cut:
                # What is sent takes its time: nobody has heard anything that there would be more to do about.
                return

    def _pump(self) -> None:
        """Carry out what the client asks for."""
        client = self.client
        while effects := client.take_effects():
            for effect in effects:
                self._obey(effect)
        for event in client.take_events():
            self.tell("client", partial("tells {!r}".format, event))
            self.on_event(event)
        for settled in client.take_settled():
            self.books.pop(settled.ticket, None)
            self.tell("client", partial(answered, settled))
            self._judge.settled(settled)
            self.on_settled(settled)

    def _obey(self, effect: Effect) -> None:
        link, run = self._link, self.run
        self._judge.asks(effect)
        match effect:
            case str() | SecretFrame():
                text = effect if isinstance(effect, str) else effect.text
                shown = effect if isinstance(effect, str) else effect.shown
                self.tell("client", lambda: f"sends {shown}")
                self._judge.frame(text)
                if link is not None:
                    link.say(text)
            case Ping(payload):
                if link is not None:
                    link.ping(payload)
            case Dial():
                self._dial(effect)
            case Hangup():
                self._hang_up(effect)
            case Persist():
                self.errands.persist(effect, self.books, partial(self._fulfil, run), lambda: run == self.run)
            case Fetch():
                self.errands.fetch(effect, lambda: self._server, partial(self._fulfil, run))
            case Pause():
                self._paused = effect.on
                self._look_up()

    # Connections

    def _dial(self, dial: Dial) -> None:
        self._serial += 1
        self._open = False
        self._judge.dialled(self.agenda.now, self.client.status())
        self.tell("client", lambda: f"dials, attempt {dial.generation}")
        link = self._link = self._links[self._serial] = Link(self._serial, dial, self, self.agenda, self._rng, self._plan)

        def arrive() -> None:
            if link is not self._link:
                return
            if self.agenda.now < self.errands.unreachable_until and not self.calm:
                self.closed(link, UNREACHABLE)
            else:
                link.begin()

        self.agenda.after(self._plan.delay, arrive)

    def _hang_up(self, hangup: Hangup) -> None:
        self.tell("client", lambda: f"hangs up with {hangup.code}: {hangup.reason}")
        link = self._link
        if link is None:
            return
        if not self._open:
            # Not from inside of the client's own output.
            self.agenda.after(0.0, lambda: self._give_up(link))
            return
        link.hang_up(hangup.code, hangup.reason)
        link.down.blocked = False
        self.agenda.after(0.0, link.down.go_on)
        self.agenda.after(hangup.within, lambda: link.lose("no answer to the close"))

    def _give_up(self, link: Link) -> None:
        link.vanish()
        self.closed(link, GIVEN_UP)

    def connected(self, link: Link, request: ConnectRequest) -> Accept | Refuse:
        return self._server.connect(link.number, request, self.agenda.now, self.agenda.wall)

    def heard(self, link: Link, messages: list[str | bytes], *, pinged: bool) -> None:
        if pinged and isinstance(self._server, ListeningMachine):
            self._server.sign_of_life(link.number, self.agenda.now)
        for message in messages:
            self.tell("server", partial("hears {} characters".format, len(message)))
            owed = self.subject.simulated.unacked()
            self._server.receive(link.number, message, self.agenda.now)
            left = self.subject.simulated.unacked()
            self._judge.heard(message, set(owed).difference(left) if len(left) < len(owed) else ())

    def gone(self, link: Link) -> None:
        self._links.pop(link.number, None)
        self._server.disconnected(link.number, self.agenda.now)

    def opened(self, link: Link, handshake: Handshake) -> None:
        if link is self._link:
            self._open = True
            self.client.opened(handshake, self.agenda.now, self.agenda.wall)
            self.unread = False
            self._look_up()
            self._pump()

    def read(self, link: Link, messages: Sequence[str | bytes], pongs: list[bytes]) -> None:
        if link is not self._link:
            return
        if messages:
            self._judge.read(len(messages))
            self.client.receive(messages, self.agenda.now)
        else:
            self.client.heard(self.agenda.now)
        for payload in pongs:
            self.client.pong(payload, self.agenda.now)
        self._pump()

    def closed(self, link: Link, close: Close) -> None:
        if link is self._link:
            self._link, self._open = None, False
            self.tell("client", lambda: f"is told {close}")
            self._judge.ended(self.agenda.now, close.retry_after)
            self.client.closed(close, self.agenda.now, self.agenda.wall)
            self._pump()

    # What else the client asks for

    def _fulfil(self, run: int, token: Token, outcome: Outcome) -> None:
        if run == self.run:
            self.client.fulfil(token, outcome, self.agenda.now)
            self._pump()

    # What may go wrong

    @property
    def link(self) -> Link | None:
        """The client's connection, or its attempt at one."""
        return self._link

    @property
    def read_since(self) -> float:
        """Since when the client has read all that came."""
        return self.agenda.now if self.unread else self._unread_until

    def be_unreachable(self, seconds: float) -> None:
        """Nobody gets through."""
        self.errands.unreachable_until = self.agenda.now + seconds

    def restart_server(self, *, politely: bool) -> None:
        """It forgets its connections, with or without a word."""
        assert isinstance(self._bare, ServerBase), "the sandboxes are"
        if politely:
            self._bare.close_all(1012, "restart", self.agenda.now)
        else:
            self._bare.cut_all(self.agenda.now)
        self._server.handle_timer(self.agenda.now, self.agenda.wall)

    def be_deaf(self, seconds: float) -> None:
        """The caller takes nothing, so that nothing is read."""
        self._deaf_until = self.agenda.now + seconds
        self._look_up()
        self.agenda.after(seconds, self._look_up)

    def _look_up(self) -> None:
        """Read on, or stop reading: at once what arrives, told to the client when it has said all it has to say."""
        link = self._link
        if link is None or not self._open:
            return
        if self._takes_nothing():
            link.down.blocked = True
        self.agenda.after(0.0, partial(self._tell_reading, link))

    def _tell_reading(self, link: Link) -> None:
        if link is not self._link or not self._open:
            return
        unread = self._takes_nothing()
        if unread is not self.unread:
            self.unread, self._unread_until = unread, self.agenda.now
            self.client.reading(not unread, self.agenda.now)
        if not unread:
            link.down.unblock()

    def _takes_nothing(self) -> bool:
        return self._paused or (self.agenda.now < self._deaf_until and not self.calm)

    def _new_client(self) -> Machine[object]:
        config = self.subject.config
        rng, ids = random.Random(self._rng.getrandbits(32)), id_source(f"r{self.run}")
        return assembled(config, rng=rng, ids=ids, restored=self.store.restored(), receipts=self._plan.receipts)

    def tell(self, who: str, what: Callable[[], str]) -> None:
        """For the story."""
        self._story.tell(self.agenda.now, who, what)
