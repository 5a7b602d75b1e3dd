"""Whatever a peer sends, `receive` accepts it or says what was wrong with it, as an event; it never raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.effects import SecretFrame
from pushwire.core.events import Down, Gap, Malformed, SubscriptionRefused, Unrecognized, Up
from pushwire.core.machine import Phase
from pushwire.providers import quantcite
from pushwire.testing import quantcite as build
from tests.providers.quantcite.harness import HIDDEN, KEY, OWN, SUBSCRIBE, Client, config
from tests.providers.totality import LONG, NO_MESSAGES, Json, anything, is_malformed, mutated, values

MARKET_DATA = [
    '{"type":"aggregated_subscription_response","symbol":"BTC/USDT","exchanges":["binance"],"requested":"all","success":true}',
    '{"type":"aggregated_orderbook_update","symbol":"BTC/USDT","timestamp":1,"update_number":1,"data":{"bids":[],"asks":[]}}',
    '{"type":"aggregated_orderbook_data","symbol":"BTC/USDT"}',
    '{"type":"pairs_data","pairs":[]}',
    '{"type":"exchanges_data","exchanges":[]}',
]


@pytest.mark.parametrize(
    "raw",
    [
        *NO_MESSAGES,
        "{}",
        '{"type":null}',
        '{"type":5}',
        '{"type":"welcome","session_id":5}',
        '{"type":"pong","type":"pong"} trailing',
        '{"type":"transaction_response","exchange":5}',
        '{"type":"transaction_response","transactions":[]}',
        '{"type":"transaction_response","exchange":"","transactions":[]}',
        '{"type":"transaction_response","exchange":"bybit","transactions":{}}',
        '{"type":"error","code":4.5}',
        '{"type":"authentication_error","error":["x"]}',
        '{"type":"validation_response"}',
        '{"type":"exchanges_response"}',
        '{"type":"exchanges_response","exchanges":[{"exchange_name":5}]}',
        '{"type":"transaction_response","exchange":"b","transactions":[' + '{"a":' * 100_000,
        '{"type":"error","code":' + "9" * 5000 + "}",
        b'{"type":"welcome","message":"\xff"}',
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_what_cannot_be_decoded_is_malformed_and_kept_whole(raw: str | bytes) -> None:
    is_malformed(Client().ready(), raw)


@pytest.mark.parametrize("raw", [*MARKET_DATA, '{"type":"news"}', '{"type":""}', '{"type":"Welcome"}'])
def test_a_message_of_another_type_market_data_among_them_reaches_the_user_raw(raw: str) -> None:
    client = Client().ready()
    client.receive(raw)
    assert client.take_events() == [Unrecognized(0.0, raw, json.loads(raw)["type"])]


def test_deeply_nested_fields_that_nobody_knows_cost_nothing_but_their_own_transaction() -> None:
    client = Client().ready()
    deep = '{"transactionId":"d","timestamp":1,"label":"x","new":' + "[" * 900 + "]" * 900 + "}"
    good = '{"transactionId":"g","timestamp":1,"label":"x"}'
    client.receive(f'{{"type":"transaction_response","exchange":"b","transactions":[{deep},{good}]}}')
    transactions = [event for event in client.take_events() if isinstance(event, quantcite.Transaction)]
    assert transactions[-1].transaction_id == "g"


def test_binary_messages_are_read_like_text() -> None:
    client = Client().ready()
    client.receive(build.transaction_response().encode())
    assert len(client.take_transactions()) == 1


def test_a_bad_message_does_not_harm_its_neighbours_in_the_same_read() -> None:
    client = Client().ready()
    rows = [build.transaction_response(build.wire(transaction_id=name)) for name in "ab"]
    client.receive(rows[0], "{", '{"type":"news"}', rows[1])
    kinds = [type(event) for event in client.take_events()]
    assert kinds == [quantcite.Transaction, Malformed, Unrecognized, quantcite.Transaction]


# Generated

VALUES = values("NaN", *HIDDEN)

MESSAGES: list[Json] = [
    json.loads(raw)
    for raw in (
        build.welcome(),
        build.greeting(),
        '{"type":"authentication_success","user_id":"u","tier":"t"}',
        build.pong(),
        build.error("exchange_error", "no", 4004, exchange="bybit", retry_after=5),
        build.error("authentication_required", "no", None),
        build.authentication_error(),
        '{"type":"subscription_error","error":"e","message":"m"}',
        '{"type":"data_limit_exceeded","message":"m"}',
        build.validation_response(),
        build.validation_response(success=False),
        build.exchanges_response(okx=True),
        build.transaction_response(),
        build.transaction_response(build.wire(label="Trade", transaction_id="x"), build.wire(), exchange="okx", success=False),
    )
]


ANYTHING = anything(mutated(MESSAGES, VALUES), VALUES, *{name: None for message in MESSAGES for name in message})
COMMANDS = st.sampled_from(
    [
        SUBSCRIBE,
        quantcite.SubscribeTransactions("okx", credentials=OWN),
        quantcite.ValidateCredentials("bybit", credentials=OWN),
        quantcite.GetExchanges(),
    ]
)
KINDS = (quantcite.Transaction, quantcite.Notice, Up, Down, Gap, Malformed, Unrecognized, SubscriptionRefused)


def check_any_messages(messages: list[str | bytes], commands: list[Any], *, ready: bool) -> None:
    client = Client(config(stale_after=1000.0, max_message=2**20))
    if ready:
        client.ready()
    else:
        client.start()
        client.open()
    for command in commands:
        client.submit(command)
    for raw in messages:
        client.receive(raw)
        for event in client.take_events():
            assert isinstance(event, KINDS)
            if isinstance(event, Malformed | Unrecognized | quantcite.Notice):
                assert event.raw == raw
            elif isinstance(event, quantcite.Transaction):
                # What is delivered is whole: every property can be read.
                assert event.identity.key[2] == event.transaction_id
                assert event.time.timestamp() * 1000 == pytest.approx(event.timestamp)
                assert repr(event)
    shown = repr([(settled.reply, settled.error) for settled in client.take_settled()]) + str(client.machine.status())
    # What the provider was never told is no credential to either side, but a text that looks like one.
    told = (KEY, *(frame.text for frame in client.frames if isinstance(frame, SecretFrame)))
    assert not any(hidden in shown for hidden in HIDDEN if any(hidden in text for text in told))
    # It can still go on: the connection ends, and the next one is dialled or the session was refused for good.
    client.closed()
    assert client.machine.status().phase in {Phase.BACKING_OFF, Phase.CLOSED}


@given(st.lists(ANYTHING, max_size=8), st.lists(COMMANDS, max_size=2), st.booleans())
def test_receive_accepts_anything_or_says_what_was_wrong(messages: list[str | bytes], commands: list[Any], ready: bool) -> None:
    check_any_messages(messages, commands, ready=ready)


@pytest.mark.fuzz
@pytest.mark.slow
@LONG
@given(st.lists(ANYTHING, min_size=5, max_size=30), st.lists(COMMANDS, max_size=4), st.booleans())
def test_receive_accepts_long_conversations_of_anything(messages: list[str | bytes], commands: list[Any], ready: bool) -> None:
    check_any_messages(messages, commands, ready=ready)
