"""A Bitpanda machine with hands: what is Bitpanda's own beside `tests.providers.harness`."""

from __future__ import annotations

import random
from collections.abc import Hashable
from typing import Any, ClassVar, Self

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import Credential, Done, Failed, Fetch, Ping
from pushwire.core.ids import id_source
from pushwire.core.secrets import Secret
from pushwire.providers import bitpanda
from pushwire.providers.bitpanda.machine import BitpandaMachine
from pushwire.testing import bitpanda as build
from tests.providers import harness
from tests.providers.harness import expect

URL = "wss://prices.example/ws"
TOKEN = "tok-do-not-show-this"


def config(**settings: Any) -> bitpanda.Config:  # any setting of the config, which checks them itself
    settings.setdefault("url", URL)
    settings.setdefault("token", Secret(TOKEN))
    return bitpanda.Config(**settings)


class Client(harness.Client[bitpanda.Event]):
    asks: ClassVar[tuple[type, ...]] = (str, Ping, Fetch)

    def __init__(self, settings: bitpanda.Config | None = None) -> None:
        super().__init__((settings or config()).machine(rng=random.Random(1), ids=id_source("p")))

    def give_token(self, outcome: Done | Failed | None = None) -> Credential:
        """Answer the credential asked for, which is returned."""
        return expect(Credential, self.give(outcome or Done(Secret(TOKEN))))

    def before_dial(self) -> None:
        self.give_token()

    def subscribed(self, *commands: bitpanda.Subscribe) -> Self:
        """Subscribe to these, with the provider's consent, and forget what was said meanwhile."""
        for command in commands:
            self.ask(command)
        return self

    def ask(self, command: AnyCommand) -> None:
        """Submit a command that is accepted, with all that follows from it."""
        ticket = self.submit(command)
        self.accept()
        answered = {settled.ticket: settled.error for settled in self.take_settled()}
        assert answered[ticket] is None

    def accept(self) -> list[dict[str, Any]]:  # JSON objects
        """Answer all frames with success, until nothing more is asked for; the frames."""
        taken: list[dict[str, Any]] = []
        while self.frames:
            taken.append(self.next_frame())
            self.receive(build.success(taken[-1]["action"], taken[-1]["channel"]))
        return taken

    def accept_one(self, said: str) -> None:
        """Answer the oldest frame, which says this, with success."""
        frame = self._next(said)
        self.receive(build.success(frame["action"], frame["channel"]))

    def refuse_one(self, said: str, text: str) -> None:
        """Answer the oldest frame, which says this, with an error."""
        frame = self._next(said)
        self.receive(build.refused(text, frame["action"], frame["channel"]))

    def _next(self, said: str) -> dict[str, Any]:  # a JSON object
        frame = self.next_frame()
        assert brief(frame) == said
        return frame

    def desired(self) -> set[Hashable]:
        """What a reconnect would restore, which only the machine itself can tell."""
        return set(expect(BitpandaMachine, self.machine)._exchange.subscriptions)


def payload(frame: dict[str, Any]) -> list[str]:  # a JSON object
    """What a subscribe names, as texts: `cr/BTC/EUR` or `EUR`."""
    return ["/".join(item.values()) for item in frame.get("payload", [])]


def brief(frame: dict[str, Any]) -> str:  # a JSON object
    """The frame in short: `subscribe EUR,USD`."""
    return f"{frame['action']} {','.join(payload(frame))}".strip()
