"""Trouble on demand, as the machine it is: what is said while a server hangs, and what faults leave behind."""

from __future__ import annotations

import random

from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, Cut, Refuse, SendTo
from pushwire.sandbox.bitpanda import BitpandaServer
from pushwire.sandbox.bitpanda_settings import BitpandaSettings
from pushwire.testing.on_demand import OnDemand

SUBSCRIBE = '{"action":"subscribe","channel":"prices-v1"}'


def connected(*conns: int) -> tuple[BitpandaServer, OnDemand]:
    machine = BitpandaServer(BitpandaSettings(tokens=None), random.Random(0))
    trouble = OnDemand(machine, random.Random(0))
    request = ConnectRequest(headers={"authorization": "Bearer x"})
    for conn in conns:
        assert isinstance(trouble.connect(conn, request, 0.0, 1.0), Accept)
    return machine, trouble


def test_it_says_what_it_is_told_to_say_to_all() -> None:
    _, trouble = connected(1, 2)
    trouble.say("x", 0.0)
    assert list(trouble.take_effects()) == [SendTo(1, "x", "push"), SendTo(2, "x", "push")]


def test_a_hanging_server_looks_at_nothing_until_it_goes_on() -> None:
    machine, trouble = connected(1, 2)
    trouble.stall()
    trouble.receive(1, SUBSCRIBE, 0.0)
    trouble.receive(2, SUBSCRIBE, 0.0)
    trouble.say("late", 0.0)
    assert not trouble.take_effects()
    # Who has gone meanwhile has said nothing, and is told nothing.
    trouble.disconnected(2, 1.0)
    trouble.resume(2.0)
    first, second = trouble.take_effects()
    assert first == SendTo(1, "late", "push")
    assert isinstance(second, SendTo)
    assert (second.conn, "success" in str(second.text)) == (1, True)
    assert machine.topics(1)


def test_refusals_are_used_up() -> None:
    _, trouble = connected()
    trouble.refuse(503, 2, "busy", 1.5)
    request = ConnectRequest(headers={"authorization": "Bearer x"})
    answers = [trouble.connect(conn, request, 0.0, 1.0) for conn in (1, 2, 3)]
    assert answers == [Refuse(503, "busy", 1.5), Refuse(503, "busy", 1.5), Accept()]
    assert trouble.dials == 3


def test_cuts_and_closes_are_told_to_the_server_too() -> None:
    machine, trouble = connected(1, 2)
    trouble.cut(0.0)
    assert list(trouble.take_effects()) == [Cut(1), Cut(2)]
    assert not machine.connections
    machine, trouble = connected(3)
    trouble.close(1012, "restart", 0.0)
    assert list(trouble.take_effects()) == [CloseConn(3, 1012, "restart")]
    assert not machine.connections


def test_faults_that_end_let_go_what_they_held_back_and_what_the_server_did_meanwhile() -> None:
    machine, trouble = connected(1, 2)
    trouble.disturb(["slow:60", "slow:60"], 0.0)
    trouble.say("behind no fault", 0.0)
    trouble.receive(1, SUBSCRIBE, 0.0)
    assert list(trouble.take_effects()) == [SendTo(1, "behind no fault", "push"), SendTo(2, "behind no fault", "push")]
    assert trouble.next_deadline() <= 60.0
    trouble.disturb(["slow:60"], 1.0)
    (reply,) = trouble.take_effects()
    assert isinstance(reply, SendTo)
    trouble.receive(1, SUBSCRIBE, 1.0)
    machine.cut_all(1.0)
    trouble.disturb([], 1.0)
    assert list(trouble.take_effects()) == [Cut(1), Cut(2)], "what was behind a cut is lost"
