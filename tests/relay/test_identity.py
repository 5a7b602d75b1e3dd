from __future__ import annotations

import json

import msgspec
import pytest

from pushwire import providers as known
from pushwire.core.events import Gap
from pushwire.core.provider import ProviderConfig
from pushwire.core.secrets import Secret
from pushwire.providers import bitpanda as bp
from pushwire.providers import gelabs as ge
from pushwire.providers import quantcite as qc
from pushwire.providers import quickpay as qp
from pushwire.providers import satoriex as sx
from pushwire.providers.quickpay.messages import typed
from pushwire.relay.identity import entry_of
from pushwire.testing import bitpanda, events, gelabs, quantcite, quickpay, satoriex

KEY = Secret("k")
GELABS = ge.Config(api_key=KEY)
QUANTCITE = qc.Config(api_key=KEY)
QUICKPAY = qp.Config(api_key=KEY)
BITPANDA = bp.Config(token=KEY, url="wss://example.org/ws")
SATORIEX = sx.Config(token=KEY)


def wall(at: float) -> float:
    return at + 1000.0


def test_gelabs_is_known_by_its_transaction_and_the_version_of_it() -> None:
    tx = gelabs.transaction()
    key = GELABS.identity(tx)
    assert key is not None
    assert json.loads(key) == [list(tx.identity.key), list(tx.identity.version)]
    assert GELABS.identity(gelabs.transaction(height=5)) != GELABS.identity(gelabs.transaction(height=6))
    assert GELABS.identity(gelabs.transaction(tx_status="pending")) != GELABS.identity(gelabs.transaction(tx_status="success"))


def test_the_same_message_has_the_same_key_and_digest_whenever_and_wherever_it_comes() -> None:
    first = entry_of("wallets", GELABS, gelabs.transaction(received=1.0, delivery="new", message_id="m1", sent=1), wall)
    again = entry_of("wallets", GELABS, gelabs.transaction(received=9.0, delivery="redelivery", message_id="m2", sent=2), wall)
    assert (first.key, first.digest, first.payload) == (again.key, again.digest, again.payload)
    assert (first.at, again.at) == (1001.0, 1009.0)
    assert first.kind == "transaction"
    assert first.partition == "wallets"


def test_of_what_is_acked_the_identity_is_kept_and_of_what_is_not_nothing() -> None:
    tx = gelabs.transaction()
    assert entry_of("wallets", GELABS, tx, wall).identity == tx.identity
    assert entry_of("wallets", GELABS, Gap(1.0, 5.0, 6.0), wall).identity is None
    assert entry_of("q", QUANTCITE, quantcite.transaction(), wall).identity is None


def test_another_payload_has_another_digest_under_the_same_key() -> None:
    first = entry_of("wallets", GELABS, gelabs.transaction(raw_amount="1"), wall)
    other = entry_of("wallets", GELABS, gelabs.transaction(raw_amount="2"), wall)
    assert first.key == other.key
    assert first.digest != other.digest


def test_two_streams_do_not_share_keys() -> None:
    one, other = (entry_of(name, GELABS, gelabs.transaction(), wall) for name in ("a", "b"))
    assert one.key != other.key


def test_what_came_as_a_reply_has_no_key() -> None:
    assert GELABS.identity(msgspec.json.decode(gelabs.transaction().dump(), type=ge.Transaction)) is None


def test_quantcite_is_known_by_its_id_and_what_it_says_of_money() -> None:
    first = entry_of("q", QUANTCITE, quantcite.transaction(received=1.0, delivery="new", asked_for=("deposits",)), wall)
    again = entry_of("q", QUANTCITE, quantcite.transaction(received=2.0, delivery="update", asked_for=()), wall)
    assert first.key is not None
    assert (first.key, first.digest) == (again.key, again.digest)
    assert entry_of("q", QUANTCITE, quantcite.transaction(label="Trade"), wall).key != first.key


def test_quickpay_is_known_by_its_envelope_where_there_is_one() -> None:
    data = json.loads(quickpay.envelope("payment.created", {"payment_id": "p"}, event_id="evt_9"))
    event = typed("x", "private-merchant.1", data, "{}", 0.0, {})
    assert QUICKPAY.identity(event) == '["private-merchant.1","evt_9"]'
    assert QUICKPAY.identity(quickpay.payment()) is None


@pytest.mark.parametrize(
    "config, event",
    [
        (BITPANDA, bitpanda.price()),
        (BITPANDA, bitpanda.price_change()),
        (SATORIEX, satoriex.event("wallet_changed")),
        (GELABS, events.gap()),
        (QUANTCITE, events.malformed()),
        (QUICKPAY, gelabs.transaction()),
    ],
)
def test_providers_that_document_no_ids_and_control_events_give_none(config: ProviderConfig, event: object) -> None:
    assert config.identity(event) is None


def test_each_provider_says_which_of_its_messages_have_no_identity() -> None:
    said = {name: known.load(name).unidentified for name in known.NAMES}
    assert {name for name, what in said.items() if not what} == {"gelabs", "quantcite"}
    assert "webhooks alone" in said["quickpay"]


def test_a_control_event_is_handed_on_in_json() -> None:
    made = entry_of("wallets", GELABS, Gap(1.0, 5.0, 6.0), wall)
    assert (made.kind, made.key, made.at) == ("gap", None, 1001.0)
    assert json.loads(made.payload) == {"since": "1970-01-01T00:00:05.000Z", "until": "1970-01-01T00:00:06.000Z"}
