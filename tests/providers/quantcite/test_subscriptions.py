"""Subscriptions: through reconnects, one account of an exchange on a stream, and what a transaction may be of."""

from __future__ import annotations

from typing import Any

import pytest

from pushwire.core.commands import Leave
from pushwire.core.effects import Close
from pushwire.core.events import Gap, Stale, SubscriptionRefused, Up
from pushwire.errors import CommandRefused, LocalProtocolError
from pushwire.providers import quantcite
from pushwire.providers.quantcite.topics import Topic
from pushwire.testing import quantcite as build
from tests.providers.harness import WALL, expect
from tests.providers.quantcite.harness import OWN, SUBSCRIBE, WITH_PASSPHRASE, Client, config

Subscribe = quantcite.SubscribeTransactions


def sent(client: Client) -> list[dict[str, Any]]:  # JSON objects
    """The subscriptions sent, each answered."""
    found: list[dict[str, Any]] = []
    while frames := client.take_frames():
        found += frames
        for frame in frames:
            client.receive(build.transaction_response(exchange=frame["exchange"], transactions=[]))
    return found


def test_subscriptions_are_made_again_after_a_reconnect_with_their_credentials() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.submit(Subscribe("okx", True, ("spot_trades",), WITH_PASSPHRASE))
    client.submit(Subscribe("bybit", transaction_types=("trades",)))
    before = sent(client)
    client.reconnect()
    after = sent(client)
    assert [frame["transaction_types"] for frame in before] == [["deposits", "withdrawals"], ["spot_trades"], ["trades"]]
    assert [frame["transaction_types"] for frame in after] == [["deposits", "withdrawals", "trades"], ["spot_trades"]]
    assert after[1] == before[1]
    assert after[1]["credentials"]["passphrase"] == "own-phrase-hidden"


def test_a_loss_is_told_as_a_gap_once_all_is_subscribed_to_again() -> None:
    client = Client().subscribed()
    client.live(100.0)
    client.reconnect()
    assert not any(isinstance(event, Gap) for event in client.take_events())
    client.receive(build.transaction_response())
    (gap,) = client.take_events()
    # The last ping that was answered left at 90.
    assert expect(Gap, gap).since == WALL + 90.0


def test_a_subscription_asked_for_while_down_is_made_when_ready() -> None:
    client = Client()
    client.submit(SUBSCRIBE)
    client.start()
    client.open()
    client.take_frames()
    client.receive(build.welcome())
    assert client.take_events() == [Up(0.0, 1)]
    assert [frame["action"] for frame in client.take_frames()] == ["subscribe_transactions"]


def test_a_refused_restoration_is_told_for_each_type_and_asked_for_at_the_next() -> None:
    client = Client().subscribed()
    client.reconnect()
    client.events.clear()
    client.take_frames()
    client.receive(build.error("exchange_error", "Bybit is down", 4004))
    refused = [event for event in client.take_events() if isinstance(event, SubscriptionRefused)]
    assert refused == [SubscriptionRefused(client.now, topic, 4004, "Bybit is down") for topic in SUBSCRIBE.topics]
    client.reconnect()
    assert len(client.take_frames()) == 1


def test_a_refused_subscription_is_not_made_again() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(build.error("exchange_error", "no", 4004))
    client.the_error(CommandRefused)
    client.take_frames()
    client.reconnect()
    assert client.take_frames() == []


def test_topics_without_data_are_reported_as_stale_together() -> None:
    client = Client(config(stale_after=20.0)).subscribed()
    client.live(15.0)
    client.receive(build.transaction_response(build.wire(transaction_id="x")))
    client.events.clear()
    client.live(19.0)
    assert client.take_events() == []
    client.live(2.0)
    assert client.take_events() == [Stale(35.0, topic, 15.0) for topic in SUBSCRIBE.topics]


# Whose transactions they are


@pytest.mark.parametrize("testnet, default, network", [(None, False, False), (None, True, True), (True, False, True)])
def test_transactions_are_of_the_network_that_was_subscribed_to(testnet: bool | None, default: bool, network: bool) -> None:
    client = Client(config(testnet=default)).ready()
    client.submit(Subscribe("bybit", testnet))
    client.receive(build.transaction_response(exchange="BYBIT"))
    (tx,) = client.take_transactions()
    assert tx.testnet is network


def test_what_nobody_asked_for_is_delivered_as_of_the_configs_network() -> None:
    client = Client().ready()
    client.receive(build.transaction_response(exchange="kraken"))
    (tx,) = client.take_transactions()
    assert (tx.exchange, tx.testnet, tx.asked_for) == ("kraken", False, ())


def test_a_push_before_the_restoration_was_sent_is_of_the_network_that_is_wanted() -> None:
    # One a minute: the second restoration has to wait.
    client = Client(config(send_rate=1 / 60, send_burst=1)).ready()
    client.submit(Subscribe("okx"))
    client.receive(build.transaction_response(exchange="okx", transactions=[]))
    client.submit(Subscribe("bybit", True))
    client.live(400.0)
    client.receive(build.transaction_response(transactions=[]))
    client.reconnect()
    client.events.clear()
    client.receive(build.transaction_response())
    (tx,) = (event for event in client.take_events() if isinstance(event, quantcite.Transaction))
    assert tx.testnet is True


def test_a_transaction_names_the_types_that_were_asked_for() -> None:
    client = Client().subscribed()
    client.submit(Subscribe("bybit"))
    client.receive(build.transaction_response(build.wire(transaction_id="x")))
    (tx,) = client.take_transactions()
    assert tx.asked_for == ("deposits", "withdrawals", "")
    assert set(SUBSCRIBE.topics) < set(config().topics(tx))


def test_two_accounts_of_one_exchange_are_refused_before_anything_changes() -> None:
    client = Client().subscribed()
    for command in (Subscribe("bybit", True), Subscribe("Bybit", credentials=OWN)):
        with pytest.raises(LocalProtocolError, match="one stream for each account"):
            client.submit(command)
    assert client.take_frames() == []


def test_what_was_left_is_still_sent_by_the_provider_so_another_account_has_to_wait_for_the_next_connection() -> None:
    client = Client().subscribed()
    client.submit(Leave(SUBSCRIBE))
    assert client.take_frames() == []
    client.receive(build.transaction_response(build.wire(transaction_id="late")))
    (tx,) = client.take_transactions()
    assert (tx.testnet, tx.asked_for) == (False, ())
    testnet = Subscribe("bybit", True)
    with pytest.raises(LocalProtocolError, match="one stream for each account"):
        client.submit(testnet)
    client.redial(Close(code=1001))
    client.submit(testnet)


def test_after_a_refusal_other_credentials_can_be_tried() -> None:
    client = Client().ready()
    client.submit(Subscribe("bybit", credentials=OWN))
    client.receive(build.error("authentication_failed", "wrong credentials", 4001))
    client.submit(Subscribe("bybit"))
    client.receive(build.transaction_response())
    assert len(client.take_transactions()) == 1
    # A further one that is refused leaves the account as it is.
    client.submit(Subscribe("bybit", transaction_types=("odd",)))
    client.receive(build.error("missing_parameters", "odd", 4003))
    with pytest.raises(LocalProtocolError, match="one stream for each account"):
        client.submit(Subscribe("bybit", True))


def test_several_who_want_the_same_share_a_topic() -> None:
    client = Client().subscribed()
    client.submit(SUBSCRIBE)
    client.receive(build.transaction_response())
    client.submit(Leave(SUBSCRIBE))
    client.reconnect()
    assert [frame["transaction_types"] for frame in client.take_frames()] == [["deposits", "withdrawals"]]
    client.receive(build.transaction_response())
    client.submit(Leave(Subscribe("bybit", transaction_types=("deposits",))))
    client.reconnect()
    assert [frame["transaction_types"] for frame in client.take_frames()] == [["withdrawals"]]
    assert Topic("bybit", None, "deposits") in SUBSCRIBE.topics
