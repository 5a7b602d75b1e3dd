"""The loop's rules, one by one. That they hold whatever happens is shown in `test_loop_runs`."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from pushwire.errors import LocalProtocolError
from pushwire.relay.effects import Close, GiveUp, Open, Settle, Taking, Write
from pushwire.relay.entries import Outcome, Refused
from pushwire.relay.link import LINK, Link, LinkTrigger
from pushwire.relay.loop import Limits, Loop, Timing
from tests.core.test_transitions import check_total, reachable
from tests.relay.kit import STREAM, all_stored, entry, made, number_of, settle_of, write_of


def test_each_state_and_trigger_is_a_transition_or_a_refusal_with_a_name() -> None:
    assert check_total(LINK, Link, LinkTrigger) > 0
    assert reachable(LINK) == set(Link)


def test_the_docs_show_the_table_as_it_is() -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "relay.md"
    assert LINK.mermaid() in page.read_text(encoding="utf-8"), "docs/relay.md is stale"


def test_driving_it_loads_no_event_loop() -> None:
    program = (
        "import sys, pushwire.relay.loop; print([name for name in ('trio', 'ssl', 'sqlite3', 'time') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout in {"[]\n", "['time']\n"}, "the interpreter itself may have loaded time"


def test_it_begins_by_opening_the_sink() -> None:
    loop = Loop(Limits(), Timing(open_within=7), random.Random(0))
    loop.attach(STREAM, acks=True)
    loop.start(0.0)
    assert loop.take_effects() == [Open(7)]
    assert loop.next_deadline() == math.inf


def test_a_full_batch_is_written_at_once_and_a_small_one_when_it_has_waited() -> None:
    loop = made(batch_events=2, linger=0.5)
    loop.offer(entry(1), 1.0)
    assert loop.take_effects() == []
    assert loop.next_deadline() == 1.5
    loop.offer(entry(2), 1.1)
    assert [number_of(e) for e in write_of(loop).entries] == [1, 2]
    loop.written(1, [Outcome.STORED, Outcome.STORED], 1.2)
    loop.settled(STREAM, True, 1.2)
    loop.take_effects()
    loop.offer(entry(3), 2.0)
    loop.handle_timer(2.4)
    assert loop.take_effects() == []
    loop.handle_timer(2.5)
    assert [number_of(e) for e in write_of(loop).entries] == [3]


def test_a_batch_is_bounded_in_bytes_and_holds_one_entry_at_least() -> None:
    loop = made(batch_bytes=5000, linger=0.0)
    loop.offer(entry(0), 0.0)
    first = write_of(loop)
    for number in (1, 2, 3):
        loop.offer(entry(number, payload="x" * (300 if number < 3 else 9000)), 0.0)
    loop.written(first.number, all_stored(first), 0.0)
    effects = [effect for effect in loop.take_effects() if isinstance(effect, Write)]
    assert [[number_of(e) for e in effect.entries] for effect in effects] == [[1, 2]]
    loop.written(effects[0].number, all_stored(effects[0]), 0.0)
    effects = [effect for effect in loop.take_effects() if isinstance(effect, Write)]
    assert [[number_of(e) for e in effect.entries] for effect in effects] == [[3]]


def test_one_batch_of_a_partition_is_under_way_and_partitions_do_not_wait_for_one_another() -> None:
    loop = made(batch_events=1)
    for number, partition in enumerate("aab"):
        loop.offer(entry(number, partition=partition), 0.0)
    writes = [effect for effect in loop.take_effects() if isinstance(effect, Write)]
    assert [(write.partition, number_of(write.entries[0])) for write in writes] == [("a", 0), ("b", 2)]


def test_what_is_stored_is_settled_together_with_what_was_stored_meanwhile() -> None:
    loop = made(batch_events=1, in_flight=3)
    for number in range(3):
        loop.offer(entry(number), 0.0)
    writes = [effect for effect in loop.take_effects() if isinstance(effect, Write)]
    loop.written(writes[0].number, [Outcome.STORED], 0.0)
    assert [number_of(e) for e in settle_of(loop).stored] == [0]
    loop.written(writes[1].number, [Outcome.DUPLICATE], 0.0)
    loop.written(writes[2].number, [Outcome.QUARANTINED], 0.0)
    assert loop.take_effects() == []
    loop.settled(STREAM, True, 0.0)
    assert [number_of(e) for e in settle_of(loop).stored] == [1, 2]
    assert loop.counts == {"stored": 1, "duplicate": 1, "quarantined": 1}


def test_an_entry_is_not_settled_before_an_earlier_one_of_its_partition() -> None:
    loop = made(batch_events=1, in_flight=2)
    loop.offer(entry(0), 0.0)
    loop.offer(entry(1), 0.0)
    first, second = (effect for effect in loop.take_effects() if isinstance(effect, Write))
    loop.written(second.number, [Outcome.STORED], 0.0)
    assert loop.take_effects() == []
    loop.written(first.number, [Outcome.STORED], 0.0)
    assert [number_of(e) for e in settle_of(loop).stored] == [0, 1]


def test_an_unknown_outcome_closes_the_sink_opens_it_again_and_writes_what_was_not_stored() -> None:
    loop = made(batch_events=3)
    for number in range(3):
        loop.offer(entry(number), 0.0)
    write = write_of(loop)
    loop.written(write.number, [Outcome.STORED, Outcome.UNKNOWN, Outcome.STORED], 1.0, "cut")
    settle, close = loop.take_effects()
    assert isinstance(settle, Settle)
    assert [number_of(e) for e in settle.stored] == [0]
    assert close == Close(5.0)
    loop.shut(1.0)
    due = loop.next_deadline()
    assert 1.25 <= due <= 1.5, "half of the first delay, and up to half more by chance"
    loop.handle_timer(due)
    assert loop.take_effects() == [Open(30.0)]
    loop.opened(due)
    again = write_of(loop)
    assert [number_of(e) for e in again.entries] == [1]
    loop.settled(STREAM, True, due)
    loop.written(again.number, [Outcome.STORED], due)
    assert [number_of(e) for e in settle_of(loop).stored] == [1, 2]


def test_answers_of_the_wrong_number_are_no_answers() -> None:
    loop = made(batch_events=1)
    loop.offer(entry(0), 0.0)
    loop.written(write_of(loop).number, [], 0.0)
    assert loop.last_error == "the sink gave no answer for each entry"
    assert loop.link is Link.MENDING
    assert loop.take_effects() == [Close(5.0)]


def test_the_sink_is_closed_when_the_last_write_is_answered() -> None:
    loop = made(batch_events=1, in_flight=2)
    loop.offer(entry(0), 0.0)
    loop.offer(entry(1), 0.0)
    first, second = (effect for effect in loop.take_effects() if isinstance(effect, Write))
    loop.written(first.number, None, 0.0, "timed out")
    assert (loop.link, loop.last_error) == (Link.FAILING, "timed out")
    loop.offer(entry(2), 0.0)
    assert loop.take_effects() == []
    loop.written(second.number, None, 0.0)
    assert loop.take_effects() == [Close(5.0)]


def test_the_back_off_doubles_to_its_cap_and_begins_anew_once_something_was_stored() -> None:
    loop = made(batch_events=1, timing=Timing(backoff_first=1, backoff_cap=4))
    loop.offer(entry(0), 0.0)
    loop.written(write_of(loop).number, None, 0.0)
    loop.shut(0.0)
    delays: list[float] = []
    now = 0.0
    for _ in range(4):
        delays.append(loop.next_deadline() - now)
        now = loop.next_deadline()
        loop.handle_timer(now)
        loop.not_opened("away", now)
    for delay, ceiling in zip(delays, (1, 2, 4, 4), strict=True):
        assert ceiling / 2 <= delay <= ceiling
    now = loop.next_deadline()
    loop.handle_timer(now)
    loop.take_effects()
    loop.opened(now)
    loop.written(write_of(loop).number, [Outcome.STORED], now)
    loop.offer(entry(1), now)
    *_, write = loop.take_effects()
    assert isinstance(write, Write)
    loop.written(write.number, None, now)
    loop.shut(now)
    assert 0.5 <= loop.next_deadline() - now <= 1


def test_it_says_when_to_stop_and_when_to_go_on() -> None:
    loop = made(max_events=4, batch_events=4)
    for number in range(3):
        loop.offer(entry(number), 0.0)
    assert loop.taking(STREAM)
    loop.offer(entry(3), 0.0)
    taking, write = loop.take_effects()
    assert taking == Taking(STREAM, False)
    assert isinstance(write, Write)
    with pytest.raises(LocalProtocolError, match="held back"):
        loop.offer(entry(4), 0.0)
    loop.written(write.number, all_stored(write), 0.0)
    settle_of(loop)
    assert not loop.taking(STREAM), "what is not settled is still in memory"
    loop.settled(STREAM, True, 0.0)
    assert loop.take_effects() == [Taking(STREAM, True)]
    assert loop.held(STREAM) == (0, 0)


def test_bytes_are_bounded_as_events_are() -> None:
    loop = made(max_bytes=4000, batch_events=100)
    loop.offer(entry(0, payload="x" * 1000), 0.0)
    assert loop.taking(STREAM)
    loop.offer(entry(1, payload="x" * 1000), 0.0)
    assert not loop.taking(STREAM)


def test_the_bytes_of_an_entry_are_those_it_takes_in_memory() -> None:
    plain, wide = entry(0, payload="x" * 1000), entry(0, payload="x" * 999 + "\N{ROCKET}")
    for each in (plain, wide):
        assert sys.getsizeof(each.payload) < each.size < sys.getsizeof(each.payload) + 1_500


def test_what_the_sink_refuses_is_set_aside_with_its_reason() -> None:
    loop = made(batch_events=2)
    loop.offer(entry(0), 0.0)
    loop.offer(entry(1), 0.0)
    loop.written(write_of(loop).number, [Refused("too large"), Outcome.STORED], 0.0)
    settle = settle_of(loop)
    assert [(number_of(e), reason) for e, reason in settle.refused] == [(0, "too large")]
    assert [number_of(e) for e in settle.stored] == [1]
    assert loop.counts == {"refused": 1, "stored": 1}


def test_of_a_stream_without_acks_only_what_was_refused_is_settled() -> None:
    loop = made(acks=False, batch_events=1)
    loop.offer(entry(0), 0.0)
    loop.written(write_of(loop).number, [Outcome.STORED], 0.0)
    assert loop.take_effects() == []
    assert loop.held(STREAM) == (0, 0)
    loop.offer(entry(1), 0.0)
    loop.written(write_of(loop).number, [Refused("no")], 0.0)
    assert settle_of(loop).stored == ()


def test_settling_that_failed_is_asked_for_again_with_what_came_meanwhile() -> None:
    loop = made(batch_events=1)
    loop.offer(entry(0), 0.0)
    loop.written(write_of(loop).number, [Outcome.STORED], 0.0)
    settle_of(loop)
    loop.settled(STREAM, False, 1.0)
    loop.offer(entry(1), 1.0)
    loop.written(write_of(loop).number, [Outcome.STORED], 1.0)
    assert loop.take_effects() == []
    due = loop.next_deadline()
    assert 1.25 <= due <= 1.5
    loop.handle_timer(due)
    assert [number_of(e) for e in settle_of(loop).stored] == [0, 1]


def test_stop_stores_and_settles_what_is_in_hand_and_closes_the_sink() -> None:
    loop = made(linger=60)
    loop.offer(entry(0), 0.0)
    loop.stop(1.0)
    loop.stop(2.0)
    taking, write = loop.take_effects()
    assert taking == Taking(STREAM, False)
    assert isinstance(write, Write)
    with pytest.raises(LocalProtocolError):
        loop.offer(entry(1), 1.0)
    loop.written(write.number, [Outcome.STORED], 1.0)
    settle_of(loop)
    loop.settled(STREAM, True, 1.0)
    assert loop.take_effects() == [Close(5.0)]
    loop.shut(1.0)
    assert loop.finished


def test_stop_gives_up_what_takes_too_long() -> None:
    loop = made(linger=0.0, timing=Timing(stop_within=3))
    loop.offer(entry(0), 0.0)
    write = write_of(loop)
    loop.stop(1.0)
    assert loop.take_effects() == [Taking(STREAM, False)]
    assert loop.next_deadline() == 4.0
    loop.handle_timer(4.0)
    assert loop.take_effects() == [GiveUp()]
    loop.written(write.number, None, 4.0)
    assert loop.take_effects() == [Close(5.0)]
    assert loop.next_deadline() == math.inf
    loop.shut(4.0)
    assert loop.finished
    assert loop.held(STREAM)[0] == 1, "never ACKed: the provider sends it again"


def test_stop_gives_up_settling_that_fails() -> None:
    loop = made(linger=0.0, timing=Timing(stop_within=3))
    loop.offer(entry(0), 0.0)
    loop.written(write_of(loop).number, [Outcome.STORED], 0.0)
    settle_of(loop)
    loop.settled(STREAM, False, 0.0)
    loop.stop(0.0)
    _taking, settle = loop.take_effects()
    assert isinstance(settle, Settle), "tried once more at once"
    loop.handle_timer(3.0)
    assert loop.take_effects() == [GiveUp()]
    loop.settled(STREAM, False, 3.0)
    assert loop.take_effects() == [Close(5.0)]


def test_stop_before_start_and_while_the_sink_is_being_opened_ends_at_once() -> None:
    loop = Loop(Limits(), Timing(), random.Random(0))
    loop.stop(0.0)
    assert loop.finished
    for opens in (True, False):
        loop = Loop(Limits(), Timing(), random.Random(0))
        loop.start(0.0)
        loop.take_effects()
        loop.stop(0.0)
        assert loop.take_effects() == [GiveUp()]
        if opens:
            loop.opened(0.0)
            assert loop.take_effects() == [Close(5.0)]
            loop.shut(0.0)
        else:
            loop.not_opened("cancelled", 0.0)
        assert loop.finished


def test_stop_while_the_sink_is_away_tries_once_more_at_once() -> None:
    loop = made(linger=0.0, timing=Timing(backoff_first=20))
    loop.offer(entry(0), 0.0)
    loop.written(write_of(loop).number, None, 0.0)
    loop.take_effects()
    loop.shut(0.0)
    loop.stop(1.0)
    assert loop.take_effects() == [Taking(STREAM, False), Open(30.0)]
    loop.not_opened("away", 1.0)
    loop.handle_timer(11.0)
    assert loop.take_effects() == [GiveUp()]
    assert loop.finished


def test_stop_while_the_sink_is_being_closed_closes_it_once() -> None:
    loop = made(linger=0.0)
    loop.offer(entry(0), 0.0)
    loop.written(write_of(loop).number, None, 0.0)
    assert loop.take_effects() == [Close(5.0)]
    loop.stop(0.0)
    loop.handle_timer(10.0)
    assert loop.take_effects() == [Taking(STREAM, False), GiveUp()]
    loop.shut(10.0)
    assert loop.finished


def test_the_oldest_is_what_came_first_of_all_that_is_not_settled() -> None:
    loop = made(batch_events=1)
    assert loop.oldest(STREAM) is None
    loop.offer(entry(1, partition="a"), 1.0)
    loop.offer(entry(2, partition="b"), 2.0)
    first, second = loop.take_effects()
    assert isinstance(first, Write)
    assert isinstance(second, Write)
    assert loop.oldest(STREAM) == 1.0
    loop.written(first.number, all_stored(first), 3.0)
    assert loop.oldest(STREAM) == 1.0
    settle_of(loop)
    loop.settled(STREAM, True, 4.0)
    assert loop.oldest(STREAM) == 2.0
