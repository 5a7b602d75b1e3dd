"""Commands in flight: one at a time, answered by what can be their answer, refused by errors that name nothing."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from pushwire.core.effects import Ping
from pushwire.core.events import Down, Malformed, Unrecognized
from pushwire.core.machine import Phase
from pushwire.errors import CommandRefused, LocalProtocolError, ReplyTimeout
from pushwire.providers import quantcite
from pushwire.testing import quantcite as build
from tests.providers.harness import expect
from tests.providers.quantcite.harness import OWN, SUBSCRIBE, WITH_PASSPHRASE, Client, config

VALIDATE = quantcite.ValidateCredentials("bybit")
EXCHANGES = quantcite.GetExchanges()


def error_of(client: Client) -> CommandRefused:
    return client.the_error(CommandRefused)


# Replies


def test_a_subscription_is_answered_with_the_summary_alone() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(build.transaction_response())
    assert client.the_reply() == quantcite.Summary(
        exchange="bybit",
        total_transactions=1,
        total_count=1,
        by_type={"deposit": 1},
        processing_time=Decimal("2.05"),
        transactions=1,
    )
    assert client.take_transactions() == [build.transaction(asked_for=("deposits", "withdrawals"))]


def test_a_validation_is_answered_whatever_it_says() -> None:
    client = Client().ready()
    client.submit(VALIDATE)
    client.receive(build.validation_response())
    good = expect(quantcite.Validation, client.the_reply())
    assert (good.success, good.exchange, good.credentials_source, good.error) == (True, "bybit", "internal", None)
    assert good.account_info == quantcite.AccountInfo(account_type="UNIFIED", status="active")
    client.submit(VALIDATE)
    client.receive(build.validation_response(success=False))
    bad = expect(quantcite.Validation, client.the_reply())
    assert (bad.success, bad.message, bad.error) == (False, "Invalid credentials provided", "authentication_failed")
    assert (bad.account_info, bad.credentials_source) == (None, None)


def test_exchanges_are_listed() -> None:
    client = Client().ready()
    client.submit(EXCHANGES)
    client.receive(build.exchanges_response(bybit=False, okx=True))
    bybit, okx = (
        quantcite.SupportedExchange(
            exchange_name=name,
            display_name=name.title(),
            supported_transaction_types=("deposits", "withdrawals"),
            requires_passphrase=needed,
            testnet_available=True,
            documentation_url=f"/docs#tag-{name}",
        )
        for name, needed in (("bybit", False), ("okx", True))
    )
    assert client.the_reply() == (bybit, okx)


def test_there_is_one_command_in_flight_and_the_others_wait_in_order() -> None:
    client = Client().ready()
    for command in (EXCHANGES, VALIDATE, SUBSCRIBE):
        client.submit(command)
    actions: list[str] = []
    for reply in (build.exchanges_response(), build.validation_response(), build.transaction_response()):
        (frame,) = client.take_frames()
        actions.append(frame["action"])
        client.receive(reply)
    assert actions == ["get_exchanges", "validate_credentials", "subscribe_transactions"]
    assert [settled.ticket.serial for settled in client.take_settled()] == [1, 2, 3]


@pytest.mark.parametrize("reply", [build.validation_response(), build.exchanges_response()])
def test_a_reply_that_nobody_waits_for_reaches_the_user(reply: str) -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(reply)
    assert client.take_events() == [Unrecognized(0.0, reply, "a reply that nobody waits for")]
    assert client.take_settled() == []


def test_a_batch_of_another_exchange_answers_no_subscription() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(build.transaction_response(exchange="okx"))
    assert [tx.exchange for tx in client.take_transactions()] == ["okx"]
    assert client.take_settled() == []
    client.receive(build.transaction_response(exchange="Bybit"))
    assert expect(quantcite.Summary, client.the_reply()).exchange == "Bybit"


def test_a_batch_that_names_no_exchange_is_that_of_the_subscription_in_flight() -> None:
    nameless = json.dumps({"type": "transaction_response", "transactions": [build.wire()]}, default=float)
    client = Client().ready()
    client.receive(nameless)
    assert client.take_events() == [Malformed(0.0, nameless, "transactions of no exchange")]
    client.submit(SUBSCRIBE)
    client.receive(nameless)
    assert [tx.exchange for tx in client.take_transactions()] == ["bybit"]
    assert expect(quantcite.Summary, client.the_reply()).exchange == "bybit"


def test_the_reply_of_a_caller_who_left_reaches_nobody_else() -> None:
    client = Client().ready()
    ticket = client.submit(VALIDATE)
    client.submit(quantcite.ValidateCredentials("okx"))
    client.machine.abandon(ticket, client.now)
    client.receive(build.validation_response(exchange="bybit"))
    assert client.take_settled() == []
    client.receive(build.validation_response(exchange="okx"))
    assert expect(quantcite.Validation, client.the_reply()).exchange == "okx"


def test_a_command_without_a_reply_ends_the_connection_since_a_late_one_would_be_taken_for_the_nexts() -> None:
    client = Client().ready()
    client.submit(VALIDATE)
    client.submit(EXCHANGES)
    client.live(10.0)
    client.the_error(ReplyTimeout)
    assert [hangup.reason for hangup in client.hangups] == ["no reply to ValidateCredentials within 10 s"]
    client.take_frames()
    client.reconnect()
    assert [frame["action"] for frame in client.take_frames()] == ["get_exchanges"]


# Errors


@pytest.mark.parametrize("command", [SUBSCRIBE, VALIDATE, EXCHANGES])
@pytest.mark.parametrize(
    "code, error",
    [(4001, "authentication_failed"), (4002, "invalid_action"), (4003, "missing_parameters"), (4004, "exchange_error")],
)
def test_an_error_fails_the_command_in_flight(command: quantcite.GetExchanges, code: int, error: str) -> None:
    client = Client().ready()
    client.submit(command)
    client.receive(build.error(error, "what went wrong", code))
    refused = error_of(client)
    assert (refused.command, refused.code, refused.text, refused.retry_after) == (
        type(command).__name__,
        code,
        "what went wrong",
        None,
    )
    assert (client.take_events(), client.hangups) == ([], [])


def test_an_error_without_a_code_goes_by_its_name() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive('{"type":"error","error":"exchange_unavailable"}')
    refused = error_of(client)
    assert (refused.code, refused.text) == ("exchange_unavailable", "exchange_unavailable")


def test_an_error_with_a_code_that_is_text_is_taken_as_it_is() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive('{"type":"error","code":"E42","message":"odd"}')
    assert error_of(client).code == "E42"


def test_an_error_with_no_command_in_flight_is_told() -> None:
    client = Client().ready()
    raw = build.error("exchange_error", "Bybit is down", 4004, retry_after=5)
    client.receive(raw)
    assert client.take_events() == [quantcite.Notice(0.0, "error", 4004, "exchange_error", "Bybit is down", 5.0, raw)]
    assert str(len(raw)) in repr(quantcite.Notice(0.0, "error", None, None, "", None, raw))


def test_an_error_about_the_key_with_no_command_in_flight_means_that_the_socket_is_no_longer_authenticated() -> None:
    client = Client().ready()
    client.receive(build.error("authentication_failed", "session is over", 4001))
    assert [type(event) for event in client.take_events()] == [quantcite.Notice, Down]
    assert [hangup.reason for hangup in client.hangups] == ["no longer authenticated"]
    client.closed()
    assert client.machine.status().phase is Phase.BACKING_OFF


@pytest.mark.parametrize(
    "command, exchange, answers",
    [
        (SUBSCRIBE, "bybit", True),
        (SUBSCRIBE, "Bybit", True),
        (SUBSCRIBE, "okx", False),
        (VALIDATE, "okx", False),
        (EXCHANGES, "bybit", False),
    ],
)
def test_an_error_that_names_an_exchange_fails_a_command_about_it_alone(
    command: quantcite.GetExchanges, exchange: str, answers: bool
) -> None:
    client = Client().ready()
    client.submit(command)
    client.receive(build.error("exchange_unavailable", "down", None, exchange=exchange))
    assert [type(event) for event in client.take_events()] == ([] if answers else [quantcite.Notice])
    assert len(client.take_settled()) == answers


@pytest.mark.parametrize("command, answers", [(SUBSCRIBE, True), (VALIDATE, False), (EXCHANGES, False)])
def test_a_subscription_error_fails_a_subscription_alone(command: quantcite.GetExchanges, answers: bool) -> None:
    client = Client().ready()
    client.submit(command)
    client.receive('{"type":"subscription_error","error":"no_subscription","message":"no"}')
    assert len(client.take_settled()) == answers
    assert [type(event) for event in client.take_events()] == ([] if answers else [quantcite.Notice])


@pytest.mark.parametrize("kind", ["data_limit_warning", "data_limit_exceeded", "rate_limit_warning"])
def test_a_warning_fails_nothing(kind: str) -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(json.dumps({"type": kind, "error": kind, "message": "careful"}))
    (event,) = client.take_events()
    assert expect(quantcite.Notice, event).kind == kind
    assert client.take_settled() == []


def test_a_subscription_without_success_is_refused_and_what_it_brought_delivered() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(build.transaction_response(success=False, error="partial", message="half of it"))
    refused = error_of(client)
    assert (refused.code, refused.text) == ("partial", "half of it")
    assert len(client.take_transactions()) == 1
    raw = build.transaction_response(success=False, error="partial", transactions=[])
    client.receive(raw)
    assert client.take_events() == [quantcite.Notice(0.0, "transaction_response", None, "partial", "partial", None, raw)]


@pytest.mark.parametrize(
    "command, reply",
    [
        (VALIDATE, '{"type":"validation_response","success":"yes"}'),
        (EXCHANGES, '{"type":"exchanges_response","exchanges":[{}]}'),
        (SUBSCRIBE, '{"type":"transaction_response","transactions":5}'),
        (SUBSCRIBE, '{"type":"subscription_error","error":5}'),
        (VALIDATE, '{"type":"error","error":5}'),
    ],
)
def test_a_malformed_reply_fails_its_command_at_once(command: quantcite.GetExchanges, reply: str) -> None:
    client = Client().ready()
    client.submit(command)
    client.receive(reply)
    assert error_of(client).text.startswith("malformed reply: ")
    assert [type(event) for event in client.take_events()] == [Malformed]


def test_a_malformed_message_of_another_type_fails_nothing() -> None:
    client = Client().ready()
    client.submit(VALIDATE)
    client.receive('{"type":"transaction_response","transactions":5}', '{"type":"pong","type":5}')
    assert client.take_settled() == []


# Pace


@pytest.mark.parametrize(
    "told, pause", [({"retry_after": 5}, 5.0), ({}, 60.0), ({"retry_after": -1}, 60.0), ({"retry_after": "x"}, 60.0)]
)
def test_beyond_the_rate_all_commands_are_held_back(told: dict[str, object], pause: float) -> None:
    client = Client().ready()
    client.submit(VALIDATE)
    client.submit(EXCHANGES)
    client.receive(build.error("rate_limit_exceeded", "slow down", 4005, **told))
    refused = error_of(client)
    assert (refused.code, refused.retry_after) == (4005, pause)
    client.take_frames()
    client.live(pause - 0.1)
    assert client.take_frames() == []
    client.live(0.2)
    assert client.take_frames() == [{"action": "get_exchanges"}]


def test_the_pause_without_a_hint_is_a_setting_and_a_hint_has_an_end() -> None:
    client = Client(config(rate_limit_pause=7.0)).ready()
    client.submit(VALIDATE)
    client.receive(build.error("rate_limit_exceeded", "slow down", None))
    assert error_of(client).retry_after == 7.0
    client.live(8.0)
    client.submit(VALIDATE)
    client.receive(build.error("rate_limit_exceeded", "slow down", 4005, retry_after=10**30))
    assert error_of(client).retry_after == 3600.0


def test_a_restoration_beyond_the_rate_is_made_again_after_the_pause() -> None:
    client = Client().subscribed()
    client.reconnect()
    client.take_frames()
    client.receive(build.error("rate_limit_exceeded", "slow down", 4005, retry_after=5))
    client.live(5.1)
    assert [frame["action"] for frame in client.take_frames()] == ["subscribe_transactions"]


def test_the_plan_of_the_key_paces_commands() -> None:
    # Ten a second, after a burst of ten.
    client = Client(config(tier="basic")).ready()
    for _ in range(10):
        client.submit(EXCHANGES)
        client.receive(build.exchanges_response())
    assert len(client.take_frames()) == 10
    client.submit(EXCHANGES)
    assert client.take_frames() == []
    client.live(0.11)
    assert len(client.take_frames()) == 1


def test_a_rate_of_the_callers_own_comes_first() -> None:
    client = Client(config(tier="basic", send_rate=1000.0, send_burst=3)).ready()
    client.submit(EXCHANGES)
    assert len(client.take_frames()) == 1


# The passphrase


def test_what_get_exchanges_says_of_passphrases_holds_from_then_on() -> None:
    client = Client().ready()
    client.submit(EXCHANGES)
    client.receive(build.exchanges_response(okx=True, bybit=False))
    client.take_frames()
    for command in (
        quantcite.SubscribeTransactions("okx", credentials=OWN),
        quantcite.ValidateCredentials("OKX", credentials=OWN),
    ):
        with pytest.raises(LocalProtocolError, match="need a passphrase"):
            client.submit(command)
    assert client.take_frames() == []
    client.submit(quantcite.SubscribeTransactions("okx", credentials=WITH_PASSPHRASE))
    assert len(client.take_frames()) == 1


def test_a_later_answer_replaces_the_earlier_one_but_not_the_setting() -> None:
    client = Client(config(passphrase_exchanges=("Coinbase",))).ready()
    for answer in ({"okx": True}, {"okx": False, "kucoin": True}):
        client.submit(EXCHANGES)
        client.receive(build.exchanges_response(**answer))
    client.submit(quantcite.ValidateCredentials("okx", credentials=OWN))
    for needing in ("coinbase", "kucoin"):
        with pytest.raises(LocalProtocolError, match="need a passphrase"):
            client.submit(quantcite.ValidateCredentials(needing, credentials=OWN))


def test_what_was_asked_for_before_that_was_known_is_refused_before_it_is_sent() -> None:
    client = Client()
    client.submit(EXCHANGES)
    client.submit(quantcite.SubscribeTransactions("okx", credentials=OWN))
    client.ready()
    client.receive(build.exchanges_response(okx=True))
    _, refused = client.take_settled()
    assert "need a passphrase" in str(refused.error)
    assert client.take_frames() == []
    client.reconnect()
    assert client.take_frames() == []


# Pings


def test_a_ping_is_a_frame_of_the_websocket_unless_it_is_chosen_otherwise() -> None:
    client = Client().ready()
    client.machine.handle_timer(30.0, 30.0)
    assert list(client.machine.take_effects()) == [Ping(b"")]
    client.machine.pong(b"", 30.0)
    client.machine.handle_timer(41.0, 41.0)
    assert list(client.machine.take_effects()) == []


def test_a_json_ping_wants_a_json_pong() -> None:
    client = Client(config(ping="json")).ready()
    client.live(30.0)
    assert client.take_frames() == [{"type": "ping"}]
    client.receive(build.pong())
    client.live(30.0)
    assert (client.take_frames(), client.hangups) == ([{"type": "ping"}], [])
    client.live(10.0)
    assert [hangup.reason for hangup in client.hangups] == ["no answer to a ping within 10 s"]
