"""The relay's loop as a pure machine: events in, batches to a sink out, ACKs only for what the sink holds.

Three promises, whatever the sink does:

- an entry is settled (ACKed) only when the sink holds it durably, and every earlier one of its partition;
- what the sink did not answer for (a time-out, a cancellation, an error) is *unknown* and written again, in its old place;
- no stream holds more than its bounds; `Taking(stream, False)` says when to stop, at the latest one entry after a bound.

With one batch of a partition in flight, entries are first written in the order they came.

How to drive it
---------------
`attach` the streams and `start`. After every input take `take_effects` until it is empty, and call `handle_timer` no later than
`next_deadline`. Each `Open`, `Write`, `Settle` and `Close` is answered exactly once, also after `GiveUp`. `finished` is true when
nothing more will come. `now` is monotonic seconds.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence

import attrs

from ..core.backoff import Backoff, BackoffPolicy
from ..core.config import check_all, checked, seconds
from ..errors import LocalProtocolError
from .effects import Close, Effect, GiveUp, Open, Settle, Taking, Write
from .entries import Answer, Entry, Outcome, Refused, is_durable
from .lanes import Batch, Lane, Limits, Ready, Source
from .link import LINK, Link, LinkTrigger

__all__ = ["Limits", "Loop", "Timing"]


@attrs.frozen(kw_only=True)
class Timing:
    """Times are seconds. Raises `ConfigError` naming every wrong field."""

    open_within: float = attrs.field(default=30.0, metadata=checked(seconds))
    write_within: float = attrs.field(default=30.0, metadata=checked(seconds))
    close_within: float = attrs.field(default=5.0, metadata=checked(seconds))
    stop_within: float = attrs.field(default=10.0, metadata=checked(seconds))
    """How long what is in hand may take to be stored and settled after `stop`."""
    backoff_first: float = attrs.field(default=0.5, metadata=checked(seconds))
    backoff_cap: float = attrs.field(default=30.0, metadata=checked(seconds))

    def __attrs_post_init__(self) -> None:
        check_all(self)


class Loop:
    """See the module. `rng` draws the jitter of delays."""

    def __init__(self, limits: Limits, timing: Timing, rng: random.Random) -> None:
        self._limits = limits
        self._timing = timing
        self._sources: dict[str, Source] = {}
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._writes: dict[int, tuple[tuple[str, str], Batch]] = {}
        self._number = 0
        self._link = LINK.initial
        self._rng = rng
        self._backoff = self._fresh_backoff()
        self._settle_backoffs: dict[str, Backoff] = {}
        self._stored_since_open = False
        self._retry_at = math.inf
        self._stop_at = math.inf
        self._stopping = False
        self._given_up = False
        self._effects: list[Effect] = []
        self.counts: Counter[str] = Counter()
        """Answers by their names; each `unknown` is an entry that was written again."""
        self.last_error: str | None = None

    # Inputs

    def attach(self, stream: str, *, acks: bool) -> None:
        """Serve a stream; `acks`: whether its provider wants to be told."""
        self._sources[stream] = Source(stream, self._limits, acks=acks)
        self._settle_backoffs[stream] = self._fresh_backoff()

    def start(self, now: float) -> None:
        """Begin by opening the sink."""
        self._to(LinkTrigger.START)
        self._open()

    def offer(self, entry: Entry, now: float) -> None:
        """One event of a stream whose `taking` is true. Raises `LocalProtocolError` where it is not."""
        if not self.offer_many(entry.stream, (entry,), now):
            raise LocalProtocolError(f"{entry.stream} is held back: the entry would go beyond its bounds")

    def offer_many(self, stream: str, entries: Sequence[Entry], now: float) -> int:
        """Events of one stream, in order. Returns how many of them were taken: as many as there is room for."""
        if not self.taking(stream):
            return 0
        source = self._sources[stream]
        touched: dict[tuple[str, str], Lane] = {}
        taken = 0
        for entry in entries:
            place = (stream, entry.partition)
            lane = touched.get(place)
            if lane is None:
                lane = touched[place] = self._lanes.get(place) or Lane(source, self._limits)
            size = entry.size
            lane.add(entry, size, now)
            source.add(size)
            taken += 1
            if not source.taking:
                self._effects.append(Taking(stream, False))
                break
        self._lanes.update(touched)
        if self._link is Link.OPEN:
            for place, lane in touched.items():
                self._write(place, lane, now)
        return taken

    def opened(self, now: float) -> None:
        """The sink is open."""
        self._to(LinkTrigger.OPENED)
        self._stored_since_open = False
        if self._link is Link.CLOSING:
            self._effects.append(Close(self._timing.close_within))
        else:
            self._advance(now)

    def not_opened(self, reason: str, now: float) -> None:
        """The sink could not be opened; it is tried again after a back-off."""
        self.last_error = reason
        self._to(LinkTrigger.FAILED)
        if self._link is Link.BACKING_OFF:
            self._back_off(now)
            self._advance(now)

    def written(self, number: int, answers: Sequence[Answer] | None, now: float, reason: str = "") -> None:
        """What became of a `Write`, entry by entry; None, or another number of answers: all of it is unknown, for `reason`."""
        place, batch = self._writes.pop(number)
        lane = batch.lane
        if answers is None or len(answers) != len(batch.entries):
            self.last_error = reason or "the sink gave no answer for each entry"
            answers = [Outcome.UNKNOWN] * len(batch.entries)
        lane.in_flight -= 1
        if answers.count(Outcome.STORED) == len(answers):
            self.counts["stored"] += len(answers)
            self._stored_since_open = True
            lane.stored(batch)
        else:
            for answer in answers:
                self._count(answer)
            lane.answered(batch, answers)
            if Outcome.UNKNOWN in answers:
                self._to(LinkTrigger.UNKNOWN)
        if lane.empty and not lane.in_flight:
            del self._lanes[place]
        self._settle(lane.source)
        self._advance(now)

    def settled(self, stream: str, done: bool, now: float) -> None:
        """The answer to a `Settle`; not `done`: it is asked for again after a back-off."""
        source = self._sources[stream]
        settling, source.settling = source.settling or Ready(), None
        if done:
            self._let_go(source, settling)
            self._settle_backoffs[stream].ended(0.0, answered=True)
            self._settle(source)
        else:
            settling.take_over(source.ready)
            source.ready = settling
            source.retry_at = now + self._settle_backoffs[stream].delay()
        self._advance(now)

    def shut(self, now: float) -> None:
        """The sink is closed."""
        self._to(LinkTrigger.SHUT)
        if self._link is Link.BACKING_OFF:
            self._backoff.ended(0.0, answered=self._stored_since_open)
            self._back_off(now)
            self._advance(now)

    def stop(self, now: float) -> None:
        """Take no more; store and settle what is in hand, within `stop_within`, then end. May be called again."""
        if self._stopping:
            return
        self._stopping = True
        self._stop_at = now + self._timing.stop_within
        if self._link is Link.BACKING_OFF:
            # One more attempt: the rest of the delay may be all the time there is.
            self._retry_at = now
        for source in self._sources.values():
            if source.retry_at is not None:
                source.retry_at = now
            if source.taking:
                self._effects.append(Taking(source.name, False))
        self._advance(now)

    def handle_timer(self, now: float) -> None:
        """Do what is due at `now`; harmless when nothing is."""
        if now >= self._stop_at and not self._given_up:
            self._give_up()
        self._advance(now)

    # Outputs

    def next_deadline(self) -> float:
        """When `handle_timer` must be called at the latest; `math.inf`: never. Changes nothing."""
        due = math.inf if self._given_up else self._stop_at
        if self._link is Link.BACKING_OFF:
            due = min(due, self._retry_at)
        elif self._link is Link.OPEN and not self._given_up:
            for lane in self._lanes.values():
                at = lane.due()
                if at is not None and at < due:
                    due = at
        if not self._given_up:
            due = min((due, *(source.retry_at for source in self._sources.values() if source.retry_at is not None)))
        return due

    def take_effects(self) -> Sequence[Effect]:
        """The effects since the last call, in order."""
        effects, self._effects = self._effects, []
        return effects

    def taking(self, stream: str) -> bool:
        """Whether events of a stream may be offered."""
        return self._sources[stream].taking and not self._stopping

    def held(self, stream: str) -> tuple[int, int]:
        """Events of a stream that are not settled, and their bytes."""
        source = self._sources[stream]
        return source.events, source.bytes

    def oldest(self, stream: str) -> float | None:
        """When the oldest of what a stream has not settled came; None: nothing is."""
        source = self._sources[stream]
        oldest = min(source.oldest, *(lane.oldest for lane in self._lanes.values() if lane.source is source), math.inf)
        return None if oldest == math.inf else oldest

    @property
    def link(self) -> Link:
        """Where the connection to the sink stands."""
        return self._link

    @property
    def finished(self) -> bool:
        return self._link is Link.CLOSED

    # Within

    def _to(self, trigger: LinkTrigger) -> None:
        self._link = LINK.next(self._link, trigger)

    def _open(self) -> None:
        self._effects.append(Open(self._timing.open_within))

    def _back_off(self, now: float) -> None:
        self._retry_at = now + self._backoff.delay()

    def _give_up(self) -> None:
        self._given_up = True
        self._effects.append(GiveUp())

    def _advance(self, now: float) -> None:
        """Do all that the state allows now."""
        for source in self._sources.values():
            if source.retry_at is not None and source.retry_at <= now:
                source.retry_at = None
                self._settle(source)
        if self._link is Link.FAILING and not self._writes:
            self._to(LinkTrigger.QUIET)
            self._effects.append(Close(self._timing.close_within))
        if self._stopping and self._may_end():
            self._end()
        elif self._link is Link.BACKING_OFF and self._retry_at <= now:
            self._to(LinkTrigger.DUE)
            self._open()
        elif self._link is Link.OPEN:
            for place, lane in list(self._lanes.items()):
                self._write(place, lane, now)

    def _write(self, place: tuple[str, str], lane: Lane, now: float) -> None:
        """Write the batches of a lane that are due."""
        while not self._given_up:
            due = lane.due()
            if due is None or (due > now and not self._stopping):
                return
            batch = lane.take()
            self._number += 1
            self._writes[self._number] = (place, batch)
            self._effects.append(Write(self._number, place[1], batch.entries, self._timing.write_within))

    def _count(self, answer: Answer) -> None:
        self.counts["refused" if isinstance(answer, Refused) else answer.name.lower()] += 1
        if is_durable(answer):
            self._stored_since_open = True

    def _settle(self, source: Source) -> None:
        """Have what is ready settled, unless that is under way or waits for its back-off."""
        if source.settling is not None or source.retry_at is not None or not source.ready or self._given_up:
            return
        ready, source.ready = source.ready, Ready()
        stored = tuple(ready.stored) if source.acks else ()
        if stored or ready.refused:
            source.settling = ready
            self._effects.append(Settle(source.name, stored, tuple(ready.refused)))
        else:
            self._let_go(source, ready)

    def _let_go(self, source: Source, ready: Ready) -> None:
        before = source.taking
        source.settled(ready)
        if source.taking and not before and not self._stopping:
            self._effects.append(Taking(source.name, True))

    def _may_end(self) -> bool:
        """Whether nothing is under way, and nothing is left or the time is up."""
        sources = self._sources.values()
        if self._writes or any(source.settling is not None for source in sources):
            return False
        return self._given_up or not any(source.events for source in sources)

    def _end(self) -> None:
        before = self._link
        if before in (Link.GIVING_UP, Link.CLOSING, Link.CLOSED):
            return
        self._to(LinkTrigger.END)
        if before is Link.OPENING and not self._given_up:
            self._give_up()
        elif before is Link.OPEN:
            self._effects.append(Close(self._timing.close_within))

    def _fresh_backoff(self) -> Backoff:
        # Something stored is proof enough: its delay need not last as well.
        return Backoff(BackoffPolicy(self._timing.backoff_first, self._timing.backoff_cap, stable_after=0.0), self._rng)
