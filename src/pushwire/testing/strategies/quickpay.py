"""Events of QuickPay."""

from __future__ import annotations

from typing import Final, TypeVar, Unpack, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...providers.pusher import Json
from ...providers.quickpay import Event, ExchangeRate, Kyc, Notification, Payment
from .. import quickpay as build
from ..quickpay import PaymentFields
from . import parts, pusher

__all__ = ["events", "exchange_rates", "kycs", "notifications", "payments"]

EventT = TypeVar("EventT", Payment, ExchangeRate, Kyc, Notification)

NAMES: Final[SearchStrategy[str]] = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
CURRENCIES: Final[SearchStrategy[str]] = st.sampled_from(["USD", "EUR", "BTC", "USDT"])
STAMPS: Final[SearchStrategy[str]] = st.datetimes().map(lambda at: f"{at.isoformat()}Z")


def _whole(event: EventT) -> EventT:
    """With the message that it came in."""
    setattr(event, "raw", build.message(event))  # noqa: B010 - read-only to the type checkers alone
    return event


def payments(*, received: float | None = None, **fixed: Unpack[PaymentFields]) -> SearchStrategy[Payment]:
    """Payments, in all states."""
    words, amounts = parts.maybe(parts.TEXTS), st.none() | parts.decimals()
    drawn: dict[str, SearchStrategy[object]] = {
        "payment_id": words,
        "currency": st.none() | CURRENCIES,
        "status": st.none() | st.sampled_from(["pending", "completed", "failed", "expired"]) | parts.TEXTS,
        "payment_method": st.none() | st.just("crypto") | parts.TEXTS,
        "crypto_currency": st.none() | CURRENCIES,
        **dict.fromkeys(("amount", "exchange_rate", "fiat_amount", "crypto_amount"), amounts),
        "wallet_address": words,
        "expires_at": st.none() | STAMPS,
    }
    names = st.sampled_from(["payment.created", "payment.completed"]) | NAMES.map("payment.{}".format)

    def made(fields: PaymentFields, name: str, at: float) -> Payment:
        fields.update(fixed)
        return _whole(build.payment(name, received=at, **fields))

    fields = cast("SearchStrategy[PaymentFields]", st.fixed_dictionaries(drawn))
    return st.builds(made, fields, names, parts.received(received))


def exchange_rates(*, received: float | None = None) -> SearchStrategy[ExchangeRate]:
    """Rates, exact."""

    def made(base: str, quote: str, rate: str, at: float, name: str) -> ExchangeRate:
        return _whole(build.exchange_rate(base, quote, rate, received=at, name=name))

    names = st.just("exchange_rate.updated") | NAMES.map("exchange_rate.{}".format)
    return st.builds(made, CURRENCIES, CURRENCIES, parts.DECIMAL_TEXTS, parts.received(received), names)


def kycs(*, received: float | None = None) -> SearchStrategy[Kyc]:
    """Verifications, in all states."""

    def made(status: str, at: float, name: str) -> Kyc:
        return _whole(build.kyc(status, received=at, name=name))

    states = st.sampled_from(["pending", "approved", "rejected"]) | parts.TEXTS
    names = st.just("kyc.verification_started") | NAMES.map("kyc.{}".format)
    return st.builds(made, states, parts.received(received), names)


def notifications(*, received: float | None = None) -> SearchStrategy[Notification]:
    """Notifications, of which nothing is documented."""

    def made(data: Json, at: float, name: str) -> Notification:
        return _whole(build.notification(data, received=at, name=name))

    names = st.just("notification") | NAMES.map("notification.{}".format)
    return st.builds(made, parts.json_objects(), parts.received(received), names)


def events() -> SearchStrategy[Event]:
    """Whatever a QuickPay stream delivers: its own events, those of channels that are none, and Pusher's."""
    ours = payments() | exchange_rates() | kycs() | notifications()
    return parts.either(ours, pusher.channel_events() | pusher.own())
