"""The SatoriEx client machine and the sandbox's, as `tests.providers.pair` joins them, and what became of what was sent."""

from __future__ import annotations

import random

from pushwire.core.effects import Done, Fetch
from pushwire.core.events import Gap
from pushwire.core.secrets import Secret
from pushwire.providers import satoriex
from pushwire.sandbox.satoriex import SatoriexServer, Sent
from tests.providers import pair
from tests.providers.harness import counted, expect
from tests.providers.satoriex.harness import TOKEN, config


class Pair(pair.Pair[satoriex.Event, SatoriexServer]):
    """Both, and what the client was told."""

    def __init__(self, server: SatoriexServer, *commands: satoriex.SubscribeMarket | satoriex.SubscribeMarketData) -> None:
        super().__init__(config().machine(rng=random.Random(1), ids=counted()), server, delay=0.05)
        self.serials: list[int] = []
        self.gaps: list[Gap] = []
        self.begin()
        for command in commands:
            self.submit(command)

    def missing(self) -> list[Sent]:
        """What was sent, has not arrived, and is in no gap."""
        arrived = set(self.serials)
        lost = (sent for sent in self.server.sent if sent.serial not in arrived)
        return [sent for sent in lost if not any(gap.since <= sent.at <= gap.until for gap in self.gaps)]

    def fetched(self, fetch: Fetch) -> None:
        self.client.fulfil(fetch.token, Done(Secret(TOKEN)), self.now)

    def delivered(self, event: satoriex.Event) -> None:
        if isinstance(event, satoriex.Push):
            self.serials.append(expect(int, event.fields["serial"]))
        elif isinstance(event, Gap):
            self.gaps.append(event)
