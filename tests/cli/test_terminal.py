"""The live view of a real command on a real terminal."""

from __future__ import annotations

import json
import random
import re
import signal
from pathlib import Path

import pytest
import trio

from pushwire.sandbox import serve, with_faults
from tests.cli.program import KEY, gelabs
from tests.cli.terminal import ENTER, LEAVE, on_terminal, plain


async def test_tail_shows_a_table_and_the_last_events() -> None:
    machine = gelabs(rate=50.0)
    async with (
        serve(machine) as server,
        on_terminal("tail", "gelabs", "--url", server.url, PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        shown = await terminal.until(
            *("pushwire tail gelabs", "state", "rate", "lag", "un-ACKed", "reconnects", "last error", "ready"),
            *("messages a second, over the last minute", "gelabs transaction chain_type="),
        )
        assert terminal.shown.startswith(ENTER)
        assert " gelabs up generation=1" in shown
        machine.cut_all(trio.current_time())
        server.pump()
        await terminal.until("connection lost: ", "gelabs down reason=")
        terminal.signal(signal.SIGINT)
        assert await terminal.ended() == 130
        assert await terminal.complaint() == ""


async def test_the_terminal_is_given_back_with_the_last_picture_on_it() -> None:
    async with (
        serve(gelabs(rate=50.0)) as server,
        on_terminal("tail", "gelabs", "--url", server.url, PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        await terminal.until("ready", "gelabs transaction")
        assert LEAVE not in terminal.shown
        terminal.signal(signal.SIGTERM)
        assert await terminal.ended() == 143
    assert terminal.shown.count(LEAVE) == 1
    _, _, after = terminal.shown.partition(LEAVE)
    assert "pushwire tail gelabs" in after
    assert re.search(r"\x1b\[[?\d;]*[A-Za-ln-z]", after) is None, "nothing moves the cursor any more"


async def test_it_is_given_back_before_an_error_is_told() -> None:
    machine = gelabs()
    async with (
        serve(machine) as server,
        on_terminal(
            "tail", "gelabs", "--url", server.url, "--set", "backoff_first=0.01", PUSHWIRE_GELABS_API_KEY=KEY
        ) as terminal,
    ):
        await terminal.until("ready")
        machine.close_all(1012, "restarting", trio.current_time())
        server.pump()
        server.machine = with_faults(gelabs(), ["refuse:401"], random.Random(1))
        assert await terminal.ended() == 2
        complaint = await terminal.complaint()
    assert terminal.shown.count(LEAVE) == 1
    assert complaint.startswith("pushwire: HTTP 401")
    assert len(complaint.splitlines()) == 1


async def test_a_signal_before_it_is_ready_gives_it_back_too() -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    async with (
        listener,
        on_terminal("tail", "gelabs", "--url", f"ws://127.0.0.1:{port}/", PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        await terminal.until("dialling")
        terminal.signal(signal.SIGINT)
        assert await terminal.ended() == 130
        assert terminal.shown.count(LEAVE) == 1
        assert await terminal.complaint() == ""


async def test_what_was_counted_was_shown_and_acked() -> None:
    machine = gelabs(rate=200.0)
    async with (
        serve(machine) as server,
        on_terminal("tail", "gelabs", "--url", server.url, "--count", "25", PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        assert await terminal.ended() == 0
        assert await terminal.complaint() == ""
        assert len([message for message in machine.messages.values() if message.acked]) >= 25


async def test_a_terminal_that_is_resized_is_drawn_anew() -> None:
    async with (
        serve(gelabs()) as server,
        on_terminal("tail", "gelabs", "--url", server.url, columns=30, PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        assert "last error" not in await terminal.until("ready")
        for picture in terminal.shown.split("\x1b[H"):
            assert max(map(len, plain(picture).splitlines()), default=0) <= 30
        before = len(terminal.shown)
        terminal.resize(150, 40)
        await terminal.until("un-ACKed", "last error", since=before)
        before = len(terminal.shown)
        terminal.resize(40, 5)
        await terminal.until("Ctrl-C e…", since=before)
        terminal.signal(signal.SIGINT)
        assert await terminal.ended() == 130


async def test_while_it_is_suspended_the_terminal_is_the_shells() -> None:
    async with (
        serve(gelabs(rate=50.0)) as server,
        on_terminal("tail", "gelabs", "--url", server.url, PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        await terminal.until("ready")
        terminal.signal(signal.SIGTSTP)
        await terminal.until_raw(LEAVE)
        await terminal.suspended()
        before = len(terminal.shown)
        terminal.signal(signal.SIGCONT)
        await terminal.until_raw(ENTER, since=before)
        await terminal.until("ready", "gelabs transaction", since=before)
        terminal.signal(signal.SIGINT)
        assert await terminal.ended() == 130


@pytest.mark.parametrize("how", ["--plain", "dumb"])
async def test_lines_are_printed_where_they_are_wanted(how: str) -> None:
    arguments, variables = (["--plain"], {}) if how == "--plain" else ([], {"TERM": "dumb"})
    async with (
        serve(gelabs()) as server,
        on_terminal("tail", "gelabs", "--url", server.url, *arguments, more=variables, PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        await terminal.until(" gelabs up generation=1\r\n")
        assert "\x1b" not in terminal.shown


async def test_json_is_json_on_a_terminal_too() -> None:
    async with (
        serve(gelabs()) as server,
        on_terminal("tail", "gelabs", "--url", server.url, "--json", PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        await terminal.until("\r\n")
        assert json.loads(terminal.shown.splitlines()[0])["event"] == "up"


@pytest.mark.parametrize("coloured", [True, False])
async def test_there_is_no_colour_where_none_is_wanted(coloured: bool) -> None:
    variables = {} if coloured else {"NO_COLOR": "1"}
    async with (
        serve(gelabs()) as server,
        on_terminal("tail", "gelabs", "--url", server.url, more=variables, PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        await terminal.until("ready")
        assert ("\x1b[32mready" in terminal.shown) is coloured


async def test_the_demo_has_a_row_for_each_provider() -> None:
    async with on_terminal("demo", "--provider", "gelabs", "--provider", "satoriex", "--seconds", "600") as terminal:
        await terminal.until("pushwire demo", "gelabs transaction", "satoriex up", "at most ")
        terminal.signal(signal.SIGINT)
        assert await terminal.ended() == 130
        assert await terminal.complaint() == ""
    _, _, after = terminal.shown.partition(LEAVE)
    summary = plain(after).splitlines()[-2:]
    assert [line.partition(": messages ")[0] for line in summary] == ["gelabs", "satoriex"]


async def test_what_the_library_warns_of_is_shown_and_told_at_the_end(tmp_path: Path) -> None:
    machine = gelabs(rate=100.0)
    async with (
        serve(machine) as server,
        on_terminal(*("tail", "gelabs", "--url", server.url, "--journal", "/dev/full"), PUSHWIRE_GELABS_API_KEY=KEY) as terminal,
    ):
        await terminal.until("journal /dev/full: No space left on device")
        terminal.signal(signal.SIGINT)
        assert await terminal.ended() == 130
        assert (await terminal.complaint()).startswith("pushwire: journal /dev/full: No space left on device")
