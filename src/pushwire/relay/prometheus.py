"""The relay as Prometheus metrics (`pip install 'pushwire[metrics]'`). The numbers are read when somebody asks."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ..shell.prometheus import Samples, counter, gauge, one_of
from ..version import version
from .link import Link
from .looking import RelayLook, StreamLook
from .tally import OUTCOMES, Histogram, RelayTally

__all__ = ["RelayMetrics"]

_STREAM: Final = ("stream",)


class RelayMetrics(Collector):
    """Metrics of one relay, without those of its streams' connections (`shell.prometheus.StreamMetrics`)."""

    def __init__(self, look: Callable[[], RelayLook], tally: RelayTally) -> None:
        self._look = look
        self._tally = tally

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on the streams."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All metrics as they are now. To be called where trio runs."""
        look = self._look()
        built = (version(), platform.python_version())
        yield gauge("pushwire_build_info", "What runs here.", ("version", "python"), [(built, 1.0)])
        providers = [((name, stream.provider), 1.0) for name, stream in look.streams.items()]
        yield gauge("pushwire_stream_info", "The provider of a stream.", ("stream", "provider"), providers)
        yield from self._sink(look)
        yield from self._events(look)

    def _sink(self, look: RelayLook) -> Iterator[Metric]:
        tally = self._tally
        states = [state.value for state in Link]
        yield one_of(
            "pushwire_relay_sink_state", "Where the connection to the sink stands.", ("state",), states, [((), look.sink.value)]
        )
        away = 0.0 if look.away_since is None else look.at - look.away_since
        yield gauge("pushwire_relay_sink_away_seconds", "How long the sink has not been open; 0: it is.", (), [((), away)])
        yield _histogram(
            "pushwire_relay_sink_write_seconds", "How long the sink took for a batch that it answered for.", tally.writes
        )
        yield _histogram("pushwire_relay_ledger_commit_seconds", "How long the ledger took to finish a batch.", tally.commits)
        for name, told, number in (
            ("sink_opens", "Openings of the sink.", tally.opened),
            ("sink_open_failures", "Attempts to open the sink that failed.", tally.open_failures),
            ("sink_backoffs", "Waits before the sink is opened again.", tally.backoffs),
            ("sink_unknown_writes", "Batches that the sink did not answer for; they are written again.", tally.unknown_writes),
        ):
            yield counter(f"pushwire_relay_{name}", told, (), [((), number)])

    def _events(self, look: RelayLook) -> Iterator[Metric]:
        streams = look.streams

        def each(number: Callable[[StreamLook], float]) -> Samples:
            return [((name,), number(stream)) for name, stream in streams.items()]

        yield counter(
            "pushwire_relay_outcomes",
            "What became of events: stored, held already (duplicate), quarantined, refused, or unknown and written again.",
            ("stream", "outcome"),
            [((name, what), counts[what]) for name, counts in self._tally.outcomes.items() for what in OUTCOMES],
        )
        yield counter(
            "pushwire_relay_ledger_errors",
            "Attempts to finish a batch in the ledger that failed; they are made again.",
            _STREAM,
            [((name,), self._tally.store_errors[name]) for name in streams],
        )
        yield gauge("pushwire_relay_held_events", "Events taken and not settled.", _STREAM, each(lambda one: one.events))
        yield gauge("pushwire_relay_held_bytes", "Memory that they take, about.", _STREAM, each(lambda one: one.bytes))
        yield gauge(
            "pushwire_relay_taking", "1: events are taken; 0: the stream is held back.", _STREAM, each(lambda one: one.taking)
        )
        yield gauge(
            "pushwire_relay_oldest_unsettled_seconds",
            "How long the oldest event that is not settled has waited; 0: there is none.",
            _STREAM,
            each(lambda one: 0.0 if one.oldest is None else look.at - one.oldest),
        )


def _histogram(name: str, told: str, found: Histogram) -> Metric:
    family = HistogramMetricFamily(name, told)
    buckets = [("+Inf" if bound == float("inf") else str(bound), float(count)) for bound, count in found.buckets]
    family.add_metric((), buckets, found.total)
    return family
