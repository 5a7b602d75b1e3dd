"""A push that a store has kept, read again."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.effects import Identity
from pushwire.core.secrets import Secret
from pushwire.providers import gelabs
from pushwire.testing.gelabs import connected, push

CONFIG = gelabs.Config(api_key=Secret("sk"))
KNOWN = Identity(("base", 8453, "0xab"), ("success", 7, False))


def test_it_is_the_transaction_that_it_was_under_the_identity_it_had() -> None:
    amount = str(2**256 - 1)
    tx = CONFIG.revive(push(tx_hash="0xcd", raw_amount=amount), KNOWN, "redelivery", 9.0)
    assert (tx.identity, tx.delivery, tx.received, tx.raw_amount) == (KNOWN, "redelivery", 9.0, amount)
    assert tx.amount == 2**256 - 1
    assert tx.message_id is not None


@pytest.mark.parametrize("raw", ["", "{", connected(), '{"type": "transaction"}', '{"type": "new"}', "[" * 100_000, "\ud800"])
def test_what_holds_no_transaction_says_so(raw: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        CONFIG.revive(raw, KNOWN, "redelivery", 0.0)


def test_what_holds_no_number_where_one_must_be_says_which() -> None:
    message: dict[str, dict[str, object]] = json.loads(push())
    message["data"]["amount"] = "NaN"
    with pytest.raises(ValueError, match="amount is not an unsigned whole number"):
        CONFIG.revive(json.dumps(message), KNOWN, "redelivery", 0.0)


@given(st.text() | st.from_regex(r'\{"type":"transaction","data":\{.*\}\}'))
def test_whatever_it_is_it_is_read_or_refused(raw: str) -> None:
    with contextlib.suppress(ValueError):
        CONFIG.revive(raw, KNOWN, "redelivery", 0.0)


def test_it_bears_the_time_it_was_sent_and_the_id_of_its_message() -> None:
    tx = CONFIG.revive(push(sent=5, message_id="m1"), KNOWN, "redelivery", 9.0)
    assert (tx.sent, tx.message_id, tx.received) == (5, "m1", 9.0)


def test_what_cannot_be_decoded_says_why() -> None:
    with pytest.raises(ValueError, match="truncated"):
        CONFIG.revive("{", KNOWN, "redelivery", 0.0)
