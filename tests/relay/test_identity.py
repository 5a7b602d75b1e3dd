from __future__ import annotations

import json

import attrs
import msgspec
import pytest

from pushwire.core.effects import Identity
from pushwire.core.events import Gap
from pushwire.providers.gelabs import Transaction
from pushwire.providers.quickpay.messages import typed
from pushwire.relay.identity import entry_of, identity
from pushwire.testing import bitpanda, events, gelabs, quantcite, quickpay, satoriex


def wall(at: float) -> float:
    return at + 1000.0


def test_gelabs_is_known_by_its_transaction_and_the_version_of_it() -> None:
    tx = gelabs.transaction()
    key = identity(tx)
    assert key is not None
    assert json.loads(key) == [list(tx.identity.key), list(tx.identity.version)]
    assert identity(gelabs.transaction(height=5)) != identity(gelabs.transaction(height=6))
    assert identity(gelabs.transaction(tx_status="pending")) != identity(gelabs.transaction(tx_status="success"))


def test_the_same_message_has_the_same_key_and_digest_whenever_and_wherever_it_comes() -> None:
    first = entry_of("wallets", "gelabs", gelabs.transaction(received=1.0, delivery="new", message_id="m1", sent=1), wall)
    again = entry_of("wallets", "gelabs", gelabs.transaction(received=9.0, delivery="redelivery", message_id="m2", sent=2), wall)
    assert (first.key, first.digest, first.payload) == (again.key, again.digest, again.payload)
    assert (first.at, again.at) == (1001.0, 1009.0)
    assert first.kind == "transaction"
    assert first.partition == "wallets"


def test_another_payload_has_another_digest_under_the_same_key() -> None:
    first = entry_of("wallets", "gelabs", gelabs.transaction(raw_amount="1"), wall)
    other = entry_of("wallets", "gelabs", gelabs.transaction(raw_amount="2"), wall)
    assert first.key == other.key
    assert first.digest != other.digest


def test_two_streams_do_not_share_keys() -> None:
    one, other = (entry_of(name, "gelabs", gelabs.transaction(), wall) for name in ("a", "b"))
    assert one.key != other.key


def test_what_came_as_a_reply_has_no_key() -> None:
    assert identity(msgspec.json.decode(gelabs.transaction().dump(), type=Transaction)) is None


def test_quantcite_is_known_by_its_id_and_what_it_says_of_money() -> None:
    first = entry_of("q", "quantcite", quantcite.transaction(received=1.0, delivery="new", asked_for=("deposits",)), wall)
    again = entry_of("q", "quantcite", quantcite.transaction(received=2.0, delivery="update", asked_for=()), wall)
    assert first.key is not None
    assert (first.key, first.digest) == (again.key, again.digest)
    assert entry_of("q", "quantcite", quantcite.transaction(label="Trade"), wall).key != first.key


def test_quickpay_is_known_by_its_envelope_where_there_is_one() -> None:
    data = json.loads(quickpay.envelope("payment.created", {"payment_id": "p"}, event_id="evt_9"))
    event = typed("x", "private-merchant.1", data, "{}", 0.0, {})
    assert identity(event) == '["private-merchant.1","evt_9"]'
    assert identity(quickpay.payment()) is None


@pytest.mark.parametrize(
    "event",
    [bitpanda.price(), bitpanda.price_change(), satoriex.event("wallet_changed"), events.gap(), events.malformed(), object()],
)
def test_providers_that_document_no_ids_and_control_events_give_none(event: object) -> None:
    assert identity(event) is None


def test_what_is_not_a_providers_event_is_never_known_by_its_fields() -> None:
    @attrs.frozen
    class Own:
        identity: Identity

    assert identity(Own(Identity(("a",), (1,)))) is None


def test_a_control_event_is_handed_on_in_json() -> None:
    made = entry_of("wallets", "gelabs", Gap(1.0, 5.0, 6.0), wall)
    assert (made.kind, made.key, made.at) == ("gap", None, 1001.0)
    assert json.loads(made.payload) == {"since": "1970-01-01T00:00:05.000Z", "until": "1970-01-01T00:00:06.000Z"}
