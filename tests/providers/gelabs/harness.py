"""A gelabs machine with hands: what is gelabs's own beside `tests.providers.harness`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, ClassVar

from pushwire.core.commands import Finish
from pushwire.core.effects import Committed, Done, Failed, Identity, Outcome, Persist, Restored, Ticket
from pushwire.core.secrets import Secret
from pushwire.errors import StoreError
from pushwire.providers import gelabs
from pushwire.testing import gelabs as build
from tests.providers import harness
from tests.providers.harness import counted, text_of

KEY = "sk-do-not-show-this"


def config(**settings: Any) -> gelabs.Config:  # any setting of the config, which checks them itself
    # As the document's sample has it; what a message id adds has tests of its own.
    settings.setdefault("ack_message_id", False)
    return gelabs.Config(api_key=Secret(KEY), **settings)


class Client(harness.Client[gelabs.Event]):
    asks: ClassVar[tuple[type, ...]] = (str, Persist)

    def __init__(
        self, settings: gelabs.Config | None = None, *, restored: Restored | None = None, ids: Callable[[], str] | None = None
    ) -> None:
        super().__init__((settings or config()).machine(rng=random.Random(1), ids=ids or counted(), restored=restored))

    def greet(self) -> None:
        self.receive(build.connected())

    def answer_pings(self) -> None:
        pings = [frame for frame in self.frames if '"type":"ping"' in text_of(frame)]
        self.frames = [frame for frame in self.frames if frame not in pings]
        self.receive(*(build.pong(json.loads(text_of(ping))["id"]) for ping in pings))

    def ready(self) -> Client:
        super().ready().fulfil()
        self.take_events()
        return self

    def finish(self, *identities: Identity) -> Ticket:
        return self.submit(Finish(identities))

    def fulfil(self, outcome: Outcome | None = None) -> None:
        """Answer every commit asked for, with success unless told otherwise."""
        persists, self.persists = self.persists, []
        for persist in persists:
            self.machine.fulfil(persist.token, outcome or Done(Committed()), self.now)
        self.drain()

    def fail_store(self) -> None:
        self.fulfil(Failed(StoreError("disk full")))

    def answer(self, data: Any = None, *, code: int = 0, msg: str = "success") -> dict[str, Any]:  # JSON
        """Answer the oldest frame not yet taken, which is returned, with a reply of its type."""
        frame = self.next_frame()
        self.receive(build.message(frame["type"], data, id=frame["id"], code=code, msg=msg))
        return frame

    def settle(self, *transactions: gelabs.Transaction) -> None:
        """Finish these durably."""
        self.finish(*(tx.identity for tx in transactions))
        self.fulfil()

    def take_transactions(self) -> list[gelabs.Transaction]:
        """The events, which must all be transactions."""
        return self.take_all(gelabs.Transaction)


def acked(frames: list[dict[str, Any]]) -> list[str]:
    """The hashes that these frames ACK."""
    return [frame["data"]["txHash"] for frame in frames if frame["type"] == "transactionACK"]
