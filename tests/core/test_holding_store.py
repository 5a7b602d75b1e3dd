"""What waits in the store: how it is loaded, how much of it, and when the reading stops."""

from __future__ import annotations

import pytest

from pushwire.core.acks import AckConfig
from pushwire.core.effects import Done, Fetch, Held, Identity, Loaded, Record, Resends, Restored, Write
from pushwire.core.events import Down, Malformed
from pushwire.core.gate import Gated
from pushwire.core.holding import Holding
from pushwire.core.holds import HoldLimits, Rows, acked_already
from tests.core.hold_rig import HoldRig, ready
from tests.core.rig import WALL, acked, delivered, tx
from tests.core.toy import Always, Event


def earlier(*keys: str, size: int = 10) -> Restored:
    """What a store holds of an earlier run."""
    return Restored(mark=WALL, held={tx(key): Held(WALL - 10.0, size) for key in keys})


def finish(rig: HoldRig, *identities: Identity) -> None:
    rig.finish(*identities)
    rig.commit()


def test_what_an_earlier_run_held_is_loaded_at_the_start_in_order_as_a_redelivery() -> None:
    rig = HoldRig(restored=earlier("b", "a"))
    rig.start()
    assert rig.asked() == (tx("b"), tx("a"))
    assert rig.unacked() == 2
    rig.give()
    assert delivered(rig) == [(tx("b"), "redelivery"), (tx("a"), "redelivery")]
    finish(rig, tx("a"))
    assert rig.unacked() == 1


def test_what_an_earlier_run_held_is_not_delivered_again_when_it_is_resent() -> None:
    rig = ready(restored=earlier("a"))
    rig.say("tx a 1")
    assert (acked(rig), rig.persists) == (["a"], [])
    rig.give()
    assert delivered(rig) == [(tx("a"), "redelivery")]


def test_a_session_is_told_that_what_is_held_was_acked() -> None:
    restored = Restored({tx("b"): 5.0}, {tx("c"): 1.0}, 9.0, {tx("a"): Held(7.0, 1), tx("d"): Held(3.0, 1)})
    told = acked_already(restored)
    assert told == Restored({tx("d"): 3.0, tx("b"): 5.0, tx("a"): 7.0}, {tx("c"): 1.0}, 9.0)
    assert list(told.finished) == [tx("d"), tx("b"), tx("a")]


def test_what_comes_while_others_wait_comes_after_them() -> None:
    rig = ready(restored=earlier("a"))
    rig.say("tx b 1")
    rig.commit()
    assert delivered(rig) == []
    rig.give()
    assert delivered(rig) == [(tx("a"), "redelivery")]
    rig.give()
    assert delivered(rig) == [(tx("b"), "new")]


def test_no_more_than_so_many_are_with_the_caller_at_a_time() -> None:
    rig = ready(HoldLimits(out=4))
    rig.say(*(f"tx {key} 1" for key in "abcdefg"))
    rig.commit()
    assert "".join(str(identity.key[0]) for identity, _ in delivered(rig)) == "abcd"
    assert acked(rig) == [*"abcdefg"]
    assert rig.fetches == []
    finish(rig, tx("b"))
    assert rig.fetches == [], "a page is worth while when half of it is free"
    finish(rig, tx("a"))
    assert rig.asked() == (tx("e"), tx("f"))
    rig.say("tx a 2")
    rig.commit()
    rig.give()
    assert delivered(rig) == [(tx("e"), "new"), (tx("f"), "new")]
    finish(rig, tx("c"), tx("d"), tx("e"), tx("f"))
    rig.give()
    assert delivered(rig) == [(tx("g"), "new"), (tx("a", "2"), "update")], "why it came is known as long as the run lasts"


def test_no_more_than_so_many_bytes_are_but_one_message_always_may_be() -> None:
    sizes = {"a": 5, "b": 6, "c": 4, "d": 99, "e": 1}
    held = {tx(key): Held(WALL, size) for key, size in sizes.items()}
    rig = HoldRig(HoldLimits(out_bytes=10), restored=Restored(mark=WALL, held=held))
    rig.start()
    pages: list[str] = []
    while rig.fetches:
        page = rig.give()
        pages.append("".join(str(identity.key[0]) for identity in page))
        finish(rig, *page)
    assert pages == ["a", "bc", "d", "e"]


def test_a_load_that_fails_is_tried_again_and_what_comes_meanwhile_waits() -> None:
    rig = ready(restored=earlier("a", "b"))
    rig.give_nothing("no connection")
    assert (rig.trouble(), rig.fetches) == ("no connection", [])
    rig.say("tx c 1")
    rig.advance(0.5)
    assert rig.asked() == (tx("a"), tx("b"))
    rig.give()
    rig.commit()
    assert rig.trouble() is None
    assert [identity for identity, _ in delivered(rig)] == [tx("a"), tx("b"), tx("c")]


def test_an_answer_that_is_none_is_a_failure() -> None:
    rig = ready(restored=earlier("a"))
    rig.answer(Done(None))
    assert (rig.trouble(), rig.fetches) == ("the store gave no answer", [])


def test_what_no_longer_decodes_is_told_and_parked_with_the_reason() -> None:
    rig = ready(restored=earlier("a", "b", "c"))
    rig.give({tx("a"): "gibberish", tx("b"): "tx b 1"})
    assert rig.unacked() == 3
    first, event, last = rig.news()
    assert first == Malformed(0.0, "gibberish", "no tx")
    assert last == Malformed(0.0, "", "its payload is not in the store")
    assert getattr(event, "identity", None) == tx("b")
    records = (
        Record("parked", tx("a"), WALL, "no tx", "gibberish"),
        Record("parked", tx("c"), WALL, "its payload is not in the store", ""),
    )
    assert rig.persists[0].writes == (Write(None, records),)
    rig.fail_commit()
    assert (rig.trouble(), rig.persists) == ("disk full", [])
    rig.advance(0.5)
    assert rig.persists[0].writes == (Write(None, records),)
    rig.commit()
    assert rig.unacked() == 1


def test_a_stopped_session_loads_nothing_more() -> None:
    rig = ready(restored=earlier("a", "b"))
    rig.stop()
    rig.give()
    assert delivered(rig) == []
    assert rig.fetches == []
    assert rig.unacked() == 2


# Back-pressure


def test_when_as_much_is_held_as_may_be_the_reading_stops_until_there_is_room_again() -> None:
    rig = ready(HoldLimits(rows=8, out=16))
    rig.say(*(f"tx {key} 1" for key in "abcdefgh"))
    assert rig.pauses() == [True]
    rig.reading(False)
    rig.commit()
    rig.frames()
    finish(rig, tx("a"))
    assert rig.pauses() == []
    finish(rig, tx("b"))
    assert rig.pauses() == [False], "with one eighth to spare"
    rig.frames()
    rig.reading(True)
    rig.say("tx i 1")
    rig.commit()
    rig.say("tx j 1")
    assert rig.pauses() == [True]


@pytest.mark.parametrize("limits", [HoldLimits(bytes=12), HoldLimits(out=2), HoldLimits(out_bytes=12)])
def test_it_stops_also_for_bytes_and_for_what_waits_for_its_commit(limits: HoldLimits) -> None:
    rig = ready(limits)
    rig.say("tx a 1")
    assert rig.pauses() == []
    rig.say("tx b 1")
    assert rig.pauses() == [True]
    rig.commit()
    rig.commit()
    finish(rig, tx("a"))
    assert rig.pauses()[-1] is False


def test_a_connection_that_is_not_ready_is_read_however_much_is_held() -> None:
    rig = HoldRig(HoldLimits(rows=1), restored=earlier("a", "b"))
    rig.start()
    rig.open()
    assert rig.pauses() == []
    rig.say("hello")
    assert rig.pauses() == [True]
    rig.reading(False)
    rig.frames()
    rig.drop()
    assert isinstance(rig.news()[-1], Down)
    assert rig.pauses() == [False]


def test_a_session_that_is_stopped_is_read_to_its_end() -> None:
    rig = HoldRig(HoldLimits(rows=1), restored=earlier("a"))
    rig.get_ready()
    rig.stop()
    assert rig.pauses() == [True, False]


def test_all_is_counted_and_nothing_is_left_when_all_is_finished() -> None:
    rig = ready(HoldLimits(out=2))
    rig.say("tx a 1", "tx b 1", "tx c 1")
    rig.commit()
    finish(rig, tx("a"), tx("b"))
    rig.give()
    finish(rig, tx("c"))
    rows: Rows = rig.holding._rows
    assert (len(rows), rows._bytes, rows._out, rows._out_bytes, rows._received, rows._received_bytes) == (0,) * 6


# With a gate in front


def test_a_gate_in_front_holds_what_is_loaded_until_the_snapshot_is_there() -> None:
    rig = HoldRig(restored=earlier("a"))
    holding: Holding[Event] = rig.holding
    gate: Gated[Event] = Gated(holding, rng=Always(0.5), hold=1)
    gate.start(0.0, WALL)
    (load,) = [effect for effect in gate.take_effects() if isinstance(effect, Fetch)]
    gate.fulfil(load.token, Done(Loaded({tx("a"): "tx a 1"})), 0.0)
    assert gate.take_events() == []
    assert holding.status().unacked == 1


def test_a_config_says_what_a_store_must_keep_for_resends() -> None:
    config = AckConfig(resend_min=100.0, resend_margin=10.0, resend_cap=1000.0)
    assert config.resends() == Resends(before_mark=110.0, ever=1010.0)
