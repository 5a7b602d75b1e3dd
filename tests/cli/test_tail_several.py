"""`pushwire tail` of several connections side by side."""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path

import pytest
import trio

from pushwire.errors import ConfigError
from pushwire.sandbox import BitpandaServer, BitpandaSettings, serve, with_faults
from tests.cli.program import KEY, gelabs, outcome, pushwire
from tests.cli.terminal import on_terminal

KEYS = {"PUSHWIRE_GELABS_API_KEY": KEY, "PUSHWIRE_BITPANDA_TOKEN": "any"}


def bitpanda() -> BitpandaServer:
    return BitpandaServer(BitpandaSettings(tokens=["any"], rate=50.0), random.Random(3))


async def test_each_line_says_whose_it_is() -> None:
    async with (
        serve(gelabs(rate=50.0)) as one,
        serve(bitpanda()) as other,
        pushwire(
            *("tail", "gelabs", "bitpanda", "--json", "--subscribe", "bitpanda:prices-v1"),
            *("--set", f"gelabs.url={one.url}", "--set", f"bitpanda.url={other.url}"),
            **KEYS,
        ) as tail,
    ):
        seen: set[tuple[str, str]] = set()
        while not seen >= {("gelabs", "transaction"), ("bitpanda", "price")}:
            shown = json.loads(await tail.line())
            seen.add((shown["provider"], shown["event"]))
        tail.signal(signal.SIGINT)
        assert await tail.ended() == 130
        assert await tail.complaint() == ""


async def test_one_provider_is_there_twice_under_two_names() -> None:
    cold, hot = gelabs(addresses={}, broadcast="matching"), gelabs(addresses={}, broadcast="matching")
    async with (
        serve(cold) as one,
        serve(hot) as other,
        pushwire(
            *("tail", "cold=gelabs", "hot=gelabs", "--set", f"cold.url={one.url}", "--set", f"hot.url={other.url}"),
            *("--subscribe", "cold:ethereum:0xaa", "--subscribe", "hot:base:0xbb"),
            **KEYS,
        ) as tail,
    ):
        assert {(await tail.line()).split()[1] for _ in range(2)} == {"cold", "hot"}
        await cold.until(lambda: "0xaa" in str(cold.watched()))
        await hot.until(lambda: "0xbb" in str(hot.watched()))
        assert "0xbb" not in str(cold.watched())


async def test_messages_are_counted_over_all_and_those_that_were_shown_are_acked() -> None:
    machines = gelabs(rate=200.0), gelabs(rate=200.0)
    async with serve(machines[0]) as one, serve(machines[1]) as other:
        status, printed, complaint = await outcome(
            *("tail", "a=gelabs", "b=gelabs", "--set", f"a.url={one.url}", "--set", f"b.url={other.url}"),
            *("--count", "25", "--json"),
            **KEYS,
        )
    assert (status, complaint) == (0, "")
    shown = [event["data"] for event in map(json.loads, printed.splitlines()) if event["event"] == "transaction"]
    assert len(shown) == 25
    acked = {message.id for machine in machines for message in machine.messages.values() if message.acked}
    assert {data["message_id"] for data in shown} <= acked


async def test_the_seconds_end_all() -> None:
    async with serve(gelabs()) as one, serve(gelabs()) as other:
        status, printed, complaint = await outcome(
            *("tail", "a=gelabs", "b=gelabs", "--set", f"a.url={one.url}", "--set", f"b.url={other.url}", "--seconds", "0.5"),
            **KEYS,
        )
    assert (status, complaint) == (0, "")
    assert len(printed.splitlines()) == 2


async def test_the_first_that_fails_ends_the_others_in_good_order_and_is_named() -> None:
    machine, failing = gelabs(rate=50.0), gelabs()
    async with (
        serve(machine) as one,
        serve(failing) as other,
        pushwire(
            *("tail", "good=gelabs", "bad=gelabs", "--json", "--set", f"good.url={one.url}", "--set", f"bad.url={other.url}"),
            *("--set", "bad.backoff_first=0.01"),
            **KEYS,
        ) as tail,
    ):
        await tail.event("transaction")
        failing.close_all(1012, "restarting", trio.current_time())
        other.pump()
        other.machine = with_faults(gelabs(), ["refuse:401"], random.Random(1))
        assert await tail.ended() == 2
        complaint = await tail.complaint()
        assert complaint.startswith("pushwire: bad: HTTP 401")
        assert len(complaint.splitlines()) == 1
        shown = [event["data"] for event in map(json.loads, tail.printed) if event["event"] == "transaction"]
        assert not {message.id for message in machine.unacked()} & {data["message_id"] for data in shown}


async def test_one_that_is_not_there_yet_does_not_keep_the_others_from_a_good_end() -> None:
    machine = gelabs(rate=50.0)
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    async with (
        listener,
        serve(machine) as server,
        pushwire(
            *("tail", "here=gelabs", "mute=gelabs", "--json", "--set", f"here.url={server.url}"),
            *("--set", f"mute.url=ws://127.0.0.1:{port}/"),
            **KEYS,
        ) as tail,
    ):
        await tail.event("transaction")
        tail.signal(signal.SIGINT)
        assert await tail.ended() == 130
        assert await tail.complaint() == ""
        shown = [event["data"] for event in map(json.loads, tail.printed) if event["event"] == "transaction"]
        assert not {message.id for message in machine.unacked()} & {data["message_id"] for data in shown}


async def test_on_a_terminal_there_is_a_row_for_each() -> None:
    prices = bitpanda()
    async with (
        serve(gelabs(rate=50.0)) as one,
        serve(prices) as other,
        on_terminal(
            *("tail", "gelabs", "bitpanda", "--subscribe", "bitpanda:prices-v1"),
            *("--set", f"gelabs.url={one.url}", "--set", f"bitpanda.url={other.url}"),
            more=KEYS,
        ) as terminal,
    ):
        await terminal.until("pushwire tail gelabs bitpanda", "gelabs transaction chain_type=", "bitpanda price ")
        prices.cut_all(trio.current_time())
        other.pump()
        await terminal.until("bitpanda down reason=", "connection lost: ")
        terminal.signal(signal.SIGINT)
        assert await terminal.ended() == 130
        assert await terminal.complaint() == ""


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["gelabs", "bitpanda", "--url", "ws://host/"], "--set NAME.url=URL"),
        (["gelabs", "bitpanda", "--set", "url=wss://secret/"], "--set: must begin with a connection's name, as gelabs.KEY=VALUE"),
        (["gelabs", "bitpanda", "--subscribe", "prices-v1"], "--subscribe: must begin with a connection's name, as gelabs:SPEC"),
        (["gelabs", "gelabs"], "gelabs: is named twice; call each otherwise: NAME=gelabs"),
        (["a.b=gelabs"], "a.b=gelabs: a connection's name has letters, digits, - and _"),
        (["gelabs", "x=nobody"], "there is no provider 'nobody'"),
        (["gelabs", "bitpanda", "--set", "gelabs.ping_interval=-1"], "gelabs: ping_interval:"),
        (["gelabs", "bitpanda", "--subscribe", "gelabs:nowhere"], "gelabs: "),
    ],
)
async def test_a_wrong_usage_is_one_line_that_says_whose_it_is(arguments: list[str], told: str) -> None:
    status, printed, complaint = await outcome("tail", *arguments, **KEYS)
    assert (status, printed) == (2, "")
    assert len(complaint.splitlines()) == 1
    assert told in complaint
    assert "secret" not in complaint


async def test_all_that_is_wrong_with_any_of_them_is_said_at_once() -> None:
    status, _, complaint = await outcome("tail", "gelabs", "bitpanda", "--set", "gelabs.colour=blue", **KEYS)
    assert status == 2
    assert "gelabs: colour: there is no such setting" in complaint
    assert "bitpanda: url" in complaint


async def test_a_journal_is_of_one_connection(tmp_path: Path) -> None:
    status, _, complaint = await outcome("tail", "a=gelabs", "b=gelabs", "--journal", str(tmp_path / "j"), **KEYS)
    assert status == 2
    assert "--journal: is of one connection" in complaint
    assert not (tmp_path / "j").exists()


async def test_a_single_one_may_have_a_name_too() -> None:
    async with serve(gelabs()) as server:
        _, printed, _ = await outcome("tail", "cold=gelabs", "--url", server.url, "--seconds", "0.5", **KEYS)
    assert printed.split()[1:3] == ["cold", "up"]


def test_no_name_is_a_wrong_usage_of_the_function_too() -> None:
    from pushwire.cli.target import targets

    with pytest.raises(ConfigError):
        targets(["=gelabs"], url=None, settings=(), specs=())
