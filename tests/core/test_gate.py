"""The hydration gate: what is held, what passes, and when the snapshot is loaded. `test_gate_runs` tries everything."""

from __future__ import annotations

import math

import pytest

from pushwire.core.backoff import BackoffPolicy
from pushwire.core.commands import Hydrate
from pushwire.core.effects import Close, Done, Effect, Failed, Fetch, Handshake, Ping, Settled, Snapshot, Ticket, Token
from pushwire.core.events import Down, Gap, Hydrated, SnapshotFailed, Stale, Up
from pushwire.core.gate import Gated
from pushwire.core.machine import Machine
from pushwire.errors import AuthenticationRefused, LocalProtocolError
from tests.core.rig import WALL, tx
from tests.core.scripted import Scripted
from tests.core.toy import Always, Data, Event, Sub, Tx

A, B, C, D = (Data("t", name) for name in "abcd")
TX = Tx(tx("k"), "new")


class Rig:
    """A gate before a scripted machine; what it says is moved to the lists at once."""

    def __init__(self, hold: int = 3, ledgered: type | None = Tx) -> None:
        self.inner = Scripted()
        policy = BackoffPolicy(first=2.0, cap=5.0)
        self.gate: Gated[Event] = Gated(self.inner, rng=Always(0.5), hold=hold, ledgered=ledgered, backoff=policy)
        self.now = 0.0
        self.generation = 0
        self.loads: list[Token] = []
        self.events: list[object] = []
        self.gate.start(self.now, WALL)

    def drain(self) -> None:
        for effect in self.gate.take_effects():
            assert isinstance(effect, Fetch)
            assert effect.what == Snapshot()
            self.loads.append(effect.token)
        self.events += self.gate.take_events()

    def say(self, *events: Event) -> None:
        self.inner.events += events
        self.gate.receive(["?"], self.now)
        self.drain()

    def up(self) -> Up:
        self.generation += 1
        event = Up(self.now, self.generation)
        self.say(event)
        return event

    def down(self) -> Down:
        event = Down(self.now, "reset", None)
        self.say(event)
        return event

    def loaded(self, value: object, token: Token | None = None) -> Hydrated[object]:
        self.gate.fulfil(token or self.loads[-1], Done(value), self.now)
        self.drain()
        return Hydrated(self.now, value)

    def failed(self, error: Exception) -> None:
        self.gate.fulfil(self.loads[-1], Failed(error), self.now)
        self.drain()

    def timer(self, now: float) -> None:
        self.now = now
        self.gate.handle_timer(now, WALL + now)
        self.drain()

    def news(self) -> list[object]:
        events, self.events = self.events, []
        return events


def test_events_are_held_until_the_snapshot_is_there_and_then_come_in_order() -> None:
    rig = Rig()
    up = rig.up()
    rig.say(A, B)
    rig.say(C)
    assert rig.news() == [up]
    hydrated = rig.loaded("snapshot")
    rig.say(D)
    assert rig.news() == [hydrated, A, B, C, D]


def test_one_snapshot_is_asked_for_on_each_connection_with_its_generation() -> None:
    rig = Rig()
    assert rig.loads == []
    rig.up()
    rig.loaded(1)
    rig.down()
    rig.up()
    assert [token.generation for token in rig.loads] == [1, 2]
    assert len(set(rig.loads)) == 2
    assert all(token.serial < 0 for token in rig.loads), "no machine's own"


def test_control_events_pass_at_once() -> None:
    rig = Rig()
    up = rig.up()
    stale = Stale(0.0, "t", 0.0)
    rig.say(A, stale, B)
    assert rig.news() == [up, stale]


def test_what_comes_before_the_first_connection_is_ready_is_held() -> None:
    rig = Rig()
    rig.say(A)
    up = rig.up()
    assert rig.news() == [up]
    assert rig.loaded(1) in rig.events
    assert rig.news()[1:] == [A]


def test_what_comes_in_the_read_that_makes_it_ready_is_held() -> None:
    rig = Rig()
    up = Up(0.0, 1)
    rig.say(up, A)
    assert rig.news() == [up]
    assert len(rig.loads) == 1


def test_a_loss_while_loading_keeps_what_is_held_and_ignores_the_old_answer() -> None:
    rig = Rig()
    up = rig.up()
    rig.say(A)
    down = rig.down()
    rig.loaded("old", rig.loads[0])
    up_again = rig.up()
    rig.loaded("old", rig.loads[0])
    rig.say(B)
    assert rig.news() == [up, down, up_again]
    hydrated = rig.loaded("new")
    assert rig.news() == [hydrated, A, B]


def test_an_open_gate_closes_with_the_next_connection() -> None:
    rig = Rig()
    rig.up()
    rig.loaded(1)
    rig.news()
    down = rig.down()
    rig.say(A)
    up = rig.up()
    assert rig.news() == [down, up]
    hydrated = rig.loaded(2)
    assert rig.news() == [hydrated, A]


def test_a_gap_loads_again() -> None:
    rig = Rig()
    rig.up()
    rig.loaded(1)
    rig.news()
    gap = Gap(0.0, WALL, WALL)
    rig.say(A, gap, B)
    assert rig.news() == [A, gap]
    hydrated = rig.loaded(2)
    assert rig.news() == [hydrated, B]


def test_a_gap_while_loading_makes_the_load_outdated() -> None:
    rig = Rig()
    rig.up()
    rig.say(Gap(0.0, WALL, WALL), A)
    rig.news()
    rig.loaded("before the gap", rig.loads[0])
    assert rig.news() == []
    hydrated = rig.loaded("after", rig.loads[1])
    assert rig.news() == [hydrated, A]


def test_a_gap_in_the_read_that_makes_it_ready_is_loaded_for_once() -> None:
    rig = Rig()
    rig.say(Up(0.0, 1), Gap(0.0, WALL, WALL))
    assert len(rig.loads) == 1


def test_a_gap_while_there_is_no_connection_waits_for_it() -> None:
    rig = Rig()
    rig.say(Gap(0.0, WALL, WALL))
    assert rig.loads == []
    rig.up()
    assert len(rig.loads) == 1


def test_overflow_lets_what_is_held_go_says_so_and_loads_again() -> None:
    rig = Rig(hold=2)
    up = rig.up()
    rig.now = 5.0
    rig.say(A)
    rig.now = 7.0
    rig.say(B)
    assert len(rig.loads) == 1
    rig.now = 8.0
    rig.say(C, D)
    assert rig.news() == [up, Gap(8.0, WALL + 5.0, WALL + 8.0)]
    assert len(rig.loads) == 2
    rig.loaded("old", rig.loads[0])
    hydrated = rig.loaded("new", rig.loads[1])
    assert rig.news() == [hydrated, D]


def test_a_wall_clock_set_back_makes_no_gap_that_ends_before_it_begins() -> None:
    rig = Rig(hold=1)
    rig.up()
    rig.say(A)
    rig.gate.handle_timer(1.0, WALL - 1000.0)
    rig.now = 1.0
    rig.news()
    rig.say(B)
    assert rig.news() == [Gap(1.0, WALL - 1000.0, WALL - 1000.0)]


def test_ledgered_events_are_never_let_go_and_do_not_count() -> None:
    rig = Rig(hold=1)
    rig.up()
    rig.say(TX, TX, TX, A)
    assert len(rig.loads) == 1
    rig.news()
    rig.say(B)
    assert [type(event) for event in rig.news()] == [Gap]
    hydrated = rig.loaded(1)
    assert rig.news() == [hydrated, TX, TX, TX]


def test_without_a_ledger_all_events_count() -> None:
    rig = Rig(hold=1, ledgered=None)
    rig.up()
    rig.say(TX, TX)
    assert len(rig.loads) == 2


def test_overflow_without_a_connection_loads_nothing_yet() -> None:
    rig = Rig(hold=1)
    rig.say(A, B)
    assert [type(event) for event in rig.news()] == [Gap]
    assert rig.loads == []


def test_a_failed_load_is_told_and_tried_again_after_a_growing_back_off() -> None:
    rig = Rig()
    up = rig.up()
    error = OSError("no route")
    rig.failed(error)
    assert rig.gate.next_deadline() == 1.5  # 1 to 2 s: the draw is the middle
    assert rig.news() == [up, SnapshotFailed(0.0, error, 1.5)]
    rig.timer(1.0)
    assert len(rig.loads) == 1
    rig.timer(1.5)
    assert len(rig.loads) == 2
    assert rig.gate.next_deadline() == math.inf
    rig.failed(error)
    rig.timer(4.5)
    rig.failed(error)
    assert rig.gate.next_deadline() == 4.5 + 3.75, "the cap"


def test_a_load_that_succeeds_resets_the_back_off() -> None:
    rig = Rig()
    rig.up()
    rig.failed(OSError())
    rig.timer(1.5)
    rig.loaded(1)
    rig.say(Gap(0.0, WALL, WALL))
    rig.failed(OSError())
    assert rig.gate.next_deadline() == 3.0


def test_events_are_held_through_failures() -> None:
    rig = Rig(hold=2)
    rig.up()
    rig.say(A)
    rig.failed(OSError())
    rig.say(B, Gap(0.0, WALL, WALL))
    rig.timer(1.5)
    rig.news()
    hydrated = rig.loaded(1)
    assert rig.news() == [hydrated, A, B]


def test_overflow_while_backing_off_waits_for_the_load_that_is_to_come() -> None:
    rig = Rig(hold=1)
    rig.up()
    rig.failed(OSError())
    rig.say(A, B)
    assert len(rig.loads) == 1
    assert [type(event) for event in rig.news()] == [Up, SnapshotFailed, Gap]


def test_a_loss_while_backing_off_loads_with_the_next_connection() -> None:
    rig = Rig()
    rig.up()
    rig.failed(OSError())
    rig.down()
    assert rig.gate.next_deadline() == math.inf
    rig.timer(9.0)
    assert len(rig.loads) == 1
    rig.up()
    assert len(rig.loads) == 2


def test_a_caller_may_ask_for_the_snapshot_again() -> None:
    rig = Rig()
    rig.up()
    rig.loaded(1)
    ticket = rig.gate.submit(Hydrate(), 0.0)
    assert ticket.serial < 0
    assert rig.gate.take_settled() == [Settled(ticket)]
    rig.drain()
    rig.say(A)
    rig.news()
    hydrated = rig.loaded(2)
    assert rig.news() == [hydrated, A]


def test_asking_again_ends_the_back_off() -> None:
    rig = Rig()
    rig.up()
    rig.failed(OSError())
    rig.gate.submit(Hydrate(), 0.0)
    rig.drain()
    assert len(rig.loads) == 2


def test_what_is_held_at_the_end_of_the_session_is_delivered() -> None:
    rig = Rig()
    rig.up()
    rig.say(A)
    rig.inner.finished = True
    down = rig.down()
    assert rig.news()[1:] == [down, A]
    assert rig.gate.finished
    rig.loaded("too late")
    assert rig.news() == []


@pytest.mark.parametrize("failure", [None, AuthenticationRefused("denied")])
def test_nothing_can_be_asked_for_after_the_end(failure: Exception | None) -> None:
    rig = Rig()
    rig.inner.finished = True
    rig.inner.failure = failure
    rig.say()
    with pytest.raises(type(failure) if failure else LocalProtocolError):
        rig.gate.submit(Hydrate(), 0.0)


def test_every_input_reaches_the_machine() -> None:
    rig = Rig()
    gate, inner = rig.gate, rig.inner
    inner.given.clear()
    close, handshake, done = Close(code=1000), Handshake(), Done(None)
    gate.opened(handshake, 1.0, 2.0)
    gate.receive(["m"], 3.0)
    gate.heard(4.0)
    gate.pong(b"p", 5.0)
    gate.reading(False, 6.0)
    ticket = gate.submit(Sub("t"), 7.0)
    gate.abandon(ticket, 8.0)
    gate.fulfil(Token(1, 1), done, 9.0)
    gate.handle_timer(10.0, 11.0)
    gate.stop(12.0)
    gate.closed(close, 13.0, 14.0)
    assert inner.given == [
        ("opened", handshake, 1.0, 2.0),
        ("receive", ["m"], 3.0),
        ("heard", 4.0),
        ("pong", b"p", 5.0),
        ("reading", False, 6.0),
        ("submit", Sub("t"), 7.0),
        ("abandon", ticket, 8.0),
        ("fulfil", Token(1, 1), done, 9.0),
        ("handle_timer", 10.0, 11.0),
        ("stop", 12.0),
        ("closed", close, 13.0, 14.0),
    ]


def test_every_output_of_the_machine_comes_through() -> None:
    rig = Rig()
    gate, inner = rig.gate, rig.inner
    machine: Machine[object] = gate
    inner.deadline = 20.0
    inner.failure = OSError()
    said: list[Effect] = ["frame", Ping(b"")]
    inner.effects += said
    inner.settled.append(Settled(Ticket(1), "reply"))
    inner.events.append(Up(0.0, 1))
    gate.heard(0.0)
    gate.submit(Hydrate(), 0.0)
    assert gate.take_effects()[:2] == said
    assert gate.take_settled() == [Settled(Ticket(1), "reply"), Settled(Ticket(-3))]
    assert machine.next_deadline() == 20.0
    assert machine.failure is inner.failure
    assert machine.status() == inner.status()
