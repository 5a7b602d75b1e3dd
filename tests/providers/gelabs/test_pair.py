"""The client against the sandbox's server: a link that cuts, delays and duplicates, a store that fails, a client that dies.

Whatever the order of events: each version that is pushed is delivered, none twice where the ledger knows better, and none is
ACKed before it is durable.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pushwire.core.effects import Close, Identity
from pushwire.core.events import Down, Malformed, SubscriptionRefused, Unrecognized, Up
from pushwire.providers import gelabs
from pushwire.sandbox.gelabs_book import Account
from pushwire.sandbox.gelabs_transactions import Watched, new_transaction
from tests.providers.gelabs.pair import KEY, Pair
from tests.providers.harness import LOST

ADDRESSES = {
    "ethereum": "0x1234567890abcdef1234567890abcdef12345678",
    "solana": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    "bitcoin": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
}
chains = st.sampled_from(list(ADDRESSES))


def settle(pair: Pair) -> None:
    """Everything is well from now on, and the caller keeps up."""
    pair.delay, pair.twice, pair.memory.failing, pair.unreachable_until = 0.01, 0, 0, 0.0
    for _ in range(10):
        pair.advance(30.0)
        pair.finish(*pair.in_hand)
    pair.advance(30.0)


def missing(pair: Pair) -> set[Identity]:
    """What was pushed, is not finished, and was not announced as a gap."""
    at = {message.identity: message.at for message in pair.server.messages.values()}
    return {
        identity
        for identity in pair.pushed - set(pair.memory.finished) - pair.overtaken
        if not any(gap.since <= at[identity] <= gap.until for gap in pair.gaps)
    }


class Conversation(RuleBasedStateMachine):
    """One client, which may die and start again, and one server."""

    ack_message_id = True

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(gelabs.Config(api_key=KEY, ack_message_id=self.ack_message_id))
        # Nothing is promised for the time before a store was first used.
        self.pair.advance(1.0)
        self.data: list[dict[str, Any]] = []
        self.serial = 0
        self.wanted: set[gelabs.Topic] = set()

    @rule(chain=chains, pending=st.booleans(), loud=st.booleans())
    def a_transaction_is_pushed(self, chain: str, pending: bool, loud: bool) -> None:
        self.serial += 1
        watched = Watched(chain, ADDRESSES[chain])
        data: dict[str, Any] = new_transaction(watched, self.pair.wall, random.Random(self.serial), sparse_share=0.3)
        if pending and "txStatus" in data:
            data |= {"txStatus": "pending", "height": None}
        if loud:
            data["txhash"] = data["txhash"].replace("0x", "0X")
        self.data.append(data)
        self.pair.push(data)

    @precondition(lambda self: self.data)
    @rule(which=st.integers(0, 1000), height=st.integers(1, 3), reorg=st.booleans())
    def another_version_is_pushed(self, which: int, height: int, reorg: bool) -> None:
        data = self.data[which % len(self.data)]
        self.pair.push({**data, "txStatus": "success", "height": height, "is_reorg_resend": reorg})

    @precondition(lambda self: self.data)
    @rule(which=st.integers(0, 1000))
    def the_same_version_is_pushed_again_under_another_id(self, which: int) -> None:
        self.pair.push(self.data[which % len(self.data)])

    @rule(seconds=st.sampled_from([0.005, 0.01, 0.02, 0.5, 5.0, 31.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.pair.advance(seconds)

    @precondition(lambda self: self.pair.in_hand)
    @rule(which=st.integers(0, 1000), more=st.booleans())
    def the_caller_finishes(self, which: int, more: bool) -> None:
        in_hand = self.pair.in_hand
        self.pair.finish(*(in_hand if more else [in_hand[which % len(in_hand)]]))
        self.pair.advance(0.0)

    @precondition(lambda self: self.pair.in_hand)
    @rule(cut=st.booleans())
    def a_version_crosses_the_ack_of_an_earlier_one(self, cut: bool) -> None:
        tx = self.pair.in_hand[0]
        self.pair.finish(tx)
        # The commit takes two delays; then the ACK is under way.
        self.pair.advance(2.5 * self.pair.delay)
        data = next(data for data in self.data if data["txhash"].lower() == tx.tx_hash.lower())
        self.pair.push({**data, "txStatus": "success", "height": 7})
        self.pair.advance(0.75 * self.pair.delay)
        if cut:
            self.pair.cut()

    @rule(delay=st.sampled_from([0.001, 0.01, 0.1, 1.0, 3.0]))
    def the_link_slows(self, delay: float) -> None:
        self.pair.delay = delay

    @rule(times=st.integers(1, 5))
    def the_link_duplicates(self, times: int) -> None:
        self.pair.twice = times

    @rule(close=st.sampled_from([LOST, Close(code=1000), Close(code=1012, reason="restart")]))
    def the_connection_ends(self, close: Close) -> None:
        self.pair.cut(close)

    @rule(seconds=st.sampled_from([1.0, 60.0, 600.0, 5000.0]))
    def the_server_cannot_be_reached_for_a_while(self, seconds: float) -> None:
        self.pair.unreachable_until = self.pair.now + seconds
        self.pair.cut()

    @rule()
    def the_store_fails_once(self) -> None:
        self.pair.memory.failing += 1

    @rule(pause=st.sampled_from([0.0, 10.0, 1000.0]))
    def the_client_dies_and_starts_again(self, pause: float) -> None:
        pair = self.pair
        pair.kill()
        pair.now += pause
        pair.server.handle_timer(pair.now, pair.wall)
        self.wanted.clear()
        pair.restart()

    @rule(chain=chains, more=st.booleans())
    def the_caller_subscribes(self, chain: str, more: bool) -> None:
        address = ADDRESSES[chain] if more else ADDRESSES[chain].replace("0x", "0X")
        self.pair.submit(gelabs.Subscribe(address, chain))
        self.wanted.add(gelabs.Topic(chain, ADDRESSES[chain]))

    @rule(chain=chains, one=st.booleans())
    def the_caller_unsubscribes(self, chain: str, one: bool) -> None:
        self.pair.submit(gelabs.Unsubscribe(ADDRESSES[chain], chain if one else None))
        self.wanted.discard(gelabs.Topic(chain, ADDRESSES[chain]))

    @invariant()
    def every_message_was_understood(self) -> None:
        events, self.pair.control = self.pair.control, []
        for event in events:
            # An ACK's answer may come after the ACK was given up; nothing else is strange here.
            assert isinstance(event, Up | Down | Unrecognized), event
            assert not isinstance(event, Unrecognized) or "nobody waits for" in event.type
            assert not isinstance(event, Malformed | SubscriptionRefused)

    @invariant()
    def the_counts_agree(self) -> None:
        status = self.pair.client.status()
        assert status.unacked >= len(self.pair.in_hand)
        assert self.pair.client.failure is None

    def teardown(self) -> None:
        pair = self.pair
        settle(pair)
        assert pair.ready
        assert missing(pair) == set()
        # An ACK that names its message speaks for no other; one that names the transaction alone may.
        assert pair.overtaken == set() or not self.ack_message_id
        assert pair.in_hand == []
        assert pair.unacked <= set(pair.memory.finished)
        assert {gelabs.Topic(*place) for account in pair.server.accounts for place in subscribed(account)} == self.wanted


def subscribed(account: Account) -> set[tuple[str, str]]:
    """What the live connection is subscribed to, at the server."""
    (connection,) = account.connections.values()
    return set(connection.subscriptions)


class ByHashAlone(Conversation):
    """The same where the provider knows ACKs by the transaction alone."""

    ack_message_id = False


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=max(200, settings().max_examples), stateful_step_count=50)
TestByHashAlone = ByHashAlone.TestCase
TestByHashAlone.settings = settings(max_examples=max(100, settings().max_examples), stateful_step_count=50)
