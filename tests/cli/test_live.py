"""Who watches a connection for the live view."""

from __future__ import annotations

import attrs
import pytest

from pushwire.cli.live import Watch
from pushwire.cli.view import EVENTS
from pushwire.core.events import Down, Up
from pushwire.core.machine import Phase, Status
from pushwire.core.secrets import Secret
from pushwire.providers import gelabs
from pushwire.shell.observer import StreamStatus
from pushwire.testing.gelabs import transaction

READY = Status(Phase.READY, 0.0, 1, 1, last_error=None, next_dial=None)


def watch(session: Status = READY, *, acks: bool = True) -> Watch:
    made = Watch("gelabs", acks=acks)
    made.tally.began(gelabs.Config(api_key=Secret("k")), lambda: StreamStatus(session, 0, 0))
    return made


def hashes(shown: Watch, count: int) -> list[str]:
    return [str(line.data.get("tx_hash", line.event)) for line in shown.lines(count)]


async def test_before_it_begins_there_is_a_row_all_the_same() -> None:
    row = Watch("gelabs", acks=True).row(1.0)
    assert (row.name, row.phase, row.rate) == ("gelabs", None, 0.0)


async def test_a_row_says_where_the_connection_stands() -> None:
    shown = watch(Status(Phase.BACKING_OFF, 0.0, 1, 1, last_error="close 1006", next_dial=7.5, unacked=4))
    shown.row(0.0)
    shown.tally.saw([Up(0.0, 1), transaction(), transaction(), Down(1.0, "x", None), Up(2.0, 2)])
    row = shown.row(2.0)
    assert (row.phase, row.messages, row.rate, row.reconnects) == (Phase.BACKING_OFF, 2, 1.0, 1)
    assert (row.error, row.next_dial, row.unacked) == ("close 1006", 5.5, 4)


async def test_the_trouble_of_the_store_comes_before_that_of_the_connection() -> None:
    assert watch(attrs.evolve(READY, last_error="close 1006", store_error="disk full")).row(0.0).error == "disk full"


async def test_where_nothing_is_acked_there_is_no_number_of_what_is_not() -> None:
    assert watch(acks=False).row(0.0).unacked is None


async def test_the_last_events_are_shown_the_newest_at_the_end() -> None:
    shown = watch()
    for number in range(100):
        shown.keep([transaction(tx_hash=f"0x{number}")])
    assert hashes(shown, 3) == ["0x97", "0x98", "0x99"]
    assert len(shown.lines(1000)) == EVENTS


async def test_what_tells_of_the_connection_does_not_drown_in_messages() -> None:
    shown = watch()
    shown.keep([Up(0.0, 1)])
    shown.keep([transaction(tx_hash=f"0x{number}") for number in range(1000)])
    shown.keep([Down(1.0, "x", None)])
    assert hashes(shown, 4) == ["up", "0x998", "0x999", "down"]
    assert hashes(shown, 1) == ["down"]


@pytest.mark.parametrize("count", range(1, EVENTS + 1))
async def test_there_are_never_more_lines_than_wanted(count: int) -> None:
    shown = watch()
    for number in range(50):
        shown.keep([Up(float(number), number), transaction(tx_hash=f"0x{number}")])
    lines = shown.lines(count)
    assert len(lines) == count
    assert lines[-1].event == "transaction"
