"""The client and the sandbox's server joined in virtual time: a link that cuts and refuses, an endpoint that is late, or gone.

Whatever happens: nothing is delivered twice, what is missed lies in a gap, and in the end everything is subscribed to.
"""

from __future__ import annotations

import math
import random
from urllib.parse import urlsplit

import pytest

from pushwire.core.effects import Done, Failed, Fetch
from pushwire.core.events import Gap, Malformed, Unrecognized
from pushwire.core.http import Request, Response
from pushwire.core.ids import id_source
from pushwire.core.secrets import Secret
from pushwire.providers import quickpay
from pushwire.sandbox import QuickPayServer, QuickPaySettings
from pushwire.sandbox.base import HttpCall
from pushwire.testing import quickpay as build
from tests.providers import pair
from tests.providers.harness import expect
from tests.providers.quickpay.harness import API_KEY, config

COMMANDS = [quickpay.payments(build.MERCHANT), quickpay.merchant(build.MERCHANT), quickpay.notifications(build.MERCHANT)]
SETTINGS = config()


class Pair(pair.Pair[quickpay.Event, QuickPayServer]):
    """Both ends, the link and the endpoint between them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        wanted = QuickPaySettings(secret="the app's", api_keys=(API_KEY,), public_key=build.keys().public)
        client = SETTINGS.machine(rng=random.Random(1), ids=id_source("n"))
        super().__init__(client, QuickPayServer(wanted, random.Random(seed)))
        self.accidents = True
        """Whether the endpoint now and then is not there."""
        self.late: list[Fetch] = []
        """What the endpoint has not answered yet."""
        self.sent: dict[str, float] = {}
        self.begin()

    def fetched(self, fetch: Fetch) -> None:
        self.late.append(fetch)

    def answer(self, place: int) -> None:
        """The endpoint answers one of those that wait, in whichever order, or has gone."""
        fetch = self.late.pop(place)
        request = expect(Request, fetch.what)
        assert isinstance(request.url, str)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        call = HttpCall(request.method, urlsplit(request.url).path, {}, headers, request.body)
        luck = self.rng.random() if self.accidents else 1.0
        answer = Response(503) if luck < 0.2 else self.server.http(call, self.now, self.wall)
        self.client.fulfil(fetch.token, Failed(OSError("gone")) if luck < 0.1 else Done(answer), self.now)
        self.drain()

    def publish(self) -> None:
        command = self.rng.choice(COMMANDS)
        name = f"evt_{len(self.sent) + 1:06d}"
        body = build.envelope("payment.created", {"amount": "1.00"}, event_id=name)
        self.sent[name] = self.wall
        self.server.publish(command.channel, "message", body.decode(), self.now)
        self.drain()

    def step(self) -> None:
        match self.rng.randrange(10):
            case 0:
                self.cut()
            case 1:
                self.unreachable_until = 0.0 if self.unreachable_until else math.inf
            case 2 | 3:
                self.advance(self.rng.expovariate(0.2))
            case 4 | 5 | 6 if self.late:
                self.answer(self.rng.randrange(len(self.late)))
            case _:
                self.publish()
        # What was said last may still be on its way when the next thing happens.
        self.advance(self.rng.choice((0.0, 0.02)))

    def settle(self, seconds: int) -> None:
        """All is well for so long."""
        self.unreachable_until, self.accidents = 0.0, False
        for _ in range(seconds):
            while self.late:
                self.answer(0)
            self.advance(1.0)
        self.accidents = True


def _text(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_nothing_comes_twice_or_is_missed_unannounced(seed: int) -> None:
    both = Pair(seed)
    for command in COMMANDS:
        both.submit(command)
    both.settle(5)
    for _ in range(150):
        both.step()
    both.cut()
    both.settle(300)
    last = len(both.sent)
    while len(both.sent) < last + 30:
        both.publish()
    both.advance(0.1)
    events = both.events
    got = [event.event_id for event in events if isinstance(event, quickpay.Payment)]
    gaps = [event for event in events if isinstance(event, Gap)]
    assert len(got) == len(set(got))
    assert set(list(both.sent)[last:]) <= set(got)
    missed = {name: at for name, at in both.sent.items() if name not in got}
    assert [name for name, at in missed.items() if not any(gap.since <= at <= gap.until for gap in gaps)] == []
    assert not [event for event in events if isinstance(event, Malformed | Unrecognized)]
    assert set(both.server.channels) == {command.channel for command in COMMANDS}
