"""Journals of a machine behind a gate, and of what was left: a replay says the same."""

from __future__ import annotations

import io
import random

import pytest

from pushwire.core.commands import Hydrate, Leave
from pushwire.core.effects import Done, Fetch, Handshake, Ticket
from pushwire.core.events import Hydrated
from pushwire.core.gate import gated
from pushwire.core.ids import id_source
from pushwire.core.journal import Foreign, Header, Submit, replay
from pushwire.core.journal_lines import read_journal
from pushwire.core.recording import Recording
from pushwire.core.secrets import Secret
from pushwire.errors import JournalError, LocalProtocolError
from pushwire.providers import gelabs, load
from pushwire.testing.gelabs import connected, push
from tests.core.journals import WALL, Recorded, header
from tests.core.toy import Sub

CONFIG = gelabs.Config(api_key=Secret("sk"))
SUBSCRIBE = gelabs.Subscribe("0xab", "ethereum")


class Held:
    """A gelabs machine behind a gate, recorded."""

    def __init__(self, hold: int) -> None:
        start = Header(load("gelabs"), CONFIG, 7, "id", header().restored, "1.2.3", hold)
        rng = random.Random(start.seed)
        inner = CONFIG.machine(rng=rng, ids=id_source(start.prefix))
        self.file = io.StringIO(newline="\n")
        self.machine = Recording(gated(inner, CONFIG, rng=rng, hold=hold), start, self.file)
        self.events: list[object] = []
        self.loads: list[Fetch] = []

    def drain(self) -> None:
        self.loads += (effect for effect in self.machine.take_effects() if isinstance(effect, Fetch))
        self.events += self.machine.take_events()
        self.machine.take_settled()

    def records(self) -> list[bytes]:
        return self.file.getvalue().encode().splitlines(keepends=True)


def test_a_replay_holds_and_releases_as_the_first_run_did() -> None:
    held = Held(hold=5)
    held.machine.start(0.0, WALL)
    held.machine.opened(Handshake(), 1.0, WALL + 1.0)
    held.machine.receive([connected(), push()], 2.0)
    held.drain()
    held.machine.submit(Hydrate(), 3.0)
    held.drain()
    assert not any(isinstance(event, gelabs.Transaction) for event in held.events)
    held.machine.fulfil(held.loads[-1].token, Done({"a": "secret"}), 4.0)
    held.drain()
    assert Hydrated(4.0, {"a": "secret"}) in held.events
    assert "secret" not in held.file.getvalue()
    replayed = [event for step in replay(read_journal(held.records(), load)) for event in step.events]
    assert Hydrated(4.0, "dict") in replayed, "the snapshot is the caller's, its type stands for it"
    assert [type(event) for event in replayed] == [type(event) for event in held.events]
    assert isinstance(replayed[-1], gelabs.Transaction)


def test_what_is_left_is_recorded_with_its_command() -> None:
    recorded = Recorded()
    machine = recorded.machine
    machine.start(0.0, WALL)
    machine.submit(SUBSCRIBE, 1.0)
    machine.submit(Leave(SUBSCRIBE), 2.0)
    machine.submit(Leave(SUBSCRIBE, Ticket(1)), 3.0)
    assert recorded.records()[-2:] == [Submit(Leave(SUBSCRIBE), 2.0), Submit(Leave(SUBSCRIBE, Ticket(1)), 3.0)]


def test_leaving_what_the_provider_does_not_have_is_refused_then_and_now() -> None:
    recorded = Recorded()
    recorded.machine.start(0.0, WALL)
    with pytest.raises(LocalProtocolError):
        recorded.machine.submit(Leave(Sub("a")), 1.0)
    records = recorded.records()
    assert records[-1] == Submit(Leave(Foreign("Sub")), 1.0)
    assert isinstance(list(replay(records))[-1].error, LocalProtocolError)


@pytest.mark.parametrize("command", ["Leave", "Finish", "Nothing"])
def test_only_the_providers_own_commands_can_have_been_left(command: str) -> None:
    recorded = Recorded()
    line = b'{"input":"submit","now":1.0,"command":"Leave","fields":{"command":"%s","fields":{}}}\n' % command.encode()
    with pytest.raises(JournalError, match="gelabs has no such command"):
        list(read_journal([*recorded.lines, line], load))
