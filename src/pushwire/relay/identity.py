"""What the relay knows an event by: its idempotency key, and the payload that goes with it.

A key is the stream's name and the `identity` that the provider's config finds: two relays, or one before and after a crash, come
to the same. The payload is what the provider said, without what pushwire or the moment added.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final, cast

from ..core.commands import Ledgered
from ..core.describing import describe, encode
from ..core.provider import ProviderConfig
from .entries import Entry

__all__ = ["entry_of", "payload"]

OURS: Final = frozenset({"delivery", "asked_for", "identity", "message_id", "sent"})
"""Fields of events that are not the provider's, or differ from one sending to the next."""


_DUMPED: Final[dict[type, str | None]] = {}
"""The kinds of those types of events that dump themselves, None for the others. It is asked for each message: to spell out the
event for its name alone would be most of the relay's work."""


_NUMBER: Final = (float, int)  # as a union it would be made anew for each message


def payload(event: object, wall_of: Callable[[float], float]) -> tuple[str, str]:
    """The event's kind, and what the provider said, as JSON. `wall_of` turns seconds on trio's clock into POSIX seconds."""
    found = type(event)
    if found not in _DUMPED:
        _DUMPED[found] = describe("", event, wall_of).event if hasattr(event, "dump") else None
    kind = _DUMPED[found]
    if kind is not None:
        return kind, cast(Ledgered, event).dump()
    line = describe("", event, wall_of)
    return line.event, encode({name: value for name, value in line.data.items() if name not in OURS})


def entry_of(stream: str, config: ProviderConfig, event: object, wall_of: Callable[[float], float]) -> Entry:
    """An event of a stream as the relay hands it on; order is kept within the stream."""
    kind, said = payload(event, wall_of)
    key = config.identity(event)
    received = getattr(event, "received", 0.0)
    return Entry(
        stream,
        config.provider,
        kind,
        stream,
        None if key is None else f"{stream}:{key}",
        blake2b(said.encode(errors="surrogatepass"), digest_size=16).hexdigest(),
        said,
        wall_of(received if isinstance(received, _NUMBER) else 0.0),
        cast(Ledgered, event).identity if _DUMPED[type(event)] is not None else None,
    )
