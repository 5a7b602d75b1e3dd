"""A QuantCite machine with hands: it obeys nothing, but keeps what the machine asked for and said, for a test to look at."""

from __future__ import annotations

import json
import random
from typing import Any, TypeVar

from pushwire.core.commands import Command
from pushwire.core.effects import Close, Dial, Handshake, Hangup, Ping, SecretFrame, Settled, Ticket
from pushwire.core.machine import Machine
from pushwire.core.secrets import Secret
from pushwire.providers import quantcite
from pushwire.testing import quantcite as build

WALL = 1_745_000_000.0
"""POSIX seconds at 0.0 on the machine's clock."""
KEY = "qc-do-not-show-this"
OWN = quantcite.Credentials(Secret("own-key-hidden"), Secret("own-secret-hidden"))
WITH_PASSPHRASE = quantcite.Credentials(Secret("own-key-hidden"), Secret("own-secret-hidden"), Secret("own-phrase-hidden"))
HIDDEN = (KEY, "own-key-hidden", "own-secret-hidden", "own-phrase-hidden")

SUBSCRIBE = quantcite.SubscribeTransactions("bybit", transaction_types=("deposits", "withdrawals"))

ExpectedT = TypeVar("ExpectedT")


def config(**settings: Any) -> quantcite.Config:  # any setting of the config, which checks them itself
    return quantcite.Config(api_key=Secret(KEY), **settings)


def no_ids() -> str:
    raise AssertionError("QuantCite commands have no ids")


class Client:
    """The machine, its clock, and all it said since each was last taken."""

    def __init__(self, settings: quantcite.Config | None = None, machine: Machine[quantcite.Event] | None = None) -> None:
        self.machine = machine or (settings or config()).machine(rng=random.Random(1), ids=no_ids)
        self.now = 0.0
        self.frames: list[str | SecretFrame] = []
        self.pings: list[Ping] = []
        self.dials: list[Dial] = []
        self.hangups: list[Hangup] = []
        self.events: list[quantcite.Event] = []
        self.settled: list[Settled] = []

    @property
    def wall(self) -> float:
        return WALL + self.now

    def drain(self) -> None:
        for effect in self.machine.take_effects():
            if isinstance(effect, Dial):
                self.dials.append(effect)
            elif isinstance(effect, Hangup):
                self.hangups.append(effect)
            elif isinstance(effect, Ping):
                self.pings.append(effect)
            else:
                assert isinstance(effect, str | SecretFrame)
                self.frames.append(effect)
        self.events += self.machine.take_events()
        self.settled += self.machine.take_settled()

    # Inputs

    def start(self) -> None:
        self.machine.start(self.now, self.wall)
        self.drain()

    def open(self) -> None:
        self.machine.opened(Handshake(), self.now, self.wall)
        self.drain()

    def receive(self, *messages: str | bytes) -> None:
        self.machine.receive(messages, self.now)
        self.drain()

    def closed(self, close: Close | None = None) -> None:
        self.machine.closed(close or Close(reason="reset", by="transport"), self.now, self.wall)
        self.drain()

    def advance(self, seconds: float) -> None:
        """Let time pass, timers included; pings of RFC 6455 are answered."""
        until = self.now + seconds
        while (due := self.machine.next_deadline()) <= until:
            self.now = max(self.now, due)
            self.machine.handle_timer(self.now, self.wall)
            self.drain()
            for ping in self.pings:
                self.machine.pong(ping.payload, self.now)
            self.pings.clear()
        self.now = until

    def submit(self, command: Command[Any, Any]) -> Ticket:  # whichever command
        ticket = self.machine.submit(command, self.now)
        self.drain()
        return ticket

    # Whole passages

    def ready(self) -> Client:
        """Connect, authenticate, and forget what was said meanwhile."""
        if not self.dials:
            self.start()
        self.open()
        self.receive(build.welcome())
        self.frames.clear()
        self.events.clear()
        self.dials.clear()
        return self

    def subscribed(self, command: quantcite.SubscribeTransactions = SUBSCRIBE, *transactions: Any) -> Client:  # JSON objects
        """Be ready and subscribe; the transactions, one deposit unless others are given, are forgotten."""
        self.ready().submit(command)
        self.receive(build.transaction_response(*transactions, exchange=command.exchange))
        self.frames.clear()
        self.events.clear()
        self.settled.clear()
        return self

    def redial(self, close: Close | None = None) -> Dial:
        """Lose the connection and wait for the next dial."""
        self.dials.clear()
        self.closed(close)
        while not self.dials:
            self.advance(1.0)
        return self.dials.pop()

    def reconnect(self) -> None:
        """Lose the connection, dial again when it is time, and authenticate; what the machine says then is kept."""
        self.redial()
        self.open()
        self.take_frames()
        self.receive(build.welcome())

    # Outputs

    def take_frames(self) -> list[dict[str, Any]]:  # JSON objects
        frames, self.frames = self.frames, []
        return [json.loads(frame.text if isinstance(frame, SecretFrame) else frame) for frame in frames]

    def take_events(self) -> list[quantcite.Event]:
        events, self.events = self.events, []
        return events

    def take_transactions(self) -> list[quantcite.Transaction]:
        """The events, which must all be transactions."""
        return [expect(quantcite.Transaction, event) for event in self.take_events()]

    def take_settled(self) -> list[Settled]:
        settled, self.settled = self.settled, []
        return settled

    def the_reply(self) -> object:
        (settled,) = self.take_settled()
        assert settled.error is None
        return settled.reply

    def the_error(self) -> BaseException:
        (settled,) = self.take_settled()
        assert settled.error is not None
        return settled.error


def expect(kind: type[ExpectedT], value: object) -> ExpectedT:
    """The value, known to be of this type."""
    assert isinstance(value, kind), value
    return value
