"""Which pairs must not fall silent. A subscription to a fiat, or to a whole channel, does not name them: they name themselves.

A pair that was heard once under such a subscription is watched from then on like one that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from ...core.staleness import Staleness
from ...core.subscriptions import Subscriptions
from .prices import Price
from .topics import Topic

__all__ = ["Silence"]


class Silence:
    """Tells the shared `Staleness` of each price. What it knows belongs to one connection."""

    __slots__ = ("_heard", "_staleness", "_subscriptions")

    def __init__(self, staleness: Staleness[Topic], subscriptions: Subscriptions[Topic]) -> None:
        self._staleness = staleness
        self._subscriptions = subscriptions
        # By pair: what a price of it is data for. Kept, since to find it out costs as much as to decode the price.
        self._heard: dict[tuple[str, str, str], tuple[Topic, ...]] = {}

    def prices(self, prices: Sequence[Price], now: float) -> None:
        """These prices came, in one read: each pair is looked at once."""
        pairs = {(price.type, price.asset, price.fiat): price for price in prices}
        for pair in [pair for pair in pairs if pair not in self._heard]:
            topics = self._first(pairs[pair], now)
            if topics:
                self._heard[pair] = topics
        self._staleness.data_all(set(chain.from_iterable([self._heard.get(pair, ()) for pair in pairs])), now)

    def forget(self) -> None:
        """The channel, or the connection, was given up: pairs that nobody asked for by name may fall silent."""
        for topics in self._heard.values():
            if topics[0] not in self._subscriptions:
                self._staleness.unwatch(topics[0])
        self._heard.clear()

    def _first(self, price: Price, now: float) -> tuple[Topic, ...]:
        """What it is data for, the pair first; nothing while no subscription is confirmed that covers it."""
        pair, *wider = price.topics
        if self._subscriptions.is_confirmed(pair):
            return (pair,)
        covering = [topic for topic in wider if self._subscriptions.is_confirmed(topic)]
        if not covering:
            return ()
        self._staleness.watch(pair, now)
        return (pair, *covering)
