"""Streams as Prometheus metrics, in a registry of one's own."""

from __future__ import annotations

from typing import TypeAlias

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pushwire.core.effects import Close
from pushwire.core.events import Down, Gap, Stale
from pushwire.core.machine import Phase
from pushwire.shell.prometheus import StreamMetrics
from pushwire.testing.gelabs import transaction
from tests.shell.provider import Provider
from tests.shell.streams import connect
from tests.shell.streams import transaction as taken
from tests.shell.test_tally import CONFIG, NOW, status

Found: TypeAlias = dict[str, dict[tuple[str, ...], float]]


def scraped(metrics: StreamMetrics) -> Found:
    """Every sample of the one stream: by its name, and the values of its other labels."""
    registry = CollectorRegistry()
    registry.register(metrics)
    found: Found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("stream") == "wallets"
            name = sample.name.removeprefix("pushwire_stream_")
            assert found.setdefault(name, {}).setdefault(tuple(labels.values()), sample.value) == sample.value
    return found


async def test_a_stream_in_numbers(autojump_clock: object, provider: Provider) -> None:
    metrics = StreamMetrics(lambda: NOW)
    provider.push(1, tx_time=int(NOW * 1000) - 2500)
    async with connect(provider.network, observer=metrics.stream("wallets")) as stream:
        await taken(aiter(stream), 1)
        found = scraped(metrics)
        assert {phase for (phase,), on in found["phase"].items() if on} == {"ready"}
        assert len(found["phase"]) == len(Phase)
        assert found["events_total"] == {("up",): 1, ("transaction",): 1}
        assert found["deliveries_total"] == {("new",): 1}
        for name, value in {"dials_total": 1, "unacked": 1, "withheld_total": 0, "inbox_events": 0, "stale_topics": 0}.items():
            assert found[name] == {(): value}, name
        assert found["last_message_timestamp_seconds"] == {(): NOW}
    assert {phase for (phase,), on in scraped(metrics)["phase"].items() if on} == {"closed"}


async def test_what_has_gone_wrong_is_told_by_its_kind(autojump_clock: object) -> None:
    metrics = StreamMetrics(lambda: NOW)
    tally = metrics.stream("wallets")
    tally.began(CONFIG, status)
    tally.saw([Down(1.0, 'of "many" words', Close(code=1006)), Gap(1.0, 5.0, 7.5), Stale(9.0, ("a\n", None, "b"), -3.0)])
    tally.saw([transaction(sent=int((NOW - 4) * 1000), listen_addresses=())])
    found = scraped(metrics)
    assert found["downs_total"] == {("peer", "1006"): 1}
    assert found["gap_seconds_total"] == {(): 2.5}
    assert found["lag_seconds"] == {(): 4.0}
    assert found["stale_topics"] == {(): 1}
    assert list(found["silence_seconds"]) == [("a\n:b",)]


async def test_one_that_has_not_begun_has_counts_and_no_state(autojump_clock: object) -> None:
    metrics = StreamMetrics()
    assert metrics.stream("wallets") is metrics.stream("wallets")
    found = scraped(metrics)
    assert "phase" not in found
    assert found["stale_topics"] == {(): 0}


def test_nothing_is_registered_globally() -> None:
    assert not any(name.startswith("pushwire") for name in REGISTRY._names_to_collectors)
