"""What each page with Python needs around it, and what it prints before it is ended."""

from __future__ import annotations

import hashlib
import hmac
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import psycopg
import trio

import pushwire
from pushwire import bitpanda, gelabs, pusher, quantcite, quickpay, satoriex
from pushwire.core.tokens import Tokens
from pushwire.sandbox.bitpanda_tokens import TOKEN_PATH
from pushwire.sandbox.satoriex_rest import OUTCOMES
from pushwire.testing import gelabs as gelabs_build
from pushwire.testing import quickpay as quickpay_build
from pushwire.testing.other_sandboxes import AnySandbox, open_sandbox
from tests.docs.commands import written
from tests.docs.pages import blocks, page
from tests.docs.workshop import Play, Workshop
from tests.stores.postgres_server import needed_server

__all__ = ["ELSEWHERE", "PLAYS"]

RATE: Final = 100.0
"""Messages a second: a page waits for a few."""
SOON: Final[Mapping[str, float]] = {"backoff_first": 0.01, "backoff_cap": 0.05}
ADDRESS: Final = "0x1234567890abcdef1234567890abcdef12345678"


@asynccontextmanager
async def alone(workshop: Workshop) -> AsyncGenerator[None]:
    """It needs nothing."""
    yield


def _read(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")


def _write(name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")


def http(sandbox: AnySandbox, path: str = "") -> str:
    return f"http://{urlsplit(sandbox.server.url).netloc}{path}"


@asynccontextmanager
async def gelabs_served(workshop: Workshop, rate: float = RATE) -> AsyncGenerator[None]:
    workshop.patch.setenv("GELABS_API_KEY", "sk-any")
    async with open_sandbox("gelabs", rate=rate) as sandbox:
        workshop.lead(gelabs.Config, url=sandbox.server.url, api_url=http(sandbox), **SOON)
        yield


@asynccontextmanager
async def satoriex_served(workshop: Workshop) -> AsyncGenerator[None]:
    workshop.patch.setenv("SATORIEX_PASSWORD", "any")
    workshop.patch.setenv("SATORIEX_TOKEN", "any")
    async with open_sandbox("satoriex", rate=RATE) as sandbox:
        workshop.lead(satoriex.Config, url=sandbox.server.url, api_url=http(sandbox, "/api/v1"), **SOON)
        workshop.replace("https://production.example/api/v1", http(sandbox, "/api/v1"))
        yield


@asynccontextmanager
async def satoriex_page(workshop: Workshop) -> AsyncGenerator[None]:
    workshop.replace("out_yes", OUTCOMES[0])
    async with satoriex_served(workshop):
        yield
    assert workshop.names["order"].quantity == 100


@asynccontextmanager
async def gelabs_page(workshop: Workshop) -> AsyncGenerator[None]:
    """A transaction to read and a request of a webhook beside the provider."""
    balances = Counter[gelabs.Asset]()
    body = msgspec.json.encode([msgspec.json.decode(gelabs_build.transaction().dump())])
    secret = b"webhook-secret"
    workshop.patch.setenv("GELABS_WEBHOOK_SECRET", secret.decode())
    workshop.names |= {
        "tx": gelabs_build.transaction(receiver=ADDRESS),
        "balances": balances,
        "body": body,
        "headers": {"X-Signature": hmac.new(secret, body, hashlib.sha256).hexdigest()},
    }
    async with gelabs_served(workshop):
        yield
    assert balances
    assert workshop.printed


@asynccontextmanager
async def journals_page(workshop: Workshop) -> AsyncGenerator[None]:
    """The page's own journal is replayed as the page says."""
    async with gelabs_served(workshop):
        yield
    replays = [words for block in blocks(page("journals.md"), "console") for words in written(block) if "replay" in words]
    assert len(replays) == 3
    for words in replays:
        done = await trio.run_process([sys.executable, "-m", *words], capture_stdout=True)
        assert done.stdout or "<svg" in _read(words[-1])


@asynccontextmanager
async def bitpanda_page(workshop: Workshop) -> AsyncGenerator[None]:
    workshop.patch.setenv("BITPANDA_CLIENT_SECRET", "any")
    async with open_sandbox("bitpanda", rate=RATE) as sandbox:
        workshop.lead(bitpanda.Config, url=sandbox.server.url, **SOON)
        workshop.replace("https://auth.example/oauth/token", http(sandbox, TOKEN_PATH))
        yield
    assert "refresh" in _read("tokens.json")


@asynccontextmanager
async def pusher_page(workshop: Workshop) -> AsyncGenerator[None]:
    async with open_sandbox("pusher", rate=RATE) as sandbox:
        workshop.lead(pusher.Config, url=sandbox.server.url, auth_url=http(sandbox, "/pusher/auth"), **SOON)
        yield


@asynccontextmanager
async def quantcite_page(workshop: Workshop) -> AsyncGenerator[None]:
    workshop.patch.setenv("QUANTCITE_API_KEY", "any")
    async with open_sandbox("quantcite", rate=RATE) as sandbox:
        workshop.lead(quantcite.Config, url=sandbox.server.url, api_url=http(sandbox, "/api/v1"), **SOON)
        yield


@asynccontextmanager
async def quickpay_page(workshop: Workshop) -> AsyncGenerator[None]:
    """A merchant's key in a file, and a request of a webhook."""
    merchant, provider = quickpay_build.keys(), quickpay_build.keys("provider")
    workshop.patch.setenv("PUSHWIRE_QUICKPAY_API_KEY", "any")
    _write("merchant.pem", merchant.private.reveal())
    body = quickpay_build.envelope("payment.completed", quickpay_build.plain(quickpay_build.payment().data))
    headers = quickpay_build.signed_webhook(body, provider, timestamp=int(time.time()))
    workshop.names |= {
        "quickpays_public_key": provider.public,
        "request": SimpleNamespace(headers=headers, body=body),
        "merchants_public_key": merchant.public,
        "api_key": pushwire.Secret("any"),
        "private_key": merchant.private,
    }
    async with open_sandbox("quickpay", rate=RATE) as sandbox:
        workshop.lead(quickpay.Config, url=sandbox.server.url, api_url=http(sandbox), **SOON)
        yield
    assert workshop.names["webhook"].event.data.payment_id


@asynccontextmanager
async def streams_page(workshop: Workshop) -> AsyncGenerator[None]:
    workshop.names["config"] = satoriex.Config(token=pushwire.Secret("any"))
    async with satoriex_served(workshop):
        yield


@asynccontextmanager
async def rest_page(workshop: Workshop) -> AsyncGenerator[None]:
    async with gelabs_served(workshop), satoriex_served(workshop):
        yield


@asynccontextmanager
async def tokens_page(workshop: Workshop) -> AsyncGenerator[None]:
    _write("satoriex_token", "any")
    workshop.replace("/run/secrets/", "")
    async with satoriex_served(workshop):
        yield
        await _keeps_tokens(workshop.names["InMyDatabase"])


async def _keeps_tokens(kind: Any) -> None:  # a class that the page defines
    store = pushwire.SqliteStore("tokens.db")
    await store.open("tokens")
    await store.run(lambda db: db.execute("CREATE TABLE tokens (access TEXT, issued REAL, expires REAL, refresh TEXT)"))
    mine = kind(store)
    assert await mine.load() is None
    for tokens in (Tokens(pushwire.Secret("a"), 1.0), Tokens(pushwire.Secret("b"), 2.0, 3.0, pushwire.Secret("r"))):
        await mine.save(tokens)
        assert await mine.load() == tokens
    await store.close("tokens")


@asynccontextmanager
async def stores_page(workshop: Workshop) -> AsyncGenerator[None]:
    """PostgreSQL for the first two blocks, SQLite for the others, and an event in hand for each."""
    server = needed_server()
    try:
        async with gelabs_served(workshop), AsyncExitStack() as streams:
            _offer_stores(workshop, server.dsn, streams)
            yield
    finally:
        server.remove()


def _offer_stores(workshop: Workshop, dsn: str, streams: AsyncExitStack) -> None:
    names = workshop.names
    config: gelabs.Config = workshop.led(gelabs.Config(api_key=pushwire.Secret("any")))

    async def take() -> None:
        """The next transaction in hand."""
        async for event in names["stream"]:
            if isinstance(event, gelabs.Transaction):
                names["event"] = event
                return

    async def use(store: Any) -> None:  # of either database
        names.update(store=store, config=config, stream=await streams.enter_async_context(pushwire.connect(config, store=store)))
        await take()

    async def postgres() -> None:
        with psycopg.connect(dsn) as db:
            db.execute("CREATE TABLE bookings (tx_hash text, tx_status text)")
        names.update(psycopg=psycopg, pushwire=pushwire, trio=trio, conninfo=dsn)
        await use(pushwire.PostgresStore(dsn))

    async def sqlite() -> None:
        store = pushwire.SqliteStore("ledger.db")
        names["sqlite3"] = sqlite3
        await use(store)
        await store.run(lambda db: db.execute("CREATE TABLE bookings (tx_hash TEXT, tx_status TEXT)"))

    async def park() -> None:
        await take()
        await names["stream"].park(names["event"], "cannot be booked")

    workshop.steps |= {1: postgres, 2: take, 3: sqlite, 4: park}


PLAYS: Final[Mapping[str, Play]] = {
    "README.md": Play(gelabs_served, {1: ["^booked"]}),
    "adding-a-provider.md": Play(alone),
    "bitpanda.md": Play(bitpanda_page, {1: ["BTC"]}),
    "driving-a-machine.md": Play(alone),
    "embedding.md": Play(
        gelabs_served,
        {1: ["worker 0", "worker 1", "worker 2"], 2: ["first of all"], 3: ["Transaction"]},
        {1: signal.SIGTERM},
    ),
    "gelabs.md": Play(gelabs_page),
    "journals.md": Play(journals_page, {1: ["recorded"]}),
    "observing.md": Play(satoriex_served, {2: ["ready"], 3: ["pushwire_stream_events_total"]}),
    "pusher.md": Play(pusher_page, {1: ["private-orders"]}),
    "quantcite.md": Play(quantcite_page, {1: [r"\w+ [\d.]+ \w+"]}),
    "quickpay.md": Play(quickpay_page, {1: ["payment"]}),
    "rest.md": Play(rest_page),
    "satoriex.md": Play(satoriex_page, {1: ["filled"], 2: ["{"]}),
    "stores.md": Play(stores_page),
    "streams.md": Play(streams_page, {1: ["orders", "is filled"], 2: ["positions"], 3: ["mkt_abc123"]}),
    "tokens.md": Play(tokens_page),
    "why-sans-io.md": Play(alone),
}
"""By the name of the page."""

ELSEWHERE: Final[Mapping[str, str]] = {
    "testing-your-code.md": "docs/test_testing_page.py",
    "tutorial.md": "docs/test_tutorial.py",
}
"""Pages whose Python a test of their own runs, as a program or a package."""
