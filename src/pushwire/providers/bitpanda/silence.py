"""Which pairs must not fall silent. A subscription to a fiat, or to a whole channel, does not name them: they name themselves.

A pair that was heard once under such a subscription is watched from then on like one that was asked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, TypeAlias

from ...core.speedups import mark_times
from ...core.staleness import Staleness
from ...core.subscriptions import Subscriptions
from .prices import Price
from .topics import PRICES, Topic

__all__ = ["Silence"]

_Pair: TypeAlias = tuple[str, str, str]
"""Type, asset and fiat."""
_PAIR: Final = ("type", "asset", "fiat")


class Silence:
    """Tells the shared `Staleness` of each price. What it knows belongs to one connection."""

    __slots__ = ("_heard", "_latest", "_staleness", "_subscriptions")

    def __init__(self, staleness: Staleness[Topic], subscriptions: Subscriptions[Topic]) -> None:
        self._staleness = staleness
        self._subscriptions = subscriptions
        self._latest: dict[_Pair, float] = {}
        """When each pair was last heard, of those heard since the other was told. Most prices only change a time here."""
        # What a price of a pair is data for. Kept, since to find it out costs as much as to decode the price.
        self._heard: dict[_Pair, tuple[Topic, ...]] = {}

    def prices(self, prices: Sequence[Price], now: float) -> None:
        """These prices came, in one read."""
        latest = self._latest
        before = len(latest)
        mark_times(latest, prices, _PAIR, now)
        if len(latest) > before:
            # The new ones stand behind the others, in the order in which they came.
            new = [pair for pair in itertools.islice(latest, before, None) if pair not in self._heard]
            if new:
                self._look_at(new, now)
        self._staleness.defer(self._tell)

    def forget(self) -> None:
        """The channel, or the connection, was given up: pairs that nobody asked for by name may fall silent."""
        self._latest.clear()
        for topics in self._heard.values():
            if topics[0] not in self._subscriptions:
                self._staleness.unwatch(topics[0])
        self._heard.clear()

    def _look_at(self, new: Sequence[_Pair], now: float) -> None:
        """These were never heard. One that nothing covers is looked at again when something does."""
        for pair in new:
            topics = self._first(pair, now)
            if topics:
                self._heard[pair] = topics
                # To watch it made the other ask what had come, this too.
                self._latest[pair] = now

    def _first(self, pair: _Pair, now: float) -> tuple[Topic, ...]:
        """What it is data for, the pair first; nothing while no subscription is confirmed that covers it."""
        kind, asset, fiat = pair
        itself = Topic(PRICES, fiat, asset, kind)
        if self._subscriptions.is_confirmed(itself):
            return (itself,)
        covering = [topic for topic in (Topic(PRICES, fiat), Topic(PRICES)) if self._subscriptions.is_confirmed(topic)]
        if not covering:
            return ()
        self._staleness.watch(itself, now)
        return (itself, *covering)

    def _tell(self) -> None:
        latest, self._latest = self._latest, {}
        times: dict[Topic, float] = {}
        for pair, at in latest.items():
            for topic in self._heard.get(pair, ()):
                times[topic] = max(at, times.get(topic, at))
        self._staleness.data_all(times)
