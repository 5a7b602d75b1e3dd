"""Messages of one read are taken together where they can be. What comes of them is the same as if each had come by itself."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.effects import Identity, Persist, Restored, Settled
from pushwire.core.events import Unrecognized
from pushwire.core.machine import Status
from pushwire.providers import gelabs
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import Client, config
from tests.providers.harness import WALL

CHAINS = ("ethereum", "Ethereum", "solana", "nowhere")
HASHES = ("0xab", "0xAB", "0xcd", "5hX", "5hx")
EARLIER = Restored(
    finished={Identity(("ethereum", 1, "0xcd"), ("success", 1, False)): WALL},
    delivered={Identity(("solana", 1, "5hX"), ("success", 1, False)): WALL},
    mark=WALL,
)

pushes = st.builds(
    build.push,
    chain_type=st.sampled_from(CHAINS),
    chain_id=st.sampled_from((1, None)),
    tx_hash=st.sampled_from(HASHES),
    tx_status=st.sampled_from(("success", "pending", None)),
    height=st.sampled_from((1, 2, None)),
    is_reorg_resend=st.sampled_from((False, True, None)),
    raw_amount=st.sampled_from(("1", "", None, "9" * 78, "9" * 79, "-1", "\u0661", "1e5")),
    token_transfers=st.sampled_from((None, (), (gelabs.TokenTransfer(raw_amount="1"),), (gelabs.TokenTransfer(raw_amount="x"),))),
    listen_addresses=st.sampled_from((None, (), (build.ADDRESS,))),
    message_id=st.sampled_from(("m1", "m2", None)),
)
others = st.sampled_from(
    (
        build.message("transaction", None),
        build.message("news", {}),
        build.message("getTxHash", None, id="nobody"),
        build.message("transactionACK", {}, id="id-1"),
        build.message("transactionACK", {}, id="id-2", code=404),
        build.connected(),
        build.pong("x"),
        "not JSON",
        b"\xff",
    )
)
reads = st.lists(st.lists(pushes | others, max_size=8), max_size=4)


def told(
    reads: Sequence[Sequence[str | bytes]], *, together: bool, ack_message_id: bool
) -> tuple[object, Sequence[Persist], Sequence[Settled], Status]:
    """All that the machine says of these reads, between which what it delivered is finished."""
    client = Client(config(ack_message_id=ack_message_id, stale_after=30.0), restored=EARLIER).ready()
    said: list[object] = []
    persists: list[Persist] = []
    settled: list[Settled] = []
    for read in reads:
        client.advance(5.0)
        for part in (read,) if together else [(message,) for message in read]:
            client.receive(*part)
        events = client.take_events()
        said += [*events, *client.take_frames()]
        client.finish(*(event.identity for event in events[1:] if isinstance(event, gelabs.Transaction)))
        persists += client.persists
        client.fulfil()
        said += client.take_frames()
        settled += client.take_settled()
    client.advance(60.0)
    said += [*client.take_events(), *client.take_frames()]
    return said, persists, settled, client.machine.status()


@given(reads, st.booleans())
def test_a_read_of_many_messages_says_what_as_many_reads_of_one_say(reads: list[list[str | bytes]], ack_message_id: bool) -> None:
    together = told(reads, together=True, ack_message_id=ack_message_id)
    assert together == told(reads, together=False, ack_message_id=ack_message_id)


def test_an_answer_that_nobody_waits_for_takes_nothing_from_what_came_before_it() -> None:
    client = Client().ready()
    client.receive(build.push(), build.message("transactionACK", {}, id="nobody"), build.push(tx_hash="0xcd"))
    events = [type(event) for event in client.take_events()]
    assert events[-3:] == [gelabs.Transaction, Unrecognized, gelabs.Transaction]


def test_updates_and_resends_among_new_ones_keep_their_places() -> None:
    client = Client().ready()
    texts = [("a", "pending"), ("b", "success"), ("a", "success"), ("a", "pending"), ("c", "success"), ("b", "failed")]
    client.receive(*(build.push(tx_hash=tx_hash, tx_status=status) for tx_hash, status in texts))
    assert [(tx.tx_hash, tx.tx_status, tx.delivery) for tx in client.take_transactions()] == [
        ("a", "pending", "new"),
        ("b", "success", "new"),
        ("a", "success", "update"),
        ("c", "success", "new"),
        ("b", "failed", "update"),
    ]
    assert client.machine.status().withheld == 1


def test_what_is_in_hand_is_nothing_that_the_collector_would_look_at_again_and_again() -> None:
    client = Client().ready()
    gc.collect()
    before = len(gc.get_objects(generation=2))
    for number in range(400):
        client.receive(build.push(tx_hash=f"0x{number}", message_id=f"m{number}"))
        if number % 20 == 0:
            # What is still looked at then is old, and full collections come the more often the more of it there is.
            gc.collect(1)
    assert len(gc.get_objects(generation=2)) - before < 100


def test_what_comes_one_by_one_leaves_its_key_behind_and_little_else() -> None:
    client = Client().ready()
    gc.disable()
    try:
        gc.collect()
        for number in range(320):
            client.receive(build.push(tx_hash=f"0x{number}", message_id=f"m{number}"))
            client.take_events()
        # What the collector counts is the key of each message, and little else; with a run for each it would be three of each.
        assert gc.get_count()[0] < 2 * 320
    finally:
        gc.enable()
