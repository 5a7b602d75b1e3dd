"""Receipts: stored whole, then ACKed, then delivered, until the caller finishes it. `test_holding_runs` tries everything."""

from __future__ import annotations

import pytest

from pushwire.core.acks import AckConfig
from pushwire.core.commands import Finish, Park
from pushwire.core.effects import Record, Write
from pushwire.core.events import Unrecognized
from pushwire.core.holds import HoldLimits
from pushwire.errors import LocalProtocolError
from tests.core.hold_rig import HoldRig, held, ready
from tests.core.rig import WALL, acked, delivered, tx
from tests.core.toy import AckToy, Data, Look


def holding(*messages: str, limits: HoldLimits | None = None) -> HoldRig:
    """Ready, with these handed over."""
    rig = ready(limits)
    rig.say(*messages)
    rig.commit()
    rig.news()
    rig.frames()
    return rig


def test_what_arrives_is_stored_whole_then_acked_then_delivered() -> None:
    rig = ready()
    rig.say("tx a 1 extra")
    assert (acked(rig), delivered(rig), rig.unacked()) == ([], [], 1)
    assert rig.commit().writes == (Write(None, (held("tx a 1 extra", WALL),)),)
    assert (acked(rig), delivered(rig), rig.unacked()) == (["a"], [(tx("a"), "new")], 1)


def test_all_of_one_read_is_one_commit_in_order() -> None:
    rig = ready()
    rig.say("tx b 1", "data t x", "tx a 1", "tx b 2")
    (persist,) = rig.persists
    assert [record.raw for write in persist.writes for record in write.records] == ["tx b 1", "tx a 1", "tx b 2"]
    rig.commit()
    assert delivered(rig) == [(tx("b"), "new"), (tx("a"), "new"), (tx("b", "2"), "update")]
    assert acked(rig) == ["b", "a"], "each once"


def test_what_comes_during_a_commit_goes_into_the_next_together() -> None:
    rig = ready()
    rig.say("tx a 1")
    rig.say("tx b 1")
    rig.say("tx c 1")
    assert len(rig.persists) == 1
    rig.commit()
    (write,) = rig.commit().writes
    assert [record.identity for record in write.records] == [tx("b"), tx("c")]
    assert rig.persists == []
    assert delivered(rig) == [(tx("a"), "new"), (tx("b"), "new"), (tx("c"), "new")]


def test_another_event_does_not_wait_and_a_call_goes_through() -> None:
    rig = ready()
    ticket = rig.submit(Look("it"))
    rig.say("tx a 1", "data t x", "strange", "ok 1 there")
    assert [type(event) for event in rig.news()] == [Data, Unrecognized]
    assert rig.answers()[ticket].reply == "there"


def test_a_call_that_is_given_up_goes_through_too() -> None:
    rig = ready()
    rig.abandon(rig.submit(Look("it")))
    rig.say("ok 1 there")
    assert rig.answers() == {}
    assert rig.news() == []


def test_a_message_of_bytes_is_kept_as_the_text_it_is() -> None:
    class OfBytes(AckToy):
        def _on_message(self, raw: str | bytes, now: float) -> None:
            super()._on_message(raw if isinstance(raw, str) else raw.decode("latin-1"), now)

    rig = HoldRig(inner=OfBytes())
    rig.get_ready()
    rig.commit()
    rig.say(b"tx a 1 \xc3\xa9", b"tx b 1 \xff")
    assert [record.raw for record in rig.persists[0].writes[0].records] == ["tx a 1 \xe9", "tx b 1 \udcff"]


def test_finishing_is_stored_and_nothing_is_acked_twice() -> None:
    rig = holding("tx a 1", "tx b 1")
    rig.now = 5.0
    ticket = rig.finish(tx("a"))
    assert rig.answers() == {}
    assert rig.commit().writes == (Write(ticket, (Record("finished", tx("a"), WALL + 5.0),)),)
    assert rig.error(ticket) is None
    assert (acked(rig), rig.unacked()) == ([], 1)


def test_a_booking_that_fails_leaves_the_event_with_the_caller() -> None:
    rig = holding("tx a 1")
    ticket = rig.finish(tx("a"))
    refused = KeyError("no such account")
    rig.commit(**{f"t{ticket.serial}": refused})
    assert rig.error(ticket) is refused
    again = rig.finish(tx("a"))
    rig.fail_commit()
    assert "disk full" in str(rig.error(again))
    assert rig.unacked() == 1
    last = rig.finish(tx("a"))
    rig.commit()
    assert rig.error(last) is None
    assert rig.unacked() == 0
    assert rig.trouble() is None, "its caller was told"


def test_a_parked_one_is_set_aside_with_its_reason() -> None:
    rig = holding("tx a 1")
    ticket = rig.submit(Park(tx("a"), "poison", "raw"))
    assert rig.commit().writes == (Write(ticket, (Record("parked", tx("a"), WALL, "poison", "raw"),)),)
    assert rig.error(ticket) is None
    assert rig.unacked() == 0


def test_what_is_finished_may_be_finished_again_also_beside_what_is_not() -> None:
    rig = holding("tx a 1", "tx b 1")
    rig.finish(tx("a"))
    rig.commit()
    rig.answers()
    again = rig.finish(tx("a"))
    assert rig.error(again) is None
    assert rig.persists == []
    both = rig.finish(tx("b"), tx("a"), tx("b"))
    (write,) = rig.commit().writes
    assert [record.identity for record in write.records] == [tx("b")]
    assert rig.error(both) is None
    nothing = rig.finish()
    assert rig.error(nothing) is None


def test_what_cannot_be_settled_is_refused_before_any_change() -> None:
    rig = holding("tx a 1", "tx b 1", limits=HoldLimits(out=2))
    rig.say("tx c 1")
    with pytest.raises(LocalProtocolError, match=r"cannot settle .*: it is received"):
        rig.finish(tx("a"), tx("c"))
    rig.commit()
    with pytest.raises(LocalProtocolError, match=r"cannot settle .*: it is waiting"):
        rig.finish(tx("c"))
    with pytest.raises(LocalProtocolError, match=r"cannot park .*: it is waiting"):
        rig.submit(Park(tx("c"), "", ""))
    with pytest.raises(LocalProtocolError, match="it is unseen"):
        rig.finish(tx("d"))
    with pytest.raises(LocalProtocolError, match="it is unseen"):
        rig.submit(Park(tx("d"), "", ""))
    rig.finish(tx("a"))
    with pytest.raises(LocalProtocolError, match="it is committing"):
        rig.finish(tx("a"))
    assert len(rig.persists) == 1


def test_a_resend_of_what_is_held_is_acked_again_and_not_delivered() -> None:
    rig = holding("tx a 1")
    rig.say("tx a 1")
    assert (acked(rig), delivered(rig), rig.persists) == (["a"], [], [])
    rig.finish(tx("a"))
    rig.commit()
    rig.say("tx a 1")
    assert (acked(rig), delivered(rig), rig.persists) == (["a"], [], [])


def test_a_resend_of_what_is_not_durable_yet_is_not_acked() -> None:
    rig = ready()
    rig.say("tx a 1")
    rig.say("tx a 1")
    assert (acked(rig), delivered(rig), len(rig.persists)) == ([], [], 1)
    rig.commit()
    assert (acked(rig), delivered(rig)) == (["a"], [(tx("a"), "new")])


def test_a_key_is_acked_when_all_its_versions_are_durable() -> None:
    rig = ready()
    rig.say("tx a 1")
    rig.say("tx a 2 reorg")
    rig.commit()
    assert (acked(rig), delivered(rig)) == ([], [(tx("a"), "new")])
    rig.commit()
    assert (acked(rig), delivered(rig)) == (["a"], [(tx("a", "2"), "reorg")])


def test_an_ack_that_was_lost_with_its_connection_is_sent_on_the_next() -> None:
    rig = ready()
    rig.say("tx a 1")
    rig.drop()
    rig.commit()
    assert delivered(rig) == [(tx("a"), "new")]
    rig.get_ready()
    assert acked(rig) == ["a"]


def test_what_the_session_forgot_of_too_many_is_acked_again_and_not_delivered_again() -> None:
    rig = ready(config=AckConfig(remember=1))
    rig.say("tx a 1", "tx b 1", "tx c 1")
    rig.commit()
    assert len(delivered(rig)) == 3
    rig.frames()
    rig.say("tx a 1", "tx d 1")
    (write,) = rig.commit().writes
    assert [record.identity for record in write.records] == [tx("a"), tx("d")]
    assert acked(rig) == ["a", "d"]
    assert delivered(rig) == [(tx("d"), "new")]
    assert rig.unacked() == 4


# A store in trouble


def test_what_could_not_be_stored_is_tried_again_with_all_that_came_since_in_order() -> None:
    rig = ready()
    rig.say("tx a 1")
    rig.say("tx b 1")
    rig.fail_commit()
    rig.say("tx c 1")
    assert rig.trouble() == "disk full"
    assert (rig.persists, acked(rig), delivered(rig)) == ([], [], [])
    rig.advance(0.5)
    (write,) = rig.persists[0].writes
    assert [record.raw for record in write.records] == ["tx a 1", "tx b 1", "tx c 1"]
    rig.fail_commit()
    rig.advance(0.9)
    assert rig.persists == [], "the delay doubles"
    rig.advance(0.1)
    rig.commit()
    assert (acked(rig), rig.trouble()) == (["a", "b", "c"], None)
    assert delivered(rig) == [(tx("a"), "new"), (tx("b"), "new"), (tx("c"), "new")]


def test_the_low_water_mark_waits_for_what_is_not_durable_and_not_for_the_caller() -> None:
    rig = holding("tx a 1")
    rig.advance(400.0, each=rig.answer_pings)
    mark = rig.persists[-1].mark
    assert mark > WALL
    while rig.persists:
        rig.commit()
    rig.finish(tx("a"))
    assert rig.persists[0].mark == mark, "what the caller settles changes nothing of it"
    rig.commit()
    rig.say("tx b 1")
    rig.advance(4000.0, each=rig.answer_pings)
    assert rig.persists[-1].mark < WALL + 500.0


# Ends


def test_after_the_stop_what_arrives_is_let_go_and_what_is_in_hand_can_be_finished() -> None:
    rig = ready()
    rig.say("tx a 1")
    rig.commit()
    rig.say("tx b 1")
    assert acked(rig) == ["a"]
    rig.stop()
    rig.say("tx c 1", "ok 1")
    rig.commit()
    assert (acked(rig), rig.persists) == (["b"], [])
    assert delivered(rig) == [(tx("a"), "new")], "it is there for the next run"
    ticket = rig.finish(tx("a"))
    rig.say("ok 2")
    rig.drop()
    assert not rig.over()
    rig.commit()
    assert rig.error(ticket) is None
    assert rig.over()
    for command in (Finish((tx("a"),)), Park(tx("a"), "", "")):
        with pytest.raises(LocalProtocolError, match="the stream has ended"):
            rig.submit(command)


def test_what_was_not_stored_when_the_session_ends_is_let_go() -> None:
    rig = ready()
    rig.say("tx a 1")
    rig.fail_commit()
    rig.say("tx b 1", "denied no more")
    rig.close(4000)
    assert rig.over()
    assert (rig.unacked(), rig.persists, acked(rig)) == (0, [], [])
    assert rig.machine.next_deadline() == float("inf")
    with pytest.raises(Exception, match="no more"):
        rig.finish(tx("a"))


def test_what_was_on_its_way_to_the_store_when_the_session_ended_is_not_lost() -> None:
    rig = ready()
    rig.say("tx a 1")
    rig.say("tx b 1", "denied no more")
    rig.close(4000)
    assert not rig.over()
    rig.fail_commit()
    assert rig.over()
    assert rig.unacked() == 0


def test_a_duplicate_that_was_not_stored_when_the_session_ends_stays_held() -> None:
    rig = ready(config=AckConfig(remember=1))
    rig.say("tx a 1", "tx b 1")
    rig.commit()
    rig.say("tx c 1")
    rig.say("tx a 1")
    rig.close(4000)
    rig.commit()
    assert rig.over()
    assert rig.unacked() == 3
