"""The gate as it is made for a config, and what passes through it beside the events."""

from __future__ import annotations

import attrs

from pushwire.core.backoff import BackoffPolicy
from pushwire.core.commands import Hydrate
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Settled, Ticket
from pushwire.core.events import Gap
from pushwire.core.gate import gated
from tests.core.rig import WALL
from tests.core.test_gate import TX, A, B, C, Rig
from tests.core.toy import Always, Tx


@attrs.frozen(kw_only=True)
class Acked(ConnectionConfig):
    def acked(self) -> type:
        return Tx


def made_for(config: object) -> Rig:
    rig = Rig()
    rig.gate = gated(rig.inner, config, rng=Always(1.0), hold=2)
    rig.gate.start(rig.now, WALL)
    return rig


def test_answers_of_the_machine_pass_beside_those_of_the_gate() -> None:
    rig = Rig()
    rig.inner.settled.append(Settled(Ticket(3)))
    assert list(rig.gate.take_settled()) == [Settled(Ticket(3))]
    ticket = rig.gate.submit(Hydrate(), 0.0)
    rig.inner.settled.append(Settled(Ticket(4)))
    assert list(rig.gate.take_settled()) == [Settled(Ticket(4)), Settled(ticket)]


def test_a_gate_made_for_a_config_knows_its_events_its_back_off_and_how_much_it_may_hold() -> None:
    rig = made_for(Acked(backoff_first=8.0, backoff_cap=9.0))
    up = rig.up()
    rig.say(TX, A, TX, B)
    assert rig.news() == [up], "what is ledgered does not count"
    rig.failed(ValueError("no"))
    assert rig.gate.next_deadline() == 8.0
    rig.news()
    rig.timer(8.0)
    rig.say(C)
    assert [type(event) for event in rig.news()] == [Gap], "a third that is not is one too many"
    hydrated = rig.loaded("now")
    assert rig.news() == [hydrated, TX, TX]


def test_a_gate_made_for_any_other_config_waits_as_by_default() -> None:
    rig = made_for(object())
    rig.up()
    rig.failed(ValueError("no"))
    assert rig.gate.next_deadline() == BackoffPolicy().first
