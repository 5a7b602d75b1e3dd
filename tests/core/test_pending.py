from __future__ import annotations

import math

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pushwire.core.effects import Ticket
from pushwire.core.pending import Call, Pending
from pushwire.errors import ConnectionLost, OutcomeUnknown
from tests.core.stateful import explore
from tests.core.toy import Buy, Look, Named, Retry, Spend


def call(serial: int | None = None) -> Call[str]:
    return Call[str](None if serial is None else Ticket(serial), Look())


def test_a_reply_goes_to_its_slot_once() -> None:
    pending: Pending[str] = Pending()
    first, second = call(1), call(2)
    pending.add("a", first, 10.0)
    pending.add("b", second, 10.0)
    assert pending.busy("a")
    assert pending.peek("b") is second
    assert pending.answer("b") is second
    assert pending.answer("b") is None
    assert pending.peek("b") is None
    assert pending.answer("a") is first
    assert not pending.busy("a")


def test_a_slot_holds_one_call() -> None:
    pending: Pending[str] = Pending()
    pending.add("lane", call(1), 10.0)
    with pytest.raises(AssertionError, match="a slot holds one call"):
        pending.add("lane", call(2), 10.0)


def test_a_caller_who_stops_waiting_leaves_the_slot_taken() -> None:
    pending: Pending[str] = Pending()
    pending.add("lane", call(1), 10.0)
    pending.abandon(Ticket(1))
    assert pending.busy("lane")
    answered = pending.answer("lane")
    assert answered is not None
    assert answered.ticket is None


def test_abandoning_what_is_not_in_flight_changes_nothing() -> None:
    pending: Pending[str] = Pending()
    pending.add("lane", call(1), 10.0)
    pending.abandon(Ticket(2))
    answered = pending.answer("lane")
    assert answered is not None
    assert answered.ticket == Ticket(1)


@pytest.mark.parametrize(
    "command, left, dropped, kept_back",
    [
        (Look(), False, None, None),
        (Retry(), True, None, None),
        (Buy(), False, ConnectionLost, None),
        (Buy(), True, OutcomeUnknown, None),
        (Retry(), False, None, ConnectionLost),
        (Spend(), False, ConnectionLost, ConnectionLost),
    ],
)
def test_the_end_of_the_connection_ends_a_call_or_lets_it_wait_as_its_command_says(
    command: Named, left: bool, dropped: type[Exception] | None, kept_back: type[Exception] | None
) -> None:
    ended = Call[str](Ticket(1), command, left=left)
    assert type(ended.dropped()) is (dropped or type(None))
    assert type(ended.kept_back()) is (kept_back or type(None))


def test_what_is_overdue_is_taken_and_its_slot_freed() -> None:
    pending: Pending[str] = Pending()
    first, second = call(1), call(2)
    pending.add("a", first, 10.0)
    pending.add("b", second, 20.0)
    assert pending.due() == 10.0
    assert pending.overdue(9.9) == []
    assert pending.overdue(10.0) == [("a", first)]
    assert pending.due() == 20.0
    assert not pending.busy("a")
    assert pending.overdue(20.0) == [("b", second)]
    assert pending.due() == math.inf


def test_calls_that_are_lost_come_back_in_the_order_they_left() -> None:
    pending: Pending[str] = Pending()
    calls = [call(serial) for serial in range(5)]
    for serial, one in enumerate(calls):
        pending.add(str(serial), one, 10.0)
    assert list(pending) == calls
    assert pending.lost() == calls
    assert pending.lost() == []
    assert pending.due() == math.inf


def test_deadlines_stand_still_in_a_pause_but_none_moves_beyond_a_full_timeout() -> None:
    pending: Pending[str] = Pending()
    before, during = call(1), call(2)
    pending.add("before", before, 12.0)  # left at 2, timeout 10
    pending.add("during", during, 100.0)  # left at 90, in a pause from 5 to 95
    pending.resumed(90.0, latest=105.0)
    assert (before.deadline, during.deadline) == (102.0, 105.0)
    assert pending.due() == 102.0


def test_a_pause_without_calls_makes_nothing_due() -> None:
    pending: Pending[str] = Pending()
    pending.resumed(90.0, latest=105.0)
    assert pending.due() == math.inf


class Replies(RuleBasedStateMachine):
    """Against a plain model: a reply only ever reaches the caller who waits for it, whoever was cancelled, late or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: Pending[str] = Pending()
        self.now = 0.0
        self.serial = 0
        self.model: dict[str, tuple[int | None, float]] = {}

    @rule(slot=st.sampled_from("abcd"), timeout=st.sampled_from([1.0, 5.0]))
    def leave(self, slot: str, timeout: float) -> None:
        if not self.pending.busy(slot):
            self.serial += 1
            self.pending.add(slot, call(self.serial), self.now + timeout)
            self.model[slot] = (self.serial, self.now + timeout)

    @rule(slot=st.sampled_from("abcd"))
    def answer(self, slot: str) -> None:
        answered = self.pending.answer(slot)
        assert (slot in self.model) == (answered is not None)
        if answered is not None:
            expected = self.model.pop(slot)[0]
            assert answered.ticket == (None if expected is None else Ticket(expected))

    @precondition(lambda self: self.serial)
    @rule(back=st.integers(0, 5))
    def abandon(self, back: int) -> None:
        gone = max(1, self.serial - back)
        self.pending.abandon(Ticket(gone))
        self.model = {slot: (None if serial == gone else serial, due) for slot, (serial, due) in self.model.items()}

    @rule(seconds=st.sampled_from([0.5, 1.0, 7.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        late = {slot for slot, _ in self.pending.overdue(self.now)}
        assert late == {slot for slot, (_, due) in self.model.items() if due <= self.now}
        self.model = {slot: entry for slot, entry in self.model.items() if slot not in late}

    @rule(paused=st.sampled_from([0.5, 60.0]))
    def resume(self, paused: float) -> None:
        self.now += paused
        self.pending.resumed(paused, self.now + 5.0)
        self.model = {slot: (serial, min(due + paused, self.now + 5.0)) for slot, (serial, due) in self.model.items()}

    @rule()
    def lose(self) -> None:
        lost = self.pending.lost()
        assert [one.ticket for one in lost] == [None if s is None else Ticket(s) for s, _ in self.model.values()]
        self.model.clear()

    @invariant()
    def the_deadline_is_never_late(self) -> None:
        assert self.pending.due() <= min((due for _, due in self.model.values()), default=math.inf)
        assert [slot for slot in "abcd" if self.pending.busy(slot)] == sorted(self.model)


def test_a_reply_only_ever_reaches_the_caller_who_waits_for_it() -> None:
    explore(Replies)


def test_what_ends_a_call_names_its_command() -> None:
    unknown = Call[str](Ticket(1), Buy(), left=True).dropped()
    assert isinstance(unknown, OutcomeUnknown)
    assert (str(unknown), unknown.command) == ("the connection ended before the reply to Buy came", Buy())
    lost = Call[str](Ticket(1), Buy(), left=False).dropped()
    assert isinstance(lost, ConnectionLost)
    assert (str(lost), lost.sent) == ("the connection ended before Buy left", "no")
