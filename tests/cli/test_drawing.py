"""`pushwire replay --plot`: a journal of a real run as a picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from tests.cli.program import KEY, outcome
from tests.cli.test_replay import journal_of

SVG = "{http://www.w3.org/2000/svg}"


def titles(plot: Path) -> list[str]:
    root = ElementTree.fromstring(plot.read_text(encoding="utf-8"))
    return [title.text or "" for title in root.iter(f"{SVG}title")]


async def test_a_journal_of_tail_is_drawn(tmp_path: Path) -> None:
    journal, _ = await journal_of(tmp_path)
    plot = tmp_path / "out.svg"
    status, printed, complaint = await outcome("replay", str(journal), "--plot", str(plot))
    assert (status, complaint) == (0, "")
    assert printed.startswith(f"{plot}: gelabs; 2 connections; ")
    shown = titles(plot)
    assert shown[0].startswith("gelabs, 20")
    for state in ("dialling", "authenticating", "ready", "backing off"):
        assert any(title.startswith(f"{state}, ") for title in shown), state
    assert any("close frame" in title or "reset" in title or "close 1" in title for title in shown)
    text = plot.read_text(encoding="utf-8")
    assert "ACK, command to its reply" in text
    assert "provider's time to arrival" in text
    assert KEY not in text


async def test_the_same_journal_is_the_same_drawing_and_replaces_it(tmp_path: Path) -> None:
    journal, _ = await journal_of(tmp_path)
    plot = tmp_path / "out.svg"
    drawn: list[str] = []
    for _ in range(2):
        assert (await outcome("replay", str(journal), "--plot", str(plot)))[0] == 0
        drawn.append(plot.read_text(encoding="utf-8"))
    assert drawn[0] == drawn[1]


async def test_a_journal_with_a_header_alone_is_drawn(tmp_path: Path) -> None:
    journal, _ = await journal_of(tmp_path)
    journal.write_text(journal.read_text().splitlines(keepends=True)[0])
    plot = tmp_path / "out.svg"
    status, printed, complaint = await outcome("replay", str(journal), "--plot", str(plot))
    assert (status, complaint) == (0, "")
    assert printed == f"{plot}: gelabs; the journal holds no input\n"
    assert titles(plot) == ["gelabs, 0 s"]


async def test_what_came_before_a_bad_line_is_drawn_and_the_line_named(tmp_path: Path) -> None:
    journal, _ = await journal_of(tmp_path)
    lines = journal.read_text().splitlines()
    lines[-1] = '{"input":"receive","now":"soon"}'
    journal.write_text("\n".join(lines) + "\n")
    plot = tmp_path / "out.svg"
    status, printed, complaint = await outcome("replay", str(journal), "--plot", str(plot))
    assert status == 1
    assert printed.startswith(f"{plot}: gelabs; ")
    assert complaint.startswith(f"pushwire: journal line {len(lines)}: ")
    assert any(title.startswith("ready, ") for title in titles(plot))


async def test_a_journal_whose_writer_was_killed_is_drawn_to_its_end(tmp_path: Path) -> None:
    journal, _ = await journal_of(tmp_path)
    journal.write_bytes(journal.read_bytes()[:-5])
    plot = tmp_path / "out.svg"
    status, printed, complaint = await outcome("replay", str(journal), "--plot", str(plot))
    assert status == 0
    assert printed.endswith("; its writer did not come to the end\n")
    assert complaint.startswith("pushwire: the journal ends within a line")


async def test_what_is_no_journal_is_not_drawn(tmp_path: Path) -> None:
    journal, plot = tmp_path / "journal", tmp_path / "out.svg"
    journal.write_bytes(b"")
    status, printed, complaint = await outcome("replay", str(journal), "--plot", str(plot))
    assert (status, printed) == (1, "")
    assert complaint.startswith("pushwire: journal line 1: ")
    assert not plot.exists()


async def test_only_a_drawing_is_replaced(tmp_path: Path) -> None:
    journal, _ = await journal_of(tmp_path)
    before = journal.read_bytes()
    status, printed, complaint = await outcome("replay", str(journal), "--plot", str(journal))
    assert (status, printed) == (2, "")
    assert complaint == f"pushwire: --plot: {journal} holds something else than an SVG; name another file\n"
    assert journal.read_bytes() == before


async def test_a_drawing_is_no_json(tmp_path: Path) -> None:
    status, _, complaint = await outcome("replay", str(tmp_path / "x"), "--plot", str(tmp_path / "y"), "--json")
    assert (status, complaint) == (2, "pushwire: --json: of no use beside --plot\n")


async def test_a_drawing_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    journal, _ = await journal_of(tmp_path)
    plot = tmp_path / "missing" / "out.svg"
    status, printed, complaint = await outcome("replay", str(journal), "--plot", str(plot))
    assert (status, printed) == (1, "")
    assert complaint.startswith(f"pushwire: {plot}: No such file or directory")
