"""What receipts ask of the store besides the messages: with which mark, under which ticket; and when trouble is over."""

from __future__ import annotations

import attrs
import pytest

from pushwire.core.effects import Committed, Done, Held, Identity, Record, Restored, Write
from pushwire.core.events import Delivery
from pushwire.core.holds import HoldLimits
from tests.core.hold_rig import HoldRig, ready, revive
from tests.core.rig import WALL, delivered, tx
from tests.core.toy import Event


def earlier(*keys: str, mark: float = WALL - 100.0) -> Restored:
    """What a store holds of an earlier run."""
    return Restored(mark=mark, held={tx(key): Held(WALL - 10.0, 10) for key in keys})


@pytest.mark.parametrize("restored, mark", [(WALL - 100.0, WALL - 100.0), (WALL + 100.0, WALL)])
def test_what_is_finished_before_the_session_is_ready_is_committed_with_the_mark_of_the_run_before(
    restored: float, mark: float
) -> None:
    rig = HoldRig(restored=earlier("a", mark=restored))
    rig.start()
    rig.persists.clear()
    rig.give()
    rig.finish(tx("a"))
    assert [persist.mark for persist in rig.persists] == [mark]


def test_a_load_that_works_ends_the_trouble_and_the_next_wait_is_short_again() -> None:
    rig = ready(restored=earlier("a", "b"))
    rig.give_nothing("no connection")
    rig.advance(0.5)
    rig.give_nothing("no connection")
    rig.advance(1.0)
    rig.give()
    assert rig.trouble() is None
    rig.say("tx c 1")
    rig.fail_commit()
    assert rig.machine.next_deadline() == rig.now + 0.5


def test_an_event_that_was_stored_is_received_when_it_is_loaded() -> None:
    received: list[float] = []

    def watched(raw: str, identity: Identity, delivery: Delivery, now: float) -> Event:
        received.append(now)
        return revive(raw, identity, delivery, now)

    rig = ready(restored=earlier("a"))
    rig.holding._revive = watched
    rig.now = 3.0
    rig.give()
    assert received == [3.0]


def test_what_is_held_and_what_was_finished_before_are_finished_by_one_ticket_that_is_answered_once() -> None:
    rig = ready()
    rig.say("tx a 1", "tx b 1")
    rig.commit()
    rig.finish(tx("a"))
    rig.commit()
    rig.answers()
    ticket = rig.finish(tx("a"), tx("b"))
    assert rig.answers() == {}, "nothing is settled before it is durable"
    assert [persist.writes for persist in rig.persists] == [(Write(ticket, (Record("finished", tx("b"), WALL),)),)]
    rig.commit()
    answers = rig.answers()
    assert list(answers) == [ticket]
    assert answers[ticket].error is None


def test_answers_that_wait_to_be_taken_stay_when_another_ticket_is_dropped() -> None:
    rig = ready()
    rig.say("tx a 1", "tx b 1", "tx c 1")
    rig.commit()
    rig.finish(tx("a"))
    rig.commit()
    first = rig.finish(tx("c"))
    settled = rig.persists.pop(0)
    rig.answers()
    rig.machine.fulfil(settled.token, Done(Committed({})), rig.now)
    rig.finish(tx("a"), tx("b"))
    assert list(rig.answers()) == [first]


def test_no_two_commits_share_a_ticket_or_a_token() -> None:
    rig = ready()
    rig.say(*(f"tx {key} 1" for key in "abcd"))
    rig.commit()
    tickets = [rig.finish(tx(key)) for key in "abcd"]
    assert len(set(tickets)) == 4
    assert len({persist.token for persist in rig.persists}) == 4
    assert all(ticket.serial > 2**62 for ticket in tickets), "beyond those of the session below"


def test_reading_stops_at_the_limit_and_not_where_it_would_begin_again() -> None:
    rig = ready(HoldLimits(rows=8))
    rig.say(*(f"tx {key} 1" for key in "abcdefg"))
    assert rig.pauses() == []
    rig.say("tx h 1")
    assert rig.pauses() == [True]


def test_the_marks_of_a_session_are_stored_beside_what_is_held_as_they_are() -> None:
    rig = ready(restored=attrs.evolve(earlier(), finished={tx("z"): WALL - 5.0}))
    rig.say("tx a 1")
    rig.commit()
    assert delivered(rig) == [(tx("a"), "new")]
    rig.finish(tx("a"), tx("z"))
    assert all(record.kind == "finished" for persist in rig.persists for write in persist.writes for record in write.records)
