"""A provider's machine with hands: it obeys nothing, but keeps what the machine asked for and said, for a test to look at.

Each provider's own `harness.py` derives from it: what its machine may ask for, how its server greets, and what that answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar, Final, Generic, Self, TypeVar, overload

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import (
    Close,
    Dial,
    Done,
    Failed,
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
)
from pushwire.core.http import Request, Response
from pushwire.core.machine import Machine, Phase

WALL: Final = 1_745_000_000.0
"""POSIX seconds at 0.0 on the machine's clock."""
LOST: Final = Close(reason="reset", by="transport")

EventT = TypeVar("EventT")
ExpectedT = TypeVar("ExpectedT")


class Client(Generic[EventT]):
    """The machine, its clock, and all it said since each was last taken."""

    asks: ClassVar[tuple[type, ...]]
    """The effects that this provider's machine may have besides `Dial` and `Hangup`; any other fails the test."""

    def __init__(self, machine: Machine[EventT]) -> None:
        self.machine = machine
        self.now = 0.0
        self.frames: list[str | SecretFrame] = []
        self.pings: list[bytes] = []
        self.dials: list[Dial] = []
        self.fetches: list[Fetch] = []
        self.persists: list[Persist] = []
        self.hangups: list[Hangup] = []
        self.events: list[EventT] = []
        self.settled: list[Settled] = []

    @property
    def wall(self) -> float:
        return WALL + self.now

    def drain(self) -> None:
        for effect in self.machine.take_effects():
            assert isinstance(effect, (Dial, Hangup, *self.asks)), effect
            match effect:
                case Dial():
                    self.dials.append(effect)
                case Hangup():
                    self.hangups.append(effect)
                case Fetch():
                    self.fetches.append(effect)
                case Persist():
                    self.persists.append(effect)
                case Ping():
                    self.pings.append(effect.payload)
                case Pause():
                    raise AssertionError("no machine here holds what it receives")
                case _:
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

    def pong(self, payload: bytes | None = None) -> None:
        """Answer the oldest ping, unless told what else."""
        self.machine.pong(self.pings.pop(0) if payload is None else payload, self.now)
        self.drain()

    def closed(self, close: Close = LOST) -> None:
        self.machine.closed(close, self.now, self.wall)
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
        self.answer_pings()
        while (due := self.machine.next_deadline()) <= until:
            self.advance(max(0.0, due - self.now))
            self.answer_pings()
        self.advance(until - self.now)

    def submit(self, command: AnyCommand) -> Ticket:
        ticket = self.machine.submit(command, self.now)
        self.drain()
        return ticket

    def give(self, outcome: Outcome) -> object:
        """Answer what was asked for first, which is returned."""
        fetch = self.fetches.pop(0)
        self.machine.fulfil(fetch.token, outcome, self.now)
        self.drain()
        return fetch.what

    def respond(self, status: int = 200, body: object = None) -> Request:
        """Answer the oldest request, which is returned; `body` as JSON, but for text, which goes as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        return expect(Request, self.give(Done(Response(status, {}, text.encode()))))

    def fail(self, error: Exception) -> None:
        """The oldest request failed."""
        self.give(Failed(error))

    # The server's part, which each provider has its own of

    def before_dial(self) -> None:
        """Answer what is asked for before a dial; nothing, where none needs a credential."""

    def greet(self) -> None:
        """What the server says first."""

    def answer_pings(self) -> None:
        while self.pings:
            self.pong()

    # Whole passages

    def ready(self) -> Self:
        """Connect, be greeted, and forget what was said meanwhile."""
        if not self.dials and not self.fetches:
            self.start()
        self.before_dial()
        self.open()
        self.greet()
        self.events.clear()
        self.dials.clear()
        return self

    def redial(self, close: Close = LOST) -> Dial:
        """Lose the connection and wait for the next dial, which is returned."""
        self.dials.clear()
        self.closed(close)
        while not self.dials:
            self.advance(1.0)
            if self.fetches:
                self.before_dial()
        return self.dials.pop()

    def reconnect(self, close: Close = LOST) -> Dial:
        """Lose the connection, dial again when it is time, and be greeted; what is said on it is kept. Returns the dial."""
        dial = self.redial(close)
        self.open()
        self.greet()
        return dial

    # Outputs

    # A call, not a property, since a checker takes what it has once seen of a property for good.

    def phase(self) -> Phase:
        return self.machine.status().phase

    def take_texts(self) -> list[str]:
        """The frames as they leave, secrets included."""
        frames, self.frames = self.frames, []
        return [text_of(frame) for frame in frames]

    def take_frames(self) -> list[dict[str, Any]]:  # JSON objects
        return [json.loads(text) for text in self.take_texts()]

    def next_frame(self) -> dict[str, Any]:  # a JSON object
        """The oldest frame alone."""
        frame: dict[str, Any] = json.loads(text_of(self.frames.pop(0)))
        return frame

    def take_events(self) -> list[EventT]:
        events, self.events = self.events, []
        return events

    def take_settled(self) -> list[Settled]:
        settled, self.settled = self.settled, []
        return settled

    def take_all(self, kind: type[ExpectedT]) -> list[ExpectedT]:
        """The events, which must all be of this type."""
        return [expect(kind, event) for event in self.take_events()]

    def the_event(self, kind: type[ExpectedT]) -> ExpectedT:
        """The only event, which must be of this type."""
        (event,) = self.take_events()
        return expect(kind, event)

    def the_reply(self) -> object:
        """To the only command that was settled, and accepted."""
        (settled,) = self.take_settled()
        assert settled.error is None, settled.error
        return settled.reply

    @overload
    def the_error(self) -> BaseException: ...

    @overload
    def the_error(self, kind: type[ExpectedT]) -> ExpectedT: ...

    def the_error(self, kind: type[object] = BaseException) -> object:
        """Of the only command that was settled."""
        (settled,) = self.take_settled()
        return expect(kind, settled.error)


def expect(kind: type[ExpectedT], value: object) -> ExpectedT:
    """The value, known to be of this type."""
    assert isinstance(value, kind), value
    return value


def text_of(frame: str | SecretFrame) -> str:
    """A frame as it leaves."""
    return frame.text if isinstance(frame, SecretFrame) else frame


def counted(prefix: str = "c") -> Callable[[], str]:
    """Ids `c1`, `c2`, ..."""
    return map((prefix + "{}").format, count(1)).__next__
