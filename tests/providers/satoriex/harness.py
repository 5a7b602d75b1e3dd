"""A SatoriEx machine with hands: it obeys nothing, but keeps what the machine asked for and said, for a test to look at."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, TypeVar

from pushwire.core.commands import Command
from pushwire.core.effects import (
    Close,
    Credential,
    Dial,
    Done,
    Failed,
    Fetch,
    Handshake,
    Hangup,
    Ping,
    Settled,
    Ticket,
)
from pushwire.core.secrets import Secret
from pushwire.providers import satoriex

WALL = 1_745_000_000.0
"""POSIX seconds at 0.0 on the machine's clock."""
TOKEN = "eyJ-do-not-show-this"

ExpectedT = TypeVar("ExpectedT")


def counted() -> Callable[[], str]:
    """Ids `c1`, `c2`, ..."""
    numbers = iter(range(1, 1_000_000))
    return lambda: f"c{next(numbers)}"


def config(**settings: Any) -> satoriex.Config:  # any setting of the config, which checks them itself
    return satoriex.Config(token=Secret(TOKEN), **settings)


class Client:
    """The machine, its clock, and all it said since each was last taken."""

    def __init__(self, settings: satoriex.Config | None = None) -> None:
        self.machine = (settings or config()).machine(rng=random.Random(1), ids=counted())
        self.now = 0.0
        self.frames: list[str] = []
        self.pings: list[Ping] = []
        self.dials: list[Dial] = []
        self.hangups: list[Hangup] = []
        self.fetches: list[Fetch] = []
        self.events: list[satoriex.Event] = []
        self.settled: list[Settled] = []

    @property
    def wall(self) -> float:
        return WALL + self.now

    def drain(self) -> None:
        for effect in self.machine.take_effects():
            match effect:
                case Dial():
                    self.dials.append(effect)
                case Hangup():
                    self.hangups.append(effect)
                case Fetch():
                    self.fetches.append(effect)
                case Ping():
                    self.pings.append(effect)
                case _:
                    assert isinstance(effect, str)
                    self.frames.append(effect)
        self.events += self.machine.take_events()
        self.settled += self.machine.take_settled()

    # Inputs

    def start(self) -> None:
        self.machine.start(self.now, self.wall)
        self.drain()

    def give_token(self, token: str | None = TOKEN) -> Credential:
        """Answer the oldest request for a token; None: there is none for now. Returns what was asked."""
        fetch = self.fetches.pop(0)
        assert isinstance(fetch.what, Credential)
        outcome = Failed(RuntimeError("no token today")) if token is None else Done(Secret(token))
        self.machine.fulfil(fetch.token, outcome, self.now)
        self.drain()
        return fetch.what

    def open(self) -> None:
        self.machine.opened(Handshake(), self.now, self.wall)
        self.drain()

    def receive(self, *messages: str | bytes) -> None:
        self.machine.receive(messages, self.now)
        self.drain()

    def pong(self) -> None:
        """Answer the oldest ping."""
        self.machine.pong(self.pings.pop(0).payload, self.now)
        self.drain()

    def closed(self, close: Close | None = None) -> None:
        self.machine.closed(close or Close(reason="reset", by="transport"), self.now, self.wall)
        self.drain()

    def advance(self, seconds: float) -> None:
        """Let time pass, timers included."""
        until = self.now + seconds
        while (due := self.machine.next_deadline()) <= until:
            self.now = max(self.now, due)
            self.machine.handle_timer(self.now, self.wall)
            self.drain()
        self.now = until

    def live(self, seconds: float) -> None:
        """Let time pass while the server answers every ping."""
        until = self.now + seconds
        while (due := self.machine.next_deadline()) <= until:
            self.advance(max(0.0, due - self.now))
            while self.pings:
                self.pong()
        self.advance(until - self.now)

    def submit(self, command: Command[Any, Any]) -> Ticket:  # whichever command
        ticket = self.machine.submit(command, self.now)
        self.drain()
        return ticket

    # Whole passages

    def ready(self) -> Client:
        """Connect, and forget what was said meanwhile."""
        if not self.fetches:
            self.start()
        self.give_token()
        self.open()
        self.take_events()
        self.dials.clear()
        return self

    def subscribed(self, *commands: Command[Any, Any]) -> Client:  # as for submit
        """Be ready and submit these, and forget that."""
        self.ready()
        for command in commands:
            self.submit(command)
        self.frames.clear()
        self.settled.clear()
        return self

    def wait_for_fetch(self) -> None:
        """Let time pass until a token is asked for."""
        while not self.fetches:
            self.advance(1.0)

    def reconnect(self, close: Close | None = None) -> Dial:
        """Lose the connection, dial again when it is time, and be ready. Returns the dial."""
        self.closed(close)
        self.wait_for_fetch()
        self.give_token()
        dial = self.dials.pop()
        self.open()
        return dial

    # Outputs

    def take_frames(self) -> list[dict[str, Any]]:  # JSON objects
        frames, self.frames = self.frames, []
        return [json.loads(frame) for frame in frames]

    def take_events(self) -> list[satoriex.Event]:
        events, self.events = self.events, []
        return events

    def the_event(self, kind: type[ExpectedT]) -> ExpectedT:
        """The only event, which must be of this kind."""
        (event,) = self.take_events()
        return expect(kind, event)

    def take_settled(self) -> list[Settled]:
        settled, self.settled = self.settled, []
        return settled


def expect(kind: type[ExpectedT], value: object) -> ExpectedT:
    """The value, known to be of this type."""
    assert isinstance(value, kind), value
    return value
