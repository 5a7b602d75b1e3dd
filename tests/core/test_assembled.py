"""A machine as its config, what was restored and the limits call for: bare, with receipts, behind a gate."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from pushwire.core.assembled import assembled
from pushwire.core.backoff import BackoffPolicy
from pushwire.core.effects import Failed, Fetch, Held, Identity, Payloads, Restored, Snapshot
from pushwire.core.events import Delivery, Gap, Up
from pushwire.core.gate import Gated
from pushwire.core.holding import Holding
from pushwire.core.holds import HoldLimits, acked_already
from pushwire.core.ids import id_source
from pushwire.core.machine import Machine
from pushwire.errors import StoreError
from tests.core.hold_rig import revive
from tests.core.rig import WALL, tx
from tests.core.scripted import Scripted
from tests.core.toy import Always, Data, Event, Tx

RESTORED = Restored(mark=WALL, held={tx("a"): Held(WALL, 10), tx("b"): Held(WALL, 10)})


@attrs.define
class Config:
    """Of a provider with ACKs; keeps what its machine was built from."""

    inner: Scripted = attrs.field(factory=Scripted)
    built: list[object] = attrs.field(factory=list[object])

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> Machine[Event]:
        self.built = [rng, ids, restored]
        return self.inner

    def acked(self) -> type[Tx]:
        return Tx

    def revive(self, raw: str, identity: Identity, delivery: Delivery, received: float) -> Event:
        return revive(raw, identity, delivery, received)


def build(config: Config, *, receipts: HoldLimits | None = None, hold: int | None = None) -> Machine[object]:
    rng, ids = Always(1.0), id_source("id")
    machine = assembled(config, rng=rng, ids=ids, restored=RESTORED, receipts=receipts, hold=hold)
    assert config.built == [rng, ids, acked_already(RESTORED)]
    return machine


def test_a_machine_with_neither_is_the_providers_own() -> None:
    config = Config()
    assert build(config) is config.inner


def test_receipts_have_the_limits_and_the_random_source_that_were_given() -> None:
    machine = build(Config(), receipts=HoldLimits(out=1))
    assert isinstance(machine, Holding)
    machine.start(0.0, WALL)
    (fetch,) = machine.take_effects()
    assert isinstance(fetch, Fetch)
    assert fetch.what == Payloads((tx("a"),))
    machine.fulfil(fetch.token, Failed(StoreError("away")), 0.0)
    assert machine.next_deadline() == 0.5


def test_a_gate_knows_the_config_and_holds_as_much_as_it_may() -> None:
    config = Config()
    machine = build(config, hold=1)
    assert isinstance(machine, Gated)
    machine.start(0.0, WALL)
    config.inner.events += [Tx(tx("a"), "new"), Tx(tx("b"), "new"), Data("t", "1")]
    machine.receive(["?"], 0.0)
    assert machine.take_events() == [], "what is ledgered does not count"
    config.inner.events.append(Data("t", "2"))
    machine.receive(["?"], 0.0)
    assert [type(event) for event in machine.take_events()] == [Gap]


def test_a_gate_draws_its_delays_from_the_same_source() -> None:
    config = Config()
    machine = build(config, hold=1)
    machine.start(0.0, WALL)
    config.inner.events.append(Up(0.0, 1))
    machine.receive(["?"], 0.0)
    (fetch,) = machine.take_effects()
    assert isinstance(fetch, Fetch)
    assert fetch.what == Snapshot()
    machine.fulfil(fetch.token, Failed(ValueError("no")), 0.0)
    assert machine.next_deadline() == BackoffPolicy().first
