"""A QuickPay machine with hands: it keeps what the machine asked for and said, and answers for the auth endpoint when told to."""

from __future__ import annotations

import json
import random
from typing import Any, TypeVar

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import Close, Dial, Done, Failed, Fetch, Handshake, Hangup, SecretFrame, Settled, Ticket, Token
from pushwire.core.http import Request, Response
from pushwire.core.ids import id_source
from pushwire.core.machine import Machine
from pushwire.core.secrets import Secret
from pushwire.providers import quickpay
from pushwire.testing import quickpay as build

WALL = 1_745_000_000.0
"""POSIX seconds at 0.0 on the machine's clock."""
API_KEY = "mk-do-not-show-this"
SOCKET = "957523923.7566984777"

ExpectedT = TypeVar("ExpectedT")


def config(**settings: Any) -> quickpay.Config:  # any setting of the config, which checks them itself
    settings.setdefault("environment", "sandbox")
    if "jwt" not in settings:
        settings.setdefault("private_key", build.keys().private)
    return quickpay.Config(api_key=Secret(API_KEY), **settings)


class Client:
    """The machine, its clock, and all it said since each was last taken."""

    def __init__(self, settings: quickpay.Config | None = None) -> None:
        settings = settings or config()
        self.machine: Machine[quickpay.Event] = settings.machine(rng=random.Random(1), ids=id_source("n"))
        self.now = 0.0
        self.frames: list[str] = []
        self.dials: list[Dial] = []
        self.hangups: list[Hangup] = []
        self.requests: list[tuple[Token, Request]] = []
        self.events: list[quickpay.Event] = []
        self.settled: list[Settled] = []

    def drain(self) -> None:
        for effect in self.machine.take_effects():
            match effect:
                case Dial():
                    self.dials.append(effect)
                case Hangup():
                    self.hangups.append(effect)
                case Fetch(token, Request() as request):
                    self.requests.append((token, request))
                case SecretFrame():
                    self.frames.append(effect.text)
                case _:
                    assert isinstance(effect, str)
                    self.frames.append(effect)
        self.events += self.machine.take_events()
        self.settled += self.machine.take_settled()

    def open(self) -> None:
        if not self.dials:
            self.machine.start(self.now, WALL + self.now)
        self.machine.opened(Handshake(), self.now, WALL + self.now)
        self.drain()

    def receive(self, *messages: str | bytes) -> None:
        self.machine.receive(messages, self.now)
        self.drain()

    def greet(self, socket_id: str = SOCKET) -> None:
        data = json.dumps({"socket_id": socket_id, "activity_timeout": 30})
        self.receive(json.dumps({"event": "pusher:connection_established", "data": data}))

    def ready(self) -> Client:
        self.open()
        self.greet()
        self.take_events()
        return self

    def closed(self, close: Close) -> None:
        self.machine.closed(close, self.now, WALL + self.now)
        self.drain()

    def advance(self, seconds: float) -> None:
        """Let time pass, timers included."""
        until = self.now + seconds
        while (due := self.machine.next_deadline()) <= until:
            self.now = max(self.now, due)
            self.machine.handle_timer(self.now, WALL + self.now)
            self.drain()
        self.now = until

    def submit(self, command: AnyCommand) -> Ticket:
        ticket = self.machine.submit(command, self.now)
        self.drain()
        return ticket

    def answer(self, value: object = None, *, status: int = 200) -> Request:
        """Answer the oldest request of the machine, which is returned, with an authorisation or any other JSON."""
        token, request = self.requests.pop(0)
        body = json.dumps({"auth": "key:signature"} if value is None else value).encode()
        self.machine.fulfil(token, Done(Response(status, {}, body)), self.now)
        self.drain()
        return request

    def leave_unanswered(self) -> None:
        """The endpoint is not there."""
        token, _ = self.requests.pop(0)
        self.machine.fulfil(token, Failed(OSError("unreachable")), self.now)
        self.drain()

    def subscribe(self, command: quickpay.Subscribe) -> None:
        """Subscribe, authorised where that is needed."""
        self.submit(command)
        if self.requests:
            self.answer()
        self.frames.clear()
        self.receive(json.dumps({"event": "pusher_internal:subscription_succeeded", "channel": command.channel}))
        self.settled.clear()

    def take_events(self) -> list[quickpay.Event]:
        events, self.events = self.events, []
        return events


def expect(kind: type[ExpectedT], value: object) -> ExpectedT:
    """The value, known to be of this type."""
    assert isinstance(value, kind), value
    return value
