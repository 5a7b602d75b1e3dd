"""The gelabs client machine and the sandbox's, as `tests.providers.pair` joins them, with a store, and counts.

The store survives a restart of the client; what was on its way to it does not. The link may also carry pushes twice.
"""

from __future__ import annotations

import random
from itertools import count

import attrs

from pushwire.core.commands import Finish
from pushwire.core.effects import Committed, Done, Failed, Identity, Persist, Restored, Settled, Ticket
from pushwire.core.events import Gap
from pushwire.core.machine import Machine
from pushwire.core.secrets import Secret
from pushwire.errors import StoreError
from pushwire.providers import gelabs
from pushwire.sandbox.base import SendTo
from pushwire.sandbox.gelabs import GelabsServer
from pushwire.sandbox.gelabs_settings import GelabsSettings
from tests.providers import pair

KEY = Secret("sk-sandbox")


@attrs.define
class Memory:
    """A durable store, as far as this process is concerned."""

    finished: dict[Identity, float] = attrs.Factory(dict[Identity, float])
    delivered: dict[Identity, float] = attrs.Factory(dict[Identity, float])
    mark: float | None = None
    failing: int = 0
    """How many of the next commits fail."""

    def commit(self, persist: Persist) -> Done | Failed:
        if self.failing:
            self.failing -= 1
            return Failed(StoreError("disk full"))
        for write in persist.writes:
            for record in write.records:
                kind = self.delivered if record.kind == "delivered" else self.finished
                kind[record.identity] = record.at
        self.mark = persist.mark
        return Done(Committed())

    def restored(self) -> Restored:
        open_ones = {identity: at for identity, at in self.delivered.items() if identity not in self.finished}
        return Restored(dict(self.finished), open_ones, self.mark)


class Pair(pair.Pair[gelabs.Event, GelabsServer]):
    """Both machines, the link and the store. `twice` of the next pushes are duplicated."""

    def __init__(self, settings: gelabs.Config | None = None, server: GelabsSettings | None = None, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.settings = settings or gelabs.Config(api_key=KEY)
        self.twice = 0
        self.memory = Memory()
        self.in_hand: list[gelabs.Transaction] = []
        self.run_delivered: list[Identity] = []
        """In this run of the client."""
        self.gaps: list[Gap] = []
        self.control: list[gelabs.Event] = []
        self.overtaken: set[Identity] = set()
        """Versions that came after an ACK of their key had left, and that it cleared all the same: it names no version."""
        self._finishing: dict[Ticket, tuple[gelabs.Transaction, ...]] = {}
        self._ids = map("c{}".format, count(1))
        self._restored = Restored()
        made = GelabsServer(server or GelabsSettings(keys=(KEY,), addresses={}), random.Random(seed))
        super().__init__(self._client(), made)
        self.begin()

    def _client(self) -> Machine[gelabs.Event]:
        self._restored = self.memory.restored()
        rng = random.Random(self.rng.getrandbits(32))
        return self.settings.machine(rng=rng, ids=self._ids.__next__, restored=self._restored)

    # Steps

    def restart(self) -> None:
        """A new run of the client, from what the store holds."""
        self.run_delivered = []
        self.in_hand = []
        self._finishing = {}
        self.begin(self._client())

    def push(self, data: dict[str, object]) -> Identity:
        message = self.server.push(data, self.now)
        self.drain()
        return message.identity

    def finish(self, *transactions: gelabs.Transaction) -> None:
        """The caller has dealt with these. Those whose commit fails come back into its hands."""
        ids = {tx.identity for tx in transactions}
        self.in_hand = [tx for tx in self.in_hand if tx.identity not in ids]
        ticket = self.client.submit(Finish(tuple(ids)), self.now)
        self._finishing[ticket] = transactions
        self.drain()

    # What is known

    @property
    def ready(self) -> bool:
        return self.conn is not None and self.client.status().phase.value == "ready"

    @property
    def pushed(self) -> set[Identity]:
        """Every version the server has pushed, or would have."""
        return {message.identity for message in self.server.messages.values()}

    @property
    def unacked(self) -> set[Identity]:
        return {message.identity for message in self.server.unacked()}

    # Carrying

    def delivered(self, event: gelabs.Event) -> None:
        if isinstance(event, gelabs.Transaction):
            assert event.identity not in self.run_delivered, "delivered twice in one run"
            assert event.identity not in self.memory.finished, "delivered although the store holds it as finished"
            assert (event.delivery == "redelivery") == (event.identity in self._restored.delivered)
            self.run_delivered.append(event.identity)
            self.in_hand.append(event)
        elif isinstance(event, Gap):
            self.gaps.append(event)
        else:
            self.control.append(event)

    def answered(self, settled: Settled) -> None:
        transactions = self._finishing.pop(settled.ticket, None)
        if transactions is not None and settled.error is not None:
            assert isinstance(settled.error, StoreError)
            self.in_hand += transactions

    def up(self, frame: str) -> None:
        # What the client could know when it sent this.
        known = {*self.run_delivered, *self._restored.delivered} - set(self.memory.finished)

        def arrive() -> None:
            before = self.unacked
            self.hear(frame)
            self._check_ack(frame, before - self.unacked, known)

        self.on_link("up", arrive)

    def _check_ack(self, frame: str, cleared: set[Identity], known: set[Identity]) -> None:
        """Nothing may be ACKed that is not durable, but for what came after the ACK had left."""
        keys = {identity.key for identity in self.memory.finished}
        for identity in cleared - set(self.memory.finished):
            assert identity not in known, f"ACKed before it was finished: {frame}"
            assert identity.key in keys, f"ACKed out of nothing: {frame}"
            self.overtaken.add(identity)

    def down(self, message: SendTo) -> None:
        super().down(message)
        if message.kind != "reply" and self.twice:
            self.twice -= 1
            super().down(message)

    def persisted(self, persist: Persist) -> None:
        def arrive() -> None:
            outcome = self.memory.commit(persist)
            # Durable now; the client hears of it later, or dies before it does.
            self.later("store", lambda: self.client.fulfil(persist.token, outcome, self.now))

        self.later("store", arrive)
