"""A machine without rules of its own: it says what a test tells it to say, and keeps what it was given."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import Close, Effect, Handshake, Outcome, Settled, Ticket, Token
from pushwire.core.machine import Phase, Status
from tests.core.toy import Event


class Scripted:
    """By the contract of `core.machine`. `given` holds the names of the inputs and their arguments."""

    def __init__(self) -> None:
        self.given: list[tuple[object, ...]] = []
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self.settled: list[Settled] = []
        self.deadline = math.inf
        self.failure: Exception | None = None
        self.finished = False

    def start(self, now: float, wall: float) -> None:
        self.given.append(("start", now, wall))

    def opened(self, handshake: Handshake, now: float, wall: float) -> None:
        self.given.append(("opened", handshake, now, wall))

    def receive(self, messages: Sequence[str | bytes], now: float) -> None:
        self.given.append(("receive", messages, now))

    def heard(self, now: float) -> None:
        self.given.append(("heard", now))

    def pong(self, payload: bytes, now: float) -> None:
        self.given.append(("pong", payload, now))

    def closed(self, close: Close, now: float, wall: float) -> None:
        self.given.append(("closed", close, now, wall))

    def reading(self, on: bool, now: float) -> None:
        self.given.append(("reading", on, now))

    def submit(self, command: AnyCommand, now: float) -> Ticket:
        self.given.append(("submit", command, now))
        return Ticket(len(self.given))

    def abandon(self, ticket: Ticket, now: float) -> None:
        self.given.append(("abandon", ticket, now))

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        self.given.append(("fulfil", token, outcome, now))

    def stop(self, now: float) -> None:
        self.given.append(("stop", now))

    def handle_timer(self, now: float, wall: float) -> None:
        self.given.append(("handle_timer", now, wall))

    def next_deadline(self) -> float:
        return self.deadline

    def take_effects(self) -> list[Effect]:
        effects, self.effects = self.effects, []
        return effects

    def take_events(self) -> list[Event]:
        events, self.events = self.events, []
        return events

    def take_settled(self) -> list[Settled]:
        settled, self.settled = self.settled, []
        return settled

    def status(self) -> Status:
        return Status(Phase.IDLE, 0.0, 0, 0, None, None)
