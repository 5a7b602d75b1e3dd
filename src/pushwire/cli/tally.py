"""What a demonstration counts: what arrived, against what the sandbox knows it sent.

The keys of what was sent are whatever a sandbox knows its messages by, hence the `Any`: a mapping of one kind of key is none of
another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from ..core.events import Gap, Up
from ..core.machine import Status

__all__ = ["Summary", "Tally"]


@attrs.frozen
class Summary:
    """What came of what was sent. The names are those of the demo's last line.

    `missed_in_gaps` did not come, which was announced; `lost` neither came nor was announced; `twice` came again unchanged.
    """

    messages: int = 0
    reconnects: int = 0
    duplicates_withheld: int = 0
    acks_confirmed: int = 0
    missed_in_gaps: int = 0
    lost: int = 0
    twice: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost or delivered twice."""
        return not (self.lost or self.twice)

    @classmethod
    def total(cls, summaries: Iterable[Summary]) -> Summary:
        rows = [attrs.astuple(summary) for summary in summaries]
        return cls(*map(sum, zip(*rows, strict=True)))


@attrs.define
class Tally:
    """The events of one stream, counted. `key` gives what the sandbox knows a message by; None: it is none of the sandbox's."""

    key: Callable[[object], Hashable | None]
    arrived: Counter[Hashable] = attrs.Factory(Counter[Hashable])
    ups: int = 0
    gaps: list[tuple[float, float]] = attrs.Factory(list[tuple[float, float]])

    @property
    def messages(self) -> int:
        return self.arrived.total()

    @property
    def reconnects(self) -> int:
        return max(0, self.ups - 1)

    def add(self, events: Sequence[object]) -> None:
        for event in events:
            if isinstance(event, Up):
                self.ups += 1
            elif isinstance(event, Gap):
                self.gaps.append((event.since, event.until))
            else:
                key = self.key(event)
                if key is not None:
                    self.arrived[key] += 1

    def accounts_for(self, sent: Mapping[Any, float]) -> bool:
        """Whether all that was sent has arrived, or was announced as missing."""
        return all(map(self._announced, self._missing(sent)))

    def summary(self, sent: Mapping[Any, float], status: Status) -> Summary:
        """`sent` gives what was sent, with the POSIX seconds of that."""
        missing = self._missing(sent)
        announced = sum(map(self._announced, missing))
        return Summary(
            messages=self.messages,
            reconnects=self.reconnects,
            duplicates_withheld=status.withheld,
            acks_confirmed=status.acks_confirmed,
            missed_in_gaps=announced,
            lost=len(missing) - announced,
            twice=sum(times - 1 for times in self.arrived.values()),
        )

    def _missing(self, sent: Mapping[Any, float]) -> list[float]:
        return [at for key, at in sent.items() if key not in self.arrived]

    def _announced(self, at: float) -> bool:
        return any(since <= at <= until for since, until in self.gaps)
