"""The client sides, a module each: a process of a benchmark loads the one that it measures, and no other.

Each peer is used as its documentation shows; none of them checks or remembers anything. pushwire runs with all it has: typed
validation, ledger, liveness, bounded inbox. A module has `run(job, watch)`, named by its client in `CLIENTS`.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CLIENTS", "OURS"]

OURS: Final = "pushwire"
CLIENTS: Final = {
    OURS: "ours",
    "websockets.asyncio + json.loads": "websockets_asyncio",
    "websockets.trio + json.loads": "websockets_trio",
    "trio-websocket + json.loads": "trio_websocket",
    "picows + msgspec": "limit",
    "cryptofeed": "cryptofeed",
    "ccxt": "ccxt",
    "pysher": "pysher",
}
