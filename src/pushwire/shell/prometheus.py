"""Streams as Prometheus metrics (`pip install 'pushwire[metrics]'`).

prometheus_client names, escapes and prints; the numbers are those of `tally`, read when somebody asks. Nothing is registered
globally: whoever wants the metrics gives the collector to a registry of his own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import trio

try:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError as _missing:
    raise ImportError("metrics need another package: pip install 'pushwire[metrics]'") from _missing

from ..core.machine import Phase
from .observer import StreamStatus
from .tally import StreamTally

__all__ = ["StreamMetrics", "counter", "gauge", "one_of"]

Samples: TypeAlias = Iterable[tuple[Sequence[str], float]]
Family: TypeAlias = Callable[[str, str, Sequence[str], Samples], Metric]


def counter(name: str, told: str, labels: Sequence[str], samples: Samples) -> Metric:
    """What only grows; its samples end in `_total`."""
    family = CounterMetricFamily(name, told, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def gauge(name: str, told: str, labels: Sequence[str], samples: Samples) -> Metric:
    """What is so at the moment."""
    family = GaugeMetricFamily(name, told, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def one_of(
    name: str, told: str, labels: Sequence[str], states: Sequence[str], current: Iterable[tuple[Sequence[str], str]]
) -> Metric:
    """A state: 1 for the current one, 0 for the others. The last label names it."""
    return gauge(name, told, labels, (((*who, state), float(state == now)) for who, now in current for state in states))


class StreamMetrics(Collector):
    """Metrics of any number of streams: `connect(config, observer=metrics.stream("wallets"))`, and
    `CollectorRegistry().register(metrics)`. `wall` gives POSIX seconds; `tallies` are of streams that are counted already."""

    def __init__(self, wall: Callable[[], float] = time.time, tallies: Mapping[str, StreamTally] | None = None) -> None:
        self._wall = wall
        self._tallies = dict(tallies or {})

    def stream(self, name: str) -> StreamTally:
        """The observer for the stream of this name; a stream that is opened again goes on with its counts."""
        return self._tallies.setdefault(name, StreamTally(self._wall))

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on the streams."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All metrics as they are now. To be called where trio runs."""
        yield from self._connections()
        yield from self._messages()
        yield from self._silences()

    def _connections(self) -> Iterator[Metric]:
        now = trio.current_time()
        looks = {name: status for name, tally in self._tallies.items() if (status := tally.status) is not None}

        def each(number: Callable[[StreamStatus], float]) -> Samples:
            return [((name,), number(look)) for name, look in looks.items()]

        names = ("stream", "phase")
        phases = [((name,), look.session.phase.value) for name, look in looks.items()]
        yield one_of("pushwire_stream_phase", "Where the connection stands.", names, [phase.value for phase in Phase], phases)
        yield gauge(
            "pushwire_stream_phase_age_seconds",
            "How long the connection has stood there.",
            _STREAM,
            each(lambda look: now - look.session.since),
        )
        for family, name, told, number in _OF_STATUS:
            yield family(name, told, _STREAM, each(number))
        yield counter(
            "pushwire_stream_downs",
            "Connections that were ready and ended, by whom, with which close code or HTTP status.",
            ("stream", "by", "code"),
            [((name, *how), count) for name, tally in self._tallies.items() for how, count in tally.ended_by.items()],
        )

    def _messages(self) -> Iterator[Metric]:
        tallies = self._tallies.items()
        yield counter(
            "pushwire_stream_events",
            "Events delivered, control events among them.",
            ("stream", "kind"),
            [((name, kind), count) for name, tally in tallies for kind, count in tally.kinds.items()],
        )
        yield counter(
            "pushwire_stream_deliveries",
            "Messages that are ACKed: new, update, reorg, or redelivery after a restart.",
            ("stream", "delivery"),
            [((name, why), count) for name, tally in tallies for why, count in tally.deliveries.items()],
        )
        yield counter(
            "pushwire_stream_gap_seconds",
            "Spans of time of which messages may be missing.",
            _STREAM,
            [((name,), tally.gaps) for name, tally in tallies],
        )
        yield gauge(
            "pushwire_stream_lag_seconds",
            "From the provider's own time of the last message to its arrival; wrong by what the clocks differ.",
            _STREAM,
            [((name,), lag) for name, tally in tallies if (lag := tally.lag) is not None],
        )
        yield gauge(
            "pushwire_stream_last_message_timestamp_seconds",
            "When the last message came.",
            _STREAM,
            [((name,), tally.last_at) for name, tally in tallies if tally.last_at is not None],
        )

    def _silences(self) -> Iterator[Metric]:
        tallies = self._tallies.items()
        yield gauge(
            "pushwire_stream_stale_topics",
            "Topics without data for longer than `stale_after`.",
            _STREAM,
            [((name,), tally.silent_topics) for name, tally in tallies],
        )
        yield gauge(
            "pushwire_stream_silence_seconds",
            "How long a stale topic has had no data; of many, those that have had none for longest.",
            ("stream", "topic"),
            [((name, topic), seconds) for name, tally in tallies for topic, seconds in tally.silences().items()],
        )


_STREAM: Final = ("stream",)
_OF_STATUS: Final[Sequence[tuple[Family, str, str, Callable[[StreamStatus], float]]]] = (
    (counter, "pushwire_stream_dials", "Attempts to connect.", lambda look: look.session.generation),
    (counter, "pushwire_stream_withheld", "Resends of what is known, not delivered again.", lambda look: look.session.withheld),
    (gauge, "pushwire_stream_unacked", "Messages delivered and not settled.", lambda look: look.session.unacked),
    (counter, "pushwire_stream_acks_sent", "ACKs sent.", lambda look: look.session.acks_sent),
    (
        counter,
        "pushwire_stream_acks_confirmed",
        "ACKs that the provider confirmed.",
        lambda look: look.session.acks_confirmed,
    ),
    (gauge, "pushwire_stream_inbox_events", "Events that wait for a consumer.", lambda look: look.in_hand),
    (counter, "pushwire_stream_discarded", "Events let go because nobody took them in time.", lambda look: look.discarded),
)
