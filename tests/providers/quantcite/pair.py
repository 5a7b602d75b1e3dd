"""The QuantCite client machine and the sandbox's, its faults included, as `tests.providers.pair` joins them."""

from __future__ import annotations

import random

from pushwire.core.secrets import Secret
from pushwire.providers import quantcite
from pushwire.sandbox.base import ServerMachine
from pushwire.sandbox.faults import with_faults
from pushwire.sandbox.quantcite import QuantciteServer
from pushwire.sandbox.quantcite_settings import QuantciteSettings
from tests.providers import pair
from tests.providers.quantcite.harness import no_ids

KEY = Secret("qc-sandbox")


class Pair(pair.Pair[quantcite.Event, ServerMachine]):
    """Both machines and the link. `book` is the server within the faults."""

    def __init__(self, config: quantcite.Config, settings: QuantciteSettings, *faults: str, seed: int = 1) -> None:
        self.book = QuantciteServer(settings, random.Random(seed))
        server = with_faults(self.book, faults, random.Random(seed))
        super().__init__(config.machine(rng=random.Random(seed), ids=no_ids), server)
        self.begin()

    @property
    def transactions(self) -> list[quantcite.Transaction]:
        return [event for event in self.events if isinstance(event, quantcite.Transaction)]
