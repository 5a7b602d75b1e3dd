"""An exchange among callers, a peer and whoever authorises, and what must hold whatever they do (`test_exchange_runs`)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pushwire.core.commands import AnyCommand, Leave
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Done, Failed, Outcome, Ticket, Token
from pushwire.core.events import SubscriptionRefused
from pushwire.core.exchange import Exchange
from pushwire.core.http import Request, Response
from pushwire.core.outbox import Outbox
from pushwire.errors import CommandRefused
from tests.core.band import Ask, Band, Frame, Join, Layout, PatientBand, Peer, Quit, Shout, Tagged

GRANTED = Done(Response(200))
GRANTS: list[Outcome] = [GRANTED, GRANTED, GRANTED, Done(Response(403)), Done(Response(503)), Failed(OSError("no route"))]


@attrs.define(eq=False)
class Asked:
    """A command of a caller, and the letters for which it holds a reference."""

    ticket: Ticket
    command: Tagged
    holds: set[str]
    waits: bool = True
    """Its caller waits for the answer."""


class Runs(RuleBasedStateMachine):
    """Callers, a peer, and whoever authorises: each does as it likes, and the references are counted beside the exchange."""

    def __init__(self) -> None:
        super().__init__()
        self.serials = itertools.count(1)
        self.now = 0.0
        self.up = False
        self.generation = 0
        self.asked: dict[Ticket, Asked] = {}
        self.answered: set[Ticket] = set()
        self.others: set[Ticket] = set()
        """Tickets of what is no command of the band's."""
        self.unheard: set[Ticket] = set()
        """Unsubscribes that nobody waits for any more."""
        self.count: dict[str, int] = {}
        self.refused: set[str] = set()
        """Topics told as refused on this connection."""
        self.sent: set[int] = set()
        """Tags of what left on this connection."""
        self.requests: list[Token] = []

    @initialize(
        layout=st.sampled_from(["one lane", "lanes", "ids"]), rate=st.sampled_from([math.inf, 2.0]), patient=st.booleans()
    )
    def begin(self, layout: Layout, rate: float, patient: bool) -> None:
        self.band = PatientBand(layout) if patient else Band(layout)
        self.peer = Peer(layout)
        self.out: Outbox[object, str] = Outbox()
        ids = (f"id-{number}" for number in itertools.count(1))
        config = ConnectionConfig(reply_timeout=10.0, send_rate=rate, send_burst=2)
        self.exchange: Exchange[object, str] = Exchange(self.band, config, lambda: next(ids), self.out, self.fetch)
        self.band.is_confirmed = self.exchange.subscriptions.is_confirmed

    def fetch(self, request: Request) -> Token:
        self.requests.append(Token(self.generation, next(self.serials)))
        return self.requests[-1]

    # What the exchange says

    def drain(self) -> None:
        if self.up:
            self.exchange.advance(self.now)
        for frame in self.out.take_effects():
            assert isinstance(frame, str)
            self.hear(frame)
        for event in self.out.take_events():
            match event:
                case SubscriptionRefused(topic=str(topic)):
                    self.refused.add(topic)
                case _:
                    raise AssertionError(event)
        for settled in self.out.take_settled():
            ticket = settled.ticket
            assert ticket not in self.answered, "answered once"
            self.answered.add(ticket)
            if ticket not in self.others:
                asked = self.asked[ticket]
                assert asked.waits, "nobody waits for it"
                asked.waits = False
                if settled.error is not None:
                    self.give_back(asked)

    def hear(self, text: str) -> None:
        assert self.up, "no frame without a connection"
        slot, word, letters, tag, granted = text.split()
        assert granted in {"-", str(self.generation)}, "an authorisation of this connection"
        frame = Frame(slot, word, frozenset(letters.strip("-")), int(tag))
        if frame.tag:
            asked = self.asked[Ticket(frame.tag)]
            assert asked.ticket not in self.answered, "nothing leaves for a command that has been answered"
            assert asked.waits or asked.ticket in self.unheard, "nor for one that nobody waits for"
            assert frame.tag not in self.sent, "once on each connection"
            self.sent.add(frame.tag)
        self.peer.heard.append(frame)

    # References

    def give_back(self, asked: Asked) -> None:
        for letter in asked.holds:
            self.count[letter] -= 1
        asked.holds = set()

    def in_flight(self, asked: Asked) -> bool:
        return any(call.command is asked.command for call in self.exchange._pending)

    def may_leave(self) -> list[Asked]:
        """Those who hold something, but for who stopped waiting and was not answered yet."""
        return [asked for asked in self.asked.values() if asked.holds and (asked.waits or not self.in_flight(asked))]

    # Callers

    def submit(self, make: Callable[[str, int], Tagged], letters: str) -> None:
        ticket = Ticket(next(self.serials))
        command = make(letters, ticket.serial)
        asked = self.asked[ticket] = Asked(ticket, command, set(letters if command.topics else ""))
        for letter in asked.holds:
            self.count[letter] = self.count.get(letter, 0) + 1
        if isinstance(command, Quit):
            for one in self.asked.values():
                one.holds -= set(letters)
            self.count.update(dict.fromkeys(letters, 0))
        self.exchange.submit(ticket, command)
        self.drain()

    @rule(letters=st.sets(st.sampled_from("abcXY"), min_size=1, max_size=3).map(sorted))
    def join(self, letters: list[str]) -> None:
        if self.band.layout == "lanes":
            letters = letters[:1]
        if self.band.layout == "ids":
            letters = sorted(set(map(str.lower, letters)))
        self.submit(Join, "".join(letters))

    @rule(letters=st.sampled_from(["a", "b", "X", "ab"]))
    def quit(self, letters: str) -> None:
        self.submit(Quit, letters[:1] if self.band.layout == "lanes" else letters)

    @rule(kind=st.sampled_from([Ask, Shout]))
    def ask(self, kind: Callable[[str, int], Tagged]) -> None:
        self.submit(kind, "")

    @precondition(lambda self: any(asked.waits for asked in self.asked.values()))
    @rule(which=st.integers(0, 20))
    def stop_waiting(self, which: int) -> None:
        """A subscription that has left stays; its reference is given back if it is refused."""
        waiting = [asked for asked in self.asked.values() if asked.waits]
        asked = waiting[which % len(waiting)]
        asked.waits = False
        if not self.in_flight(asked):
            self.give_back(asked)
        # What it gave up is gone: it leaves all the same.
        self.unheard |= {asked.ticket} if isinstance(asked.command, Quit) else set()
        self.exchange.abandon(asked.ticket)
        self.drain()

    @precondition(lambda self: self.may_leave())
    @rule(which=st.integers(0, 20))
    def leave(self, which: int) -> None:
        """Whether it has been answered or not."""
        holding = self.may_leave()
        asked = holding[which % len(holding)]
        leaving = Ticket(next(self.serials))
        self.others.add(leaving)
        if asked.waits:
            command: AnyCommand = Leave(asked.command, asked.ticket)
        else:
            command = Leave(Join("".join(sorted(asked.holds))))
        asked.waits = False
        self.give_back(asked)
        self.exchange.submit(leaving, command)
        self.drain()
        assert leaving in self.answered

    # The peer

    @precondition(lambda self: self.up and self.peer.heard)
    @rule(error=st.sampled_from([None, None, None, "", "a", "b", "wait"]))
    def carry_out(self, error: str | None) -> None:
        problem = None if error is None else CommandRefused("Join", 7, error)
        if problem is not None and error == "wait":
            problem = CommandRefused("Join", 429, "slower", retry_after=3.0)
        self.peer.carry_out(problem)

    @precondition(lambda self: self.up and self.peer.replies)
    @rule(which=st.integers(0, 20))
    def reply(self, which: int) -> None:
        frame, error = self.peer.replies.pop(which % len(self.peer.replies))
        if frame.tag and error is not None:
            self.orphaned(self.asked[Ticket(frame.tag)])
        assert self.exchange.answer(frame.slot, self.now, "fine", error)
        self.drain()

    def orphaned(self, asked: Asked) -> None:
        """What was asked for is refused; nobody waits to be told."""
        if not asked.waits:
            self.give_back(asked)

    # Whoever authorises

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 20), outcome=st.sampled_from(GRANTS))
    def grant(self, which: int, outcome: Outcome) -> None:
        """Also for a connection that has gone."""
        token = self.requests.pop(which % len(self.requests))
        if isinstance(outcome, Done) and isinstance(outcome.value, Response):
            outcome = Done(attrs.evolve(outcome.value, body=str(token.generation).encode()))
        self.exchange.fulfil(token, outcome, self.now)
        self.drain()

    # The connection, and time

    @precondition(lambda self: not self.up)
    @rule()
    def connect(self) -> None:
        self.up = True
        self.generation += 1
        self.refused.clear()
        self.exchange.ready(self.now)
        self.drain()

    @precondition(lambda self: self.up)
    @rule()
    def lose(self) -> None:
        self.up = False
        self.sent.clear()
        self.peer = Peer(self.band.layout)
        self.band.told.clear()
        self.exchange.lost()
        self.drain()

    @precondition(lambda self: self.up)
    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0, 30.0]))
    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.up and (due := self.exchange.due(reading=True)) <= end:
            self.now = max(self.now, due)
            if self.exchange._pending.due() <= self.now:
                self.be_silent()
            ending = self.exchange.check(self.now, reading=True)
            self.drain()
            if ending is not None:
                self.lose()
        self.now = end

    def be_silent(self) -> None:
        """What the peer has not carried out by now it never does. (It always does what frees it of something.)"""
        while self.peer.heard:
            frame = self.peer.heard[0]
            if frame.word in {"Join", "Ask"}:
                self.peer.heard.popleft()
                late = self.asked.get(Ticket(frame.tag))
                call = self.exchange._pending.peek(frame.slot)
                if call is not None:
                    call.deadline = self.now
                if late is not None:
                    self.orphaned(late)
            else:
                self.peer.carry_out(None)
        while self.peer.replies:
            self.reply(0)

    # What must hold

    @invariant()
    def the_references_are_those_of_the_callers(self) -> None:
        wanted = {letter: count for letter, count in self.count.items() if count}
        assert dict(self.exchange.subscriptions._desired) == wanted

    @invariant()
    def a_wanted_topic_is_confirmed_told_as_refused_or_on_its_way(self) -> None:
        if self.up:
            on_its_way = {topic for call in self.exchange._calls() for topic in call.topics} | set(self.exchange._again._times)
            for topic in self.exchange.subscriptions:
                assert self.exchange.subscriptions.is_confirmed(topic) or topic in self.refused | on_its_way, topic

    @invariant()
    def nothing_is_confirmed_that_nobody_wants(self) -> None:
        confirmed = {topic for topic, answered in self.exchange.subscriptions._made.items() if answered}
        assert confirmed <= set(self.exchange.subscriptions)

    def check_all(self) -> None:
        self.the_references_are_those_of_the_callers()
        self.a_wanted_topic_is_confirmed_told_as_refused_or_on_its_way()
        self.nothing_is_confirmed_that_nobody_wants()

    def teardown(self) -> None:
        """All goes well until all is quiet: the peer has what is wanted, and nobody waits."""
        if not self.up:
            self.connect()
        for _ in range(1000):
            if self.requests:
                self.grant(0, GRANTED)
            elif self.peer.heard:
                self.peer.carry_out(None)
            elif self.peer.replies:
                self.reply(0)
            elif self.exchange.due(reading=True) < math.inf:
                self.wait(max(self.exchange.due(reading=True) - self.now, 0.0))
            else:
                break
            self.check_all()
        else:
            raise AssertionError("it never comes to rest")
        assert not self.exchange.waiting
        assert not any(asked.waits for asked in self.asked.values()), "everybody has been answered"
        subscriptions = self.exchange.subscriptions
        confirmed = {topic for topic in subscriptions if subscriptions.is_confirmed(topic)}
        assert set(subscriptions) - confirmed <= self.refused
        assert self.peer.subscribed == confirmed, "neither less nor more"
