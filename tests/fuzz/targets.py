"""All targets, by their names; each is made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Final

from tests.fuzz.case import Target
from tests.fuzz.configs import Configs
from tests.fuzz.feeds import FEEDS
from tests.fuzz.frames import Frames
from tests.fuzz.journals import Journals
from tests.fuzz.nats import NatsWire
from tests.fuzz.receive import Receive
from tests.fuzz.rest import Rest
from tests.fuzz.services import SERVICES
from tests.fuzz.webhooks import GelabsWebhook, QuickpayWebhook

__all__ = ["TARGETS", "target"]

TARGETS: Final[Mapping[str, Callable[[], Target]]] = {
    **{f"receive-{feed.name}": partial(Receive, feed) for feed in FEEDS},
    **{f"rest-{service.name}": partial(Rest, service) for service in SERVICES},
    "frames": Frames,
    "nats": NatsWire,
    "webhook-gelabs": GelabsWebhook,
    "webhook-quickpay": QuickpayWebhook,
    "journal": Journals,
    "toml": Configs,
}


@cache
def target(name: str) -> Target:
    """Raises `KeyError` for a name that is none."""
    return TARGETS[name]()
