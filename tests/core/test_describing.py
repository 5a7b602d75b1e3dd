"""Events as data."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import attrs
import pytest

from pushwire.core.describing import TOO_DEEP, describe, duration, encode, kind_of, moment
from pushwire.core.effects import Close
from pushwire.core.events import Down, Gap, Malformed, Stale, Up
from pushwire.core.secrets import Secret
from pushwire.providers.gelabs import Topic
from pushwire.providers.pusher import ChannelEvent, Member, Members
from pushwire.testing import gelabs

MIDNIGHT = 1_767_225_600.0
"""2026-01-01, POSIX seconds."""


def wall(at: float) -> float:
    return MIDNIGHT + at


@attrs.frozen
class Price:
    received: float
    price: Decimal
    key: Secret
    raw: bytes


@attrs.frozen
class Nested:
    received: float
    value: object


@attrs.frozen
class Cause:
    reason: str


@attrs.frozen
class Refusal(Cause):
    status: int


@attrs.frozen
class Ended:
    received: float
    cause: Cause


def test_values_inside_an_event_become_objects() -> None:
    shown = describe("gelabs", Down(0.0, "cut", Close(code=1000)), wall).data
    assert shown["close"] == {"code": 1000, "reason": "", "status": None, "retry_after": None, "by": "peer"}


def test_decimals_are_exact_strings_and_secrets_are_hidden() -> None:
    event = Price(0.0, Decimal("1.10"), Secret("hidden"), b"\xff{")
    assert describe("x", event, wall).data == {"price": "1.10", "key": "***", "raw": "\\xff{"}


def nested(depth: int) -> Any:  # lists in lists: no type says how many
    value: Any = Decimal("1.5")
    for _ in range(depth):
        value = [value]
    return value


def test_what_is_nested_deeper_than_python_goes_stays_json() -> None:
    event = ChannelEvent(received=0.0, channel="a", event="e", data=nested(600), user_id=None, raw="raw")
    shown = encode(describe("pusher", event, wall).data)
    assert shown == '{"channel":"a","event":"e","data":' + "[" * 600 + '"1.5"' + "]" * 600 + ',"raw":"raw"}'


def test_what_is_nested_too_deep_for_anything_is_said_to_be() -> None:
    event = Nested(0.0, nested(100_000))
    assert describe("x", event, wall).data == {"value": TOO_DEEP}


def test_what_is_not_said_is_left_out_and_a_number_that_came_as_text_stays_text() -> None:
    shown = describe("gelabs", gelabs.transaction(raw_amount="007"), wall)
    assert (shown.provider, shown.event, shown.data["amount"]) == ("gelabs", "transaction", "007")
    assert None not in shown.data.values()


def test_what_the_ledger_knows_an_event_by_is_one_value() -> None:
    data = describe("gelabs", gelabs.transaction(tx_status="pending"), wall).data
    assert data["identity"] == {"key": ["ethereum", 1, gelabs.TX_HASH], "version": ["pending", 21_000_000, False]}
    assert not [name for name in data if name.startswith("ledger")]


def test_times_inside_an_event_are_times_of_day() -> None:
    stale = describe("gelabs", Stale(9.0, Topic("base", "0xaa"), since=2.0), wall)
    assert stale.data == {"topic": {"chain_type": "base", "address": "0xaa"}, "since": "2026-01-01T00:00:02.000Z"}
    gap = describe("gelabs", Gap(9.0, since=MIDNIGHT, until=MIDNIGHT + 1), wall)
    assert gap.data == {"since": "2026-01-01T00:00:00.000Z", "until": "2026-01-01T00:00:01.000Z"}


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is nine hours ahead."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EAST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_elsewhere")
def test_times_are_in_utc_wherever_it_runs() -> None:
    assert time.localtime(MIDNIGHT).tm_hour == 9
    assert moment(MIDNIGHT + 0.25) == "2026-01-01T00:00:00.250Z"


def test_a_kind_of_event_is_its_type_in_small_letters() -> None:
    assert kind_of(type("PriceOfGold", (), {})) == "price_of_gold"
    assert kind_of(Price) == "price"


def test_a_time_that_no_calendar_has_is_a_number() -> None:
    assert describe("x", Up(0.0, 1), lambda _: 1e300).at == "1e+300"
    assert describe("x", Up(0.0, 1), lambda _: float("nan")).at == "nan"


def test_an_event_is_shown_by_what_its_fields_hold() -> None:
    """Types that a field is said to have may be there for type checkers alone."""
    members = Members(0.0, "presence-x", MappingProxyType({"7": Member("7", {"age": Decimal("1.50")})}))
    assert describe("pusher", members, wall).data == {
        "channel": "presence-x",
        "members": {"7": {"id": "7", "info": {"age": "1.50"}}},
    }
    assert describe("x", Ended(0.0, Refusal("no", 403)), wall).data == {"cause": {"reason": "no", "status": 403}}


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\u2028", "\u202e", "\n"])
def test_encoded_it_holds_nothing_that_a_terminal_obeys(character: str) -> None:
    found = encode(describe("x", Malformed(0.0, f"a{character}[31m", "bad"), wall).data)
    assert character not in found
    assert json.loads(found)["raw"] == f"a{character}[31m"


def test_encode_leaves_json_as_it_is() -> None:
    assert encode({"lost": 0, "name": "ø"}) == '{"lost":0,"name":"ø"}'


@pytest.mark.parametrize(
    "seconds, shown",
    [
        (0.0, "0 s"),
        (1e-9, "0 s"),
        (5e-7, "0.5 µs"),
        (0.000_087, "87 µs"),
        (0.000_999_6, "1 ms"),
        (0.0125, "12.5 ms"),
        (0.999_6, "1 s"),
        (-0.25, "-250 ms"),
        (3.21, "3.21 s"),
        (59.94, "59.9 s"),
        (59.95, "1 min"),
        (125.4, "2 min 5 s"),
        (3_599.6, "1 h"),
        (12_000.0, "3 h 20 min"),
        (86_399.0, "1 d"),
        (-350_000.0, "-4 d 1 h"),
        (31_536_000.0, "365 d"),
        (1e11, "1e+11 s"),
        (float("inf"), "inf s"),
        (float("nan"), "nan s"),
    ],
)
def test_a_span_of_time_is_shown_in_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
