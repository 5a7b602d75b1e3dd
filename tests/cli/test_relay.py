"""`pushwire relay` as a process: its options, its log, its end."""

from __future__ import annotations

import io
import json
import logging
import signal
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from pushwire.core.secrets import Secret
from pushwire.relay.logs import log_to, say
from pushwire.relay.sinks.sqlite import SqliteSink
from pushwire.sandbox.server import serve
from tests.cli.program import KEY, gelabs, outcome, pushwire
from tests.relay.kit import entry


def config(folder: Path, url: str = "ws://127.0.0.1:1/", kind: str = "sqlite") -> str:
    path = folder / "relay.toml"
    path.write_text(f"""
        ledger = "{folder}/ledger.db"
        [sink]
        kind = "{kind}"
        path = "{folder}/events"
        [streams.wallets]
        provider = "gelabs"
        settings = {{ url = "{url}" }}
    """)
    return str(path)


async def test_it_stores_what_comes_logs_json_and_ends_in_good_order(tmp_path: Path) -> None:
    server = gelabs(rate=1000, max_messages=50)
    async with (
        serve(server) as sandbox,
        pushwire("relay", config(tmp_path, sandbox.url), PUSHWIRE_GELABS_API_KEY=KEY) as relay,
    ):
        await server.until(lambda: server.generated == 50 and not server.unacked())
        relay.signal(signal.SIGTERM)
        assert await relay.ended() == 128 + signal.SIGTERM
        said = [json.loads(line) for line in (await relay.complaint()).splitlines()]
    assert [line["event"] for line in said] == ["started", "sink open", "up", "stopping", "ended"]
    assert (said[2]["stream"], said[-1]["stored"], said[-1]["level"]) == ("wallets", 50, "info")
    assert KEY not in json.dumps(said)
    with closing(sqlite3.connect(tmp_path / "events")) as db:
        assert db.execute("SELECT count(*), count(DISTINCT key) FROM events").fetchone() == (50, 50)


async def test_a_wrong_key_is_one_line_beside_the_log_and_status_2(tmp_path: Path) -> None:
    async with serve(gelabs()) as sandbox:
        status, printed, said = await outcome("relay", config(tmp_path, sandbox.url), PUSHWIRE_GELABS_API_KEY="wrong")
    assert (status, printed) == (2, "")
    *log, last = said.splitlines()
    assert last.startswith("pushwire: ")
    assert "stream failed" in {json.loads(line)["event"] for line in log}


async def test_check_opens_ledger_and_sink_and_dials_nobody(tmp_path: Path) -> None:
    status, printed, complaint = await outcome("relay", config(tmp_path), "--check", PUSHWIRE_GELABS_API_KEY=KEY)
    assert (status, complaint) == (0, "")
    assert printed.splitlines() == [
        "stream wallets: gelabs, 0 subscriptions, each event is stored once",
        "relays: this one alone",
        f"ledger {tmp_path}/ledger.db: wallets: 0 finished",
        f"sink {tmp_path}/events: 0 events, 0 in quarantine",
        "sink each commit is on the disk (WAL, synchronous=FULL)",
    ]


async def test_check_names_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    status, printed, complaint = await outcome("relay", config(tmp_path, kind="tape"), "--check")
    assert (status, printed) == (2, "")
    assert complaint.startswith("pushwire: sink.kind: ")
    assert "PUSHWIRE_GELABS_API_KEY" in complaint


async def test_check_says_who_holds_the_sink(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path / "events")
    await sink.open()
    status, _, complaint = await outcome("relay", config(tmp_path), "--check", PUSHWIRE_GELABS_API_KEY=KEY)
    await sink.close()
    assert (status, complaint) == (1, f"pushwire: {tmp_path}/events is held by another process\n")


async def test_quarantine_is_listed_line_by_line(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path / "events")
    await sink.open()
    await sink.write([entry(1), entry(1, payload='{"a":1}')])
    await sink.close()
    status, printed, _ = await outcome("relay", config(tmp_path), "--quarantine", PUSHWIRE_GELABS_API_KEY=KEY)
    assert status == 0
    (line,) = map(json.loads, printed.splitlines())
    assert (line["key"], line["payload"]) == ("wallets:1", '{"a":1}')


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def restored() -> Generator[None]:
    logger = logging.getLogger("pushwire")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before


def test_on_a_terminal_the_log_is_plain(restored: None) -> None:
    shown = Terminal()
    log_to(shown)
    say("outcome unknown", logging.WARNING, events=3, error="a \x1b[31m b")
    assert shown.getvalue().partition(" ")[2] == 'warning outcome unknown events=3 error="a \\u001b[31m b"\n'


def test_an_exception_is_told_by_its_name_and_text(restored: None) -> None:
    shown = io.StringIO()
    log_to(shown)
    try:
        raise OSError("no room")
    except OSError:
        logging.getLogger("pushwire").exception("failed")
    assert json.loads(shown.getvalue())["error"] == "OSError: no room"


def test_a_secret_stays_hidden_in_the_log(restored: None) -> None:
    shown = io.StringIO()
    log_to(shown)
    say("stream failed", error=f"{Secret('hidden')}")
    assert "hidden" not in shown.getvalue()
