"""A gelabs machine with hands: it obeys nothing, but keeps what the machine asked for and said, for a test to look at."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, TypeVar

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
    Outcome,
    Persist,
    Restored,
    Settled,
    Ticket,
)
from pushwire.core.secrets import Secret
from pushwire.errors import StoreError
from pushwire.providers import gelabs
from pushwire.testing import gelabs as build

WALL = 1_745_000_000.0
"""POSIX seconds at 0.0 on the machine's clock."""
KEY = "sk-do-not-show-this"

ExpectedT = TypeVar("ExpectedT")


def counted() -> Callable[[], str]:
    """Ids `c1`, `c2`, ..."""
    numbers = iter(range(1, 1_000_000))
    return lambda: f"c{next(numbers)}"


def config(**settings: Any) -> gelabs.Config:  # any setting of the config, which checks them itself
    # As the document's sample has it; what a message id adds has tests of its own.
    settings.setdefault("ack_message_id", False)
    return gelabs.Config(api_key=Secret(KEY), **settings)


class Client:
    """The machine, its clock, and all it said since each was last taken."""

    def __init__(
        self, settings: gelabs.Config | None = None, *, restored: Restored | None = None, ids: Callable[[], str] | None = None
    ) -> None:
        self.machine = (settings or config()).machine(rng=random.Random(1), ids=ids or counted(), restored=restored)
        self.now = 0.0
        self.frames: list[str] = []
        self.dials: list[Dial] = []
        self.hangups: list[Hangup] = []
        self.persists: list[Persist] = []
        self.events: list[gelabs.Event] = []
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
            elif isinstance(effect, Persist):
                self.persists.append(effect)
            else:
                assert isinstance(effect, str)
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
            pings = [json.loads(frame) for frame in self.frames if '"type":"ping"' in frame]
            self.frames = [frame for frame in self.frames if '"type":"ping"' not in frame]
            self.receive(*(build.pong(ping["id"]) for ping in pings))
        self.advance(until - self.now)

    def submit(self, command: Command[Any, Any]) -> Ticket:  # whichever command
        ticket = self.machine.submit(command, self.now)
        self.drain()
        return ticket

    def finish(self, *identities: Identity) -> Ticket:
        return self.submit(Finish(identities))

    def fulfil(self, outcome: Outcome | None = None) -> None:
        """Answer every commit asked for, with success unless told otherwise."""
        persists, self.persists = self.persists, []
        for persist in persists:
            self.machine.fulfil(persist.token, outcome or Done(Committed()), self.now)
        self.drain()

    def fail_store(self) -> None:
        self.fulfil(Failed(StoreError("disk full")))

    # Whole passages

    def ready(self) -> Client:
        """Connect, greet, and forget what was said meanwhile."""
        if not self.dials:
            self.start()
        self.open()
        self.receive(build.connected())
        self.fulfil()
        self.take_events()
        self.dials.clear()
        return self

    def redial(self, close: Close | None = None) -> Dial:
        """Lose the connection and wait for the next dial."""
        self.dials.clear()
        self.closed(close)
        while not self.dials:
            self.advance(1.0)
        return self.dials.pop()

    def reconnect(self) -> Dial:
        """Lose the connection, dial again when it is time, and be ready. Returns the dial."""
        dial = self.redial()
        self.open()
        self.receive(build.connected())
        return dial

    def answer(self, data: Any = None, *, code: int = 0, msg: str = "success") -> dict[str, Any]:  # JSON
        """Answer the oldest frame not yet taken, which is returned, with a reply of its type."""
        frame: dict[str, Any] = json.loads(self.frames.pop(0))
        self.receive(build.message(frame["type"], data, id=frame["id"], code=code, msg=msg))
        return frame

    def settle(self, *transactions: gelabs.Transaction) -> None:
        """Finish these durably."""
        self.finish(*(tx.identity for tx in transactions))
        self.fulfil()

    # Outputs

    def take_frames(self) -> list[dict[str, Any]]:  # JSON objects
        frames, self.frames = self.frames, []
        return [json.loads(frame) for frame in frames]

    def take_events(self) -> list[gelabs.Event]:
        events, self.events = self.events, []
        return events

    def take_transactions(self) -> list[gelabs.Transaction]:
        """The events, which must all be transactions."""
        return [expect(gelabs.Transaction, event) for event in self.take_events()]

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


def acked(frames: list[dict[str, Any]]) -> list[str]:
    """The hashes that these frames ACK."""
    return [frame["data"]["txHash"] for frame in frames if frame["type"] == "transactionACK"]
