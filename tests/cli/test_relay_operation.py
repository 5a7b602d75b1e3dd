"""`pushwire relay` as a service: its pages, what it tells systemd, and its end in the midst of work."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio

from pushwire.sandbox.server import serve
from tests.cli.program import KEY, Program, gelabs, outcome, pushwire
from tests.cli.test_relay import config


async def said(relay: Program, event: str) -> dict[str, Any]:  # JSON
    """The next record of that event in its log, past all others."""
    assert relay.process.stderr is not None
    log = b""
    while True:
        while b"\n" not in log:
            log += await relay.process.stderr.receive_some()
        line, _, log = log.partition(b"\n")
        record: dict[str, Any] = json.loads(line)  # JSON
        if record["event"] == event:
            return record


async def page(address: str, path: str) -> tuple[int, str]:
    host, _, port = address.rpartition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = b"".join([data async for data in stream]).decode()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


def with_pages(path: str, port: int = 0) -> str:
    """The settings in that file, and where to show pages."""
    file = Path(path)
    file.write_text(f'{file.read_text()}[http]\nlisten = "127.0.0.1:{port}"\n')
    return path


async def test_metrics_and_health_of_a_running_relay(tmp_path: Path) -> None:
    server = gelabs(rate=1000, max_messages=50)
    async with (
        serve(server) as sandbox,
        pushwire("relay", with_pages(config(tmp_path, sandbox.url)), PUSHWIRE_GELABS_API_KEY=KEY) as relay,
    ):
        address = (await said(relay, "pages"))["address"]
        await server.until(lambda: server.generated == 50 and not server.unacked())
        status, metrics = await page(address, "/metrics")
        assert status == 200
        assert {
            'pushwire_relay_outcomes_total{outcome="stored",stream="wallets"} 50.0',
            'pushwire_stream_deliveries_total{delivery="new",stream="wallets"} 50.0',
            'pushwire_stream_phase{phase="ready",stream="wallets"} 1.0',
            'pushwire_relay_sink_state{state="open"} 1.0',
        } <= set(metrics.splitlines())
        status, health = await page(address, "/health")
        assert (status, json.loads(health)["streams"]["wallets"]["phase"]) == (200, "ready")
        assert KEY not in metrics + health
        assert sandbox.url not in metrics + health
        relay.signal(signal.SIGTERM)
        assert await relay.ended() == 128 + signal.SIGTERM


async def test_an_address_that_is_taken_is_one_line_and_no_relay(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        file = with_pages(config(tmp_path), other.getsockname()[1])
        async with pushwire("relay", file, PUSHWIRE_GELABS_API_KEY=KEY) as relay:
            assert await relay.ended() == 1
            assert "in use" in (await relay.complaint()).splitlines()[-1]


async def test_systemd_is_told_when_it_runs_and_when_it_ends(tmp_path: Path) -> None:
    server = gelabs()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        told = trio.socket.from_stdlib_socket(manager)
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PUSHWIRE_GELABS_API_KEY": KEY}
        async with serve(server) as sandbox, pushwire("relay", config(tmp_path, sandbox.url), **variables) as relay:
            first = (await told.recv(4096)).decode().splitlines()
            assert first[0] == "READY=1"
            assert first[1].startswith("STATUS=0 of 1 streams ready")
            relay.signal(signal.SIGTERM)
            assert await told.recv(4096) == b"STOPPING=1"
            assert await relay.ended() == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_ended_under_load_it_has_stored_what_it_acked_and_the_next_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    server = gelabs(rate=500)

    async def run_until(done: Callable[[], bool], sandbox_url: str) -> None:
        assert not done(), "a signal before it has started would end it otherwise"
        async with pushwire("relay", config(tmp_path, sandbox_url), PUSHWIRE_GELABS_API_KEY=KEY) as relay:
            await server.until(done)
            relay.signal(number)
            assert await relay.ended() == 128 + number
            assert json.loads((await relay.complaint()).splitlines()[-1])["event"] == "ended"

    async with serve(server) as sandbox:
        await run_until(lambda: server.acks > 200, sandbox.url)
        acked = {f"wallets:{message.identity.text}" for message in server.messages.values() if message.acked}
        assert acked
        assert acked <= set(stored(tmp_path))
        # However much it had ACKed, something is left for the next one.
        await server.until(lambda: bool(server.unacked()))
        server.stop()
        await run_until(lambda: not server.unacked(), sandbox.url)
    keys = stored(tmp_path)
    assert len(keys) == len(set(keys)) == server.generated


def stored(folder: Path) -> list[str]:
    """The keys in the sink's file."""
    with closing(sqlite3.connect(folder / "events")) as db:
        return [key for (key,) in db.execute("SELECT key FROM events WHERE key NOT NULL")]


async def test_check_says_what_may_come_twice_and_where_the_pages_are(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text(f"""
        [sink]
        kind = "jsonl"
        path = "{tmp_path}/events.jsonl"
        [http]
        grace = 90
        [streams.prices]
        provider = "bitpanda"
        subscribe = ["prices-v1:EUR"]
        settings = {{ url = "ws://127.0.0.1:1/" }}
    """)
    status, printed, _ = await outcome("relay", f"{tmp_path}/relay.toml", "--check", PUSHWIRE_BITPANDA_TOKEN="t")
    assert status == 0
    assert printed.splitlines()[:3] == [
        "stream prices: bitpanda, 1 subscription, at least once: its document names no ids",
        "relays: this one alone",
        "pages 127.0.0.1:9100: /metrics, /health (after 90 s), /live",
    ]
