"""Whether a relay is well, judged by a look at it."""

from __future__ import annotations

import json
from typing import Any

import attrs
import msgspec

from pushwire.core.machine import Phase, Status
from pushwire.relay.link import Link
from pushwire.relay.looking import RelayLook, StreamLook, health
from pushwire.shell.observer import StreamStatus

GRACE = 60.0
SESSION = Status(Phase.READY, 5.0, 1, 2, "HTTP 503", None, unacked=3)
STREAM = StreamLook(
    provider="gelabs", status=StreamStatus(SESSION, 0, 0), down_since=None, taking=True, events=2, bytes=1300, oldest=99.5
)
LOOK = RelayLook(at=100.0, started=0.0, stopping=False, sink=Link.OPEN, away_since=None, error="cut", streams={"wallets": STREAM})


def look(**changes: Any) -> RelayLook:  # whatever the fields hold
    return attrs.evolve(LOOK, **changes)


def with_stream(**changes: Any) -> RelayLook:
    return look(streams={"wallets": attrs.evolve(STREAM, **changes)})


def test_all_is_well_and_the_facts_say_how_it_stands() -> None:
    found = health(LOOK, GRACE)
    assert found.ok
    assert json.loads(msgspec.json.encode(found.facts)) == {
        "ok": True,
        "problems": [],
        "sink": {"state": "open", "away_seconds": None, "error": "cut"},
        "streams": {
            "wallets": {
                "provider": "gelabs",
                "phase": "ready",
                "down_seconds": None,
                "error": "HTTP 503",
                "unacked": 3,
                "taking": True,
                "held_events": 2,
                "held_bytes": 1300,
                "oldest_seconds": 0.5,
            }
        },
    }


def test_a_stream_may_be_down_for_a_while() -> None:
    assert health(with_stream(down_since=40.0), GRACE).ok
    found = health(with_stream(down_since=39.0), GRACE)
    assert found.problems == ("stream wallets: not ready for 61 s: HTTP 503",)
    assert found.facts["ok"] is False


def test_down_since_the_beginning_of_time_is_down() -> None:
    assert not health(with_stream(down_since=0.0), GRACE).ok


def test_a_stream_that_has_never_begun_counts_from_the_start() -> None:
    missing = with_stream(status=None, oldest=None, events=0)
    assert health(attrs.evolve(missing, at=GRACE), GRACE).ok
    assert health(missing, GRACE).problems == ("stream wallets: not ready for 100 s",)


def test_a_sink_may_be_away_for_a_while() -> None:
    assert health(look(sink=Link.BACKING_OFF, away_since=40.0), GRACE).ok
    found = health(look(sink=Link.BACKING_OFF, away_since=30.0), GRACE)
    assert found.problems == ("sink: not open for 70 s: cut",)
    assert found.facts["sink"] == {"state": "backing off", "away_seconds": 70.0, "error": "cut"}


def test_an_event_may_wait_for_a_while_also_where_the_sink_seems_open() -> None:
    assert health(with_stream(oldest=40.0), GRACE).ok
    found = health(with_stream(oldest=10.0), GRACE)
    assert found.problems == ("stream wallets: the oldest of 2 events has waited for 90 s to be settled",)


def test_all_that_is_wrong_is_said_at_once_and_a_relay_that_ends_is_not_well() -> None:
    found = health(attrs.evolve(with_stream(down_since=1.0, oldest=1.0), stopping=True, away_since=2.0), GRACE)
    assert [problem.partition(":")[0] for problem in found.problems] == [
        "stopping",
        "sink",
        "stream wallets",
        "stream wallets",
    ]
