"""Numbers that come as text are exact whole numbers, or the message is malformed."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.events import Malformed
from pushwire.core.values import exact, integer, is_number, scaled
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import Client
from tests.providers.harness import expect

LARGEST = 2**256 - 1
NO_NUMBERS = ["NaN", "Infinity", "1e5", "1_000", "-1", "+1", "1.0", " 1", "1\n", "0x10", "٣", "²", "\uff11", "9" * 79, "None"]


@given(st.integers(0, 10**78 - 1))
def test_whole_numbers_of_up_to_78_digits_are_read_exactly(number: int) -> None:
    assert is_number(str(number))
    assert integer(str(number)) == number


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_anything_else_is_no_number(text: str) -> None:
    assert not is_number(text)


@pytest.mark.parametrize("text", ["", None])
def test_empty_text_and_null_both_mean_none(text: str | None) -> None:
    assert is_number(text)
    assert integer(text) is None


@given(st.integers(0, LARGEST), st.integers(0, 255))
def test_scaling_by_decimals_is_exact_whatever_the_context(amount: int, decimals: int) -> None:
    with decimal.localcontext(prec=5):
        value = scaled(amount, decimals)
    with decimal.localcontext(prec=400):
        assert value is not None
        assert value * 10**decimals == amount


def test_scaling_needs_both_numbers() -> None:
    assert scaled(None, 18) is None
    assert scaled(1, None) is None
    assert scaled(LARGEST, 0) == Decimal(LARGEST)


@pytest.mark.parametrize("text", ["0", "-0.10", "1.5e3", "1e-7", "9" * 78])
def test_a_number_of_json_is_read_digit_by_digit(text: str) -> None:
    assert str(exact(msgspec.Raw(text.encode()))) == str(Decimal(text))


@pytest.mark.parametrize("text", ['"1"', "NaN", "Infinity", "1e100", "01", "1_0", "9" * 79, "null", "true", "[1]", " 1", ""])
def test_what_is_no_number_of_json_or_has_no_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number of bounded length"):
        exact(msgspec.Raw(text.encode()))


NUMBERS = {
    "amount": "raw_amount",
    "fee": "raw_fee",
    "gas_limit": "raw_gas_limit",
    "gas_used": "raw_gas_used",
    "gas_price": "raw_gas_price",
    "max_fee_per_gas": "raw_max_fee_per_gas",
    "max_priority_fee_per_gas": "raw_max_priority_fee_per_gas",
    "nonce": "raw_nonce",
}


def numbers(text: str, *fields: str) -> build.TransactionFields:
    """These fields, all with this text."""
    return cast("build.TransactionFields", {NUMBERS[field]: text for field in fields})


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("text", [str(LARGEST), "0", "007"])
def test_each_number_of_a_push_is_exact(field: str, text: str) -> None:
    client = Client().ready()
    client.receive(build.push(**numbers(text, field)))
    (tx,) = client.take_transactions()
    assert getattr(tx, field) == int(text)
    assert getattr(tx, NUMBERS[field]) == text


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_push_with_a_wrong_number_anywhere_is_malformed_and_names_the_field(field: str, text: str) -> None:
    client = Client().ready()
    raw = build.push(**numbers(text, field))
    client.receive(raw)
    (event,) = client.take_events()
    malformed = expect(Malformed, event)
    assert malformed.raw == raw
    assert malformed.reason.startswith(f"{field} is not")


def test_all_numbers_of_a_push_may_be_as_long_as_one_may_be() -> None:
    client = Client().ready()
    client.receive(build.push(**numbers(str(LARGEST), *NUMBERS)))
    (tx,) = client.take_transactions()
    assert {getattr(tx, field) for field in NUMBERS} == {LARGEST}
