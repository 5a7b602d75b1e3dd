"""What becomes of the data of an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from pushwire.providers.pusher.values import FAULTS, Json, parsed
from pushwire.providers.quickpay.messages import (
    ExchangeRate,
    Kyc,
    MessageEvent,
    Notification,
    OtherEvent,
    Payment,
    typed,
)
from pushwire.testing import quickpay as build

PAYMENTS = f"private-payments.{build.MERCHANT}"
NOTIFICATIONS = f"private-notifications.{build.MERCHANT}"


def made(name: str, data: Json, channel: str | None = PAYMENTS, **aliases: str) -> MessageEvent:
    return typed(name, channel, data, "raw", 7.0, aliases)


def test_a_payment_has_every_documented_field() -> None:
    event = made(
        "payment.created",
        {
            "payment_id": "pay_001",
            "amount": "100.00",
            "currency": "USD",
            "status": "pending",
            "payment_method": "crypto",
            "crypto_currency": "BTC",
            "exchange_rate": "50000.00",
            "fiat_amount": "100.00",
            "crypto_amount": "0.00200000",
            "wallet_address": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "expires_at": "2025-08-01T13:00:00Z",
        },
    )
    assert isinstance(event, Payment)
    assert event.data == build.payment().data
    assert event.data.expires == datetime(2025, 8, 1, 13, tzinfo=UTC)
    assert (event.name, event.channel, event.received, event.raw) == ("payment.created", PAYMENTS, 7.0, "raw")
    assert (event.event_id, event.timestamp, event.time) == (None, None, None)


def test_a_rate_has_every_documented_field() -> None:
    event = made("exchange_rate.updated", {"base_currency": "BTC", "quote_currency": "USD", "rate": "50000.00"})
    assert isinstance(event, ExchangeRate)
    assert event.data == build.exchange_rate().data


def test_a_verification_has_every_documented_field() -> None:
    event = made(
        "kyc.verification_started",
        {
            "kyc_id": "kyc_001",
            "customer_id": "cus_001",
            "verification_type": "individual",
            "status": "pending",
            "started_at": "2025-08-01T12:00:00Z",
            "metadata": {"customer_email": "ada@example.org", "customer_name": "Ada"},
        },
    )
    assert isinstance(event, Kyc)
    assert event.data == build.kyc().data
    assert event.data.started == datetime(2025, 8, 1, 12, tzinfo=UTC)


def test_the_list_of_names_is_open_within_a_family() -> None:
    event = made("payment.refunded", {"status": "refunded", "new_field": [1]})
    assert isinstance(event, Payment)
    assert (event.name, event.data.status, event.data.amount) == ("payment.refunded", "refunded", None)


def test_whatever_comes_on_a_notifications_channel_is_a_notification() -> None:
    event = made("App\\Events\\Notice", {"title": "Maintenance"}, NOTIFICATIONS)
    assert isinstance(event, Notification)
    assert (event.name, event.data) == ("App\\Events\\Notice", {"title": "Maintenance"})


def test_a_payment_on_a_notifications_channel_stays_one() -> None:
    assert isinstance(made("payment.created", {}, NOTIFICATIONS), Payment)


def test_a_notification_may_come_anywhere_and_hold_anything() -> None:
    event = made("notification.created", "Maintenance")
    assert isinstance(event, Notification)
    assert event.data == "Maintenance"


def test_an_unknown_name_is_nothing_special() -> None:
    event = made("refund.created", {"amount": "5"})
    assert isinstance(event, OtherEvent)
    assert event.data == {"amount": "5"}


def test_a_leading_dot_is_no_part_of_a_name() -> None:
    assert made(".payment.created", {}).name == "payment.created"


def test_an_alias_says_what_a_name_means() -> None:
    event = made("PaymentCreated", {"amount": "1"}, PaymentCreated="payment.created")
    assert isinstance(event, Payment)
    assert event.name == "payment.created"


def test_an_envelope_is_unwrapped() -> None:
    data = parsed(build.envelope("payment.created", {"amount": "1.50"}, event_id="evt_7", timestamp="2025-08-01T12:00:00+02:00"))
    event = made("message", data)
    assert isinstance(event, Payment)
    assert (event.name, event.event_id, event.data.amount) == ("payment.created", "evt_7", Decimal("1.50"))
    assert event.time == datetime(2025, 8, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def test_an_alias_counts_for_the_name_in_an_envelope() -> None:
    assert isinstance(made("message", parsed(build.envelope("Paid", {})), Paid="payment.completed"), Payment)


def test_data_in_an_envelope_may_be_json_in_a_text() -> None:
    event = made("message", parsed(build.envelope("payment.created", '{"amount":"2"}')))
    assert isinstance(event, Payment)
    assert event.data.amount == 2


def test_ids_and_times_of_an_envelope_that_are_no_texts_are_none() -> None:
    event = made("message", {"event_type": "payment.created", "event_id": 1, "timestamp": [], "data": {}})
    assert (event.event_id, event.timestamp) == (None, None)


def test_a_text_in_an_envelope_that_is_no_json_stays_a_text() -> None:
    event = made("message", parsed(build.envelope("notification", "hello")))
    assert isinstance(event, Notification)
    assert event.data == "hello"


@pytest.mark.parametrize("data", [{"event_type": "payment.created"}, {"data": {}}, {"event_type": 1, "data": {}}, []])
def test_half_an_envelope_is_none(data: Json) -> None:
    assert made("refund", data).name == "refund"


@pytest.mark.parametrize(
    "sent, amount",
    [
        ('"0.1"', "0.1"),
        ("0.1", "0.1"),
        ("100", "100"),
        ("-3", "-3"),
        ('"-3.50"', "-3.50"),
        ("1e-8", "1E-8"),
        ('"123456789012345678901234567890.123456789012345678"', "123456789012345678901234567890.123456789012345678"),
    ],
)
def test_amounts_are_exact_whether_text_or_number(sent: str, amount: str) -> None:
    event = made("payment.created", parsed(f'{{"amount":{sent},"exchange_rate":{sent}}}'))
    assert isinstance(event, Payment)
    assert str(event.data.amount) == str(event.data.exchange_rate) == amount


@pytest.mark.parametrize(
    "sent",
    ['"NaN"', '"Infinity"', '"1e5"', '"1_000"', '"1,5"', '""', '" 1"', '"٣"', "true", "[]", f'"{"9" * 79}"', "9" * 79],
)
def test_what_is_no_bounded_amount_is_malformed(sent: str) -> None:
    with pytest.raises(FAULTS):
        made("payment.created", parsed(f'{{"amount":{sent}}}'))


@pytest.mark.parametrize("data", [None, "text", [], 5, {"status": 1}, {"payment_id": {}}])
def test_data_that_does_not_fit_the_name_is_malformed(data: Json) -> None:
    with pytest.raises(FAULTS):
        made("payment.created", data)


def test_null_is_as_good_as_absent() -> None:
    event = made("payment.created", {"amount": None, "status": None})
    assert isinstance(event, Payment)
    assert (event.data.amount, event.data.status) == (None, None)


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2025-08-01T12:00:00", datetime(2025, 8, 1, 12, tzinfo=UTC)),
        ("2025-08-01T12:00:00.123456Z", datetime(2025, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_aware_or_none(text: str | None, moment: datetime | None) -> None:
    assert build.payment(expires_at=text).data.expires == moment
