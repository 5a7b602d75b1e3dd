"""A QuantCite machine with hands: what is QuantCite's own beside `tests.providers.harness`."""

from __future__ import annotations

import random
from typing import Any, ClassVar, Self

from pushwire.core.effects import Close, Dial, Ping, SecretFrame
from pushwire.core.machine import Machine
from pushwire.core.secrets import Secret
from pushwire.providers import quantcite
from pushwire.testing import quantcite as build
from tests.providers import harness
from tests.providers.harness import LOST

KEY = "qc-do-not-show-this"
OWN = quantcite.Credentials(Secret("own-key-hidden"), Secret("own-secret-hidden"))
WITH_PASSPHRASE = quantcite.Credentials(Secret("own-key-hidden"), Secret("own-secret-hidden"), Secret("own-phrase-hidden"))
HIDDEN = (KEY, "own-key-hidden", "own-secret-hidden", "own-phrase-hidden")

SUBSCRIBE = quantcite.SubscribeTransactions("bybit", transaction_types=("deposits", "withdrawals"))


def config(**settings: Any) -> quantcite.Config:  # any setting of the config, which checks them itself
    return quantcite.Config(api_key=Secret(KEY), **settings)


def no_ids() -> str:
    raise AssertionError("QuantCite commands have no ids")


class Client(harness.Client[quantcite.Event]):
    asks: ClassVar[tuple[type, ...]] = (str, SecretFrame, Ping)

    def __init__(self, settings: quantcite.Config | None = None, machine: Machine[quantcite.Event] | None = None) -> None:
        super().__init__(machine or (settings or config()).machine(rng=random.Random(1), ids=no_ids))

    def greet(self) -> None:
        self.receive(build.welcome())

    def ready(self) -> Self:
        super().ready()
        self.frames.clear()
        return self

    def subscribed(self, command: quantcite.SubscribeTransactions = SUBSCRIBE, *transactions: Any) -> Self:  # JSON objects
        """Be ready and subscribe; the transactions, one deposit unless others are given, are forgotten."""
        self.ready().submit(command)
        self.receive(build.transaction_response(*transactions, exchange=command.exchange))
        self.frames.clear()
        self.events.clear()
        self.settled.clear()
        return self

    def reconnect(self, close: Close = LOST) -> Dial:
        """As for all, but that the key is sent again is forgotten."""
        dial = self.redial(close)
        self.open()
        self.take_frames()
        self.greet()
        return dial

    def take_transactions(self) -> list[quantcite.Transaction]:
        """The events, which must all be transactions."""
        return self.take_all(quantcite.Transaction)
