"""A user's program that is about to be killed: `python -m tests.shell.kill_client URL FOLDER book|receipt|plain`.

With "book" it books every transaction inside the ledger's transaction; with "receipt" it does so too, of messages
that were ACKed on receipt; with "plain" it writes a line, on the disk before it ACKs.
It prints how many it has settled, batch by batch.
"""

from __future__ import annotations

import faulthandler
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import trio

import pushwire
from pushwire import gelabs

STILL: Final = 120
"""Seconds without a batch after which the client says where it stands and ends: it would hold up its test for ever."""


def line(event: gelabs.Transaction) -> str:
    """The version of a transaction that an event is."""
    return f"{event.tx_hash} {event.tx_status} {event.height} {bool(event.is_reorg_resend)}"


def booking(events: Sequence[gelabs.Transaction]) -> Callable[[sqlite3.Connection], object]:
    rows = [(line(event),) for event in events]

    def book(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS bookings (version TEXT)")
        db.executemany("INSERT INTO bookings VALUES (?)", rows)

    return book


async def main(url: str, folder: Path, mode: str) -> None:
    config = gelabs.Config(api_key=pushwire.Secret("sk-test"), url=url, backoff_first=0.02, backoff_cap=0.1)
    store = pushwire.SqliteStore(folder / "ledger.db")
    settled = 0
    faulthandler.dump_traceback_later(STILL, exit=True)
    with (folder / "lines.txt").open("a", encoding="utf-8") as lines:
        async with pushwire.connect(config, store=store, ack="on_receipt" if mode == "receipt" else "manual") as stream:
            async for batch in stream.batches(50):
                faulthandler.dump_traceback_later(STILL, exit=True)
                events = [event for event in batch if isinstance(event, gelabs.Transaction)]
                if not events:
                    continue
                if mode != "plain":
                    await stream.ack(*events, book=booking(events))
                else:
                    lines.writelines(f"{line(event)} {event.delivery}\n" for event in events)
                    lines.flush()
                    os.fsync(lines.fileno())
                    await stream.ack(*events)
                    # What is printed is what the ledger holds as finished.
                    sys.stdout.writelines(f"finished {line(event)}\n" for event in events)
                settled += len(events)
                sys.stdout.write(f"settled {settled}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], Path(sys.argv[2]), sys.argv[3])
