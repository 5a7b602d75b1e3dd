"""Whatever a peer sends, `receive` accepts it or says what was wrong with it, as an event; it never raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.events import AckRefused, Down, Malformed, Unrecognized, Up
from pushwire.core.machine import Phase
from pushwire.providers import gelabs
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import KEY, Client, config
from tests.providers.totality import (
    LONG,
    NO_MESSAGES,
    Json,
    anything,
    hides_what_was_not_understood,
    is_malformed,
    mutated,
    values,
)

# What is no message at all


@pytest.mark.parametrize(
    "raw",
    [
        *NO_MESSAGES,
        "{}",
        '{"type":null}',
        '{"type":5}',
        '{"id":5}',
        '{"type":"transaction","type":"pong"}',
        '{"type":"pong","id":5}',
        '{"type":"pong","code":"0"}',
        '{"type":"pong","code":null}',
        '{"type":"transaction","data":{"chain_type":"e","txhash":"\\ud800"}}',
        '{"type":"transaction","data":{"chain_type":"e","txhash":"0x1"}} trailing',
        '{"type":"transaction","data":' + '{"data":' * 100_000,
        '{"type":"transaction","height":' + "9" * 5000 + "}",
        '{"type":"pong","id":"\udcff"}',
        b'{"type":"pong","id":"\xff"}',
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_what_cannot_be_decoded_is_malformed_and_kept_whole(raw: str | bytes) -> None:
    is_malformed(Client().ready(), raw)


@pytest.mark.parametrize("kind", ["news", "ping", "error", "", "Transaction", "é"])
def test_a_message_of_an_unknown_type_reaches_the_user(kind: str) -> None:
    client = Client().ready()
    raw = json.dumps({"id": "x", "type": kind, "data": {"anything": [1, None]}})
    client.receive(raw)
    assert client.take_events() == [Unrecognized(0.0, raw, kind)]


def test_binary_messages_are_read_like_text() -> None:
    client = Client().ready()
    client.receive(build.push().encode())
    assert [type(event) for event in client.take_events()] == [gelabs.Transaction]


def test_a_bad_message_does_not_harm_its_neighbours_in_the_same_read() -> None:
    client = Client().ready()
    client.receive(build.push(), "{", build.push(tx_hash="0x2"), '{"type":"news"}', build.push(tx_hash="0x3"))
    kinds = [type(event) for event in client.take_events()]
    assert kinds == [gelabs.Transaction, Malformed, gelabs.Transaction, Unrecognized, gelabs.Transaction]


def test_the_repr_of_what_was_not_understood_shows_its_size_alone() -> None:
    hides_what_was_not_understood(Client().ready(), '{"type":"news","secret":"hunter2"}')


def test_after_any_of_it_the_connection_works() -> None:
    client = Client().ready()
    client.receive("{", b"\xff", '{"type":"news"}')
    client.take_events()
    client.receive(build.push())
    assert [type(event) for event in client.take_events()] == [gelabs.Transaction]


# Generated

VALUES = values("NaN", "1e5", "0xAb")

PUSHES: list[Json] = [
    json.loads(build.push(sent=None)),
    json.loads(build.push(tx_status="pending", height=None, chain_id=None, tx_hash="0xABC")),
    json.loads(
        build.push(
            chain_type="solana",
            token_transfers=(gelabs.TokenTransfer(from_address="a", raw_amount="1", decimals=6, mint="m"),),
            inputs=(gelabs.UtxoInput(address="a", raw_amount="1", vin_index="0"),),
            outputs=(gelabs.UtxoOutput(address="a", raw_amount="1", vout_index="0"),),
            internal_calls=(gelabs.InternalCall(from_address="a", instr_index=0, depth=1),),
        )
    ),
]
MESSAGES: list[Json] = [
    *PUSHES,
    json.loads(build.connected()),
    json.loads(build.pong("c1")),
    *(
        {"id": "c1", "type": kind, "code": 0, "data": {}, "msg": "success"}
        for kind in ("subscribe", "unsubscribe", "getTxHash", "transactionACK")
    ),
]


NEARLY = mutated(MESSAGES, VALUES)
ANYTHING = anything(NEARLY, VALUES, "id", "type", "code", "data", "msg", "time")
COMMANDS = st.sampled_from(
    [gelabs.Subscribe("0xABC", "ethereum"), gelabs.Unsubscribe("0xABC"), gelabs.GetTransaction("ethereum", 1, "0x1")]
)
KINDS = (gelabs.Transaction, Up, Down, Malformed, Unrecognized, AckRefused)


def outcome(client: Client, raw: str | bytes) -> gelabs.Event | None:
    """Hand one message in. It may be accepted silently, or become one event of its own."""
    before = client.machine.status()
    client.receive(raw)
    events = client.take_events()
    assert all(isinstance(event, KINDS) for event in events)
    assert len(events) <= 1
    for event in events:
        if isinstance(event, Malformed | Unrecognized):
            assert event.raw == raw
        assert KEY not in repr(event)
    after = client.machine.status()
    assert after.generation == before.generation
    return events[0] if events else None


def check_any_messages(messages: list[str | bytes], commands: list[Any]) -> None:
    client = Client(config(stale_after=1000.0)).ready()
    for command in commands:
        client.submit(command)
    for raw in messages:
        event = outcome(client, raw)
        if isinstance(event, gelabs.Transaction):
            # What is delivered is whole: every property can be read, it can be dumped, finished and ACKed.
            assert [getattr(event, name) for name in dir(event) if not name.startswith("_")]
            assert json.loads(event.dump())["txhash"] == event.tx_hash
            assert repr(event)
            client.settle(event)
    status = client.machine.status()
    assert status.phase in {Phase.READY, Phase.HANGING_UP}
    assert status.unacked == 0
    # It can still go on: the connection ends, and the next one is dialled or the session was refused for good.
    client.closed()
    assert client.machine.status().phase in {Phase.BACKING_OFF, Phase.CLOSED}


@given(st.lists(ANYTHING, max_size=8), st.lists(COMMANDS, max_size=2))
def test_receive_accepts_anything_or_says_what_was_wrong(messages: list[str | bytes], commands: list[Any]) -> None:
    check_any_messages(messages, commands)


@pytest.mark.fuzz
@pytest.mark.slow
@LONG
@given(st.lists(ANYTHING, min_size=5, max_size=30), st.lists(COMMANDS, max_size=4))
def test_receive_accepts_long_conversations_of_anything(messages: list[str | bytes], commands: list[Any]) -> None:
    check_any_messages(messages, commands)


@given(NEARLY)
def test_a_mutated_push_is_delivered_exactly_or_not_at_all(raw: str) -> None:
    client = Client().ready()
    event = outcome(client, raw)
    if isinstance(event, gelabs.Transaction):
        data = json.loads(raw)["data"]
        assert (event.chain_type, event.tx_hash) == (data["chain_type"], data["txhash"])
        assert event.amount == (int(data["amount"]) if data.get("amount") else None)
        assert event.height == data.get("height")
