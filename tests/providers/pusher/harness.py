"""A Pusher machine with hands: what is Pusher's own beside `tests.providers.harness`."""

from __future__ import annotations

import random
from typing import Any, ClassVar

from pushwire.core.effects import Fetch, SecretFrame
from pushwire.core.secrets import Secret
from pushwire.providers import pusher
from pushwire.testing import pusher as build
from tests.providers import harness

SECRET = "7ad3773142a6692b25b8"
"""The documents' example, of the key in `pushwire.testing.pusher`."""


def config(**settings: Any) -> pusher.Config:  # any setting of the config, which checks them itself
    settings.setdefault("key", build.APP_KEY)
    return pusher.Config(**settings)


def signing(**settings: Any) -> pusher.Config:  # as above
    """A config with the app's secret."""
    return config(secret=Secret(SECRET), **settings)


def asking(**settings: Any) -> pusher.Config:  # as above
    """A config with an endpoint that authorises."""
    settings.setdefault("auth_url", "https://shop.test/pusher/auth")
    return config(user_auth_url="https://shop.test/pusher/user-auth", **settings)


class Client(harness.Client[pusher.Event]):
    asks: ClassVar[tuple[type, ...]] = (str, SecretFrame, Fetch)

    def __init__(self, settings: pusher.Config | None = None, *, timeout: float = 120) -> None:
        super().__init__((settings or config()).machine(rng=random.Random(1), ids=lambda: "never used"))
        self.timeout = timeout
        """Seconds, as the server greets with."""

    def greet(self) -> None:
        """Each connection after the first has an id that says which one it is."""
        number = self.machine.status().generation
        self.receive(build.established(build.SOCKET_ID if number == 1 else f"{number}.{number}", self.timeout))

    def subscribe(self, channel: str, channel_data: str | None = None, members: dict[str, Any] | None = None) -> object:
        """Subscribe to a channel, with the server's consent. Returns the reply."""
        self.submit(pusher.Subscribe(channel, channel_data))
        self.receive(build.subscribed(channel, members))
        self.frames.clear()
        return self.the_reply()

    def names(self) -> list[str]:
        """The frames not taken yet, by event and channel."""
        return [f"{frame['event']} {frame['data'].get('channel', '')}".strip() for frame in self.take_frames()]
