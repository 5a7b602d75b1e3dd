from __future__ import annotations

import json
import signal

import attrs
import pytest

from pushwire.cli.sandboxes import BUILDERS
from pushwire.cli.tally import Summary
from pushwire.providers import NAMES
from tests.cli.program import outcome, pushwire

KEYS = ["messages", "reconnects", "duplicates_withheld", "acks_confirmed", "missed_in_gaps", "lost", "twice"]


@pytest.mark.slow
async def test_the_last_line_of_json_counts_what_came_through() -> None:
    status, printed, complaint = await outcome("demo", "--provider", "gelabs", "--seconds", "4", "--json")
    assert (status, complaint) == (0, "")
    *events, summary = map(json.loads, printed.splitlines())
    assert list(summary) == [*KEYS, "providers"]
    assert summary["providers"] == {"gelabs": {key: summary[key] for key in KEYS}}
    messages = [event for event in events if event["event"] == "transaction"]
    assert summary["messages"] == len(messages) > 50
    assert len({event["data"]["message_id"] for event in messages}) == len(messages)
    assert summary["reconnects"] == sum(event["event"] == "up" for event in events) - 1 >= 1
    assert summary["duplicates_withheld"] > 0
    assert summary["acks_confirmed"] > 0
    assert (summary["missed_in_gaps"], summary["lost"], summary["twice"]) == (0, 0, 0)


@pytest.mark.slow
async def test_all_providers_run_side_by_side() -> None:
    status, printed, complaint = await outcome("demo", "--seconds", "4")
    assert (status, complaint) == (0, "")
    lines = printed.splitlines()
    assert {line.split()[1] for line in lines[: -len(NAMES)]} == set(NAMES)
    for name, line in zip(BUILDERS, lines[-len(NAMES) :], strict=True):
        counted = dict(part.rsplit(" ", 1) for part in line.removeprefix(f"{name}: ").split(", "))
        assert list(counted) == [key.replace("_", " ").replace("acks", "ACKs") for key in KEYS]
        assert int(counted["messages"]) > 20
        assert int(counted["reconnects"]) >= 1
        assert (counted["lost"], counted["twice"]) == ("0", "0")


@pytest.mark.slow
async def test_what_nobody_sends_again_is_counted_as_missed() -> None:
    status, printed, _ = await outcome("demo", "--provider", "satoriex", "--provider", "bitpanda", "--seconds", "4", "--json")
    assert status == 0
    *events, summary = map(json.loads, printed.splitlines())
    assert list(summary["providers"]) == ["satoriex", "bitpanda"]
    assert {event["provider"] for event in events if event["event"] == "gap"} == {"satoriex", "bitpanda"}
    assert summary["missed_in_gaps"] > 0
    for key in KEYS:
        assert sum(counted[key] for counted in summary["providers"].values()) == summary[key]


async def test_a_signal_ends_the_demo_early_with_its_summary() -> None:
    async with pushwire("demo", "--seconds", "600", "--json") as demo:
        await demo.event("transaction")
        demo.signal(signal.SIGINT)
        assert await demo.ended() == 130
        summary = json.loads(demo.printed[-1])
        assert list(summary["providers"]) == list(BUILDERS)
        assert (summary["lost"], summary["twice"]) == (0, 0)
        assert await demo.complaint() == ""


async def test_plain_output_ends_with_a_sentence_a_provider() -> None:
    status, printed, _ = await outcome("demo", "--provider", "gelabs", "--seconds", "0.3")
    assert status == 0
    assert printed.splitlines()[0].endswith(" gelabs up generation=1")
    assert printed.splitlines()[-1].startswith("gelabs: messages ")
    assert printed.splitlines()[-1].endswith(", lost 0, twice 0")


async def test_an_unknown_provider_is_one_line() -> None:
    status, printed, complaint = await outcome("demo", "--provider", "nobody")
    assert (status, printed) == (2, "")
    assert (
        complaint
        == "pushwire: there is no sandbox for 'nobody'; there are: quantcite, bitpanda, gelabs, pusher, quickpay, satoriex\n"
    )


def test_summaries_add_up() -> None:
    one = Summary(10, 1, 2, 3, 4, 0, 0)
    assert Summary.total([one, one]) == Summary(20, 2, 4, 6, 8, 0, 0)
    assert Summary.total([]) == Summary()
    assert one.clean
    assert not attrs.evolve(one, lost=1).clean
    assert not attrs.evolve(one, twice=1).clean
