from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from pushwire.sandbox import serve
from tests.cli.program import KEY, gelabs, outcome, pushwire


async def journal_of(directory: Path) -> tuple[Path, list[str]]:
    """A journal that `tail` wrote, and the lines that it printed."""
    machine = gelabs(rate=100.0)
    file = directory / "journal"
    async with (
        serve(machine) as server,
        pushwire(
            *("tail", "gelabs", "--url", server.url, "--set", "backoff_first=0.01", "--subscribe", "base:0xaa"),
            *("--count", "20", "--journal", str(file), "--json"),
            PUSHWIRE_GELABS_API_KEY=KEY,
        ) as tail,
    ):
        await tail.event("transaction")
        machine.cut_all(trio.current_time())
        server.pump()
        assert await tail.ended() == 0
        return file, tail.printed


async def test_a_journal_of_tail_replays_what_tail_printed(tmp_path: Path) -> None:
    file, printed = await journal_of(tmp_path)
    status, replayed, complaint = await outcome("replay", str(file), "--json")
    assert (status, complaint) == (0, "")
    # What came after the last line that was to be printed stands in the journal too.
    again = replayed.splitlines()[: len(printed)]
    first, second = ([json.loads(line) for line in lines] for lines in (printed, again))
    assert [(line["event"], line["data"]) for line in first] == [(line["event"], line["data"]) for line in second]
    assert [line["event"] for line in first].count("down") == 1
    # The journal's times: the same moments, but for what two clocks differ by.
    assert [line["at"][:16] for line in first] == [line["at"][:16] for line in second]


async def test_a_journal_holds_no_secret(tmp_path: Path) -> None:
    file, _ = await journal_of(tmp_path)
    text = file.read_text()
    assert '"input":"receive"' in text
    assert KEY not in text


async def test_plain_lines_are_those_of_tail(tmp_path: Path) -> None:
    file, printed = await journal_of(tmp_path)
    status, replayed, _ = await outcome("replay", str(file))
    assert status == 0
    lines = replayed.splitlines()
    assert lines[0].endswith(" gelabs up generation=1")
    assert len(lines) >= len(printed)


async def test_a_bad_line_is_named_after_what_came_before_it(tmp_path: Path) -> None:
    file, _ = await journal_of(tmp_path)
    lines = file.read_text().splitlines()
    lines[-1] = '{"input":"receive","now":"soon"}'
    file.write_text("\n".join(lines) + "\n")
    status, replayed, complaint = await outcome("replay", str(file))
    assert status == 1
    assert " gelabs up " in replayed
    assert complaint.startswith(f"pushwire: journal line {len(lines)}: ")
    assert len(complaint.splitlines()) == 1


async def test_a_journal_whose_writer_was_killed_replays_to_its_end(tmp_path: Path) -> None:
    file, _ = await journal_of(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    status, replayed, complaint = await outcome("replay", str(file))
    assert status == 0
    assert " gelabs up " in replayed
    assert complaint == "pushwire: the journal ends within a line: its writer did not come to the end\n"


@pytest.mark.parametrize("content", [b"", b"no journal\n", b"\x00\xff\n", b"{}\n", b"[" * 10_000])
async def test_what_is_no_journal_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "journal"
    file.write_bytes(content)
    status, printed, complaint = await outcome("replay", str(file))
    assert (status, printed) == (1, "")
    assert complaint.startswith("pushwire: journal line 1: ")
    assert len(complaint.splitlines()) == 1


async def test_a_missing_journal_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "missing"
    status, printed, complaint = await outcome("replay", str(file))
    assert (status, printed) == (1, "")
    assert complaint == f"pushwire: {file}: No such file or directory; check the path\n"


async def test_a_journal_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    async with serve(gelabs()) as server:
        file = tmp_path / "missing" / "journal"
        status, printed, complaint = await outcome(
            "tail", "gelabs", "--url", server.url, "--journal", str(file), PUSHWIRE_GELABS_API_KEY=KEY
        )
    assert (status, printed) == (1, "")
    assert "No such file or directory" in complaint
    assert len(complaint.splitlines()) == 1
