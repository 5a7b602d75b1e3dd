from __future__ import annotations

import json
import signal
import socket

import attrs
import pytest

from pushwire.sandbox import FAULTS, GelabsSettings, Mix
from tests.cli.program import outcome, pushwire


async def test_the_first_line_is_its_url_and_any_key_will_do() -> None:
    async with pushwire("sandbox", "gelabs", "--rate", "100", "--seed", "1") as sandbox:
        url = await sandbox.line()
        assert url.startswith("ws://127.0.0.1:")
        status, printed, complaint = await outcome(
            "tail", "gelabs", "--url", url, "--count", "3", "--json", PUSHWIRE_GELABS_API_KEY="whatever"
        )
        assert (status, complaint) == (0, "")
        assert sum(json.loads(line)["event"] == "transaction" for line in printed.splitlines()) == 3
        sandbox.signal(signal.SIGTERM)
        assert await sandbox.ended() == 143
        assert sandbox.printed == [url]
        assert await sandbox.complaint() == ""


async def test_with_a_key_in_the_environment_it_accepts_that_one_alone() -> None:
    async with pushwire("sandbox", "gelabs", PUSHWIRE_GELABS_API_KEY="the-only-one") as sandbox:
        url = await sandbox.line()
        status, _, complaint = await outcome("tail", "gelabs", "--url", url, PUSHWIRE_GELABS_API_KEY="another")
        assert (status, complaint[:18]) == (2, "pushwire: HTTP 401")
        status, _, complaint = await outcome(
            "tail", "gelabs", "--url", url, "--seconds", "0.2", PUSHWIRE_GELABS_API_KEY="the-only-one"
        )
        assert (status, complaint) == (0, "")
        sandbox.signal(signal.SIGINT)
        assert await sandbox.ended() == 130


async def test_a_seed_generates_the_same_messages() -> None:
    async def hashes() -> list[str]:
        async with pushwire("sandbox", "gelabs", "--rate", "100", "--seed", "42") as sandbox:
            url = await sandbox.line()
            _, printed, _ = await outcome("tail", "gelabs", "--url", url, "--count", "5", "--json", PUSHWIRE_GELABS_API_KEY="k")
            events = map(json.loads, printed.splitlines())
            return [event["data"]["tx_hash"] for event in events if event["event"] == "transaction"]

    first = await hashes()
    assert len(first) == 5
    assert await hashes() == first


async def test_it_generates_as_many_as_it_is_told_and_drops_every_so_many() -> None:
    arguments = ("--rate", "1000", "--set", "max_messages=300", "--set", "drop_every=100", "--set", "mix.reorg=0")
    async with pushwire("sandbox", "gelabs", *arguments) as sandbox:
        url = await sandbox.line()
        settings = ("--set", "backoff_first=0.01")
        async with pushwire(
            "tail", "gelabs", "--url", url, *settings, "--count", "300", "--json", PUSHWIRE_GELABS_API_KEY="k"
        ) as tail:
            assert await tail.ended() == 0
            events = [json.loads(line) for line in tail.printed]
            shown = [event["data"]["message_id"] for event in events if event["event"] == "transaction"]
            assert len(set(shown)) == len(shown) == 300
            assert sum(event["event"] == "down" for event in events) >= 2


async def test_faults_are_named() -> None:
    async with pushwire("sandbox", "gelabs", "--fault", "refuse:503,first=1,after=1", "--fault", "slow:0.01") as sandbox:
        url = await sandbox.line()
        status, _, complaint = await outcome("tail", "gelabs", "--url", url, "--seconds", "0.5", PUSHWIRE_GELABS_API_KEY="k")
        assert status == 1
        assert "HTTP 503" in complaint


async def test_all_that_is_wrong_is_said_in_one_line() -> None:
    status, printed, complaint = await outcome(
        *("sandbox", "gelabs", "--fault", "earthquake", "--fault", "drop:never"),
        *("--set", "drop_every=0", "--set", "mix.pending=2", "--set", "colour=blue", "--set", "rate=3", "--set", "keys=[]"),
    )
    assert (status, printed) == (2, "")
    assert len(complaint.splitlines()) == 1
    for part in ("'earthquake'", "'drop:never'", "drop_every", "mix.pending", "colour", "--rate", "PUSHWIRE_GELABS_API_KEY"):
        assert part in complaint


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
async def test_a_wrong_port_is_one_line(port: str) -> None:
    status, _, complaint = await outcome("sandbox", "gelabs", "--port", port)
    assert status == 2
    assert len(complaint.splitlines()) == 1
    assert "--port" in complaint


async def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, printed, complaint = await outcome("sandbox", "gelabs", "--port", str(port))
    assert (status, printed) == (1, "")
    told = f"cannot listen on 127.0.0.1:{port}: Address already in use"
    assert complaint == f"pushwire: {told}; name another --host or --port (0: any port that is free)\n"


async def test_help_names_every_fault_and_a_wrong_setting_every_right_one() -> None:
    status, printed, _ = await outcome("sandbox", "--help", COLUMNS="200")
    assert status == 0
    for fault in FAULTS.values():
        assert fault.syntax in printed
    status, _, complaint = await outcome("sandbox", "gelabs", "--set", "colour=blue")
    assert status == 2
    by_option = {"keys", "rate", "mix"}
    names = {field.name for field in attrs.fields(GelabsSettings)} - by_option
    for name in names | {f"mix.{field.name}" for field in attrs.fields(Mix)}:
        assert name in complaint
