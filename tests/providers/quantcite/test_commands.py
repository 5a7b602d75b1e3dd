"""The commands as values: what they may hold, what they subscribe to, and how they are written."""

from __future__ import annotations

import json

import pytest

from pushwire.core.effects import SecretFrame
from pushwire.core.secrets import Secret
from pushwire.errors import CommandRefused, LocalProtocolError
from pushwire.providers import gelabs, quantcite
from pushwire.providers.quantcite.commands import LANE, QuantciteDialect, missing_passphrase
from pushwire.providers.quantcite.topics import Topic
from tests.providers.quantcite.harness import HIDDEN, OWN, SUBSCRIBE, WITH_PASSPHRASE, no_ids

Subscribe = quantcite.SubscribeTransactions


def dialect(*, testnet: bool = False, requiring: tuple[str, ...] = ()) -> QuantciteDialect:
    return QuantciteDialect(testnet=testnet, requiring=requiring)


def written(command: quantcite.SubscribeTransactions | quantcite.ValidateCredentials | quantcite.GetExchanges) -> object:
    slot, frame = dialect().encode(command, no_ids, (), None)
    assert slot == LANE
    return json.loads(frame.text if isinstance(frame, SecretFrame) else frame)


# Fields


@pytest.mark.parametrize("exchange", ["", None, 5, "\ud800"])
def test_an_exchange_is_a_text(exchange: str) -> None:
    with pytest.raises(LocalProtocolError, match="exchange"):
        Subscribe(exchange)
    with pytest.raises(LocalProtocolError, match="exchange"):
        quantcite.ValidateCredentials(exchange)


@pytest.mark.parametrize("types", ["deposits", ["deposits"], ("deposits", ""), (5,)])
def test_types_are_a_tuple_of_texts(types: tuple[str, ...]) -> None:
    with pytest.raises(LocalProtocolError, match="transaction_types"):
        Subscribe("bybit", transaction_types=types)


def test_testnet_is_true_or_false_or_left_to_the_config() -> None:
    with pytest.raises(LocalProtocolError, match="testnet must be true, false or None"):
        Subscribe("bybit", testnet=1)  # type: ignore[arg-type]  # what an untyped caller does


def test_credentials_are_credentials_and_what_is_none_is_not_shown() -> None:
    with pytest.raises(LocalProtocolError, match=r"must be quantcite\.Credentials") as caught:
        Subscribe("bybit", credentials="hunter2")  # type: ignore[arg-type]  # as above
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("part", ["api_key", "secret", "passphrase"])
def test_credentials_are_made_of_secrets_that_can_be_sent(part: str) -> None:
    good: dict[str, Secret] = {"api_key": Secret("k"), "secret": Secret("s"), "passphrase": Secret("p")}
    with pytest.raises(LocalProtocolError, match=rf"{part} must be a pushwire\.Secret") as caught:
        quantcite.Credentials(**{**good, part: "hunter2"})  # type: ignore[arg-type]  # as above
    assert "hunter2" not in str(caught.value)
    with pytest.raises(LocalProtocolError, match=f"{part} cannot be written as UTF-8"):
        quantcite.Credentials(**{**good, part: Secret("\udcff")})


def test_credentials_are_compared_and_never_shown_or_told_apart_by_their_hash() -> None:
    assert OWN != WITH_PASSPHRASE
    assert quantcite.Credentials(Secret("own-key-hidden"), Secret("own-secret-hidden")) == OWN
    assert hash(OWN) == hash(WITH_PASSPHRASE)
    shown = repr((OWN, WITH_PASSPHRASE, Subscribe("bybit", credentials=WITH_PASSPHRASE), Topic("bybit", None, "", OWN)))
    assert not any(hidden in shown for hidden in HIDDEN)


# Topics


def test_a_subscription_has_one_topic_for_each_type() -> None:
    assert SUBSCRIBE.topics == (Topic("bybit", None, "deposits"), Topic("bybit", None, "withdrawals"))
    assert Subscribe("bybit", transaction_types=("a", "a")).topics == (Topic("bybit", None, "a"),)
    assert Subscribe("bybit", True).topics == (Topic("bybit", True, ""),)
    assert quantcite.GetExchanges().topics == ()


def test_a_topic_is_the_same_whatever_the_case_of_its_exchange_and_the_credentials() -> None:
    assert Topic("Bybit", None, "a", OWN) == Topic("bybit", None, "a")
    assert hash(Topic("Bybit", None, "a", OWN)) == hash(Topic("bybit", None, "a"))
    assert Topic("bybit", None, "a") != Topic("bybit", None, "A")


def test_a_config_knows_which_topics_a_transaction_may_be_of() -> None:
    from pushwire.testing import quantcite as build
    from tests.providers.quantcite.harness import config

    tx = build.transaction(asked_for=("deposits", ""))
    assert set(config().topics(tx)) == {Topic("bybit", net, kind) for net in (False, None) for kind in ("deposits", "")}
    assert set(config(testnet=True).topics(tx)) == {Topic("bybit", False, "deposits"), Topic("bybit", False, "")}
    assert config().topics(build.notice()) == ()


# Frames


def test_commands_are_written_as_the_document_shows() -> None:
    own = {"api_key": "own-key-hidden", "secret": "own-secret-hidden"}
    assert written(SUBSCRIBE) == {
        "action": "subscribe_transactions",
        "exchange": "bybit",
        "testnet": False,
        "transaction_types": ["deposits", "withdrawals"],
    }
    assert written(Subscribe("okx", True, (), WITH_PASSPHRASE)) == {
        "action": "subscribe_transactions",
        "exchange": "okx",
        "testnet": True,
        "credentials": {**own, "passphrase": "own-phrase-hidden"},
    }
    assert written(quantcite.ValidateCredentials("bybit")) == {
        "action": "validate_credentials",
        "exchange": "bybit",
        "testnet": False,
    }
    assert written(quantcite.ValidateCredentials("bybit", True, OWN)) == {
        "action": "validate_credentials",
        "exchange": "bybit",
        "testnet": True,
        "credentials": own,
    }
    assert written(quantcite.GetExchanges()) == {"action": "get_exchanges"}


def test_a_frame_with_credentials_has_a_twin_without_them() -> None:
    _, frame = dialect().encode(Subscribe("okx", credentials=WITH_PASSPHRASE), no_ids, (), None)
    assert isinstance(frame, SecretFrame)
    assert json.loads(frame.shown)["credentials"] == {"api_key": "***", "secret": "***", "passphrase": "***"}
    assert not any(hidden in repr(frame) for hidden in HIDDEN)


def test_the_config_says_which_network_is_meant_where_the_command_does_not() -> None:
    _, frame = dialect(testnet=True).encode(SUBSCRIBE, no_ids, (), None)
    assert isinstance(frame, str)
    assert json.loads(frame)["testnet"] is True


# Checks


def test_another_providers_command_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="Subscribe is not a quantcite command"):
        dialect().check(gelabs.Subscribe("0x1", "ethereum"), ())


@pytest.mark.parametrize(
    "exchange, credentials, problem",
    [
        ("okx", OWN, "credentials for okx need a passphrase"),
        ("OKX", OWN, "credentials for OKX need a passphrase"),
        ("okx", WITH_PASSPHRASE, None),
        ("okx", None, None),
        ("bybit", OWN, None),
    ],
)
def test_a_passphrase_is_missed_where_it_is_known_to_be_needed(
    exchange: str, credentials: quantcite.Credentials | None, problem: str | None
) -> None:
    assert missing_passphrase(exchange, credentials, ("okx",)) == problem
    for command in (Subscribe(exchange, credentials=credentials), quantcite.ValidateCredentials(exchange, None, credentials)):
        knowing = dialect(requiring=("okx",))
        if problem is None:
            knowing.check(command, ())
            knowing.encode(command, no_ids, (), None)
        else:
            with pytest.raises(LocalProtocolError, match=problem):
                knowing.check(command, ())
            # It was asked for before that was known.
            with pytest.raises(CommandRefused, match=problem):
                knowing.encode(command, no_ids, (), None)


@pytest.mark.parametrize(
    "command", [Subscribe("Bybit", True), Subscribe("bybit", credentials=OWN), Subscribe("bybit", True, ("x",), OWN)]
)
def test_two_accounts_of_one_exchange_need_two_streams(command: quantcite.SubscribeTransactions) -> None:
    with pytest.raises(LocalProtocolError, match="one stream for each account") as caught:
        dialect().check(command, SUBSCRIBE.topics)
    assert not any(hidden in str(caught.value) for hidden in HIDDEN)
    dialect().check(command, Subscribe("binance").topics)


def test_the_same_account_can_be_subscribed_to_again() -> None:
    desired = Subscribe("bybit", False, ("a",), OWN).topics
    dialect().check(Subscribe("BYBIT", None, ("b",), OWN), desired)
    dialect(testnet=True).check(Subscribe("bybit", True), Subscribe("bybit").topics)


# Restoration


def test_what_was_asked_for_one_by_one_is_restored_in_one_command_an_exchange() -> None:
    topics = (
        *SUBSCRIBE.topics,
        *Subscribe("okx", None, ("trades",), OWN).topics,
        Topic("Bybit", None, "trades"),
        Topic("bybit", None, ""),
    )
    restored = dialect().restore(topics)
    assert restored == [
        Subscribe("bybit", None, ("deposits", "withdrawals", "trades")),
        Subscribe("okx", None, ("trades",), OWN),
        Subscribe("bybit"),
    ]
    assert [topic for command in restored for topic in command.topics] == [topics[0], topics[1], topics[3], topics[2], topics[4]]
