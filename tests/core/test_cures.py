"""Each trouble is told with what to do about it, and with nothing that a log should not hold."""

from __future__ import annotations

from typing import get_args, get_origin

import pytest

from pushwire.core.cures import CURABLE, cure_of, slow_consumer, trouble
from pushwire.core.events import (
    CONTROL,
    AckRefused,
    Control,
    Down,
    Gap,
    Hydrated,
    Malformed,
    SnapshotFailed,
    Stale,
    SubscriptionRefused,
    Unrecognized,
    Up,
)

NO_TROUBLE = {Up, Down, Hydrated}


@pytest.mark.parametrize(
    "event, what, cure",
    [
        (
            Gap(1.0, 0.0, 60.0),
            "messages from 1970-01-01T00:00:00.000Z to 1970-01-01T00:01:00.000Z may be missing and will not come",
            "REST calls",
        ),
        (Stale(100.0, "BTC", 40.0), "nothing has come on 'BTC' for 1 min", "`stale_after`"),
        (
            SubscriptionRefused(1.0, "BTC", 404, "gone\x1b[2J"),
            "the subscription to 'BTC' was not restored: 'gone\\x1b[2J' (404)",
            "next reconnect",
        ),
        (SubscriptionRefused(1.0, "BTC", None, "gone"), "the subscription to 'BTC' was not restored: 'gone'", "give it up"),
        (AckRefused(1.0, ("eth", 1), None, "no reply"), "the ACK of ('eth', 1) was not accepted: 'no reply'", "withheld"),
        (Malformed(1.0, "secret", "no JSON"), "a message of 6 characters or bytes cannot be read: 'no JSON'", "journal"),
        (Unrecognized(1.0, "secret", "novel"), "a message of an unknown type came: 'novel'", "newer pushwire"),
        (SnapshotFailed(1.0, OSError("secret"), 2.0), "the snapshot could not be loaded: OSError", "tried again"),
    ],
)
def test_a_trouble_is_told_with_its_cure(event: object, what: str, cure: str) -> None:
    found = trouble(event)
    assert found is not None
    assert found.what == what
    assert cure in found.cure
    assert cure_of(event) == found.cure
    assert "secret" not in found.what


def test_what_is_no_trouble_has_no_cure() -> None:
    assert trouble(Up(0.0, 1)) is None
    assert cure_of(Up(0.0, 1)) is None


def test_every_control_event_is_either_a_trouble_or_none() -> None:
    assert {get_origin(kind) or kind for kind in get_args(Control)} <= CONTROL
    assert CURABLE | NO_TROUBLE == CONTROL
    assert not CURABLE & NO_TROUBLE


def test_a_slow_consumer_is_told_what_would_help() -> None:
    found = slow_consumer(1024)
    assert found.what.startswith("1024 events wait")
    assert all(word in found.cure for word in ("batches", "capacity", "conflate"))
