"""What `tail` and `demo` have in common: events taken in batches, shown, and ACKed once they were shown, never before."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, cast

import trio

from ..core.commands import Ledgered
from ..core.events import AckRefused, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from ..shell.connect import AckStreamConfig, StreamConfig
from ..shell.stream import AckStream, Stream

__all__ = ["CONTROL", "consume", "wall_clock"]

CONTROL: Final = (AckRefused, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up)
"""Events that are no messages."""

BATCH: Final = 100
"""Events shown in one go."""


def wall_clock() -> Callable[[float], float]:
    """Turns trio's clock into POSIX seconds."""
    offset = time.time() - trio.current_time()
    return lambda at: at + offset


async def consume(
    stream: Stream[object], config: StreamConfig[object], show: Callable[[Sequence[object]], Awaitable[Sequence[object]]]
) -> None:
    """Hand batches of events to `show` and ACK those it returns, until the stream ends. Raises what ended it."""
    settle = _settling(stream, config)
    async for batch in stream.batches(BATCH):
        await settle(await show(batch))


def _settling(stream: Stream[object], config: StreamConfig[object]) -> Callable[[Sequence[object]], Awaitable[None]]:
    """What ACKs those of some events that can be ACKed."""
    if not isinstance(config, AckStreamConfig):
        return _settle_nothing
    # Which stream it is follows from the config, as in `connect`.
    acked = cast(AckStreamConfig[object, Ledgered], config).acked()
    ack = cast(AckStream[object, Ledgered, None], stream).ack

    async def settle(events: Sequence[object]) -> None:
        await ack(*(event for event in events if isinstance(event, acked)))

    return settle


async def _settle_nothing(events: Sequence[object]) -> None:
    """On a stream without ACKs."""
