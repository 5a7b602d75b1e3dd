"""A Bitpanda machine with hands: it obeys nothing, but keeps what the machine asked for and said, for a test to look at."""

from __future__ import annotations

import json
import random
from typing import Any, TypeVar

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import Close, Credential, Dial, Done, Failed, Fetch, Handshake, Hangup, Ping, Settled, Ticket
from pushwire.core.ids import id_source
from pushwire.core.secrets import Secret
from pushwire.providers import bitpanda
from pushwire.testing import bitpanda as build

WALL = 1_706_521_000.0
"""POSIX seconds at 0.0 on the machine's clock."""
URL = "wss://prices.example/ws"
TOKEN = "tok-do-not-show-this"

ExpectedT = TypeVar("ExpectedT")


def config(**settings: Any) -> bitpanda.Config:  # any setting of the config, which checks them itself
    settings.setdefault("url", URL)
    settings.setdefault("token", Secret(TOKEN))
    return bitpanda.Config(**settings)


class Client:
    """The machine, its clock, and all it said since each was last taken."""

    def __init__(self, settings: bitpanda.Config | None = None) -> None:
        self.machine = (settings or config()).machine(rng=random.Random(1), ids=id_source("p"))
        self.now = 0.0
        self.frames: list[str] = []
        self.pings: list[bytes] = []
        self.dials: list[Dial] = []
        self.fetches: list[Fetch] = []
        self.hangups: list[Hangup] = []
        self.events: list[bitpanda.Event] = []
        self.settled: list[Settled] = []

    @property
    def wall(self) -> float:
        return WALL + self.now

    def drain(self) -> None:
        for effect in self.machine.take_effects():
            match effect:
                case Dial():
                    self.dials.append(effect)
                case Fetch():
                    self.fetches.append(effect)
                case Hangup():
                    self.hangups.append(effect)
                case Ping():
                    self.pings.append(effect.payload)
                case _:
                    self.frames.append(expect(str, effect))
        self.events += self.machine.take_events()
        self.settled += self.machine.take_settled()

    # Inputs

    def start(self) -> None:
        self.machine.start(self.now, self.wall)
        self.drain()

    def give_token(self, outcome: Done | Failed | None = None) -> Credential:
        """Answer the credential asked for, which is returned."""
        fetch = self.fetches.pop()
        self.machine.fulfil(fetch.token, outcome or Done(Secret(TOKEN)), self.now)
        self.drain()
        return expect(Credential, fetch.what)

    def open(self) -> None:
        self.machine.opened(Handshake(), self.now, self.wall)
        self.drain()

    def receive(self, *messages: str | bytes) -> None:
        self.machine.receive(messages, self.now)
        self.drain()

    def pong(self, payload: bytes) -> None:
        self.machine.pong(payload, self.now)
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
                self.pong(self.pings.pop(0))
        self.advance(until - self.now)

    def submit(self, command: AnyCommand) -> Ticket:
        ticket = self.machine.submit(command, self.now)
        self.drain()
        return ticket

    # Whole passages

    def ready(self) -> Client:
        """Connect, and forget what was said meanwhile."""
        self.start()
        self.give_token()
        self.open()
        self.events.clear()
        self.dials.clear()
        return self

    def subscribed(self, *commands: bitpanda.Subscribe) -> Client:
        """Subscribe to these, with the provider's consent, and forget what was said meanwhile."""
        for command in commands:
            self.ask(command)
        return self

    def ask(self, command: AnyCommand) -> None:
        """Submit a command that is accepted, with all that follows from it."""
        ticket = self.submit(command)
        self.accept()
        answered = {settled.ticket: settled.error for settled in self.take_settled()}
        assert answered[ticket] is None

    def accept(self) -> list[dict[str, Any]]:  # JSON objects
        """Answer all frames with success, until nothing more is asked for; the frames."""
        taken: list[dict[str, Any]] = []
        while self.frames:
            taken.append(json.loads(self.frames.pop(0)))
            self.receive(build.success(taken[-1]["action"], taken[-1]["channel"]))
        return taken

    def accept_one(self, said: str) -> None:
        """Answer the oldest frame, which says this, with success."""
        frame = self._next(said)
        self.receive(build.success(frame["action"], frame["channel"]))

    def refuse_one(self, said: str, text: str) -> None:
        """Answer the oldest frame, which says this, with an error."""
        frame = self._next(said)
        self.receive(build.refused(text, frame["action"], frame["channel"]))

    def _next(self, said: str) -> dict[str, Any]:  # a JSON object
        frame: dict[str, Any] = json.loads(self.frames.pop(0))
        assert brief(frame) == said
        return frame

    def redial(self, close: Close | None = None) -> None:
        """Lose the connection and wait until the next one is asked for."""
        self.dials.clear()
        self.closed(close)
        while not self.dials:
            self.advance(1.0)
            while self.fetches:
                self.give_token()

    def reconnect(self, close: Close | None = None) -> None:
        """Lose the connection and get the next; what is asked for on it stays in `frames`."""
        self.redial(close)
        self.open()

    # Outputs

    def take_frames(self) -> list[dict[str, Any]]:  # JSON objects
        frames, self.frames = self.frames, []
        return [json.loads(frame) for frame in frames]

    def take_events(self) -> list[bitpanda.Event]:
        events, self.events = self.events, []
        return events

    def take_settled(self) -> list[Settled]:
        settled, self.settled = self.settled, []
        return settled

    def take_error(self) -> BaseException | None:
        """Of the one command that was settled."""
        (settled,) = self.take_settled()
        return settled.error


def expect(kind: type[ExpectedT], value: object) -> ExpectedT:
    """The value, which must be of that type."""
    assert isinstance(value, kind)
    return value


def payload(frame: dict[str, Any]) -> list[str]:  # a JSON object
    """What a subscribe names, as texts: `cr/BTC/EUR` or `EUR`."""
    return ["/".join(item.values()) for item in frame.get("payload", [])]


def brief(frame: dict[str, Any]) -> str:  # a JSON object
    """The frame in short: `subscribe EUR,USD`."""
    return f"{frame['action']} {','.join(payload(frame))}".strip()
