"""A stream warns on the standard log of what its user should know, and says what to do."""

from __future__ import annotations

import logging

import pytest
import trio.testing

from pushwire.core.events import Gap, Stale, Up
from pushwire.shell.warner import LOGGER, Warner
from tests.shell.provider import CONFIG, Provider
from tests.shell.streams import connect

SLOW = "wait for a consumer"


@pytest.fixture(autouse=True)
def listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, LOGGER.name)


def test_of_a_read_each_trouble_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    warner = Warner("gelabs", lambda: 0.0)
    warner.saw([object(), object()])
    assert not caplog.records
    warner.saw([Up(0.0, 1), Gap(0.0, 1.0, 2.0), object(), Stale(9.0, "x", 1.0)])
    told = [record.getMessage() for record in caplog.records]
    assert [line.partition(" may ")[0].partition(" for ")[0] for line in told] == [
        "gelabs: messages from 1970-01-01T00:00:01.000Z to 1970-01-01T00:00:02.000Z",
        "gelabs: nothing has come on 'x'",
    ]
    assert all(record.levelno == logging.WARNING and record.name == "pushwire.stream" for record in caplog.records)


def test_a_consumer_is_slow_after_a_second_of_stops_and_told_of_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = [0.0]
    warner = Warner("gelabs", lambda: clock[0])
    told: list[int] = []
    for at, seconds in ((0.0, 0.5), (1.0, 0.25), (2.0, 0.25), (59.5, 9.0), (60.0, 0.5), (100.0, 0.5), (119.0, 5.0)):
        clock[0] = at
        warner.stopped(seconds, 3)
        told.append(len(caplog.records))
    assert told == [0, 0, 1, 1, 1, 2, 2]
    assert all(SLOW in record.getMessage() for record in caplog.records)


async def test_a_stream_that_nobody_reads_says_so(
    provider: Provider, caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    async with connect(provider.network, capacity=4):
        for number in range(1, 6):
            provider.push(number)
        await trio.testing.wait_all_tasks_blocked()
        assert not caplog.records, "a burst does that, too"
        await trio.sleep(1.0)
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(1000.0)
    (line,) = [record.getMessage() for record in caplog.records if SLOW in record.getMessage()]
    assert line.startswith(f"{CONFIG.namespace}: 4 events {SLOW}")
    assert "sk-test" not in line
