"""ccxt's own path: its client on aiohttp, orjson, a ticker by `safe_ticker`, and a future for who watches it.

It has no Bitpanda, so the exchange is written as its own ones are. Who watches a ticker gets the newest, not each; counted is
what was handled.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

from .job import Job, Watch

# The library has no types for this.
library: Any = importlib.import_module("ccxt.pro")

ALL = "tickers"


def run(job: Job, watch: Watch) -> None:
    asyncio.run(main(job, watch))


async def main(job: Job, watch: Watch) -> None:
    left = job.count
    done = asyncio.Event()

    def handle_message(self: Any, client: Any, message: Any) -> None:
        nonlocal left
        if "AP" not in message:
            return
        watch.start()
        timestamp = self.safe_timestamp(message, "U")
        ticker = self.safe_ticker(
            {
                "symbol": f"{self.safe_string(message, 'A')}/{self.safe_string(message, 'F')}",
                "timestamp": timestamp,
                "datetime": self.iso8601(timestamp),
                "bid": self.safe_string(message, "BP"),
                "ask": self.safe_string(message, "AP"),
                "info": message,
            }
        )
        self.tickers[ticker["symbol"]] = ticker
        client.resolve(ticker, ALL)
        left -= 1
        if left == 0:
            watch.stop()
            done.set()

    exchange = type("Bitpanda", (library.Exchange,), {"handle_message": handle_message})({"newUpdates": True})
    exchange.tickers = {}
    request = {"action": "subscribe", "channel": "prices-v1"}
    while not done.is_set():
        await exchange.watch(job.url, ALL, request, ALL)
    await exchange.close()
