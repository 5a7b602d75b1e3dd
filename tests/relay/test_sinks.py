"""What holds for every sink that keeps events in a file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest
import trio

from pushwire.relay.entries import Answer, Entry, Outcome, Refused, is_durable
from pushwire.relay.sinks.base import Sink, SinkError
from pushwire.relay.sinks.function import FunctionSink
from pushwire.relay.sinks.jsonl import JsonlSink
from pushwire.relay.sinks.sqlite import SqliteSink
from tests.relay.kit import entry, number_of
from tests.threads import threads_at_work

FileSink: TypeAlias = JsonlSink | SqliteSink
Make: TypeAlias = Callable[[], FileSink]

STORED, DUPLICATE, QUARANTINED = Outcome.STORED, Outcome.DUPLICATE, Outcome.QUARANTINED


@pytest.fixture(params=["jsonl", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """The same sink, as often as it is asked for."""
    return (lambda: JsonlSink(tmp_path / "e.jsonl")) if request.param == "jsonl" else (lambda: SqliteSink(tmp_path / "e.db"))


def held(folder: Path) -> list[str | None]:
    """The keys of what is stored, in order."""
    if (folder / "e.db").exists():
        with closing(sqlite3.connect(folder / "e.db")) as db:
            return [key for (key,) in db.execute("SELECT key FROM events ORDER BY seq")]
    files = [*sorted(folder.glob("e-*.jsonl")), folder / "e.jsonl"]
    return [json.loads(line)["key"] for path in files for line in path.read_text().splitlines()]


async def test_what_is_stored_is_there_in_order(make: Make, tmp_path: Path) -> None:
    sink = make()
    await sink.open()
    assert await sink.write([entry(1), entry(2)]) == [STORED, STORED]
    assert await sink.write([entry(3)]) == [STORED]
    await sink.close()
    assert held(tmp_path) == ["wallets:1", "wallets:2", "wallets:3"]


async def test_what_comes_again_is_stored_once_also_after_a_restart_and_within_a_batch(make: Make, tmp_path: Path) -> None:
    sink = make()
    await sink.open()
    assert await sink.write([entry(1), entry(1)]) == [STORED, DUPLICATE]
    await sink.close()
    sink = make()
    await sink.open()
    assert await sink.write([entry(2), entry(1)]) == [STORED, DUPLICATE]
    await sink.close()
    assert held(tmp_path) == ["wallets:1", "wallets:2"]


async def test_without_a_key_it_is_stored_as_often_as_it_comes(make: Make, tmp_path: Path) -> None:
    sink = make()
    await sink.open()
    assert await sink.write([entry(1, key=None), entry(1, key=None)]) == [STORED, STORED]
    await sink.close()
    assert held(tmp_path) == [None, None]


async def test_another_payload_under_the_same_key_is_set_aside_once_and_can_be_listed(make: Make, tmp_path: Path) -> None:
    sink = make()
    await sink.open()
    other = entry(1, payload='{"a":1.10}')
    assert await sink.write([entry(1), other, entry(1)]) == [STORED, QUARANTINED, DUPLICATE]
    assert await sink.write([other]) == [QUARANTINED]
    await sink.close()
    sink = make()
    await sink.open()
    assert await sink.write([other]) == [QUARANTINED]
    (found,) = await sink.quarantine()
    await sink.close()
    assert (found.key, found.payload, found.at) == ("wallets:1", '{"a":1.10}', 1001.0)
    assert held(tmp_path) == ["wallets:1"]


async def test_a_second_one_on_the_same_file_is_refused(make: Make) -> None:
    first, second = make(), make()
    await first.open()
    with pytest.raises(SinkError, match="held by another process"):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


async def test_it_says_what_it_promises(make: Make) -> None:
    sink = make()
    await sink.open()
    await sink.write([entry(1)])
    assert any("on the disk" in line for line in await sink.check())
    await sink.close()


async def test_it_is_used_between_open_and_close_alone_and_closing_twice_is_harmless(make: Make) -> None:
    sink = make()
    await sink.close()
    with pytest.raises(SinkError, match="not open"):
        await sink.write([entry(1)])
    await sink.open()
    await sink.close()
    await sink.close()
    with pytest.raises(SinkError, match="not open"):
        await sink.write([entry(1)])


async def test_no_thread_is_left(make: Make) -> None:
    before = threads_at_work()
    sink = make()
    for _ in range(3):
        await sink.open()
        await sink.write([entry(1)])
        await sink.close()
    assert threads_at_work() == before


async def test_text_that_no_file_can_hold_is_kept_as_escapes(make: Make, tmp_path: Path) -> None:
    sink = make()
    await sink.open()
    assert await sink.write([entry(1, payload='{"a":"\udc80"}')]) == [STORED]
    await sink.close()
    assert len(held(tmp_path)) == 1


async def test_a_cancelled_write_is_not_waited_for_and_the_sink_can_be_opened_again(make: Make, tmp_path: Path) -> None:
    sink = make()
    await sink.open()
    with trio.CancelScope() as scope:
        scope.cancel()
        await sink.write([entry(1)])
    assert scope.cancelled_caught
    await sink.close()
    await sink.open()
    assert await sink.write([entry(1)]) in ([STORED], [DUPLICATE])
    await sink.close()
    assert held(tmp_path) == ["wallets:1"]


async def test_a_folder_that_is_not_there_is_an_error_that_leaves_nothing_open(tmp_path: Path) -> None:
    before = threads_at_work()
    with pytest.raises(SinkError):
        await SqliteSink(tmp_path / "no" / "e.db").open()
    with pytest.raises(SinkError, match="No such file or directory"):
        await JsonlSink(tmp_path / "no" / "e.jsonl").open()
    assert threads_at_work() == before


async def test_a_function_stores_by_returning() -> None:
    seen: list[int] = []

    async def store(batch: Sequence[Entry]) -> None:
        seen.extend(map(number_of, batch))

    sink: Sink = FunctionSink(store)
    await sink.open()
    assert await sink.write([entry(1), entry(2)]) == [STORED, STORED]
    assert seen == [1, 2]
    assert len(await sink.check()) == 1
    await sink.close()


async def test_a_function_may_answer_for_each() -> None:
    async def store(batch: Sequence[Entry]) -> Sequence[Answer]:
        return [Refused("no"), Outcome.UNKNOWN]

    answers = await FunctionSink(store).write([entry(1), entry(2)])
    assert answers == [Refused("no"), Outcome.UNKNOWN]
    assert not any(map(is_durable, answers))
    assert all(map(is_durable, (STORED, DUPLICATE, QUARANTINED)))
