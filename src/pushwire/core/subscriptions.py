"""Subscriptions: what the user wants against what the provider has confirmed.

The desired set belongs to the user and survives every reconnect; the asked and confirmed sets belong to one connection. Several
tasks may want the same topic: references are counted, so that the failure of one to get it does not take it from the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

__all__ = ["Subscriptions"]

TopicT = TypeVar("TopicT", bound=Hashable)


class Subscriptions(Generic[TopicT]):
    """The desired topics with their reference counts, and the state of each on the present connection."""

    __slots__ = ("_desired", "_grouped", "_made")

    def __init__(self) -> None:
        self._desired: dict[TopicT, int] = {}
        # What was asked for on this connection, and whether it was confirmed.
        self._made: dict[TopicT, bool] = {}
        self._grouped: Mapping[Hashable, Sequence[TopicT]] | None = None

    def want(self, topic: TopicT) -> None:
        """Count one more reference."""
        if topic not in self._desired:
            self._grouped = None
        self._desired[topic] = self._desired.get(topic, 0) + 1

    def unwant(self, topic: TopicT) -> None:
        """Count one less; with the last, the topic is forgotten."""
        count = self._desired.get(topic, 0)
        if count > 1:
            self._desired[topic] = count - 1
        else:
            self.forget(topic)

    def forget(self, topic: TopicT) -> None:
        """Drop the topic whatever its count: the provider has been told so."""
        self._grouped = None
        self._desired.pop(topic, None)
        self._made.pop(topic, None)

    def asked(self, topic: TopicT) -> None:
        """A subscribe for it is on its way on this connection."""
        self._made.setdefault(topic, False)

    def confirmed(self, topic: TopicT) -> None:
        """The provider confirmed it on this connection."""
        self._made[topic] = True

    def refused(self, topic: TopicT) -> None:
        """The provider refused it on this connection: not asked again before the next one."""
        self._made[topic] = False

    def unmade(self, topic: TopicT) -> None:
        """The provider has dropped it on this connection, and must be asked again."""
        self._made.pop(topic, None)

    def lost(self) -> None:
        """The connection has gone, and with it what was asked and confirmed on it."""
        self._made.clear()

    def missing(self) -> list[TopicT]:
        """Desired topics not asked for on this connection, in the order they were first wanted."""
        return [topic for topic in self._desired if topic not in self._made]

    def besides(self, named: Collection[Hashable], kept: Collection[TopicT]) -> list[TopicT]:
        """The desired topics, of those that are named only the ones that are kept."""
        return [topic for topic in self._desired if topic in kept or topic not in named]

    def grouped(self, by: Callable[[TopicT], Hashable]) -> Mapping[Hashable, Sequence[TopicT]]:
        """The desired topics by what `by` gives of each, in their order. Worked out when they have changed; `by` must always be
        the same."""
        if self._grouped is None:
            groups: dict[Hashable, list[TopicT]] = {}
            for topic in self._desired:
                groups.setdefault(by(topic), []).append(topic)
            self._grouped = groups
        return self._grouped

    def is_made(self, topic: TopicT) -> bool:
        """Whether it was asked for, or confirmed, on this connection."""
        return topic in self._made

    def is_confirmed(self, topic: TopicT) -> bool:
        return self._made.get(topic, False)

    def __contains__(self, topic: object) -> bool:
        return topic in self._desired

    def __len__(self) -> int:
        return len(self._desired)

    def __iter__(self) -> Iterator[TopicT]:
        return iter(self._desired)
