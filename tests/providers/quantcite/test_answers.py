"""What a message makes of a command in flight, and of what was delivered before: whose answer it is, and what is remembered."""

from __future__ import annotations

import pytest

from pushwire.core.commands import AnyCommand
from pushwire.core.events import Malformed
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused, LocalProtocolError
from pushwire.providers import gelabs, quantcite
from pushwire.providers.quantcite.commands import TOLD
from pushwire.testing import quantcite as build
from tests.providers.harness import expect
from tests.providers.quantcite.harness import OWN, SUBSCRIBE, Client, config
from tests.providers.quantcite.test_transactions import DEPOSIT, batch

Subscribe = quantcite.SubscribeTransactions


def row(name: str, amount: int = 1) -> str:
    return (DEPOSIT % amount).replace("t1", name)


def deliveries(client: Client, *rows: str) -> list[tuple[str, str]]:
    client.receive(batch(*rows))
    return [(tx.transaction_id, tx.delivery) for tx in client.take_transactions()]


# What is delivered


def test_each_transaction_is_new_once_and_an_update_when_it_says_something_else() -> None:
    client = Client(config(updates=True)).ready()
    assert deliveries(client, row("a"), row("b")) == [("a", "new"), ("b", "new")]
    assert deliveries(client, row("b", 2), row("a")) == [("b", "update")]


def test_what_came_longest_ago_is_forgotten_first_and_then_new_again() -> None:
    client = Client(config(remember=2)).ready()
    assert deliveries(client, row("a"), row("b"), row("c")) == [("a", "new"), ("b", "new"), ("c", "new")]
    assert deliveries(client, row("c"), row("b")) == []
    assert deliveries(client, row("a")) == [("a", "new")]
    assert client.machine.status().withheld == 2


def test_so_is_what_it_said() -> None:
    client = Client(config(remember=2, updates=True)).ready()
    assert len(deliveries(client, row("a", 1), row("a", 2), row("a", 3))) == 3
    # What it said first was forgotten, and counts as another version.
    assert deliveries(client, row("a", 1)) == [("a", "update")]
    assert deliveries(client, row("a", 3)) == []


def test_what_is_delivered_bears_the_time_it_came() -> None:
    client = Client().ready()
    client.now = 7.0
    client.receive(batch(row("a"), "5"), "{")
    tx, part, whole = client.take_events()
    assert (type(tx), type(part), type(whole)) == (quantcite.Transaction, Malformed, Malformed)
    assert [event.received for event in (tx, part, whole)] == [7.0] * 3
    assert "truncated" in expect(Malformed, whole).reason


def test_a_summary_counts_what_was_in_its_own_message() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    # What came in the same read before it is none of its transactions.
    client.receive("{", "{", batch(row("a"), row("b"), row("a")))
    (settled,) = client.take_settled()
    summary = expect(quantcite.Summary, settled.reply)
    assert (summary.transactions, summary.withheld) == (3, 1)


# Whose answer it is


@pytest.mark.parametrize(
    "answer, code, text",
    [
        (build.transaction_response(success=False, error="exchange_error", message="down"), "exchange_error", "down"),
        (build.transaction_response(success=False, error="exchange_error"), "exchange_error", "exchange_error"),
        (build.transaction_response(success=False), None, ""),
        ('{"type":"transaction_response","success":"no","exchange":"bybit"}', None, "malformed reply: "),
    ],
)
def test_a_subscription_that_is_refused_is_forgotten_and_may_be_asked_for_with_other_credentials(
    answer: str, code: str | None, text: str
) -> None:
    client = Client().ready()
    client.now = 3.0
    ticket = client.submit(SUBSCRIBE)
    client.receive(answer)
    (settled,) = client.take_settled()
    refused = expect(CommandRefused, settled.error)
    assert (settled.ticket, refused.command, refused.code) == (ticket, "SubscribeTransactions", code)
    assert refused.text.startswith(text) if text else refused.text == text
    client.submit(Subscribe("bybit", credentials=OWN))


def test_a_refused_restoration_says_when_it_was_refused() -> None:
    client = Client().subscribed()
    client.reconnect()
    client.take_frames()
    client.events.clear()
    client.receive(build.transaction_response(success=False, message="down"))
    refused = [event for event in client.take_events() if isinstance(event, quantcite.SubscriptionRefused)]
    assert [(event.received, event.text) for event in refused] == [(client.now, "down")] * len(SUBSCRIBE.topics)


def test_a_type_that_is_refused_leaves_the_account_to_the_others_of_its_exchange() -> None:
    client = Client().subscribed()
    client.submit(Subscribe("ByBit", transaction_types=("trades",)))
    client.receive(build.error("exchange_error", "no such type", 4004))
    assert len(client.take_settled()) == 1
    with pytest.raises(LocalProtocolError, match="on the other network or with other credentials"):
        client.submit(Subscribe("bybit", credentials=OWN))


@pytest.mark.parametrize(
    "command, answer",
    [
        (quantcite.GetExchanges(), build.exchanges_response(okx=True)),
        (quantcite.ValidateCredentials("bybit", credentials=OWN), build.validation_response(message=None)),
    ],
)
def test_a_reply_answers_the_command_that_asked_for_it(command: AnyCommand, answer: str) -> None:
    client = Client().ready()
    ticket = client.submit(command)
    client.now = 2.0
    client.receive(answer)
    (settled,) = client.take_settled()
    assert (settled.ticket, settled.error) == (ticket, None)
    if isinstance(settled.reply, quantcite.Validation):
        assert settled.reply.message is None


@pytest.mark.parametrize("text", ["Not authenticated", ""])
def test_an_error_that_ends_authentication_is_told_with_its_text_and_time_and_hung_up_for(text: str) -> None:
    client = Client().ready()
    client.now = 9.0
    ticket = client.submit(SUBSCRIBE)
    raw = build.error("authentication_required", text, 4001)
    client.receive(raw)
    notice = expect(quantcite.Notice, client.take_events()[0])
    assert (notice.received, notice.raw, notice.text) == (9.0, raw, text or "authentication_required")
    (hangup,) = client.hangups
    assert (hangup.code, hangup.reason) == (1000, "no longer authenticated")
    assert ticket not in {settled.ticket for settled in client.settled}


def test_an_error_about_the_key_that_answers_nothing_is_hung_up_for() -> None:
    client = Client().ready()
    client.receive(build.error("session_expired", "too old", 4001))
    (hangup,) = client.hangups
    assert (hangup.code, hangup.reason) == (1000, "no longer authenticated")


def test_before_it_is_authenticated_an_error_ends_the_connection_with_its_words() -> None:
    client = Client()
    client.start()
    client.open()
    client.now = 4.0
    client.receive(build.error("busy", "come back later", 4005))
    assert client.machine.status().since == 4.0
    (hangup,) = client.hangups
    assert hangup.code == 1000
    assert hangup.reason.startswith("not authenticated: come back later")


def test_a_command_of_another_provider_is_refused_by_name() -> None:
    with pytest.raises(LocalProtocolError, match=r"^Subscribe is not a quantcite command$"):
        Client().ready().submit(gelabs.Subscribe("0x1", "ethereum"))


def test_what_is_asked_for_with_a_wrong_field_is_refused_by_the_name_of_the_command() -> None:
    with pytest.raises(LocalProtocolError, match=r"^SubscribeTransactions: transaction_types "):
        Subscribe("bybit", transaction_types=("",))
    with pytest.raises(LocalProtocolError, match=r"^ValidateCredentials: testnet must be true, false or None$"):
        quantcite.ValidateCredentials("bybit", testnet=1)  # type: ignore[arg-type]  # what an untyped caller does
    with pytest.raises(LocalProtocolError, match=r"^Credentials: api_key must be a pushwire.Secret$"):
        quantcite.Credentials("plain", OWN.secret)  # type: ignore[arg-type]  # as above


def test_of_credentials_that_were_told_only_the_last_are_kept_from_what_is_shown() -> None:
    client = Client().ready()
    for number in range(TOLD + 3):
        client.submit(quantcite.ValidateCredentials("bybit", credentials=secret_pair(number)))
        client.receive(build.validation_response())
    client.events.clear()
    client.receive(f'{{"type":"old-key-0. old-key-3. old-key-{TOLD + 2}."}}')
    (event,) = client.take_events()
    assert expect(quantcite.Unrecognized, event).type == "old-key-0. *** ***"


def secret_pair(number: int) -> quantcite.Credentials:
    return quantcite.Credentials(Secret(f"old-key-{number}."), Secret(f"old-secret-{number}."))


def test_a_topic_is_of_an_exchange_however_it_is_spelled() -> None:
    client = Client().subscribed()
    client.submit(Subscribe("BYBIT", transaction_types=("deposits",)))
    client.receive(build.transaction_response(exchange="Bybit", transactions=[]))
    assert [type(settled.reply) for settled in client.take_settled()] == [quantcite.Summary]


@pytest.mark.parametrize("code, told", [(4001, 4001), ("4001", None), ("E1", None)])
def test_a_refused_key_bears_a_code_where_that_is_a_number(code: int | str, told: int | None) -> None:
    client = Client()
    client.start()
    client.open()
    client.now = 6.0
    client.receive(build.error("invalid_api_key", "no such key", code))
    failure = expect(AuthenticationRefused, client.machine.failure)
    assert failure.code == told
    assert client.machine.status().since == 6.0


def test_transactions_that_come_while_another_command_is_in_flight_answer_nothing() -> None:
    client = Client().ready()
    client.submit(quantcite.GetExchanges())
    client.receive(build.transaction_response(exchange="bybit"))
    assert len(client.take_transactions()) == 1
    assert client.take_settled() == []


def test_a_passphrase_that_is_found_to_be_needed_refuses_a_command_that_waits_by_its_name() -> None:
    client = Client().ready()
    client.submit(quantcite.GetExchanges())
    client.submit(Subscribe("okx", credentials=OWN))
    client.receive(build.exchanges_response(okx=True))
    _, settled = client.take_settled()
    assert expect(CommandRefused, settled.error).command == "SubscribeTransactions"
    with pytest.raises(LocalProtocolError, match=r"^SubscribeTransactions: .*passphrase"):
        client.submit(Subscribe("okx", credentials=OWN))


def test_what_is_refused_is_forgotten_though_another_exchange_is_followed() -> None:
    client = Client().subscribed(Subscribe("binance"))
    client.submit(SUBSCRIBE)
    client.receive(build.error("exchange_error", "down", 4004))
    client.take_settled()
    client.submit(Subscribe("bybit", credentials=OWN))


def test_a_restoration_whose_answer_cannot_be_read_is_told_with_its_time() -> None:
    client = Client().subscribed()
    client.reconnect()
    client.take_frames()
    client.events.clear()
    now = client.now = client.now + 2.0
    client.receive('{"type":"transaction_response","success":"no","exchange":"bybit"}')
    refused = [event for event in client.take_events() if isinstance(event, quantcite.SubscriptionRefused)]
    assert [event.received for event in refused] == [now] * len(SUBSCRIBE.topics)


def test_a_wait_of_nothing_is_told_as_none() -> None:
    client = Client().ready()
    for seconds, told in ((0, None), (5, 5.0)):
        client.receive(f'{{"type":"rate_limit_warning","message":"x","retry_after":{seconds}}}')
        assert client.the_event(quantcite.Notice).retry_after == told


def test_a_dial_says_which_it_is_and_what_it_may_take() -> None:
    client = Client(config(max_message=5000, compression=True))
    client.start()
    (dial,) = client.dials
    assert (dial.generation, dial.max_message, dial.compression) == (1, 5000, True)
