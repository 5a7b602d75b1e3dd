"""The lifecycle that all providers share, driven through the toy."""

from __future__ import annotations

import pytest

from pushwire.core.effects import Credential, Dial, SecretFrame
from pushwire.core.events import Malformed, Unrecognized, Up
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from tests.core.rig import Rig, ready_toy
from tests.core.toy import AckToy, Data, Look, Rules, Toy

# From the start to a ready connection


def test_a_session_fetches_its_credential_dials_and_logs_in() -> None:
    rig = Rig(Toy())
    assert rig.phase() is Phase.IDLE
    rig.start()
    assert rig.phase() is Phase.PREPARING
    (fetch,) = rig.fetches
    assert fetch.what == Credential("token")
    assert fetch.token.generation == 1
    rig.give_token("t1")
    assert rig.phase() is Phase.DIALLING
    assert rig.dials == [(0.0, Dial(1, "wss://toy.test", {"token": Secret("t1")}, 1000))]
    rig.open()
    assert rig.phase() is Phase.AUTHENTICATING
    assert rig.effects[-1] == SecretFrame("auth t1", "auth ***")
    assert rig.news() == []
    rig.now = 0.25
    rig.say("hello")
    assert rig.phase() is Phase.READY
    assert rig.news() == [Up(0.25, 1)]
    status = rig.machine.status()
    assert (status.since, status.attempt, status.generation, status.last_error, status.next_dial) == (0.25, 0, 1, None, None)


def test_a_session_without_credentials_dials_at_once() -> None:
    rig = Rig(AckToy())
    rig.start()
    assert rig.phase() is Phase.DIALLING
    assert len(rig.dials) == 1


def test_each_dial_waits_for_all_its_credentials() -> None:
    class Two(Toy):
        credentials = ("token", "cookie")

    rig = Rig(Two())
    rig.start()
    assert [fetch.what for fetch in rig.fetches] == [Credential("token"), Credential("cookie")]
    rig.give_token("t")
    assert rig.dials == []
    rig.give_token("c")
    assert rig.dials[0][1].headers == {"token": Secret("t"), "cookie": Secret("c")}


def test_what_is_taken_is_taken_once() -> None:
    machine = Toy()
    machine.start(0.0, 0.0)
    assert len(machine.take_effects()) == 1
    assert (machine.take_effects(), machine.take_events(), machine.take_settled()) == ([], [], [])


def test_bytes_alone_prove_nothing() -> None:
    rig = ready_toy()
    due = rig.machine.next_deadline()
    rig.machine.heard(5.0)
    rig.drain()
    assert rig.machine.next_deadline() == due
    assert rig.effects == []


# Receiving


def test_messages_become_events() -> None:
    rig = ready_toy()
    rig.say("data a 1", "strange thing", b"\xff", "", "data b 2")
    assert rig.news() == [
        Data("a", "1"),
        Unrecognized(0.0, "strange thing", "strange"),
        Malformed(0.0, b"\xff", "not words"),
        Malformed(0.0, "", "not words"),
        Data("b", "2"),
    ]


def test_what_comes_while_there_is_no_connection_is_passed_over() -> None:
    rig = Rig(Toy())
    rig.say("hello", "data a 1")
    rig.machine.pong(b"", 0.0)
    rig.start()
    rig.say("hello", "data a 1")
    assert rig.phase() is Phase.PREPARING
    assert rig.news() == []


@pytest.mark.parametrize("second", ["hello", "busy", "denied no", "data a 1", "done x", "ok 1 x"])
def test_what_follows_a_hang_up_in_the_same_read_does_no_harm(second: str) -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    rig.open()
    rig.say("busy", second)
    assert rig.phase() is Phase.HANGING_UP
    assert len(rig.hangups) == 1
    rig.say("hello")
    assert rig.phase() is Phase.HANGING_UP
    rig.drop()
    assert rig.phase() in {Phase.BACKING_OFF, Phase.CLOSED}


def test_a_second_greeting_says_nothing_new() -> None:
    rig = ready_toy()
    rig.say("hello")
    assert rig.news() == []
    assert rig.phase() is Phase.READY


# A driver that breaks the contract


def moved(machine: Rules) -> tuple[object, ...]:
    return (machine.status(), machine.next_deadline(), machine.finished)


def test_closing_what_is_not_open_is_refused_before_any_change() -> None:
    rig = Rig(Toy())
    with pytest.raises(LocalProtocolError, match="while idle: the session has not been started"):
        rig.drop()
    rig.start()
    rig.give_tokens()
    rig.submit(Look())
    rig.drop()
    before = moved(rig.machine)
    with pytest.raises(LocalProtocolError, match="lost, dial again later while backing off: there is no connection"):
        rig.drop()
    assert moved(rig.machine) == before
    assert rig.settled == []
    rig.stop()
    with pytest.raises(LocalProtocolError, match="the session has ended"):
        rig.drop()


def test_starting_twice_is_refused() -> None:
    rig = Rig(Toy())
    rig.start()
    with pytest.raises(LocalProtocolError, match="start while preparing"):
        rig.start()


def test_opening_what_was_not_asked_for_is_refused() -> None:
    rig = Rig(Toy())
    with pytest.raises(LocalProtocolError, match="connection opened while idle"):
        rig.open()


def test_a_timer_that_comes_early_does_nothing() -> None:
    rig = ready_toy()
    for at in (0.0, 1.0, 29.9):
        rig.now = at
        rig.timer()
    assert rig.effects == []
    idle = Rig(Toy())
    idle.timer()
    assert idle.effects == []


def test_asking_for_the_deadline_changes_nothing() -> None:
    rig = ready_toy()
    rig.submit(Look())
    assert len({rig.machine.next_deadline() for _ in range(5)}) == 1
    assert rig.machine.take_effects() == []
