from __future__ import annotations

import json
import random
import signal
from pathlib import Path

import pytest
import trio

from pushwire.sandbox import SandboxServer, serve, with_faults
from tests.cli.program import KEY, Gelabs, gelabs, outcome, pushwire
from tests.shell.sockets import Proxy
from tests.shell.sockets import serve as serve_proxy

NATIVE = {
    "chain_type": "ethereum",
    "chain_id": 1,
    "height": 21_000_000,
    "txhash": "0xABCDEF",
    "txStatus": "success",
    "symbol": "ETH",
    "decimals": 18,
    "amount": str(2**256 - 1),
    "txFee": "21000",
    "tokenTransferDetails": [{"symbol": "USDT", "amount": "100000000000000000001", "decimals": 6}],
}


def push(server: SandboxServer, **changes: object) -> None:
    machine = server.machine
    assert isinstance(machine, Gelabs)
    machine.push({**NATIVE, **changes}, trio.current_time())
    server.pump()


async def test_json_prints_one_object_a_line_with_exact_amounts() -> None:
    async with (
        serve(gelabs()) as server,
        pushwire("tail", "gelabs", "--url", server.url, "--count", "1", "--json", PUSHWIRE_GELABS_API_KEY=KEY) as tail,
    ):
        up = json.loads(await tail.line())
        push(server)
        shown = json.loads(await tail.line())
        assert await tail.ended() == 0
        assert (up["provider"], up["event"], up["data"]) == ("gelabs", "up", {"generation": 1})
        assert set(shown) == {"provider", "event", "at", "data"}
        assert shown["event"] == "transaction"
        assert shown["at"].endswith("Z")
        data = shown["data"]
        assert data["amount"] == str(2**256 - 1)
        assert data["fee"] == "21000"
        assert data["token_transfers"][0]["amount"] == "100000000000000000001"
        assert data["height"] == 21_000_000
        assert data["delivery"] == "new"
        assert await tail.complaint() == ""


async def test_exactly_the_counted_messages_are_printed_and_acked() -> None:
    machine = gelabs(rate=200.0)
    async with serve(machine) as server:
        status, printed, complaint = await outcome(
            "tail", "gelabs", "--url", server.url, "--count", "25", "--json", PUSHWIRE_GELABS_API_KEY=KEY
        )
        assert (status, complaint) == (0, "")
        shown = [event for event in map(json.loads, printed.splitlines()) if event["event"] == "transaction"]
        assert len(shown) == 25
        acked = {message.id for message in machine.messages.values() if message.acked}
        # An ACK names the transaction: other versions of it that were sent meanwhile go with it.
        assert {event["data"]["message_id"] for event in shown} <= acked
        hashes = {event["data"]["tx_hash"] for event in shown}
        assert {machine.messages[message_id].tx_hash for message_id in acked} <= hashes


async def test_plain_lines_name_the_event_and_its_fields() -> None:
    async with (
        serve(gelabs()) as server,
        pushwire("tail", "gelabs", "--url", server.url, "--count", "1", PUSHWIRE_GELABS_API_KEY=KEY) as tail,
    ):
        assert (await tail.line()).endswith(" gelabs up generation=1")
        push(server)
        line = await tail.line()
        assert " gelabs transaction chain_type=ethereum " in line
        assert " tx_hash=0xABCDEF " in line
        assert f" amount={2**256 - 1} " in line
        assert " token_transfers=[1] " in line


async def test_control_events_are_printed_too() -> None:
    machine = gelabs()
    async with (
        serve(machine) as server,
        pushwire(
            "tail", "gelabs", "--url", server.url, "--set", "backoff_first=0.01", "--json", PUSHWIRE_GELABS_API_KEY=KEY
        ) as tail,
    ):
        await tail.event("up")
        machine.cut_all(trio.current_time())
        server.pump()
        assert (await tail.event("down"))["data"]["reason"]
        assert (await tail.event("up"))["data"] == {"generation": 2}


async def test_it_subscribes_to_what_is_asked_for() -> None:
    machine = gelabs(addresses={}, broadcast="matching")
    async with (
        serve(machine) as server,
        pushwire(
            *("tail", "gelabs", "--url", server.url, "--count", "1", "--json"),
            *("--subscribe", "ethereum:0xAA", "--subscribe", "base:0xBB"),
            PUSHWIRE_GELABS_API_KEY=KEY,
        ) as tail,
    ):
        await machine.until(lambda: len(machine.watched()) == 2)
        push(server, txhash="0x01", listenAddress=["0xcc"])
        push(server, txhash="0x02", listenAddress=["0xaa"])
        assert (await tail.event("transaction"))["data"]["tx_hash"] == "0x02"
        assert await tail.ended() == 0


async def test_it_ends_after_the_seconds_it_was_given() -> None:
    async with serve(gelabs()) as server:
        status, printed, complaint = await outcome(
            "tail", "gelabs", "--url", server.url, "--seconds", "0.5", PUSHWIRE_GELABS_API_KEY=KEY
        )
        assert (status, complaint) == (0, "")
        assert len(printed.splitlines()) == 1


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_it_with_whole_lines_and_all_of_them_acked(number: signal.Signals, status: int) -> None:
    machine = gelabs(rate=400.0)
    async with (
        serve(machine) as server,
        pushwire("tail", "gelabs", "--url", server.url, "--json", PUSHWIRE_GELABS_API_KEY=KEY) as tail,
    ):
        for _ in range(20):
            await tail.event("transaction")
        tail.signal(number)
        assert await tail.ended() == status
        assert await tail.complaint() == ""
        shown = [event["data"] for event in map(json.loads, tail.printed) if event["event"] == "transaction"]
        unacked = {message.id for message in machine.unacked()}
        assert not unacked & {data["message_id"] for data in shown}


async def test_a_signal_before_it_is_ready_ends_it_as_well() -> None:
    async with await open_mute_listener() as listener:
        port = listener.socket.getsockname()[1]
        async with pushwire("tail", "gelabs", "--url", f"ws://127.0.0.1:{port}/", PUSHWIRE_GELABS_API_KEY=KEY) as tail:
            client = await listener.accept()
            tail.signal(signal.SIGINT)
            assert await tail.ended() == 130
            assert await tail.complaint() == ""
            await client.aclose()


async def open_mute_listener() -> trio.SocketListener:
    return (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]


async def test_a_reader_who_has_enough_is_no_error() -> None:
    async with (
        serve(gelabs(rate=200.0)) as server,
        pushwire("tail", "gelabs", "--url", server.url, PUSHWIRE_GELABS_API_KEY=KEY) as tail,
    ):
        await tail.line()
        assert tail.process.stdout is not None
        await tail.process.stdout.aclose()
        assert await tail.process.wait() == 141
        assert await tail.complaint() == ""


async def test_a_reader_who_stops_reading_gets_no_more_acks_and_keeps_the_connection() -> None:
    machine = gelabs(rate=2000.0, max_messages=4000)
    async with (
        serve(machine) as server,
        pushwire(
            *("tail", "gelabs", "--url", server.url, "--json"),
            *("--set", "ping_interval=0.05", "--set", "pong_timeout=5"),
            PUSHWIRE_GELABS_API_KEY=KEY,
        ) as tail,
    ):
        await tail.event("up")
        await machine.until(lambda: machine.done)
        # Far more than a pipe holds: most of it cannot have been printed, and what was not is not ACKed.
        assert len(machine.unacked()) > 1000
        before = machine.pings
        await machine.until(lambda: machine.pings > before + 3)
        shown = {(await tail.event("transaction"))["data"]["message_id"] for _ in range(4000)}
        await machine.until(lambda: not machine.unacked())
        assert shown == set(machine.messages)
        tail.signal(signal.SIGINT)
        assert await tail.ended() == 130
        downs = [line for line in tail.printed if '"event":"down"' in line]
        assert downs == []


async def test_a_second_signal_ends_it_although_nobody_reads() -> None:
    machine = gelabs(rate=2000.0, max_messages=1000)
    async with (
        serve(machine) as server,
        pushwire("tail", "gelabs", "--url", server.url, "--json", PUSHWIRE_GELABS_API_KEY=KEY) as tail,
    ):
        await tail.event("up")
        await machine.until(lambda: machine.done)
        # Two of a kind that come at once would be one.
        tail.signal(signal.SIGINT)
        tail.signal(signal.SIGTERM)
        assert await tail.process.wait() in {130, 143}
        assert await tail.complaint() == ""
        assert machine.unacked()


# Secrets


async def test_the_key_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    async with (
        serve(gelabs()) as server,
        pushwire("tail", "gelabs", "--url", server.url, PUSHWIRE_GELABS_API_KEY_FILE=str(file)) as tail,
    ):
        assert " up " in await tail.line()


async def test_a_refused_key_is_one_line_without_the_key() -> None:
    async with serve(gelabs()) as server:
        status, printed, complaint = await outcome(
            "tail", "gelabs", "--url", server.url, PUSHWIRE_GELABS_API_KEY="wrong-but-secret"
        )
        assert (status, printed) == (2, "")
        assert complaint.startswith("pushwire: HTTP 401")
        assert len(complaint.splitlines()) == 1
        assert "wrong-but-secret" not in complaint


async def test_the_key_is_neither_in_the_arguments_nor_in_the_output() -> None:
    async with (
        serve(gelabs(rate=50.0)) as server,
        pushwire("tail", "gelabs", "--url", server.url, "--json", PUSHWIRE_GELABS_API_KEY=KEY) as tail,
    ):
        for _ in range(5):
            await tail.line()
        assert KEY not in await trio.Path(f"/proc/{tail.process.pid}/cmdline").read_text()
        tail.signal(signal.SIGINT)
        await tail.ended()
        assert KEY not in "".join(tail.printed)
        assert KEY not in await tail.complaint()


@pytest.mark.parametrize("value", ["given-as-argument", ""])
async def test_a_key_as_an_argument_is_refused_and_not_repeated(value: str) -> None:
    status, _, complaint = await outcome("tail", "gelabs", "--set", f"api_key={value}")
    assert status == 2
    assert "PUSHWIRE_GELABS_API_KEY, never from a setting" in complaint
    assert "given-as-argument" not in complaint


# Mistakes


async def test_all_that_is_wrong_is_said_in_one_line() -> None:
    status, printed, complaint = await outcome(
        *("tail", "gelabs", "--url", "ftp://host/", "--subscribe", "nowhere"),
        *("--set", "ping_interval=-1", "--set", "max_message=many", "--set", "colour=blue", "--set", "nothing"),
    )
    assert (status, printed) == (2, "")
    assert len(complaint.splitlines()) == 1
    for part in ("url:", "'nowhere'", "ping_interval:", "max_message:", "colour:", "KEY=VALUE", "PUSHWIRE_GELABS_API_KEY"):
        assert part in complaint


@pytest.mark.parametrize(
    "arguments, part",
    [
        (["tail"], "provider"),
        (["tail", "nobody"], "nobody"),
        (["tail", "gelabs", "--count", "0"], "--count"),
        (["tail", "gelabs", "--seconds", "soon"], "--seconds"),
        (["tail", "gelabs", "--colour"], "--colour"),
        (["tale"], "tale"),
    ],
)
async def test_a_wrong_usage_is_one_line(arguments: list[str], part: str) -> None:
    status, printed, complaint = await outcome(*arguments, PUSHWIRE_GELABS_API_KEY=KEY)
    assert (status, printed) == (2, "")
    assert complaint.startswith("pushwire: ")
    assert part.lower() in complaint.lower()
    assert len(complaint.splitlines()) == 1


async def test_nobody_listening_is_one_line() -> None:
    async with await open_mute_listener() as listener:
        port = listener.socket.getsockname()[1]
    status, printed, complaint = await outcome(
        "tail", "gelabs", "--url", f"ws://127.0.0.1:{port}/", "--seconds", "0.3", PUSHWIRE_GELABS_API_KEY=KEY
    )
    assert (status, printed) == (1, "")
    assert complaint.startswith("pushwire: not ready within 0.3 s: connection lost: connect: ")
    assert len(complaint.splitlines()) == 1


async def test_what_came_before_the_end_is_printed_before_the_error() -> None:
    machine = gelabs()
    async with (
        serve(machine) as server,
        pushwire(
            "tail", "gelabs", "--url", server.url, "--set", "backoff_first=0.01", "--json", PUSHWIRE_GELABS_API_KEY=KEY
        ) as tail,
    ):
        await tail.event("up")
        push(server)
        machine.close_all(1012, "restarting", trio.current_time())
        server.pump()
        server.machine = with_faults(gelabs(), ["refuse:401"], random.Random(1))
        assert await tail.ended() == 2
        assert [json.loads(line)["event"] for line in tail.printed] == ["up", "transaction", "down"]
        complaint = await tail.complaint()
        assert complaint.startswith("pushwire: HTTP 401")
        assert len(complaint.splitlines()) == 1


@pytest.mark.parametrize("where", ["argument", "environment"])
async def test_it_goes_through_a_proxy(where: str, nursery: trio.Nursery) -> None:
    proxy = Proxy()
    url = f"http://127.0.0.1:{await serve_proxy(nursery, proxy.http)}"
    given = ["--proxy", url] if where == "argument" else []
    told = {"PUSHWIRE_GELABS_API_KEY": KEY} | ({} if given else {"PUSHWIRE_PROXY": url})
    async with serve(gelabs(rate=200.0)) as server:
        status, _, complaint = await outcome("tail", "gelabs", "--url", server.url, "--count", "1", *given, **told)
    assert (status, complaint) == (0, "")
    assert proxy.asked == ["127.0.0.1"]
