"""What the relay knows an event by: its idempotency key, and the payload that goes with it.

A key is made of what the provider itself documents as immutable, never of a receive time or a connection's number: two relays, or
one before and after a crash, must come to the same. The payload is what the provider said, without what pushwire or the moment
added.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Final, Protocol, runtime_checkable

from ..cli.output import describe, encode
from ..core.effects import Identity
from .entries import Entry

__all__ = ["entry_of", "identity", "payload"]

OURS: Final = frozenset({"delivery", "asked_for", "ledgered", "message_id", "sent"})
"""Fields of events that are not the provider's, or differ from one sending to the next."""


@runtime_checkable
class _Dumped(Protocol):
    def dump(self) -> str:
        """What the provider sent, as JSON."""
        ...


def _ledgered(event: object) -> str | None:
    """By key and version: for gelabs chain, its id and the hash, then status, height and reorg; for QuantCite exchange, testnet
    and id, then a digest of what it says of time and money."""
    found = getattr(event, "identity", None)
    # Empty where it came as the reply to a command.
    return json.dumps([found.key, found.version], separators=(",", ":")) if isinstance(found, Identity) and found.key else None


def _envelope(event: object) -> str | None:
    """By the channel and the `event_id` of QuickPay's envelope, where there is one: the documents show it for webhooks alone. One
    event may come on several channels, and does not look the same on all."""
    found, channel = getattr(event, "event_id", None), getattr(event, "channel", None)
    return json.dumps([channel, found], separators=(",", ":")) if isinstance(found, str) and found else None


_BY_PROVIDER: Final[Mapping[str, Callable[[object], str | None]]] = {
    "gelabs": _ledgered,
    "quantcite": _ledgered,
    "quickpay": _envelope,
}
"""Providers that are not here document no ids: Bitpanda, Pusher, SatoriEx."""


_KINDS: Final[dict[type, str]] = {}
"""The names of kinds of events, as they are shown."""


def identity(event: object) -> str | None:
    """The idempotency key of an event, unique among those of its provider and account; None: its provider documents no ids."""
    _, _, inside = type(event).__module__.partition(".providers.")
    find = _BY_PROVIDER.get(inside.partition(".")[0])
    return None if find is None else find(event)


def payload(event: object, wall_of: Callable[[float], float]) -> tuple[str, str]:
    """The event's kind, and what the provider said, as JSON. `wall_of` turns seconds on trio's clock into POSIX seconds."""
    if isinstance(event, _Dumped):
        # It is asked for each message: to spell out the event for its name alone would be most of the relay's work.
        kind = _KINDS.get(type(event)) or _KINDS.setdefault(type(event), describe("", event, wall_of).event)
        return kind, event.dump()
    line = describe("", event, wall_of)
    return line.event, encode({name: value for name, value in line.data.items() if name not in OURS})


def entry_of(stream: str, provider: str, event: object, wall_of: Callable[[float], float]) -> Entry:
    """An event of a stream as the relay hands it on; order is kept within the stream."""
    kind, said = payload(event, wall_of)
    key = identity(event)
    received = getattr(event, "received", 0.0)
    return Entry(
        stream=stream,
        provider=provider,
        kind=kind,
        partition=stream,
        key=None if key is None else f"{stream}:{key}",
        digest=hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=16).hexdigest(),
        payload=said,
        at=wall_of(received if isinstance(received, float | int) else 0.0),
        event=event,
    )
