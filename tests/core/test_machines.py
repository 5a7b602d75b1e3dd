"""Both toys under any order of inputs that the contract allows, in virtual time (`core.machine`)."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pushwire.core.acks import AckConfig
from pushwire.core.commands import AnyCommand, Finish, Park
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import (
    Close,
    Committed,
    Dial,
    Done,
    Effect,
    Failed,
    Fetch,
    Handshake,
    Hangup,
    Identity,
    Persist,
    SecretFrame,
    Settled,
    Ticket,
)
from pushwire.core.events import Down, Gap, SubscriptionRefused, Up
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError, PushwireError, StoreError
from tests.core.rig import WALL
from tests.core.stateful import explore
from tests.core.toy import LANE, AckToy, Buy, Event, Look, Named, Order, Retry, Rules, Sell, Spend, Sub, Toy, Tx, Unsub

CLOSES = [
    Close(code=1000),
    Close(code=4002),
    Close(status=503, retry_after=7.0),
    Close(reason="x", by="transport"),
    Close(code=4001),
]
RESEND_CAP = 600.0
"""Seconds; short, so that forgetting and gaps come up too."""
WORDS = [Look, Buy, Spend, Retry, Order, Sell]


class AckTokenToy(AckToy):
    """A ledger and a credential."""

    credentials = ("token", "cookie")


class Contract(RuleBasedStateMachine):
    """A driver that keeps the contract, a peer that keeps none, and what must hold after every input."""

    def __init__(self) -> None:
        super().__init__()
        self.machine: Rules = Toy()
        self.now = 1000.0
        # The driver's side.
        self.started = self.stopped = False
        self.dial: Dial | None = None
        self.open = self.hung_up = self.reading = False
        self.fetches: list[Fetch] = []
        self.persists: list[Persist] = []
        # The peer's side: what waits for a reply on this connection.
        self.asked: dict[str, str] = {}
        # What was asked for and what came of it.
        self.commands: dict[Ticket, AnyCommand] = {}
        self.settled: set[Ticket] = set()
        self.abandoned: set[Ticket] = set()
        self.up = False
        self.refused: set[str] = set()
        self.delivered: set[Identity] = set()
        self.durable: dict[Identity, float] = {}

    @initialize(
        kind=st.sampled_from(["ledger", "plain", "both"]),
        rate=st.sampled_from([math.inf, 2.0]),
        stale_after=st.sampled_from([math.inf, 40.0]),
    )
    def make(self, kind: str, rate: float, stale_after: float) -> None:
        if kind == "plain":
            self.machine = Toy(ConnectionConfig(send_burst=2, send_rate=rate, stale_after=stale_after))
        else:
            config = AckConfig(send_burst=2, send_rate=rate, stale_after=stale_after, resend_cap=RESEND_CAP, mark_every=100.0)
            self.machine = AckTokenToy(config) if kind == "both" else AckToy(config)

    # Taking what the machine says

    def drain(self) -> None:
        for effect in self.machine.take_effects():
            self.obey(effect)
        for event in self.machine.take_events():
            self.see(event)
        for settled in self.machine.take_settled():
            self.hear(settled)
        assert not self.machine.take_effects()
        assert not self.machine.take_events()
        assert not self.machine.take_settled()

    def obey(self, effect: Effect) -> None:
        match effect:
            case Dial():
                assert self.dial is None, "one connection at a time"
                self.dial, self.hung_up = effect, False
                for secret in effect.headers.values():
                    if isinstance(secret, Secret):
                        assert secret.reveal() == f"g{effect.generation}", "a credential of this attempt"
            case Fetch():
                self.fetches.append(effect)
            case Persist():
                self.persists.append(effect)
            case Hangup():
                assert self.dial is not None
                assert not self.hung_up, "hung up once"
                self.hung_up = True
            case SecretFrame():
                assert self.open, "the login goes first"
            case str():
                self.send(effect)
            case _:
                raise AssertionError(effect)

    def send(self, frame: str) -> None:
        assert self.open, "no frame without a connection"
        assert not self.hung_up, "no frame after a hang-up"
        word, *rest = frame.split()
        if word in {"order", "sell"}:
            assert LANE not in self.asked, "one command in flight on a lane"
            self.asked[LANE] = rest[0]
        elif word != "ping":
            assert rest[0] not in self.asked
            self.asked[rest[0]] = rest[1]
        if word == "ack":
            versions = {identity for identity in self.delivered if identity.key == (rest[1],)}
            assert versions, "an ACK of nothing"
            assert versions <= self.durable.keys(), "an ACK before all versions are durable"

    def see(self, event: Event) -> None:
        match event:
            case Up():
                assert not self.up
                self.up = True
                self.refused.clear()
            case Down():
                assert self.up
                self.up = False
            case SubscriptionRefused():
                self.refused.add(event.topic)
            case Gap():
                assert event.since <= event.until
            case Tx() if isinstance(self.machine, AckToy):
                if event.identity in self.delivered:
                    assert self.now - self.durable.pop(event.identity) > RESEND_CAP, "delivered once while it can be remembered"
                self.delivered.add(event.identity)
            case _:
                pass

    def hear(self, settled: Settled) -> None:
        assert settled.ticket in self.commands
        assert settled.ticket not in self.settled, "settled once"
        self.settled.add(settled.ticket)
        command = self.commands[settled.ticket]
        if isinstance(command, Named):
            assert settled.ticket not in self.abandoned, "nobody waits for it"
            if settled.error is None:
                assert settled.reply == f"r-{command.name}", "its own reply"

    # The connection

    @precondition(lambda self: not self.started and not self.stopped)
    @rule()
    def start(self) -> None:
        self.started = True
        self.machine.start(self.now, WALL + self.now)
        self.drain()

    @precondition(lambda self: self.fetches)
    @rule(which=st.integers(0, 5), good=st.sampled_from([True, True, True, False]))
    def answer_a_fetch(self, which: int, good: bool) -> None:
        fetch = self.fetches.pop(which % len(self.fetches))
        outcome = Done(Secret(f"g{fetch.token.generation}")) if good else Failed(OSError("no route"))
        self.machine.fulfil(fetch.token, outcome, self.now)
        self.drain()

    def answer_the_newest_fetches(self) -> None:
        newest = max((fetch.token.generation for fetch in self.fetches), default=0)
        for fetch in [fetch for fetch in self.fetches if fetch.token.generation == newest]:
            self.fetches.remove(fetch)
            self.machine.fulfil(fetch.token, Done(Secret(f"g{newest}")), self.now)
            self.drain()

    @precondition(lambda self: self.dial is not None and not self.open)
    @rule(greeting=st.sampled_from(["hello", "hello", "hello", "busy", None]))
    def connect(self, greeting: str | None) -> None:
        self.open = self.reading = True
        self.machine.opened(Handshake(), self.now, WALL + self.now)
        self.drain()
        if greeting is not None:
            self.say(greeting)

    @precondition(lambda self: not self.stopped and not self.up)
    @rule()
    def come_up(self) -> None:
        """All goes well until the connection is ready: what follows is worth more than how it came about."""
        if not self.started:
            self.start()
        if self.machine.status().phase is Phase.BACKING_OFF:
            self.wait(self.machine.next_deadline() - self.now)
        if self.machine.status().phase is Phase.PREPARING:
            self.answer_the_newest_fetches()
        if self.machine.status().phase is Phase.DIALLING:
            self.connect(None)
        if self.open and self.reading:
            self.say("hello")

    @precondition(lambda self: self.dial is not None)
    @rule(close=st.sampled_from(CLOSES))
    def lose(self, close: Close) -> None:
        self.dial, self.open, self.hung_up = None, False, False
        self.asked.clear()
        self.machine.closed(close, self.now, WALL + self.now)
        self.drain()

    @precondition(lambda self: self.open)
    @rule(on=st.booleans())
    def read(self, on: bool) -> None:
        self.reading = on
        self.machine.reading(on, self.now)
        self.drain()

    # The peer

    def say(self, *messages: str | bytes) -> None:
        self.machine.receive(messages, self.now)
        self.drain()

    @precondition(lambda self: self.open and self.reading and self.asked)
    @rule(which=st.integers(0, 20), good=st.sampled_from([True, True, False]))
    def reply(self, which: int, good: bool) -> None:
        slot = list(self.asked)[which % len(self.asked)]
        name = self.asked.pop(slot)
        if slot == LANE:
            self.say(f"done r-{name}" if good else "failed 7 no")
        else:
            self.say(f"ok {slot} r-{name}" if good else f"no {slot} 7 no")

    @precondition(lambda self: self.open and self.reading)
    @rule(
        key=st.sampled_from("abcd"),
        versions=st.lists(st.sampled_from("123"), min_size=1, max_size=3),
        reorg=st.sampled_from(["", " reorg"]),
    )
    def push(self, key: str, versions: list[str], reorg: str) -> None:
        self.say(*(f"tx {key} {version}{reorg}" for version in versions))

    @precondition(lambda self: self.open and self.reading)
    @rule(
        messages=st.lists(
            st.sampled_from(["hello", "busy", "pong", "data a 1", "ok 99 x", "no 99 1 x", "what is this", "", b"\xff", "tx"]),
            max_size=4,
        )
    )
    def babble(self, messages: list[str | bytes]) -> None:
        self.say(*messages)

    @precondition(lambda self: self.open and self.reading)
    @rule()
    def pong(self) -> None:
        self.machine.pong(b"", self.now)
        self.machine.heard(self.now)
        self.say("pong")

    # The caller

    def ask(self, command: AnyCommand) -> None:
        before = self.machine.status(), self.machine.next_deadline()
        outcome: Ticket | PushwireError
        try:
            outcome = self.machine.submit(command, self.now)
        except PushwireError as error:
            outcome = error
        if isinstance(outcome, Ticket):
            assert outcome not in self.commands
            self.commands[outcome] = command
        else:
            assert (self.machine.status(), self.machine.next_deadline()) == before, "refused before any change"
            right = self.stopped or isinstance(command, Finish | Park)
            assert right if isinstance(outcome, LocalProtocolError) else outcome is self.machine.failure
        self.drain()

    @rule(kind=st.sampled_from(WORDS))
    def ask_something(self, kind: Callable[[str], Named]) -> None:
        self.ask(kind(f"n{len(self.commands)}"))

    @rule(kind=st.sampled_from([Sub, Sub, Unsub]), topic=st.sampled_from("abc"))
    def ask_for_a_topic(self, kind: Callable[[str], Named], topic: str) -> None:
        self.ask(kind(topic))

    @precondition(lambda self: isinstance(self.machine, AckToy) and self.delivered)
    @rule(which=st.lists(st.integers(0, 20), min_size=1, max_size=3))
    def finish(self, which: list[int]) -> None:
        delivered = sorted(self.delivered)
        self.ask(Finish(tuple(delivered[index % len(delivered)] for index in which)))

    @precondition(lambda self: isinstance(self.machine, AckToy) and self.delivered - self.durable.keys())
    @rule(which=st.integers(0, 20))
    def finish_and_store(self, which: int) -> None:
        left = sorted(self.delivered - self.durable.keys())
        self.ask(Finish((left[which % len(left)],)))
        while self.persists:
            self.store(self.persists.pop(0), "stored")

    @precondition(lambda self: isinstance(self.machine, AckToy) and self.delivered)
    @rule(which=st.integers(0, 20))
    def park(self, which: int) -> None:
        delivered = sorted(self.delivered)
        self.ask(Park(delivered[which % len(delivered)], "poison", "raw"))

    @precondition(lambda self: len(self.commands) > len(self.settled))
    @rule(which=st.integers(0, 20))
    def abandon(self, which: int) -> None:
        waiting = [ticket for ticket in self.commands if ticket not in self.settled]
        ticket = waiting[which % len(waiting)]
        self.abandoned.add(ticket)
        self.machine.abandon(ticket, self.now)
        self.drain()

    @precondition(lambda self: self.persists)
    @rule(which=st.integers(0, 5), end=st.sampled_from(["stored", "stored", "stored", "in part", "failed"]))
    def answer_a_persist(self, which: int, end: str) -> None:
        self.store(self.persists.pop(which % len(self.persists)), end)

    def store(self, persist: Persist, end: str) -> None:
        failed: dict[Ticket, BaseException] = {}
        for write in persist.writes:
            if write.ticket is not None and end == "in part" and not failed:
                failed[write.ticket] = ValueError("booking")
            elif write.ticket is not None and end != "failed":
                self.durable.update((record.identity, self.now) for record in write.records)
        outcome = Failed(StoreError("disk full")) if end == "failed" else Done(Committed(failed))
        self.machine.fulfil(persist.token, outcome, self.now)
        self.drain()

    # So late that most of the time is spent before it.
    @precondition(lambda self: self.now > 6000.0 or len(self.commands) > 30)
    @rule()
    def stop(self) -> None:
        self.end()

    def end(self) -> None:
        self.stopped = True
        self.machine.stop(self.now)
        self.drain()

    # Time

    @rule(seconds=st.sampled_from([0.0, 0.3, 5.0, 10.0, 31.0, 100.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.machine.next_deadline()) <= until:
            self.now = max(self.now, due)
            self.tick()
        self.now = until
        self.tick()

    def tick(self) -> None:
        self.machine.handle_timer(self.now, WALL + self.now)
        self.drain()
        assert self.machine.next_deadline() > self.now, "what was due has been done"

    # What always holds

    @invariant()
    def asking_for_the_deadline_changes_nothing(self) -> None:
        assert self.machine.next_deadline() == self.machine.next_deadline()
        assert not self.machine.take_effects()

    @invariant()
    def the_end_is_the_end(self) -> None:
        if self.machine.finished:
            assert self.machine.status().phase is Phase.CLOSED
            assert self.machine.next_deadline() == math.inf
            assert self.dial is None

    @invariant()
    def the_ledger_counts_what_is_in_hand(self) -> None:
        if isinstance(self.machine, AckToy):
            assert self.machine.status().unacked == len(self.delivered - self.durable.keys())

    @invariant()
    def a_wanted_topic_is_confirmed_or_told_as_refused_once_all_is_quiet(self) -> None:
        exchange = self.machine._exchange
        if self.machine.status().phase is Phase.READY and not exchange.waiting and not list(exchange._pending):
            lost = {topic for topic in exchange.subscriptions if not exchange.subscriptions.is_confirmed(topic)}
            assert lost <= self.refused

    def teardown(self) -> None:
        """From anywhere to the end: the connection closes, the store answers, and nobody waits any more."""
        self.end()
        self.wait(10.0)
        if self.dial is not None:
            self.lose(Close(code=1000))
        while self.persists:
            self.store(self.persists.pop(), "stored")
        assert self.machine.finished
        waiting = {ticket for ticket in self.commands if ticket not in self.settled}
        assert waiting <= self.abandoned, "every ticket is settled"
        assert not any(isinstance(self.commands[ticket], Finish | Park) for ticket in waiting)


@pytest.mark.slow
def test_any_order_of_inputs_keeps_every_promise() -> None:
    explore(Contract, examples=150, steps=60)
