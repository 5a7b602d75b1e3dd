"""A session with a ledger: ledger, store and wire joined, driven through the toy (DESIGN, "The ledger")."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pushwire.core.acks import AckConfig
from pushwire.core.commands import Park
from pushwire.core.effects import Committed, Done, Identity, Record, Ticket, Token, Write
from pushwire.core.events import AckRefused, Unrecognized
from pushwire.core.ledger import Key
from pushwire.core.machine import Phase
from pushwire.core.owed import Ack
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError, StoreError
from tests.core.checks import check_an_ack_waits_for_its_commit, check_versions_are_deliveries_of_their_own
from tests.core.rig import WALL, acked, delivered, owing, ready_acks, tx
from tests.core.toy import AckToy

# Delivery and ACK


def test_an_ack_leaves_only_after_its_commit() -> None:
    check_an_ack_waits_for_its_commit(AckToy)


def test_each_version_is_a_delivery_of_its_own() -> None:
    check_versions_are_deliveries_of_their_own(AckToy)


def test_a_resend_of_what_is_in_hand_is_withheld_and_counted() -> None:
    rig = ready_acks()
    rig.say("tx a 1", "tx a 1")
    rig.finish(tx("a"))
    rig.say("tx a 1")
    assert delivered(rig) == [(tx("a"), "new")]
    assert acked(rig) == []
    status = rig.machine.status()
    assert (status.unacked, status.withheld) == (1, 2)


def test_a_resend_of_what_is_finished_is_acked_again() -> None:
    rig = owing("a")
    rig.say("ok 1", "tx a 1")
    assert delivered(rig) == []
    assert acked(rig) == ["a"]
    rig.say("ok 2")
    status = rig.machine.status()
    assert (status.unacked, status.withheld, status.acks_sent, status.acks_confirmed) == (0, 1, 2, 2)


def test_a_version_after_a_reorganisation_says_so() -> None:
    rig = owing("a")
    rig.say("tx a 2 reorg", "tx a 2 reorg")
    assert delivered(rig) == [(tx("a", "2"), "reorg")]


def test_several_deliveries_settle_in_one_commit() -> None:
    rig = ready_acks()
    rig.say("tx a 1", "tx a 2", "tx b 1")
    rig.now = 7.0
    ticket = rig.finish(tx("a", "1"), tx("b"), tx("a", "2"), tx("b"))
    (persist,) = rig.persists
    records = tuple(Record("finished", identity, WALL + 7.0) for identity in (tx("a", "1"), tx("b"), tx("a", "2")))
    assert persist.writes == (Write(ticket, records),)
    rig.commit()
    assert rig.error(ticket) is None
    assert sorted(acked(rig)) == ["a", "b"]


def test_settling_what_is_settled_answers_at_once() -> None:
    rig = owing("a")
    assert rig.error(rig.finish(tx("a"))) is None
    assert rig.error(rig.finish()) is None
    assert rig.persists == []


def test_what_is_settled_already_is_left_out_of_the_next_commit() -> None:
    rig = owing("a")
    rig.say("tx b 1")
    rig.finish(tx("a"), tx("b"))
    assert [[record.identity for record in write.records] for write in rig.persists[0].writes] == [[tx("b")]]


@pytest.mark.parametrize("command", ["finish", "park"])
def test_what_cannot_be_settled_is_refused_before_any_change(command: str) -> None:
    def settle(*identities: Identity) -> Ticket:
        return rig.finish(*identities) if command == "finish" else rig.submit(Park(identities[-1], "why", "raw"))

    rig = ready_acks()
    rig.say("tx a 1", "tx b 1")
    with pytest.raises(LocalProtocolError, match=r"cannot (settle|park) \('z',\): it is unseen"):
        settle(tx("a"), tx("z"))
    assert rig.persists == []
    rig.finish(tx("b"))
    with pytest.raises(LocalProtocolError, match=r"cannot (settle|park) \('b',\): it is committing"):
        settle(tx("a"), tx("b"))
    rig.commit()
    rig.finish(tx("a"))
    assert len(rig.persists) == 1


def test_a_parked_delivery_is_set_aside_durably_and_acked() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    ticket = rig.submit(Park(tx("a"), "no such account", "the payload"))
    assert rig.persists[0].writes == (Write(ticket, (Record("parked", tx("a"), WALL, "no such account", "the payload"),)),)
    assert acked(rig) == []
    rig.commit()
    assert rig.error(ticket) is None
    assert acked(rig) == ["a"]
    with pytest.raises(LocalProtocolError, match="it is finished"):
        rig.submit(Park(tx("a"), "again", ""))


# The store


def test_a_failed_commit_reaches_its_caller_and_no_ack_leaves() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    ticket = rig.finish(tx("a"))
    rig.fail_commit()
    assert isinstance(rig.error(ticket), StoreError)
    assert acked(rig) == []
    assert rig.machine.status().unacked == 1
    again = rig.finish(tx("a"))
    rig.commit()
    assert rig.error(again) is None
    assert acked(rig) == ["a"]


def test_a_booking_that_failed_fails_its_own_ticket_alone() -> None:
    rig = ready_acks()
    rig.say("tx a 1", "tx b 1")
    bad = rig.finish(tx("a"))
    booking = ValueError("no such account")
    rig.commit(**{f"t{bad.serial}": booking})
    assert rig.error(bad) is booking
    good = rig.finish(tx("b"))
    rig.commit(**{f"t{bad.serial}": booking})
    assert rig.error(good) is None
    assert acked(rig) == ["b"]
    assert rig.machine.status().unacked == 1


def test_a_store_without_an_answer_stored_nothing() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    ticket = rig.finish(tx("a"))
    rig.machine.fulfil(rig.persists.pop().token, Done(Secret("not a commit")), rig.now)
    rig.drain()
    error = rig.error(ticket)
    assert isinstance(error, StoreError)
    assert str(error) == "the store gave no answer"


def test_a_commit_that_ends_while_down_is_acked_on_the_next_connection() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    ticket = rig.finish(tx("a"))
    rig.drop()
    rig.commit()
    assert rig.error(ticket) is None
    assert acked(rig) == []
    rig.get_ready()
    assert acked(rig) == ["a"]


def test_a_delivery_of_the_last_connection_may_be_settled_while_down() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    rig.drop()
    ticket = rig.finish(tx("a"))
    rig.commit()
    assert rig.error(ticket) is None
    rig.get_ready()
    assert acked(rig) == ["a"]


# ACKs on their way


def test_an_ack_without_confirmation_is_owed_through_any_number_of_reconnects() -> None:
    rig = owing("a", "b")
    rig.say("ok 1")
    for _ in range(3):
        rig.drop()
        rig.get_ready()
        assert acked(rig) == ["b"]
    rig.say("ok 5")
    rig.drop()
    rig.get_ready()
    assert acked(rig) == []
    assert rig.machine.status().acks_confirmed == 2


def test_an_ack_without_an_answer_is_sent_twice_and_then_reported_and_owed() -> None:
    rig = owing("a")
    rig.advance(10.0)
    assert acked(rig) == ["a"]
    rig.advance(10.0)
    assert rig.news() == [AckRefused(20.0, ("a",), None, "no reply")]
    rig.advance(5.0)
    assert acked(rig) == []
    rig.drop()
    rig.get_ready()
    assert acked(rig) == ["a"]


def test_an_ack_confirmed_at_the_second_try_is_owed_no_longer() -> None:
    rig = owing("a")
    rig.advance(10.0)
    assert acked(rig) == ["a"]
    rig.say("ok 2")
    rig.drop()
    rig.get_ready()
    assert acked(rig) == []


def test_the_answer_to_an_ack_given_up_reaches_nobody() -> None:
    rig = owing("a")
    rig.advance(10.0)
    rig.say("ok 1")
    assert [type(event) for event in rig.news()] == [Unrecognized]
    assert rig.machine.status().acks_confirmed == 0


def test_a_refused_ack_is_reported_and_not_repeated() -> None:
    rig = owing("a")
    rig.say("no 1 404 unknown transaction")
    assert rig.news() == [AckRefused(0.0, ("a",), 404, "unknown transaction")]
    rig.drop()
    rig.get_ready()
    assert acked(rig) == []
    assert rig.machine.status().acks_confirmed == 0


def test_the_answer_to_an_ack_does_not_speak_for_a_version_that_came_meanwhile() -> None:
    rig = owing("a")
    rig.say("tx a 2", "ok 1")
    assert delivered(rig) == [(tx("a", "2"), "update")]
    rig.drop()
    rig.get_ready()
    assert acked(rig) == []
    rig.finish(tx("a", "2"))
    rig.commit()
    assert acked(rig) == ["a"]


def test_an_owed_ack_is_not_sent_again_while_another_version_is_unfinished() -> None:
    rig = owing("a")
    rig.say("tx a 2")
    rig.drop()
    rig.get_ready()
    assert acked(rig) == []
    rig.finish(tx("a", "2"))
    rig.commit()
    assert acked(rig) == ["a"]


def test_nor_is_it_repeated_for_want_of_an_answer() -> None:
    rig = owing("a")
    rig.say("tx a 2")
    rig.advance(25.0)
    assert acked(rig) == []
    rig.finish(tx("a", "2"))
    rig.commit()
    assert acked(rig) == ["a"]


def test_one_ack_under_way_does_not_confirm_a_later_one() -> None:
    rig = owing("a")
    rig.say("tx a 2")
    rig.finish(tx("a", "2"))
    rig.commit()
    rig.say("ok 1")
    rig.drop()
    rig.get_ready()
    assert acked(rig) == ["a", "a"]


def test_a_key_owed_twice_while_down_is_acked_once() -> None:
    rig = owing("a")
    rig.say("tx a 2")
    rig.finish(tx("a", "2"))
    rig.drop()
    rig.commit()
    rig.get_ready()
    assert acked(rig) == ["a"]


def test_no_ack_follows_our_hang_up() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.advance(40.0)
    assert rig.phase() is Phase.HANGING_UP
    rig.commit()
    assert acked(rig) == []
    rig.drop()
    rig.get_ready()
    assert acked(rig) == ["a"]


def test_an_ack_on_its_way_makes_nothing_due_once_we_hang_up() -> None:
    rig = ready_acks(AckToy(AckConfig(reply_timeout=100.0)))
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.advance(20.0)
    rig.commit()
    rig.advance(20.0)
    assert rig.phase() is Phase.HANGING_UP
    rig.advance(1000.0)
    assert rig.machine.next_deadline() == float("inf")


def test_while_nothing_is_read_no_ack_is_overdue() -> None:
    rig = owing("a")
    rig.advance(6.0)
    rig.reading(False)
    rig.advance(3000.0)
    rig.say("tx b 1")
    rig.finish(tx("b"))
    rig.commit()
    rig.advance(600.0)
    rig.frames()
    rig.reading(True)
    rig.say("pong")
    rig.advance(3.9)
    assert acked(rig) == []
    rig.advance(0.1)
    assert acked(rig) == ["a"]
    rig.advance(6.0)
    assert acked(rig) == ["b"]


class Subjects(AckToy):
    """ACKs name each version by itself, as those of a provider whose messages have ids of their own."""

    def _acks_of(self, keys: Sequence[Key]) -> Sequence[Ack]:
        acks: list[Ack] = [(key, f"m{number}") for key in keys for number in (1, 2)]
        return [ack for ack in acks if ack not in self.done]


def test_each_message_of_a_key_has_an_ack_of_its_own_and_all_are_owed() -> None:
    rig = ready_acks(Subjects())
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    assert acked(rig) == ["a m1", "a m2"]
    rig.say("ok 2")
    rig.drop()
    rig.get_ready()
    assert acked(rig) == ["a m1"]
    rig.say("ok 3")
    rig.drop()
    rig.get_ready()
    assert acked(rig) == []
    assert isinstance(machine := rig.machine, Subjects)
    assert machine.done == [(("a",), "m2"), (("a",), "m1")]


def test_a_key_of_which_every_message_has_been_acked_is_owed_nothing_more() -> None:
    rig = ready_acks(Subjects())
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    rig.say("ok 1", "ok 2")
    rig.frames()
    rig.say("tx a 1")
    assert acked(rig) == []
    rig.drop()
    rig.get_ready()
    assert acked(rig) == []
    rig.stop()
    assert rig.hangups != [], "nothing to wait for"


def test_no_ack_of_a_key_is_repeated_while_another_version_is_unfinished() -> None:
    rig = ready_acks(Subjects())
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    assert acked(rig) == ["a m1", "a m2"]
    rig.say("tx a 2")
    rig.advance(25.0)
    assert acked(rig) == []
    rig.finish(tx("a", "2"))
    rig.commit()
    assert acked(rig) == ["a m1", "a m2"]


def test_an_outcome_of_nothing_known_is_passed_over() -> None:
    rig = ready_acks()
    rig.machine.fulfil(Token(0, 999), Done(Committed()), rig.now)
    rig.drain()
    assert (rig.effects, rig.settled) == ([], [])
