from __future__ import annotations

import io
from collections.abc import Sequence

import attrs
import pytest
from rich.console import Console

from pushwire.cli.view import EVENTS, FEW, Row, Snapshot, render, room
from pushwire.core.describing import Line
from pushwire.core.machine import Phase

HISTORY = (None,) * 52 + (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0)
ROWS = (
    Row("gelabs", Phase.READY, rate=12.4, messages=1234, lag=0.0423, unacked=3, reconnects=1, history=HISTORY),
    Row("bitpanda", Phase.BACKING_OFF, messages=7, reconnects=2, error="HTTP 503: busy", next_dial=3.4, history=(None,) * 60),
    Row("quickpay", None),
)
LINES = tuple(Line("gelabs", "transaction", f"12:00:0{second}Z", {"tx_hash": f"0x{second}"}) for second in range(5))
SNAPSHOT = Snapshot("pushwire demo", 3723.9, ROWS, LINES)


def shown(snapshot: Snapshot, width: int = 100, height: int = 24) -> Sequence[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None, record=True)
    console.print(render(snapshot, width, height))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_the_whole_of_it() -> None:
    assert shown(SNAPSHOT) == [
        "pushwire demo  1:02:03  Ctrl-C ends it",
        "",
        "connection  state                rate  messages      lag  un-ACKed  reconnects  last error",
        "gelabs      ready                12/s     1,234  42.3 ms         3           1",
        "bitpanda    backing off, 3 s      0/s         7                              2  HTTP 503: busy",
        "quickpay    starting              0/s         0                              0",
        "",
        "messages a second, over the last minute",
        "gelabs                                                        ▁▂▃▄▅▆▇█  at most 14",
        "bitpanda                                                                at most 0",
        "quickpay                                                                at most 0",
        "",
        "12:00:00Z gelabs transaction tx_hash=0x0",
        "12:00:01Z gelabs transaction tx_hash=0x1",
        "12:00:02Z gelabs transaction tx_hash=0x2",
        "12:00:03Z gelabs transaction tx_hash=0x3",
        "12:00:04Z gelabs transaction tx_hash=0x4",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 132, 250])
@pytest.mark.parametrize("height", [1, 5, 8, 12, 16, 24, 50])
def test_it_never_is_larger_than_the_screen_but_for_the_table(width: int, height: int) -> None:
    lines = shown(SNAPSHOT, width, height)
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 6)


@pytest.mark.parametrize(
    "rows, height, expected",
    [
        (1, 24, (True, 16)),
        (6, 24, (True, 6)),
        (6, 21, (True, FEW)),
        (6, 20, (False, 10)),
        (6, 9, (False, 0)),
        (1, 4, (False, 0)),
        (1, 200, (True, EVENTS)),
    ],
)
def test_events_and_sparklines_share_what_the_table_leaves(rows: int, height: int, expected: tuple[bool, int]) -> None:
    assert room(rows, height) == expected


def test_at_eighty_columns_all_is_there_but_the_number_of_messages() -> None:
    header = shown(SNAPSHOT, 80)[2]
    for name in ("connection", "state", "rate", "lag", "un-ACKed", "reconnects", "last error"):
        assert name in header


def test_columns_go_where_there_is_no_room_the_least_needed_first() -> None:
    headers = [shown(SNAPSHOT, width)[2].split("  ") for width in (60, 40, 30, 10)]
    names = [[name.strip() for name in header if name.strip()] for header in headers]
    assert names == [
        ["connection", "state", "rate", "un-ACKed", "last error"],
        ["connection", "state", "rate"],
        ["connection", "state"],
        ["connection"],
    ]


@pytest.mark.parametrize("phase", Phase)
def test_every_state_is_named(phase: Phase) -> None:
    assert phase.value in shown(Snapshot("x", 0.0, [Row("gelabs", phase)]))[3]


def test_where_a_minute_has_no_room_its_last_seconds_do() -> None:
    assert shown(SNAPSHOT, 40)[8] == "gelabs          ▁▂▃▄▅▆▇█  at most 14"


def test_stale_topics_stand_beside_the_state() -> None:
    assert "ready, 2 stale" in shown(Snapshot("x", 0.0, [Row("bitpanda", Phase.READY, silent=2)]))[3]


def test_a_warning_stands_in_the_first_line() -> None:
    assert shown(attrs.evolve(SNAPSHOT, warning="gelabs: too slow"))[0].endswith("Ctrl-C ends it  gelabs: too slow")


@pytest.mark.parametrize("hostile", ["\x1b[2J\x1b[31m", "[bold red]x[/bold red]", "a\nb\r\x07", "\u202eevil"])
def test_what_a_peer_says_is_text_and_moves_nothing(hostile: str) -> None:
    row = Row("gelabs", Phase.READY, error=hostile)
    line = Line("gelabs", "malformed", "12:00:00Z", {"raw": hostile})
    console = Console(file=io.StringIO(), width=140, height=24, force_terminal=True, color_system=None)
    console.print(render(Snapshot("x", 0.0, [row], [line], warning=hostile), 140, 24))
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert all(character.isprintable() or character == "\n" for character in printed)
    if hostile.startswith("[bold"):
        assert printed.count("[/bold red]") == 3


def test_colours_are_left_out_where_nobody_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def printed() -> str:
        console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
        console.print(render(SNAPSHOT, 100, 24))
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32mready" in printed()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in printed()
