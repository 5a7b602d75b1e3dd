"""Journals of a machine with receipts: a replay stores, ACKs and delivers what the first run did."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import pytest

from pushwire.core.assembled import assembled
from pushwire.core.commands import Finish
from pushwire.core.effects import Committed, Dial, Done, Effect, Fetch, Handshake, Held, Identity, Loaded, Persist, Restored
from pushwire.core.events import Malformed
from pushwire.core.holds import HoldLimits
from pushwire.core.ids import id_source
from pushwire.core.journal import Header, replay
from pushwire.core.journal_lines import read_journal
from pushwire.core.journal_writer import Encoder
from pushwire.core.recording import Recording
from pushwire.core.secrets import Secret
from pushwire.errors import JournalError
from pushwire.providers import gelabs, load, satoriex
from pushwire.testing.gelabs import connected, push
from tests.core.journals import WALL

CONFIG = gelabs.Config(api_key=Secret("sk"))
KEPT, ODD = (Identity(("base", 8453, tx_hash), ("success", 7, False)) for tx_hash in ("0x01", "0x02"))
RESTORED = Restored(mark=WALL, held={KEPT: Held(WALL - 5.0, 700), ODD: Held(WALL - 4.0, 1)})


def test_a_replay_stores_acks_and_delivers_what_the_first_run_did() -> None:
    limits = HoldLimits(rows=3)
    start = Header(load("gelabs"), CONFIG, 7, "id", RESTORED, "1.2.3", 5, limits)
    file = io.StringIO(newline="\n")
    machine = Recording(
        assembled(CONFIG, rng=random.Random(7), ids=id_source("id"), restored=RESTORED, receipts=limits, hold=5), start, file
    )
    effects: list[Effect] = []
    events: list[object] = []

    def drain() -> Sequence[Effect]:
        fresh = machine.take_effects()
        effects.extend(fresh)
        events.extend(machine.take_events())
        machine.take_settled()
        return fresh

    machine.start(0.0, WALL)
    (loading,) = [effect for effect in drain() if isinstance(effect, Fetch)]
    machine.fulfil(loading.token, Done(Loaded({KEPT: push(tx_hash="0x01"), ODD: "{"})), 0.5)
    drain()
    machine.opened(Handshake(), 1.0, WALL + 1.0)
    machine.receive([connected(), push(tx_hash="0x03")], 2.0)
    snapshot, *_ = [effect for effect in drain() if isinstance(effect, Fetch)]
    for persist in [effect for effect in effects if isinstance(effect, Persist)]:
        machine.fulfil(persist.token, Done(Committed()), 3.0)
        drain()
    machine.fulfil(snapshot.token, Done("str"), 4.0)
    drain()
    machine.submit(Finish((KEPT,)), 5.0)
    drain()

    records = list(read_journal(file.getvalue().encode().splitlines(keepends=True), load))
    header = records[0]
    assert isinstance(header, Header)
    assert (header.receipts, header.restored, header.hold) == (limits, RESTORED, 5)
    steps = list(replay(records))
    replayed = [effect for step in steps for effect in step.effects]
    # A dial holds the key, for which a placeholder stands.
    assert [effect for effect in replayed if not isinstance(effect, Dial)] == [e for e in effects if not isinstance(e, Dial)]
    # Of a snapshot, the name of its type stands for it; this one is its own.
    assert [repr(event) for step in steps for event in step.events] == [repr(event) for event in events]
    assert [event.raw for event in events if isinstance(event, Malformed)] == ["{"]
    assert [event.tx_hash for event in events if isinstance(event, gelabs.Transaction)] == ["0x01", "0x03"]
    assert [step.error for step in steps] == [None] * len(steps)


def test_receipts_of_a_provider_that_wants_no_acks_are_a_wrong_header() -> None:
    config = satoriex.Config(token=Secret("a-token"))
    first = Encoder(load("satoriex")).header(Header(load("satoriex"), config, 1, "n", Restored(), "0", receipts=HoldLimits()))
    with pytest.raises(JournalError, match="line 1: receipts: satoriex wants no ACKs"):
        list(read_journal([first.encode() + b"\n"], load))
