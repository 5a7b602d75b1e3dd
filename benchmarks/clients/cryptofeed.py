"""cryptofeed's own path: its connection, its handler, its `Ticker` of Decimals, an awaited callback.

It has no Bitpanda, so the feed is written as its own exchanges are. It takes wss:// alone, save where an exchange authenticates
itself and gives another address: that hook is used, so that no side has TLS.
"""

from __future__ import annotations

import asyncio
import importlib
from decimal import Decimal
from typing import Any

from ..payloads import REQUESTS
from .job import Job, Watch

# The library has no types.
feed: Any = importlib.import_module("cryptofeed.feed")
connection: Any = importlib.import_module("cryptofeed.connection")
symbols: Any = importlib.import_module("cryptofeed.symbols")
types: Any = importlib.import_module("cryptofeed.types")
json: Any = importlib.import_module("yapic.json")

TICKER = "ticker"
NAME = "BITPANDA"


def run(job: Job, watch: Watch) -> None:
    asyncio.run(main(job, watch))


async def main(job: Job, watch: Watch) -> None:
    done = asyncio.Event()
    left = job.count

    async def subscribe(self: Any, connection: Any) -> None:
        await connection.write(REQUESTS[job.kind])

    async def message_handler(self: Any, text: str, connection: Any, timestamp: float) -> None:
        message = json.loads(text, parse_float=Decimal)
        if "AP" not in message:
            return
        watch.start()
        pair = self.exchange_symbol_to_std_symbol(f"{message['A']}-{message['F']}")
        ticker = types.Ticker(self.id, pair, Decimal(message["BP"]), Decimal(message["AP"]), float(message["U"]), raw=message)
        await self.callback(TICKER, ticker, timestamp)

    async def seen(ticker: object, received: float) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            watch.stop()
            done.set()

    async def address(self: Any, given: str, options: object) -> tuple[str, object]:
        return job.url, options

    body = {
        "id": NAME,
        "websocket_endpoints": [connection.WebsocketEndpoint("wss://unused", authentication=True)],
        "rest_endpoints": [],
        "websocket_channels": {TICKER: "prices-v1"},
        "subscribe": subscribe,
        "message_handler": message_handler,
        "_ws_authentication": address,
    }
    pairs = {f"ASSET{number:03d}-EUR": f"ASSET{number:03d}-EUR" for number in range(500)}
    symbols.Symbols.set(NAME, pairs, {})
    prices = type("Prices", (feed.Feed,), body)(symbols=list(pairs), channels=[TICKER], callbacks={TICKER: seen})
    prices.start(asyncio.get_running_loop())
    await done.wait()
    prices.stop()
