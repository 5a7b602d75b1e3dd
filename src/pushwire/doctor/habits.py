"""What the doctor must know of each provider: what may be subscribed to without being told, and why nothing may come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

__all__ = ["HABITS", "NOTICES", "STRANGER", "Habits"]


@attrs.frozen
class Habits:
    """One provider's. `spec`: a subscription that any account may make, None: there is none. `unasked`: whether messages come
    without one. `silence`: when messages come, to judge their absence by."""

    spec: str | None
    unasked: bool
    silence: str


STRANGER: Final = Habits(None, unasked=True, silence="whether something happens there meanwhile")
"""Of a provider that is not ours."""

HABITS: Final[Mapping[str, Habits]] = {
    "quantcite": Habits(
        None,
        unasked=False,
        silence="an exchange account with credentials at QuantCite, and a transaction of a subscribed type on it",
    ),
    "bitpanda": Habits(
        "prices-v1",
        unasked=False,
        silence="the pairs of your domain: each has a price every 15 s or so, so that a minute of silence is a fault of theirs",
    ),
    "gelabs": Habits(
        None,
        unasked=True,
        silence="a transaction that touches a monitored address: what is not ACKed yet comes at once, else it may be days",
    ),
    "pusher": Habits(None, unasked=False, silence="whoever publishes on that channel; a cache channel repeats its last event"),
    "quickpay": Habits(
        "test-channel",
        unasked=False,
        silence="payments of that merchant; test-channel is busy in the sandbox environment (--set environment=sandbox) alone",
    ),
    "satoriex": Habits(
        None,
        unasked=True,
        silence="trading: your own orders and wallet, and the subscribed market, which no answer says whether it exists",
    ),
}

NOTICES: Final = frozenset({"Notice", "PeerError", "Undecipherable"})
"""Types of events that are delivered like messages and are complaints of the provider, or nothing that can be read."""
