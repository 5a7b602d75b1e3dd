"""Transactions: exact, each delivered once, and none lost for the sake of another that cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.events import Malformed
from pushwire.providers import quantcite
from pushwire.providers.quantcite import Amount, Sender, Summary
from pushwire.testing import quantcite as build
from tests.providers.harness import expect
from tests.providers.quantcite.harness import SUBSCRIBE, Client, config

DEPOSIT = '{"transactionId":"t1","timestamp":1693526400000,"label":"Deposit","receivedCurrency":{"currency":"USDT","amount":%s}}'


def batch(*rows: str, exchange: str = "bybit") -> str:
    """A batch whose transactions are given as JSON."""
    return f'{{"type":"transaction_response","success":true,"exchange":"{exchange}","transactions":[{",".join(rows)}]}}'


def received(client: Client, *rows: str) -> list[quantcite.Transaction]:
    client.receive(batch(*rows))
    return client.take_transactions()


# Values


@pytest.mark.parametrize(
    "written, value",
    [
        ("1000.0", "1000.0"),
        ("0", "0"),
        ("-0.5", "-0.5"),
        ("0.1", "0.1"),
        ("123456789012345678901234567890.123456789012345678", "123456789012345678901234567890.123456789012345678"),
        ("1e-8", "0.00000001"),
        ("1E+2", "100"),
        ("9" * 78, "9" * 78),
    ],
)
def test_an_amount_is_read_digit_by_digit(written: str, value: str) -> None:
    (tx,) = received(Client().ready(), DEPOSIT % written)
    amount = expect(Amount, tx.received_currency)
    assert (amount.currency, amount.amount) == ("USDT", Decimal(value))
    assert isinstance(amount.amount, Decimal)


@pytest.mark.parametrize(
    "written",
    ['"1000"', '"1_000"', '"NaN"', '"Infinity"', "true", "null", "{}", "[1]", "9" * 79, "0." + "1" * 79, "1e100", "1e-100"],
)
def test_what_is_no_number_of_bounded_length_is_no_amount(written: str) -> None:
    client = Client().ready()
    raw = batch(DEPOSIT % written)
    client.receive(raw)
    (event,) = client.take_events()
    malformed = expect(Malformed, event)
    assert malformed.raw == raw
    assert malformed.reason.startswith("transactions[0]: ")


@pytest.mark.parametrize("written", ["NaN", "Infinity", "1_000", "01", "1.", "+1"])
def test_what_is_no_json_spoils_the_message(written: str) -> None:
    client = Client().ready()
    client.receive(batch(DEPOSIT % written))
    assert [type(event) for event in client.take_events()] == [Malformed]


def test_every_field_is_read_and_what_is_null_or_absent_is_none() -> None:
    whole = build.transaction(
        label="Trade",
        sent_currency=Amount("USDT", Decimal("12.50")),
        received_currency=Amount("BTC", Decimal("0.00012345")),
        fee=Amount("BTC", Decimal("1E-8")),
        sender=Sender(name="n", public_name="p", wallet_id="w"),
    )
    client = Client().ready()
    wire = build.wire(
        label="Trade",
        sent_currency=whole.sent_currency,
        received_currency=whole.received_currency,
        fee=whole.fee,
        sender=whole.sender,
    )
    client.receive(build.transaction_response(wire))
    assert client.take_transactions() == [whole]
    absent = '{"transactionId":"a","timestamp":1,"label":""}'
    null = (
        '{"transactionId":"b","timestamp":1,"label":"x","sentCurrency":null,"receivedCurrency":null,"fee":null,"sender":null,'
        '"description":null}'
    )
    for tx in received(client, absent, null):
        assert (tx.sent_currency, tx.received_currency, tx.fee, tx.sender, tx.description) == (None, None, None, None, None)


@pytest.mark.parametrize(
    "row",
    [
        "5",
        "{}",
        '{"transactionId":"","timestamp":1,"label":"x"}',
        '{"transactionId":"a","timestamp":-1,"label":"x"}',
        '{"transactionId":"a","timestamp":1e300,"label":"x"}',
        '{"transactionId":"a","timestamp":"2025-01-01","label":"x"}',
        '{"transactionId":"a","timestamp":1}',
        '{"transactionId":"a","timestamp":1,"label":"x","fee":5}',
        '{"transactionId":"a","timestamp":1,"label":"x","fee":{"currency":"BTC"}}',
    ],
)
def test_one_that_cannot_be_read_costs_no_other(row: str) -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    raw = batch(DEPOSIT % 1, row, (DEPOSIT % 2).replace("t1", "t2"))
    client.receive(raw)
    *transactions, event = client.take_events()
    assert [expect(quantcite.Transaction, tx).transaction_id for tx in transactions] == ["t1", "t2"]
    malformed = expect(Malformed, event)
    assert (malformed.raw, malformed.reason.partition(":")[0]) == (raw, "transactions[1]")
    assert expect(Summary, client.the_reply()).transactions == 2


@pytest.mark.parametrize(
    "field, written, name",
    [
        ("summary", "5", "summary"),
        ("summary", '{"by_type":{"deposit":"1"}}', "summary"),
        ("total_transactions", '"9"', "total_transactions"),
        ("processing_time", '"2.05"', "processing_time"),
        ("processing_time", "1e999", "processing_time"),
    ],
)
def test_a_summary_that_cannot_be_read_costs_no_transaction(field: str, written: str, name: str) -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(f'{{"type":"transaction_response","exchange":"bybit","transactions":[{DEPOSIT % 1}],"{field}":{written}}}')
    transaction, event = client.take_events()
    assert isinstance(transaction, quantcite.Transaction)
    assert expect(Malformed, event).reason.startswith(f"{name}: ")
    assert client.the_reply() == Summary(exchange="bybit", transactions=1)


def test_a_summary_may_say_more_than_came() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(
        build.transaction_response(
            total_transactions=9,
            summary={"total_count": 9, "by_type": {"deposit": 8, "withdrawal": 1}, "date_range": {"start": 1, "end": "2025"}},
        )
    )
    summary = expect(Summary, client.the_reply())
    assert (summary.total_transactions, summary.total_count, summary.transactions) == (9, 9, 1)
    assert summary.by_type == {"deposit": 8, "withdrawal": 1}
    assert summary.date_range == quantcite.DateRange(start=1, end="2025")


@pytest.mark.parametrize("transactions", ["[]", "null"])
def test_a_batch_may_be_empty(transactions: str) -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(f'{{"type":"transaction_response","exchange":"bybit","transactions":{transactions}}}')
    assert (client.take_events(), client.the_reply()) == ([], Summary(exchange="bybit"))


def test_times_are_aware() -> None:
    assert build.transaction(timestamp=1_693_526_400_123).time == datetime(2023, 9, 1, 0, 0, 0, 123_000, tzinfo=UTC)


# Each once


def test_what_comes_again_is_withheld_and_counted() -> None:
    client = Client().subscribed()
    client.receive(build.transaction_response())
    client.submit(SUBSCRIBE)
    client.receive(build.transaction_response(build.wire(), build.wire(transaction_id="other")))
    assert [tx.transaction_id for tx in client.take_transactions()] == ["other"]
    summary = expect(Summary, client.the_reply())
    assert (summary.transactions, summary.withheld) == (2, 1)
    assert client.machine.status().withheld == 2


def test_it_is_withheld_after_a_reconnect_too_and_what_was_missed_is_not() -> None:
    client = Client().subscribed()
    client.reconnect()
    client.events.clear()
    client.receive(build.transaction_response(build.wire(), build.wire(transaction_id="missed")))
    transactions = [event for event in client.take_events() if isinstance(event, quantcite.Transaction)]
    assert [tx.transaction_id for tx in transactions] == ["missed"]


@pytest.mark.parametrize(
    "again",
    [
        DEPOSIT % "1000.00",
        DEPOSIT % "1e3",
        (DEPOSIT % 1000).replace('"label"', '"description":{"title":"x"},"sender":{"name":"y"},"label"'),
        (DEPOSIT % 1000).replace('"label"', '"fee":null,"new":[1],"label"'),
    ],
)
def test_the_same_in_other_words_is_the_same(again: str) -> None:
    client = Client().ready()
    received(client, DEPOSIT % 1000)
    assert received(client, again) == []


@pytest.mark.parametrize(
    "again",
    [
        DEPOSIT % "1000.01",
        (DEPOSIT % 1000).replace("USDT", "USDC"),
        (DEPOSIT % 1000).replace("Deposit", "Airdrop"),
        (DEPOSIT % 1000).replace("00000,", "00001,"),
        (DEPOSIT % 1000).replace('"label"', '"fee":{"currency":"USDT","amount":1},"label"'),
        (DEPOSIT % 1000).replace("receivedCurrency", "sentCurrency"),
    ],
)
def test_one_whose_time_or_money_changed_is_an_update_unless_that_is_chosen_otherwise(again: str) -> None:
    client = Client().ready()
    (first,) = received(client, DEPOSIT % 1000)
    (update,) = received(client, again)
    assert (first.delivery, update.delivery) == ("new", "update")
    assert first.identity.key == update.identity.key
    assert first.identity.version != update.identity.version
    assert received(client, again, DEPOSIT % 1000) == []
    client = Client(config(updates=False)).ready()
    assert len(received(client, DEPOSIT % 1000)) == 1
    assert received(client, again) == []


def test_ids_are_told_apart_by_exchange_and_network() -> None:
    client = Client(config(testnet=True)).ready()
    for exchange in ("bybit", "okx", "Bybit"):
        client.receive(batch(DEPOSIT % 1, exchange=exchange))
    assert [tx.identity.key for tx in client.take_transactions()] == [("bybit", True, "t1"), ("okx", True, "t1")]


def test_the_memory_is_bounded() -> None:
    client = Client(config(remember=2)).ready()
    rows = [(DEPOSIT % 1).replace("t1", name) for name in ("a", "b", "c")]
    received(client, *rows)
    assert [tx.transaction_id for tx in received(client, *rows[1:])] == []
    assert [tx.transaction_id for tx in received(client, rows[0])] == ["a"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), max_size=20))
def test_each_version_of_each_transaction_is_delivered_exactly_once(sent: list[tuple[str, int]]) -> None:
    client = Client().ready()
    got = [tx for name, amount in sent for tx in received(client, (DEPOSIT % amount).replace("t1", name))]
    told = [(tx.transaction_id, expect(Amount, tx.received_currency).amount) for tx in got]
    assert told == list(dict.fromkeys((name, Decimal(amount)) for name, amount in sent))
    assert [tx.delivery for tx in got] == [
        "update" if name in dict(told[:place]) else "new" for place, (name, _) in enumerate(told)
    ]
    assert client.machine.status().withheld == len(sent) - len(got)
