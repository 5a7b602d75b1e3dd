from __future__ import annotations

import io
import json
import os
import pty
import random
import signal
import subprocess
import sys
from typing import Any

import pytest
import trio
from rich.console import Console

from pushwire.cli.doctor import as_text
from pushwire.cli.doctor_table import DoctorTable
from pushwire.doctor.steps import Finding, Step, Trouble, Verdict
from pushwire.providers import NAMES
from pushwire.sandbox import PusherServer, PusherSettings, serve
from tests.cli.program import KEY, environment, gelabs, outcome, pushwire

STEPS = {step.value for step in Step}


def parsed(printed: str) -> dict[str, dict[str, Any]]:  # JSON
    """The findings, by step."""
    return {line["step"]: line for line in map(json.loads, printed.splitlines())}


@pytest.mark.parametrize("name", NAMES)
async def test_it_can_be_tried_on_a_simulation_without_credentials(name: str) -> None:
    status, printed, complaint = await outcome("doctor", name, "--sandbox", "--json")
    assert (status, complaint) == (0, "")
    found = parsed(printed)
    assert set(found) == STEPS
    assert {finding["provider"] for finding in found.values()} == {name}
    for step in ("connect", "clock", "handshake", "login", "message"):
        assert found[step]["verdict"] == "ok"
    assert found["subscribe"]["verdict"] == ("skipped" if name == "gelabs" else "ok")


async def test_each_step_is_one_object_with_its_time() -> None:
    async with serve(gelabs(rate=50.0)) as server:
        status, printed, complaint = await outcome(
            *("doctor", "gelabs", "--url", server.url, "--subscribe", "ethereum:0xAA", "--json"), PUSHWIRE_GELABS_API_KEY=KEY
        )
    assert (status, complaint) == (0, "")
    found = parsed(printed)
    for finding in found.values():
        assert set(finding) == {"provider", "step", "verdict", "ms", "detail", "trouble", "advice"}
    assert found["handshake"]["ms"] > 0
    assert found["clock"]["ms"] is None
    assert found["subscribe"]["detail"] == "ethereum:0xAA"
    assert KEY not in printed


async def test_a_failure_is_status_1_with_advice_and_without_the_key() -> None:
    async with serve(gelabs()) as server:
        status, printed, complaint = await outcome(
            "doctor", "gelabs", "--url", server.url, PUSHWIRE_GELABS_API_KEY="wrong-but-secret"
        )
    assert (status, complaint) == (1, "")
    lines = printed.splitlines()
    (at,) = (place for place, line in enumerate(lines) if " failed " in line)
    assert lines[at].startswith("handshake failed ")
    assert lines[at].endswith(" HTTP 401")
    assert lines[at + 1].startswith("          -> the credential is missing, wrong or too old: see PUSHWIRE_GELABS_API_KEY")
    assert all(line.endswith(" not reached") for line in lines[at + 2 :])
    assert "wrong-but-secret" not in printed


async def test_silence_is_no_failure() -> None:
    async with serve(gelabs(rate=0)) as server:
        status, printed, _ = await outcome(
            "doctor", "gelabs", "--url", server.url, "--wait", "0.1", "--json", PUSHWIRE_GELABS_API_KEY=KEY
        )
    assert status == 0
    message = parsed(printed)["message"]
    assert (message["verdict"], message["trouble"]) == ("warning", "silent")
    assert "silence can be normal" in message["advice"]


async def test_what_cannot_be_asked_for_with_these_settings_is_status_2() -> None:
    async with serve(PusherServer(PusherSettings(), random.Random(1))) as server:
        status, printed, _ = await outcome("doctor", "pusher", "--url", server.url, "--subscribe", "private-orders", "--json")
    assert (status, parsed(printed)["subscribe"]["trouble"]) == (2, "misused")


@pytest.mark.parametrize(
    "arguments, part",
    [
        (["doctor"], "provider"),
        (["doctor", "nobody"], "nobody"),
        (["doctor", "gelabs"], "PUSHWIRE_GELABS_API_KEY"),
        (["doctor", "gelabs", "--sandbox", "--url", "ws://127.0.0.1:9/"], "--sandbox"),
        (["doctor", "gelabs", "--sandbox", "--wait", "0"], "--wait"),
        (["doctor", "gelabs", "--sandbox", "--subscribe", "nowhere"], "'nowhere'"),
        (["doctor", "gelabs", "--sandbox", "--proxy", "gopher://127.0.0.1"], "proxy"),
        (["doctor", "gelabs", "--sandbox", "--set", "colour=blue"], "colour"),
    ],
)
async def test_a_wrong_usage_is_one_line(arguments: list[str], part: str) -> None:
    status, printed, complaint = await outcome(*arguments)
    assert (status, printed) == (2, "")
    assert complaint.startswith("pushwire: ")
    assert part.lower() in complaint.lower()
    assert len(complaint.splitlines()) == 1


async def test_a_proxy_with_a_password_comes_from_the_environment() -> None:
    status, _, complaint = await outcome("doctor", "gelabs", "--sandbox", "--proxy", "http://me:hunter22@127.0.0.1:9")
    assert (status, "hunter22" in complaint) == (2, False)
    assert "PUSHWIRE_PROXY" in complaint
    status, printed, _ = await outcome("doctor", "gelabs", "--sandbox", "--json", PUSHWIRE_PROXY="http://me:hunter22@127.0.0.1:9")
    assert (status, parsed(printed)["connect"]["trouble"]) == (1, "proxy_away")
    assert "hunter22" not in printed


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_it_with_what_was_found_so_far(number: signal.Signals, status: int) -> None:
    async with (
        serve(gelabs(rate=0)) as server,
        pushwire("doctor", "gelabs", "--url", server.url, "--json", PUSHWIRE_GELABS_API_KEY=KEY) as doctor,
    ):
        while json.loads(await doctor.line())["step"] != "subscribe":
            pass
        doctor.signal(number)
        assert await doctor.ended() == status
        assert await doctor.complaint() == ""
        assert {json.loads(line)["step"] for line in doctor.printed} == STEPS - {"message"}


async def test_a_reader_who_has_enough_is_no_error() -> None:
    machine = gelabs(rate=0)
    async with (
        serve(machine) as server,
        pushwire("doctor", "gelabs", "--url", server.url, PUSHWIRE_GELABS_API_KEY=KEY) as doctor,
    ):
        while not (await doctor.line()).startswith("subscribe "):
            pass
        assert doctor.process.stdout is not None
        await doctor.process.stdout.aclose()
        transfer = {"chain_type": "ethereum", "chain_id": 1, "height": 1, "txhash": "0xAB", "txStatus": "success"}
        machine.push(transfer, trio.current_time())
        server.pump()
        assert await doctor.process.wait() == 141
        assert await doctor.complaint() == ""


# How it looks


def test_a_line_is_for_people() -> None:
    finding = Finding(Step.TLS, Verdict.WARNING, 0.0123, "TLSv1.3", Trouble.EXPIRING, "tell them")
    assert as_text(finding) == ["tls       warning        12.3 ms  TLSv1.3", "          -> tell them"]
    assert as_text(Finding(Step.MESSAGE, Verdict.NOT_REACHED)) == ["message   not reached"]


def test_the_table_shows_all_of_it_and_no_markup_of_a_peer() -> None:
    drawn = io.StringIO()
    with DoctorTable("gelabs", Console(file=drawn, force_terminal=True, width=120)) as table:
        table.add(Finding(Step.LOGIN, Verdict.FAILED, 0.5, "[red]no[/red]", Trouble.FAILED, "try [b]again"))
        table.add(Finding(Step.MESSAGE, Verdict.WARNING, None, "", Trouble.SILENT, "wait"))
    shown = drawn.getvalue()
    for part in ("gelabs", "login", "failed", "500.0 ms", "[red]no[/red]", "→ try [b]again", "→ wait"):
        assert part in shown


async def test_on_a_terminal_there_is_a_table() -> None:
    ours, theirs = pty.openpty()
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "pushwire", "doctor", "bitpanda", "--sandbox"],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        env=environment(TERM="xterm", COLUMNS="120"),
    )
    os.close(theirs)
    shown = b""
    with trio.fail_after(60):
        while data := await trio.to_thread.run_sync(_read, ours, abandon_on_cancel=True):
            shown += data
        assert await process.wait() == 0
    os.close(ours)
    text = shown.decode()
    assert "verdict" in text
    assert "message" in text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # so Linux says that nobody has the other end any more
        return b""
