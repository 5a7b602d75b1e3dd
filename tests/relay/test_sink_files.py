"""What is particular to each file: rotation and repair of lines, settings and group commit of SQLite; and threads that hang."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import trio
import trio.testing
import zstandard

from pushwire.errors import ConfigError
from pushwire.relay.entries import Outcome
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.jsonl import JsonlSink
from pushwire.relay.sinks.sqlite import SqliteSink
from pushwire.relay.sinks.sqlite_file import EventFile
from pushwire.relay.sinks.thread import SinkThread, Task, run_each
from tests.relay.kit import entry

STORED, DUPLICATE, QUARANTINED = Outcome.STORED, Outcome.DUPLICATE, Outcome.QUARANTINED


def numbers(data: str | bytes) -> list[int]:
    return [int(json.loads(line)["key"].partition(":")[2]) for line in data.splitlines()]


def found(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


@pytest.mark.parametrize("torn", [b'{"stream":"wal', b"x" * (3 << 20)])
async def test_a_torn_last_line_is_cut_off_when_it_is_opened(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "e.jsonl"
    sink = JsonlSink(path)
    await sink.open()
    await sink.write([entry(1), entry(2)])
    await sink.close()
    with path.open("ab") as file:
        file.write(torn)
    await sink.open()
    assert await sink.write([entry(2), entry(3)]) == [DUPLICATE, STORED]
    await sink.close()
    assert numbers(path.read_text()) == [1, 2, 3]


async def test_lines_torn_in_the_middle_are_put_aside_and_their_neighbours_stay(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    sink = JsonlSink(path)
    await sink.open()
    await sink.write([entry(number) for number in range(4)])
    await sink.close()
    first, second, third, last = path.read_bytes().splitlines(keepends=True)
    torn = second[:20] + bytes(len(second) - 20)  # its newline as well: the next line goes with it
    path.write_bytes(first + torn + third + last + b"half")
    await sink.open()
    assert await sink.write([entry(number) for number in range(4)]) == [DUPLICATE, STORED, STORED, DUPLICATE]
    await sink.close()
    assert numbers(path.read_text()) == [0, 3, 1, 2]
    assert (tmp_path / "e.jsonl.torn").read_bytes() == torn + third + last + b"half"


async def test_what_a_failed_sync_left_behind_is_cut_off_at_the_next_opening_at_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonlSink(tmp_path / "e.jsonl")
    await sink.open()
    await sink.write([entry(1)])

    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fails)
        patch.setattr("pushwire.relay.sinks.jsonl_file.LineFile._cut", fails)
        with pytest.raises(SinkError, match=r"e\.jsonl: Input/output"):
            await sink.write([entry(2)])
    await sink.close()
    assert numbers((tmp_path / "e.jsonl").read_text()) == [1, 2]
    await sink.open()
    assert numbers((tmp_path / "e.jsonl").read_text()) == [1]
    await sink.close()


async def test_a_file_of_nothing_but_a_torn_line_is_emptied(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"half")
    sink = JsonlSink(path)
    await sink.open()
    await sink.close()
    assert path.read_bytes() == b""


async def test_a_line_is_json_with_the_payload_digit_by_digit(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "e.jsonl")
    await sink.open()
    await sink.write([entry(1, payload='{"amount":1.10}')])
    await sink.close()
    assert (tmp_path / "e.jsonl").read_text() == (
        '{"stream":"wallets","provider":"gelabs","kind":"transaction","key":"wallets:1","at":1001.0,'
        '"digest":"d\'{\\"amount\\":1.10}\'","payload":{"amount":1.10}}\n'
    )


async def test_a_file_that_is_full_gets_a_number_and_its_keys_stay_known(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "e.x.jsonl", rotate=300)
    await sink.open()
    for number in range(5):
        assert await sink.write([entry(number)]) == [STORED]
    await sink.close()
    files = found(tmp_path, "*.jsonl")
    assert files == ["e.x-000001.jsonl", "e.x-000002.jsonl", "e.x.jsonl"]
    await sink.open()
    assert await sink.write([entry(number) for number in range(5)]) == [DUPLICATE] * 5
    await sink.close()
    assert [number for name in files for number in numbers((tmp_path / name).read_text())] == [0, 1, 2, 3, 4]


async def test_zstd_packs_what_was_put_aside_also_what_a_crash_left_unpacked(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "e.jsonl", rotate=300)
    await sink.open()
    await sink.write([entry(1)])
    await sink.write([entry(2)])
    await sink.write([entry(3)])
    await sink.close()
    (tmp_path / "e-000001.jsonl.zst.part").write_bytes(b"half")
    (tmp_path / "e-000001.jsonl.zst").write_bytes(b"also half")
    sink = JsonlSink(tmp_path / "e.jsonl", rotate=300, zstd=True)
    await sink.open()
    assert await sink.write([entry(1), entry(4)]) == [DUPLICATE, STORED]
    assert await sink.write([entry(5)]) == [STORED]
    assert await sink.write([entry(6)]) == [STORED]
    await sink.close()
    packed = found(tmp_path, "*.zst*")
    assert packed == ["e-000001.jsonl.zst", "e-000002.jsonl.zst"]
    texts = [zstandard.ZstdDecompressor().stream_reader((tmp_path / name).read_bytes()).read() for name in packed]
    assert [numbers(text) for text in texts] == [[1, 2], [3, 4]]
    assert numbers((tmp_path / "e.jsonl").read_text()) == [5, 6]


async def test_only_so_many_keys_are_remembered_the_last_ones(tmp_path: Path) -> None:
    for _ in range(2):
        sink = JsonlSink(tmp_path / "e.jsonl", rotate=600, remember=2)
        await sink.open()
        for number in range(8):
            await sink.write([entry(number)])
        assert await sink.write([entry(7), entry(6), entry(5)]) == [DUPLICATE, DUPLICATE, STORED]
        await sink.close()


def test_without_the_extra_zstd_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    with pytest.raises(ConfigError, match="pushwire\\[zstd\\]"):
        JsonlSink(tmp_path / "e.jsonl", zstd=True)


async def test_nothing_counts_as_stored_before_it_was_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = JsonlSink(tmp_path / "e.jsonl")
    await sink.open()

    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fails)
        with pytest.raises(SinkError, match=r"e\.jsonl: Input/output"):
            await sink.write([entry(1)])
    await sink.close()
    await sink.open()
    assert await sink.write([entry(1)]) == [STORED], "it was whole, but a sync that has failed may have lost it for good"
    await sink.close()


async def test_sqlite_syncs_each_commit_and_holds_the_file_alone(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path / "e.db"))
    file.open()
    db = file._db
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA locking_mode").fetchone() == ("exclusive",)
    assert not (tmp_path / "e.db-shm").exists()
    file.close()


async def test_batches_that_gather_are_one_transaction(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path / "e.db")
    await sink.open()
    begun: list[str] = []
    await sink._thread.do(Task(lambda: sink._file._db.set_trace_callback(begun.append)))
    stands, goes_on = threading.Event(), threading.Event()

    def hold() -> None:
        stands.set()
        goes_on.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sink._thread.do, Task(hold))
        await trio.to_thread.run_sync(stands.wait)
        for number in range(3):
            nursery.start_soon(sink.write, [entry(number)])
        await trio.testing.wait_all_tasks_blocked()
        goes_on.set()
    assert begun.count("COMMIT") == 1
    await sink.close()


async def test_a_newer_schema_a_damaged_file_and_a_full_disk_are_said(tmp_path: Path) -> None:
    path = tmp_path / "e.db"
    sink = SqliteSink(path)
    await sink.open()
    await sink._thread.do(Task(lambda: sink._file._db.execute("PRAGMA max_page_count = 20")))
    with pytest.raises(SinkError, match="full"):
        await sink.write([entry(1, payload="x" * 200_000)])
    assert await sink.write([entry(2)]) == [STORED]
    await sink.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE pushwire_events_schema SET version = 99")
    with pytest.raises(SinkError, match="newer pushwire"):
        await sink.open()
    path.write_bytes(os.urandom(8192))
    with pytest.raises(SinkError, match="not a database"):
        await sink.open()


async def test_a_folder_that_allows_no_log_is_refused() -> None:
    with pytest.raises(SinkError, match="write-ahead log"):
        await SqliteSink(":memory:").open()


async def test_a_thread_that_hangs_is_left_to_itself_and_closes_when_it_can() -> None:
    goes_on, closed = threading.Event(), threading.Event()
    thread = SinkThread("hanging", run_each)
    thread.start()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(thread.do, Task(goes_on.wait))
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(thread.end, closed.set)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert not closed.is_set()
    goes_on.set()
    await trio.to_thread.run_sync(closed.wait)
