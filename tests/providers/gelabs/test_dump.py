"""What a transaction is dumped as, against a plain way to say it: whatever strange text a peer fills it with."""

from __future__ import annotations

import json
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.providers.gelabs import Arrival, Transaction
from pushwire.providers.gelabs.transactions import arrived

Json: TypeAlias = "dict[str, Json] | list[Json] | str | bool | int | None"

strange = st.sampled_from(
    ["", ",", "{", '"', "\\", ",{", ':""', ":null", ',"a":""', '{"a":null', '"received', ',"(set by pushwire) arrival":{', "é"]
)
texts = st.none() | strange | st.builds("".join, st.lists(strange, max_size=4))
rows = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(("amount", "symbol", "from", "to", "mint"), texts)), max_size=2)
transactions = st.fixed_dictionaries(
    {"chain_type": st.just("") | strange, "txhash": strange.filter(bool)},
    optional={
        **dict.fromkeys(("sender", "symbol", "amount", "txFee", "txStatus", "methodId", "l1OriginHash"), texts),
        "tokenTransferDetails": st.none() | rows,
        "listenAddress": st.none() | st.lists(texts.filter(lambda text: text is not None), max_size=3),
        "height": st.none() | st.just(0),
        "is_reorg_resend": st.none() | st.booleans(),
    },
)


def what_says_something(value: Json) -> Json:
    """A decoded value without the fields that are null or empty text."""
    if isinstance(value, dict):
        return {name: what_says_something(field) for name, field in value.items() if field not in (None, "")}
    return [what_says_something(row) for row in value] if isinstance(value, list) else value


def test_a_dump_has_nothing_of_what_says_nothing_wherever_it_stands() -> None:
    sent: dict[str, Json] = {
        "chain_type": "ethereum",
        "txhash": "0x1",
        "sender": ',"symbol":""',
        "symbol": '":null',
        "tokenTransferDetails": [{"from": "", "to": None, "amount": "1"}, {"symbol": ""}],
    }
    tx = msgspec.json.decode(json.dumps(sent), type=Transaction)
    assert json.loads(tx.dump()) == what_says_something(sent)


@pytest.mark.hypothesis
@given(transactions, st.booleans())
def test_a_dump_is_what_was_sent_without_what_says_nothing(sent: dict[str, Json], delivered: bool) -> None:
    tx = msgspec.json.decode(json.dumps(sent), type=Transaction)
    if delivered:
        arrived((tx,), (Arrival(5.0, ("e", 1, "h"), ("ok", 5, False), "m", 17, "update"),))
    assert json.loads(tx.dump()) == what_says_something(sent)
