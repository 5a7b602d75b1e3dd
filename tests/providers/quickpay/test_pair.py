"""The client and the sandbox's server joined in virtual time: a link that cuts and refuses, an endpoint that is late, or gone.

Whatever happens: nothing is delivered twice, what is missed lies in a gap, and in the end everything is subscribed to.
"""

from __future__ import annotations

import random
from urllib.parse import urlsplit

import pytest

from pushwire.core.effects import Close, Done, Failed, Fetch, Handshake
from pushwire.core.events import Gap, Malformed, Unrecognized
from pushwire.core.http import Request, Response
from pushwire.core.secrets import Secret
from pushwire.providers import quickpay
from pushwire.sandbox import QuickPayServer, QuickPaySettings
from pushwire.sandbox.base import ConnectRequest, HttpCall, SendTo
from pushwire.testing import quickpay as build
from tests.providers.harness import WALL, expect
from tests.providers.quickpay.harness import API_KEY, Client, config

COMMANDS = [quickpay.payments(build.MERCHANT), quickpay.merchant(build.MERCHANT), quickpay.notifications(build.MERCHANT)]
SETTINGS = config()


class Pair:
    """Both ends, the link and the endpoint between them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.client = Client(SETTINGS)
        wanted = QuickPaySettings(secret="the app's", api_keys=(API_KEY,), public_key=build.keys().public)
        self.server = QuickPayServer(wanted, random.Random(seed))
        self.conn = 0
        self.live = False
        self.accidents = True
        """Whether the endpoint now and then is not there."""
        self.refusing = False
        """Whether the link refuses new connections."""
        self.late: list[Fetch] = []
        """What the endpoint has not answered yet."""
        self.sent: dict[str, float] = {}
        self.client.machine.start(0.0, WALL)
        self.exchange()

    @property
    def now(self) -> float:
        return self.client.now

    def exchange(self) -> None:
        """Carry what both ends have to say to the other, until neither has anything."""
        client, busy = self.client, True
        client.drain()
        while busy:
            busy = bool(client.dials or client.hangups or client.frames)
            self.carry_to_server()
            for effect in self.server.take_effects():
                busy = True
                if self.live and effect.conn == self.conn and isinstance(effect, SendTo):
                    client.receive(effect.text)
            self.late += client.fetches
            client.fetches.clear()

    def carry_to_server(self) -> None:
        client = self.client
        if client.hangups:
            client.hangups.clear()
            self.lose()
        if client.dials:
            client.dials.clear()
            if self.refusing:
                client.closed(Close(reason="refused", by="transport"))
            else:
                self.conn += 1
                self.live = True
                self.server.connect(self.conn, ConnectRequest(self.server.path), self.now, WALL + self.now)
                client.machine.opened(Handshake(), self.now, WALL + self.now)
                client.drain()
        frames = client.take_texts()
        for frame in frames if self.live else ():
            self.server.receive(self.conn, frame, self.now)

    def lose(self) -> None:
        if self.live:
            self.live = False
            self.server.disconnected(self.conn, self.now)
            self.client.closed(Close(reason="cut", by="transport"))

    def answer(self, place: int) -> None:
        """The endpoint answers one of those that wait, in whichever order, or has gone."""
        fetch = self.late.pop(place)
        request = expect(Request, fetch.what)
        assert isinstance(request.url, str)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        call = HttpCall(request.method, urlsplit(request.url).path, {}, headers, request.body)
        luck = self.rng.random() if self.accidents else 1.0
        answer = Response(503) if luck < 0.2 else self.server.http(call, self.now, WALL + self.now)
        outcome = Failed(OSError("gone")) if luck < 0.1 else Done(answer)
        self.client.machine.fulfil(fetch.token, outcome, self.now)

    def publish(self) -> None:
        command = self.rng.choice(COMMANDS)
        name = f"evt_{len(self.sent) + 1:06d}"
        body = build.envelope("payment.created", {"amount": "1.00"}, event_id=name)
        self.sent[name] = WALL + self.now
        self.server.publish(command.channel, "message", body.decode(), self.now)

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.client.machine.next_deadline()) <= until:
            self.client.advance(max(0.0, due - self.now))
            self.exchange()
        self.client.advance(until - self.now)
        self.exchange()

    def step(self) -> None:
        match self.rng.randrange(10):
            case 0:
                self.lose()
            case 1:
                self.refusing = not self.refusing
            case 2 | 3:
                self.advance(self.rng.expovariate(0.2))
            case 4 | 5 | 6 if self.late:
                self.answer(self.rng.randrange(len(self.late)))
            case _:
                self.publish()
        self.exchange()

    def settle(self, seconds: int) -> None:
        """All is well for so long."""
        self.refusing = self.accidents = False
        for _ in range(seconds):
            while self.late:
                self.answer(0)
                self.exchange()
            self.advance(1.0)
        self.accidents = True


def _text(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_nothing_comes_twice_or_is_missed_unannounced(seed: int) -> None:
    pair = Pair(seed)
    for command in COMMANDS:
        pair.client.submit(command)
    pair.settle(5)
    for _ in range(150):
        pair.step()
    pair.lose()
    pair.settle(300)
    last = len(pair.sent)
    while len(pair.sent) < last + 30:
        pair.publish()
    pair.exchange()
    events = pair.client.take_events()
    got = [event.event_id for event in events if isinstance(event, quickpay.Payment)]
    gaps = [event for event in events if isinstance(event, Gap)]
    assert len(got) == len(set(got))
    assert set(list(pair.sent)[last:]) <= set(got)
    missed = {name: at for name, at in pair.sent.items() if name not in got}
    assert [name for name, at in missed.items() if not any(gap.since <= at <= gap.until for gap in gaps)] == []
    assert not [event for event in events if isinstance(event, Malformed | Unrecognized)]
    assert set(pair.server.channels) == {command.channel for command in COMMANDS}
