"""The sandbox's gelabs as the kill test needs it: it remembers all it sent, and can be waited on.

By the provider's document each push goes to every connection of the key ("Concurrent connections"), and an ACK ends its resending
(`transactionACK`), on whichever of them it comes: what was ACKed and not stored is lost, however many relays there are.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final, cast

import trio

from pushwire.sandbox import GelabsServer, GelabsSettings
from pushwire.sandbox.gelabs_book import Account, Message

__all__ = ["KEY", "Provider", "fingerprint"]

KEY: Final = "sk-of-the-test"
BACKLOG: Final = 2_000
"""Messages without an ACK beyond which no more are made: each reconnect brings all of them."""
REMEMBERED: Final = 20_000
CUT_EVERY: Final = 700
"""Messages after which all connections are cut."""


class Provider(GelabsServer):
    """Pushes `rate` transactions a second, drawn from `seed`, from the first connection on until `stop`."""

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__(GelabsSettings(keys=[KEY], rate=rate, history=REMEMBERED, drop_every=CUT_EVERY), random.Random(seed))
        self.sent = Counter[bytes]()
        """What was pushed, by its fingerprint; what was sent again counts once."""
        self._changed = trio.lowlevel.ParkingLot()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a message of a client, or the timer, to make `condition` true."""
        while not condition():
            await self._changed.park()

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        super().receive(conn, message, now)
        self._changed.unpark_all()

    def handle_timer(self, now: float, wall: float) -> None:
        super().handle_timer(now, wall)
        self._changed.unpark_all()

    def _generate(self, now: float, wall: float) -> None:
        if len(self.accounts[0].unacked) < BACKLOG:
            super()._generate(now, wall)
        else:
            for _ in self._slots.take(now):
                """These slots stay empty."""

    def _record(self, account: Account, data: dict[str, object], at: float, message_id: str | None = None) -> Message:
        self.sent[fingerprint(data)] += 1
        return super()._record(account, data, at, message_id)


def fingerprint(payload: object) -> bytes:
    """What a payload says, whoever wrote it down; null and "" say nothing."""
    return blake2b(json.dumps(_said(payload), sort_keys=True).encode(), digest_size=16).digest()


def _said(value: object) -> object:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return {name: _said(field) for name, field in fields.items() if field not in (None, "")}
    return [_said(one) for one in cast("list[object]", value)] if isinstance(value, list) else value
