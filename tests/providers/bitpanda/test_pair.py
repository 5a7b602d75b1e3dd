"""The client against the sandbox's server.

Whatever is asked in whatever order, and however the connection breaks: in the end both agree on what is subscribed to, every
command is answered, and what was sent arrived or lies in a gap.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from pushwire.core.commands import AnyCommand, Leave
from pushwire.core.effects import Done, Fetch, Ticket
from pushwire.core.ids import id_source
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from pushwire.providers.bitpanda import PRICE_CHANGES, PRICES, Drop, Event, Gap, Pair, Price, Subscribe, Unsubscribe
from pushwire.sandbox.base import Accept, ConnectRequest, SendTo
from pushwire.sandbox.bitpanda import BitpandaServer
from pushwire.sandbox.bitpanda_settings import BitpandaSettings
from pushwire.testing.bitpanda import AAPL, BTC
from tests.providers import pair
from tests.providers.bitpanda.harness import TOKEN, Client, config
from tests.providers.harness import text_of

PAIRS = (BTC, AAPL, Pair("cr", "ETH", "USD"))
GONE = Pair("cr", "GONE", "EUR")
channels = st.sampled_from([PRICES, PRICE_CHANGES])
some_pairs = st.lists(st.sampled_from([*PAIRS, GONE]), min_size=1, max_size=3)
some_fiats = st.lists(st.sampled_from(["EUR", "USD", "XXX"]), min_size=1, max_size=2)


class Conversation(RuleBasedStateMachine):
    """One client and one server; what either says is on its way until it is carried."""

    merges: Literal["union", "only_new"] = "union"
    server_merges: Literal["add", "replace"] = "replace"

    def __init__(self) -> None:
        super().__init__()
        self.client = Client(config(merge=self.merges))
        self.server = BitpandaServer(BitpandaSettings(tokens=None, merge=self.server_merges), random.Random(1))
        self.coming: deque[str] = deque()
        self.conn = 0
        self.waiting: set[Ticket] = set()
        self.subscribed: list[tuple[Subscribe, Ticket]] = []
        self.client.start()
        self.connect()

    def connect(self) -> None:
        while self.client.fetches:
            self.client.give_token()
        self.conn += 1
        request = ConnectRequest(headers={"authorization": "Bearer t"})
        assert self.server.connect(self.conn, request, self.client.now, self.client.wall) == Accept()
        self.client.open()
        self.settle()

    def submit(self, command: AnyCommand) -> None:
        try:
            ticket = self.client.submit(command)
        except LocalProtocolError:
            return
        self.waiting.add(ticket)
        if isinstance(command, Subscribe):
            self.subscribed.append((command, ticket))
        self.settle()

    def settle(self) -> None:
        """Those who are answered wait no longer; who was refused has nothing to leave."""
        for settled in self.client.take_settled():
            self.waiting.remove(settled.ticket)
            if settled.error is not None:
                self.subscribed = [(command, ticket) for command, ticket in self.subscribed if ticket != settled.ticket]

    def carry(self) -> bool:
        """Bring one message over, the client's first. False where there is none."""
        if self.client.frames:
            self.server.receive(self.conn, text_of(self.client.frames.pop(0)), self.client.now)
        elif self.coming:
            self.client.receive(self.coming.popleft())
        self.settle()
        self.coming += (str(e.text) for e in self.server.take_effects() if isinstance(e, SendTo) and e.conn == self.conn)
        return bool(self.client.frames or self.coming)

    @rule(channel=channels, pairs=some_pairs)
    def pairs_are_subscribed_to(self, channel: str, pairs: list[Pair]) -> None:
        self.submit(Subscribe(channel, pairs))

    @rule(channel=channels, fiats=some_fiats)
    def fiats_are_subscribed_to(self, channel: str, fiats: list[str]) -> None:
        self.submit(Subscribe(channel, fiats=fiats))

    @rule(channel=channels)
    def all_is_subscribed_to(self, channel: str) -> None:
        self.submit(Subscribe(channel))

    @rule(channel=channels, pairs=some_pairs, fiats=some_fiats, which=st.booleans())
    def some_are_dropped(self, channel: str, pairs: list[Pair], fiats: list[str], which: bool) -> None:
        self.submit(Drop(channel, pairs) if which else Drop(channel, fiats=fiats))

    @rule(channel=channels)
    def a_channel_is_given_up(self, channel: str) -> None:
        self.submit(Unsubscribe(channel))

    @rule(which=st.integers(0, 1000))
    def somebody_leaves(self, which: int) -> None:
        if not self.subscribed:
            return
        command, ticket = self.subscribed.pop(which % len(self.subscribed))
        if ticket in self.waiting:
            # Who leaves before the answer gets none.
            self.waiting.remove(ticket)
            self.submit(Leave(command, ticket))
        else:
            self.submit(Leave(command))

    @rule(pair=st.sampled_from(PAIRS))
    def a_price_is_sent(self, pair: Pair) -> None:
        self.server.push(pair, self.client.now)

    @rule(messages=st.integers(1, 5))
    def messages_arrive(self, messages: int) -> None:
        self.client.now += 0.01
        for _ in range(messages):
            self.carry()

    @rule()
    def the_connection_breaks(self) -> None:
        self.server.disconnected(self.conn, self.client.now)
        self.coming.clear()
        self.client.frames.clear()
        self.client.redial()
        self.connect()

    def teardown(self) -> None:
        while self.carry():
            pass
        client = self.client
        assert client.hangups == []
        # What the machine holds to be desired is looked at directly: it is what a reconnect would restore.
        desired = client.desired()
        assert set(self.server.topics(self.conn)) == desired
        assert not self.waiting
        self.check_prices()

    def check_prices(self) -> None:
        """Once all is settled, the prices of what is subscribed to arrive, and no others."""
        self.client.take_events()
        pushed = {self.server.push(pair, self.client.now).identity: pair for pair in PAIRS}
        while self.carry():
            pass
        desired = self.client.desired()
        expected = {identity for identity, pair in pushed.items() if not desired.isdisjoint(topics_of(pair))}
        assert {event.identity for event in self.client.take_events() if isinstance(event, Price)} == expected


def topics_of(pair: Pair) -> set[object]:
    """What a price of it is covered by."""
    return {topic for command in forms(pair) for topic in command.topics}


def forms(pair: Pair) -> list[Subscribe]:
    return [Subscribe(PRICES, [pair]), Subscribe(PRICES, fiats=[pair.fiat]), Subscribe(PRICES)]


class Adding(Conversation):
    """Where the provider adds, and is told what is new alone."""

    merges = "only_new"
    server_merges = "add"


class UnionAdding(Conversation):
    """Where the provider adds, and is told all."""

    server_merges = "add"


for conversation in (Conversation, Adding, UnionAdding):
    conversation.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestReplacing = Conversation.TestCase
TestAdding = Adding.TestCase
TestUnionAdding = UnionAdding.TestCase


class Joined(pair.Pair[Event, BitpandaServer]):
    """Both machines on a link that breaks."""

    def fetched(self, fetch: Fetch) -> None:
        self.client.fulfil(fetch.token, Done(Secret(TOKEN)), self.now)


def test_what_was_sent_arrived_or_lies_in_a_gap() -> None:
    server = BitpandaServer(BitpandaSettings(tokens=None, rate=4.0), random.Random(3))
    # Four updates are on their way at any time, and lost when it breaks.
    both = Joined(config().machine(rng=random.Random(1), ids=id_source("p")), server, delay=1.0)
    both.begin()
    both.submit(Subscribe(PRICES, fiats=["EUR"]))
    for _ in range(5):
        both.advance(40.0)
        both.cut()
    both.advance(40.0)
    arrived = {event.identity for event in both.events if isinstance(event, Price)}
    gaps = [event for event in both.events if isinstance(event, Gap)]
    missing = {identity: at for identity, at in server.sent.items() if identity not in arrived and at < both.wall - 1.0}
    assert len(gaps) == 5
    assert len(missing) > 20
    assert all(any(gap.since <= at <= gap.until for gap in gaps) for at in missing.values())
