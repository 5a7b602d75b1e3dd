"""A Pusher machine with hands: it obeys nothing, but keeps what the machine asked for and said, for a test to look at."""

from __future__ import annotations

import json
import random
from typing import Any, TypeVar

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import (
    Close,
    Dial,
    Done,
    Failed,
    Fetch,
    Handshake,
    Hangup,
    SecretFrame,
    Settled,
    Ticket,
)
from pushwire.core.http import Request, Response
from pushwire.core.machine import Machine, Phase
from pushwire.core.secrets import Secret
from pushwire.providers import pusher
from pushwire.testing import pusher as build

WALL = 1_745_000_000.0
"""POSIX seconds at 0.0 on the machine's clock."""
SECRET = "7ad3773142a6692b25b8"
"""The documents' example, of the key in `pushwire.testing.pusher`."""
DROP = Close(reason="reset", by="transport")

ExpectedT = TypeVar("ExpectedT")


def config(**settings: Any) -> pusher.Config:  # any setting of the config, which checks them itself
    settings.setdefault("key", build.APP_KEY)
    return pusher.Config(**settings)


def signing(**settings: Any) -> pusher.Config:  # as above
    """A config with the app's secret."""
    return config(secret=Secret(SECRET), **settings)


def asking(**settings: Any) -> pusher.Config:  # as above
    """A config with an endpoint that authorises."""
    settings.setdefault("auth_url", "https://shop.test/pusher/auth")
    return config(user_auth_url="https://shop.test/pusher/user-auth", **settings)


class Client:
    """The machine, its clock, and all it said since each was last taken."""

    def __init__(self, settings: pusher.Config | None = None) -> None:
        self.machine: Machine[pusher.Event] = (settings or config()).machine(rng=random.Random(1), ids=lambda: "never used")
        self.now = 0.0
        self.frames: list[str | SecretFrame] = []
        self.dials: list[Dial] = []
        self.hangups: list[Hangup] = []
        self.fetches: list[Fetch] = []
        self.events: list[pusher.Event] = []
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
                case str() | SecretFrame():
                    self.frames.append(effect)
                case _:
                    raise AssertionError(effect)
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

    def closed(self, close: Close = DROP) -> None:
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

    def submit(self, command: AnyCommand) -> Ticket:
        ticket = self.machine.submit(command, self.now)
        self.drain()
        return ticket

    def answer(self, status: int = 200, body: object = None) -> Request:
        """Answer the oldest request, which is returned; `body` as JSON, but for text, which goes as it is."""
        fetch = self.fetches.pop(0)
        text = body if isinstance(body, str) else json.dumps(body)
        self.machine.fulfil(fetch.token, Done(Response(status, {}, text.encode())), self.now)
        self.drain()
        return expect(Request, fetch.what)

    def fail(self, error: Exception) -> None:
        """The oldest request failed."""
        self.machine.fulfil(self.fetches.pop(0).token, Failed(error), self.now)
        self.drain()

    # Whole passages

    def ready(self, socket_id: str = build.SOCKET_ID, activity_timeout: float = 120) -> Client:
        """Connect, be greeted, and forget what was said meanwhile."""
        if not self.dials:
            self.start()
        self.open()
        self.receive(build.established(socket_id, activity_timeout))
        self.events.clear()
        self.dials.clear()
        return self

    def redial(self, close: Close = DROP) -> Dial:
        """Lose the connection and wait for the next dial."""
        self.dials.clear()
        self.closed(close)
        while not self.dials:
            self.advance(1.0)
        return self.dials[-1]

    def reconnect(self, socket_id: str = "2.2", close: Close = DROP) -> None:
        """Lose the connection, dial again when it is time, and be greeted; events are kept."""
        self.redial(close)
        self.dials.clear()
        self.open()
        self.receive(build.established(socket_id))

    def subscribe(self, channel: str, channel_data: str | None = None, members: dict[str, Any] | None = None) -> object:
        """Subscribe to a channel, with the server's consent. Returns the reply."""
        self.submit(pusher.Subscribe(channel, channel_data))
        self.receive(build.subscribed(channel, members))
        self.frames.clear()
        return self.the_reply()

    # Outputs

    # A call, not a property, since a checker takes what it has once seen of a property for good.

    def phase(self) -> Phase:
        return self.machine.status().phase

    def take_frames(self) -> list[dict[str, Any]]:  # JSON objects
        frames, self.frames = self.frames, []
        return [json.loads(frame.text if isinstance(frame, SecretFrame) else frame) for frame in frames]

    def names(self) -> list[str]:
        """The frames not taken yet, by event and channel."""
        return [f"{frame['event']} {frame['data'].get('channel', '')}".strip() for frame in self.take_frames()]

    def take_events(self) -> list[pusher.Event]:
        events, self.events = self.events, []
        return events

    def take_settled(self) -> list[Settled]:
        settled, self.settled = self.settled, []
        return settled

    def the_event(self, kind: type[ExpectedT]) -> ExpectedT:
        (event,) = self.take_events()
        return expect(kind, event)

    def the_reply(self) -> object:
        (settled,) = self.take_settled()
        assert settled.error is None, settled.error
        return settled.reply

    def the_error(self, kind: type[ExpectedT]) -> ExpectedT:
        (settled,) = self.take_settled()
        return expect(kind, settled.error)


def expect(kind: type[ExpectedT], value: object) -> ExpectedT:
    """The value, known to be of this type."""
    assert isinstance(value, kind), value
    return value
