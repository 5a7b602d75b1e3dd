"""A QuickPay machine with hands: what is QuickPay's own beside `tests.providers.harness`."""

from __future__ import annotations

import json
import random
from typing import Any, ClassVar

from pushwire.core.effects import Fetch, SecretFrame
from pushwire.core.http import Request
from pushwire.core.ids import id_source
from pushwire.core.secrets import Secret
from pushwire.providers import quickpay
from pushwire.testing import quickpay as build
from tests.providers import harness

API_KEY = "mk-do-not-show-this"
SOCKET = "957523923.7566984777"


def config(**settings: Any) -> quickpay.Config:  # any setting of the config, which checks them itself
    settings.setdefault("environment", "sandbox")
    if "jwt" not in settings:
        settings.setdefault("private_key", build.keys().private)
    return quickpay.Config(api_key=Secret(API_KEY), **settings)


class Client(harness.Client[quickpay.Event]):
    asks: ClassVar[tuple[type, ...]] = (str, SecretFrame, Fetch)

    def __init__(self, settings: quickpay.Config | None = None) -> None:
        super().__init__((settings or config()).machine(rng=random.Random(1), ids=id_source("n")))

    def greet(self, socket_id: str = SOCKET) -> None:
        data = json.dumps({"socket_id": socket_id, "activity_timeout": 30})
        self.receive(json.dumps({"event": "pusher:connection_established", "data": data}))

    def answer(self, value: object = None, *, status: int = 200) -> Request:
        """Answer the oldest request of the machine, which is returned, with an authorisation or any other JSON."""
        return self.respond(status, {"auth": "key:signature"} if value is None else value)

    def leave_unanswered(self) -> None:
        """The endpoint is not there."""
        self.fail(OSError("unreachable"))

    def subscribe(self, command: quickpay.Subscribe) -> None:
        """Subscribe, authorised where that is needed."""
        self.submit(command)
        if self.fetches:
            self.answer()
        self.frames.clear()
        self.receive(json.dumps({"event": "pusher_internal:subscription_succeeded", "channel": command.channel}))
        self.settled.clear()
