"""The kill test is proven by what it finds: with each of these bugs planted into the relays, it must report just that.

None of it depends on luck: a message is ACKed before the kill, both relays bring the same messages, or the relay dies at the very
place where the bug tells.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.relay.campaign import Campaign, Plan, Report
from tests.relay.engines import Engine, Nats, Postgres, SqliteFile

pytestmark = pytest.mark.slow


async def with_bug(plant: str, engine: Engine, folder: Path, *, kills: int = 2) -> Report:
    """What the harness says of relays with that bug, killed at an ACK."""
    try:
        report = await Campaign(engine, folder, Plan(kills=kills, moments={"ack": 1}, plant=plant)).run()
    finally:
        engine.remove()
    assert not report.clean
    return report


async def test_an_ack_before_the_commit_loses_messages(tmp_path: Path) -> None:
    report = await with_bug("ack before commit", SqliteFile(tmp_path / "events.sqlite"), tmp_path)
    assert report.lost > 0
    assert report.double == report.strange == report.aside == 0


async def test_a_table_without_a_unique_key_holds_messages_twice_after_a_kill_between_sink_and_ledger(tmp_path: Path) -> None:
    report = await with_bug("sqlite without dedupe", SqliteFile(tmp_path / "events.sqlite"), tmp_path, kills=0)
    assert report.double > 0
    assert report.lost == report.strange == report.aside == 0


async def test_a_table_without_a_unique_key_holds_twice_what_two_relays_bring(tmp_path: Path) -> None:
    report = await with_bug("postgres without dedupe", Postgres(), tmp_path)
    assert report.double > 0
    assert report.lost == report.strange == report.aside == 0


async def test_messages_without_the_id_of_their_event_are_held_twice_where_two_relays_bring_them(tmp_path: Path) -> None:
    report = await with_bug("nats without dedupe", Nats(), tmp_path)
    assert report.double > 0
    assert report.lost == report.strange == report.aside == 0


async def test_a_time_of_arrival_in_the_key_stores_twice_what_two_relays_bring(tmp_path: Path) -> None:
    report = await with_bug("time in key", Postgres(), tmp_path)
    assert report.double > 0
    assert report.lost == report.strange == report.aside == 0


async def test_a_time_of_arrival_in_the_payload_sets_aside_what_two_relays_bring(tmp_path: Path) -> None:
    report = await with_bug("time in payload", Postgres(), tmp_path)
    assert report.aside > 0
    assert report.lost == report.double == report.strange == 0


async def test_relays_that_get_nowhere_end_the_test_which_says_where_they_stand(tmp_path: Path) -> None:
    engine = SqliteFile(tmp_path / "events.sqlite")
    with pytest.RaisesGroup(AssertionError, flatten_subgroups=True) as caught:
        await Campaign(engine, tmp_path, Plan(kills=0, plant="never stored", still=3.0)).run()
    said = str(caught.value.exceptions)
    assert "nothing goes on: seed 7, 0 kills, 0 of the engine" in said
    assert "relay 0" in said
