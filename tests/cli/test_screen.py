from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import suppress
from typing import TypeAlias

import pytest
import trio
import trio.testing
from rich.console import Console, RenderableType
from rich.text import Text

from pushwire.cli.live import Watch, live_view
from pushwire.cli.screen import LEAVING, Screen
from tests.cli.terminal import ENTER, LEAVE

Capture: TypeAlias = pytest.CaptureFixture[str]


def screen() -> Screen:
    return Screen(Console(width=20, height=3, force_terminal=True, color_system=None))


async def test_a_picture_is_written_over_the_one_before(capfd: Capture) -> None:
    drawn = screen()
    await drawn.enter()
    await drawn.draw(Text("one\ntwo\n"))
    await drawn.draw(Text("three"))
    assert capfd.readouterr().out == f"{ENTER}\x1b[H\x1b[2Kone\r\n\x1b[2Ktwo\x1b[J\x1b[H\x1b[2Kthree\x1b[J"


async def test_what_is_shown_already_is_not_written_again(capfd: Capture) -> None:
    drawn = screen()
    for _ in range(3):
        await drawn.draw(Text("one"))
    assert capfd.readouterr().out.count("one") == 1


async def test_no_more_lines_are_drawn_than_there_are(capfd: Capture) -> None:
    drawn = screen()
    await drawn.draw(Text("one\ntwo\nthree\nfour"))
    await drawn.leave(Text("one\ntwo\nthree\nfour"))
    printed = capfd.readouterr().out
    assert "four" not in printed
    assert printed.endswith(f"{LEAVE}one\ntwo\nthree\n")


async def test_a_terminal_that_has_gone_needs_no_leaving(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    drawn = screen()

    def fail(descriptor: int, data: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "write", fail)
    await drawn.leave(Text("x"))
    with pytest.raises(OSError, match="Input/output"):
        await drawn.draw(Text("x"))


async def test_a_terminal_that_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, autojump_clock: object) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        started = trio.current_time()
        await screen().leave(Text("x"))
        assert trio.current_time() - started == LEAVING
        # The thread that still writes may end.
        os.read(reading, 2**20)
        os.read(reading, 2**20)
        os.close(reading)
        monkeypatch.undo()


async def test_an_error_within_the_view_leaves_it_bare_and_the_terminal_as_it_was(capfd: Capture) -> None:
    with pytest.raises(KeyError, match="within"):
        async with live_view("a title", [Watch("gelabs", acks=True)]):
            raise KeyError("within")
    text = capfd.readouterr().out
    assert text.startswith(ENTER)
    assert "a title" in text.partition(LEAVE)[2]


async def test_a_view_that_is_cancelled_leaves_the_terminal_as_it_was(capfd: Capture) -> None:
    with trio.CancelScope() as scope:
        async with live_view("a title", [Watch("gelabs", acks=True)]):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert capfd.readouterr().out.count(LEAVE) == 1


async def test_warnings_are_told_when_the_terminal_is_free_again(capfd: Capture) -> None:
    told: list[str] = []
    async with live_view("a title", [Watch("gelabs", acks=True)], told.append):
        logging.getLogger("pushwire.stream").warning("gelabs: %s", "too slow")
        logging.getLogger("pushwire").info("nothing")
        assert told == []
    assert told == ["gelabs: too slow"]
    assert logging.getLogger("pushwire").handlers == []
    assert "gelabs: too slow" in capfd.readouterr().out


async def test_warnings_that_nobody_wants_are_not_shown(capfd: Capture) -> None:
    async with live_view("a title", [Watch("gelabs", acks=True)]):
        logging.getLogger("pushwire").warning("too slow")
    printed = capfd.readouterr()
    assert "too slow" not in printed.out
    assert printed.err == ""


async def test_pictures_follow_one_another(
    capfd: Capture, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    async def draw(_: Screen, picture: RenderableType) -> None:
        # Not by a thread, for which that clock would not wait.
        console = Console(width=80, file=io.StringIO(), record=True)
        console.print(picture)
        shown.append(console.export_text())

    monkeypatch.setattr(Screen, "draw", draw)
    async with live_view("a title", [Watch("gelabs", acks=True)]):
        await trio.sleep(3.1)
    assert capfd.readouterr().out.startswith(ENTER)
    for second in range(4):
        assert any(f"0:00:0{second}" in picture for picture in shown)


async def test_nothing_is_drawn_while_it_is_lent_and_all_of_it_afterwards(capfd: Capture) -> None:
    drawn = screen()
    await drawn.draw(Text("one"))
    lent: list[str] = []
    await drawn.lend(lambda: lent.append(capfd.readouterr().out))
    await drawn.draw(Text("one"))
    assert lent[0].endswith(LEAVE)
    assert capfd.readouterr().out == f"{ENTER}\x1b[H\x1b[2Kone\x1b[J"
