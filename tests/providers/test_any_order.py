"""The clients of those providers whose pages promise no redelivery, each against its sandbox, in any order that Hypothesis finds.

Whatever is asked for, given back and broken: in the end the connection is ready, every command is answered, both agree on what is
subscribed to, and nothing was malformed. bitpanda and gelabs have machines of their own, with stronger promises.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pushwire.core.commands import AnyCommand, Leave
from pushwire.core.effects import Credential, Done, Fetch, Ticket
from pushwire.core.events import Malformed, SubscriptionRefused
from pushwire.core.http import Request
from pushwire.core.ids import id_source
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from pushwire.providers import pusher, quantcite, quickpay, satoriex
from pushwire.sandbox.base import HttpCall, HttpMachine
from pushwire.sandbox.pusher import PusherServer
from pushwire.sandbox.pusher_settings import PusherSettings
from pushwire.sandbox.quantcite import QuantciteServer
from pushwire.sandbox.quantcite_settings import QuantciteSettings
from pushwire.sandbox.quickpay import QuickPayServer
from pushwire.sandbox.quickpay_settings import QuickPaySettings
from pushwire.sandbox.satoriex import SatoriexServer
from pushwire.sandbox.satoriex_settings import SatoriexSettings
from pushwire.testing import pusher as pusher_build
from pushwire.testing import quickpay as quickpay_build
from tests.core.stateful import explore
from tests.providers import pair
from tests.providers.pusher import harness as pusher_harness
from tests.providers.quantcite import harness as quantcite_harness
from tests.providers.quickpay import harness as quickpay_harness
from tests.providers.satoriex import harness as satoriex_harness

QUICKPAY = quickpay_harness.config()


class Joined(pair.Pair[Any, Any]):
    """Both machines; a token is given at once, an endpoint answers at once."""

    def fetched(self, fetch: Fetch) -> None:
        if isinstance(fetch.what, Credential):
            self.later("fetch", lambda: self.client.fulfil(fetch.token, Done(Secret(satoriex_harness.TOKEN)), self.now))
            return
        request = fetch.what
        assert isinstance(request, Request)
        assert isinstance(self.server, HttpMachine)
        url = request.url.reveal() if isinstance(request.url, Secret) else request.url
        headers = {
            name.lower(): value.reveal() if isinstance(value, Secret) else value for name, value in request.headers.items()
        }
        answer = self.server.http(HttpCall(request.method, urlsplit(url).path, {}, headers, request.body), self.now, self.wall)
        self.later("fetch", lambda: self.client.fulfil(fetch.token, Done(answer), self.now))


def _pusher() -> Joined:
    server = PusherServer(PusherSettings(key=pusher_build.APP_KEY, secret=Secret(pusher_harness.SECRET)), random.Random(1))
    return Joined(pusher_harness.signing().machine(rng=random.Random(1), ids=id_source("n")), server)


def _quickpay() -> Joined:
    keys = (quickpay_harness.API_KEY,)
    wanted = QuickPaySettings(secret="the app's", api_keys=keys, public_key=quickpay_build.keys().public)
    return Joined(QUICKPAY.machine(rng=random.Random(1), ids=id_source("n")), QuickPayServer(wanted, random.Random(1)))


def _satoriex() -> Joined:
    server = SatoriexServer(SatoriexSettings(tokens=[satoriex_harness.TOKEN], rate=0.5), random.Random(1))
    return Joined(satoriex_harness.config().machine(rng=random.Random(1), ids=id_source("n")), server)


def _quantcite() -> Joined:
    settings_ = QuantciteSettings(keys=(Secret(quantcite_harness.KEY),), rate=0.2, history=3)
    machine = quantcite_harness.config().machine(rng=random.Random(1), ids=quantcite_harness.no_ids)
    return Joined(machine, QuantciteServer(settings_, random.Random(1)))


class AnyOrder(RuleBasedStateMachine):
    """One client and one server."""

    commands: ClassVar[Sequence[AnyCommand]]
    gives_up: ClassVar[bool] = True
    """Whether the provider has a way to be told that something is no longer wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.both: Joined = self.make()
        self.both.begin()
        self.wanted: Counter[int] = Counter()
        self.tickets: set[Ticket] = set()

    def make(self) -> Joined:
        raise NotImplementedError

    def topics(self) -> set[Any] | None:
        """What the server has this connection subscribed to, where it tells."""
        return None

    @rule(which=st.integers(0, 5))
    def subscribe(self, which: int) -> None:
        which %= len(self.commands)
        self.tickets.add(self.both.submit(self.commands[which]))
        self.wanted[which] += 1

    @rule(which=st.integers(0, 5))
    def leave(self, which: int) -> None:
        which %= len(self.commands)
        if self.wanted[which]:
            self.wanted[which] -= 1
            try:
                self.tickets.add(self.both.submit(Leave(self.commands[which])))
            except LocalProtocolError:
                self.wanted[which] += 1

    @rule(seconds=st.sampled_from([0.005, 0.02, 1.0, 5.0, 31.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.both.advance(seconds)

    @rule(unnoticed=st.sampled_from([0.0, 0.5, 5.0]))
    def cut(self, unnoticed: float) -> None:
        self.both.cut(unnoticed=unnoticed)

    @rule(seconds=st.sampled_from([1.0, 60.0, 400.0]))
    def be_out_of_reach(self, seconds: float) -> None:
        self.both.unreachable_until = self.both.now + seconds
        self.both.cut()

    @rule(delay=st.sampled_from([0.001, 0.1, 2.0]))
    def slow(self, delay: float) -> None:
        self.both.delay = delay

    @invariant()
    def all_is_understood(self) -> None:
        strange: list[object] = [event for event in self.both.events if isinstance(event, Malformed | SubscriptionRefused)]
        assert strange == []
        assert self.both.client.failure is None

    def teardown(self) -> None:
        both = self.both
        both.delay, both.unreachable_until = 0.01, 0.0
        both.advance(600.0)
        assert both.client.status().phase is Phase.READY
        assert self.tickets == {settled.ticket for settled in both.settled}, "a command without an answer"
        errors = [str(settled.error) for settled in both.settled if settled.error is not None]
        assert [text for text in errors if "was given up before it was asked for" not in text] == []
        topics = self.topics()
        if topics is not None:
            wanted = {topic for which in +self.wanted for topic in self.commands[which].topics}
            assert wanted <= topics
            assert topics == wanted or not self.gives_up


class Pusher(AnyOrder):
    commands = (pusher.Subscribe("a"), pusher.Subscribe("private-a"), pusher.Subscribe("presence-a", '{"user_id":"1"}'))

    def make(self) -> Joined:
        return _pusher()

    def topics(self) -> set[Any]:
        return set(self.both.server.channels)


class QuickPay(AnyOrder):
    commands = (quickpay.payments(quickpay_build.MERCHANT), quickpay.merchant(quickpay_build.MERCHANT), quickpay.Subscribe("a"))

    def make(self) -> Joined:
        return _quickpay()

    def topics(self) -> set[Any]:
        return set(self.both.server.channels)


class Satoriex(AnyOrder):
    gives_up = False
    commands = (satoriex.SubscribeMarket("mkt_abc123"), satoriex.SubscribeMarketData("mkt_def456"))

    def make(self) -> Joined:
        return _satoriex()

    def topics(self) -> set[Any]:
        return set(self.both.server.topics(self.both.conn))


class Quantcite(AnyOrder):
    commands = (
        quantcite_harness.SUBSCRIBE,
        quantcite.SubscribeTransactions("okx", credentials=quantcite_harness.WITH_PASSPHRASE),
    )

    def make(self) -> Joined:
        return _quantcite()

    def teardown(self) -> None:
        super().teardown()
        got = Counter(event.identity for event in self.both.events if isinstance(event, quantcite.Transaction))
        assert [identity for identity, times in got.items() if times > 1] == [], "twice"


@pytest.mark.parametrize("kind", [Pusher, QuickPay, Satoriex, Quantcite])
def test_in_any_order_both_agree_in_the_end_and_every_command_is_answered(kind: type[AnyOrder]) -> None:
    explore(kind, examples=max(15, settings().max_examples // 10), steps=20)
