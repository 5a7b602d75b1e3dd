"""The builders make what a stream would deliver, and what the provider would send."""

from __future__ import annotations

import doctest
import random
import subprocess
import sys
from collections.abc import Callable

import pytest

from pushwire.core.effects import Close, Handshake, Identity
from pushwire.core.events import AckRefused, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from pushwire.core.secrets import Secret
from pushwire.providers import gelabs
from pushwire.providers.gelabs.messages import Connected, Pong, TransactionReply, decode
from pushwire.testing import events
from pushwire.testing import gelabs as build


def delivered(*messages: str) -> list[gelabs.Event]:
    """What a machine delivers of these, received at 0.0."""
    machine = gelabs.Config(api_key=Secret("key")).machine(rng=random.Random(1), ids=iter(map(str, range(99))).__next__)
    machine.start(0.0, 1_745_000_000.0)
    machine.opened(Handshake(), 0.0, 1_745_000_000.0)
    machine.receive(messages, 0.0)
    return list(machine.take_events())


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"tx_status": "pending", "height": None},
        {"tx_hash": "0xABC", "chain_id": None, "chain_type": "BSC"},
        {"is_reorg_resend": True, "message_id": "msg-9", "sent": None},
        {
            "token_transfers": (gelabs.TokenTransfer(from_address=build.ADDRESS, raw_amount="5", decimals=6),),
            "inputs": (gelabs.UtxoInput(address="bc1q", raw_amount="7", vin_index="0"),),
            "outputs": (gelabs.UtxoOutput(address="bc1p", raw_amount="6", vout_index="1"),),
            "internal_calls": (gelabs.InternalCall(from_address="a", depth=1),),
        },
    ],
)
def test_a_push_is_delivered_as_the_transaction_of_the_same_overrides(overrides: build.TransactionFields) -> None:
    assert delivered(build.push(**overrides)) == [build.transaction(**overrides)]


def test_a_transaction_that_says_the_same_is_equal_whenever_it_came() -> None:
    (first,) = delivered(build.push())
    later = build.transaction()
    assert (first, hash(first)) == (later, hash(later))
    assert first != build.transaction(identity=Identity(("a",), ("b",)))
    assert first != build.transaction(raw_amount="7")
    anything: object = build.TX_HASH
    assert first != anything


def test_the_identity_of_a_transaction_follows_its_fields_unless_it_is_given() -> None:
    assert build.transaction().identity == Identity(("ethereum", 1, build.TX_HASH), ("success", 21_000_000, False))
    assert build.transaction(tx_hash="0xAB").identity.key == ("ethereum", 1, "0xab")
    given = Identity(("a",), ("b",))
    assert build.transaction(identity=given).identity == given


def test_the_fields_that_can_be_overridden_are_those_of_a_transaction() -> None:
    names = {*gelabs.Transaction.__struct_fields__, *gelabs.Arrival.__struct_fields__, "identity"}
    # In the place of which there are those of the other, and of whose parts there is the whole.
    assert set(build.TransactionFields.__annotations__) == names - {"arrival", "key", "version"}


def test_wire_messages_are_the_ones_the_client_knows() -> None:
    greeting = decode(build.connected(client_id="c", app_id="a"))
    assert isinstance(greeting, Connected)
    assert greeting.data is not None
    assert (greeting.data.client_id, greeting.data.app_id) == ("c", "a")
    pong = decode(build.pong("ping-1"))
    assert isinstance(pong, Pong)
    assert pong.id == "ping-1"
    refusal = decode(build.message("getTxHash", id="c1", code=404, msg="transaction not found"))
    assert isinstance(refusal, TransactionReply)
    assert (refusal.id, refusal.code, refusal.msg, refusal.data) == ("c1", 404, "transaction not found", None)


def test_gelabs_control_events_have_typed_topics() -> None:
    topic = gelabs.Topic("ethereum", build.ADDRESS)
    assert build.stale(received=100.0) == Stale(100.0, topic, 40.0)
    assert build.stale(since=-5.0) == Stale(0.0, topic, -5.0)
    assert build.subscription_refused() == SubscriptionRefused(0.0, topic, 400, "address and chain_type required")
    assert build.ack_refused().key == build.transaction().identity.key


CLOSE = Close(code=1012, reason="restart")


@pytest.mark.parametrize(
    "built, event",
    [
        (events.up, Up(0.0, 1)),
        (events.down, Down(0.0, "connection lost: the connection was reset", events.NO_CLOSE_FRAME)),
        (lambda: events.down(close=CLOSE), Down(0.0, "close 1012 by peer: restart", CLOSE)),
        (lambda: events.down(close=None, reason="no pong"), Down(0.0, "no pong", None)),
        (lambda: events.gap(1.0, 2.0), Gap(0.0, 1.0, 2.0)),
        (lambda: events.stale("topic"), Stale(0.0, "topic", -60.0)),
        (lambda: events.subscription_refused("topic"), SubscriptionRefused(0.0, "topic", 400, "refused")),
        (lambda: events.ack_refused(("key",)), AckRefused(0.0, ("key",), 400, "refused")),
        (events.malformed, Malformed(0.0, "{", "input data was truncated")),
        (events.unrecognized, Unrecognized(0.0, '{"type": "news"}', "news")),
        (lambda: events.unrecognized(b"x", type="t"), Unrecognized(0.0, b"x", "t")),
    ],
)
def test_a_control_event_needs_only_what_the_test_cares_about(built: Callable[[], object], event: object) -> None:
    assert built() == event


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(build).failed == 0


def test_importing_the_builders_loads_neither_pytest_nor_trio() -> None:
    code = "import sys, pushwire.testing.events, pushwire.testing.gelabs; print({'pytest', 'trio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
