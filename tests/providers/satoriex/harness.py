"""A SatoriEx machine with hands: what is SatoriEx's own beside `tests.providers.harness`."""

from __future__ import annotations

import random
from typing import Any, ClassVar, Self

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import Credential, Done, Failed, Fetch, Ping
from pushwire.core.secrets import Secret
from pushwire.providers import satoriex
from tests.providers import harness
from tests.providers.harness import counted, expect

TOKEN = "eyJ-do-not-show-this"


def config(**settings: Any) -> satoriex.Config:  # any setting of the config, which checks them itself
    return satoriex.Config(token=Secret(TOKEN), **settings)


class Client(harness.Client[satoriex.Event]):
    asks: ClassVar[tuple[type, ...]] = (str, Ping, Fetch)

    def __init__(self, settings: satoriex.Config | None = None) -> None:
        super().__init__((settings or config()).machine(rng=random.Random(1), ids=counted()))

    def give_token(self, token: str | None = TOKEN) -> Credential:
        """Answer the oldest request for a token; None: there is none for now. Returns what was asked."""
        outcome = Failed(RuntimeError("no token today")) if token is None else Done(Secret(token))
        return expect(Credential, self.give(outcome))

    def before_dial(self) -> None:
        self.give_token()

    def subscribed(self, *commands: AnyCommand) -> Self:
        """Be ready and submit these, and forget that."""
        self.ready()
        for command in commands:
            self.submit(command)
        self.frames.clear()
        self.settled.clear()
        return self

    def wait_for_fetch(self) -> None:
        """Let time pass until a token is asked for."""
        while not self.fetches:
            self.advance(1.0)
