"""What a replay gives back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.commands import Finish, Park
from pushwire.core.effects import (
    Close,
    Committed,
    Dial,
    Done,
    Effect,
    Failed,
    Fetch,
    Handshake,
    Identity,
    Outcome,
    Persist,
    Restored,
    SecretFrame,
    Settled,
    Ticket,
    Token,
)
from pushwire.core.journal import Header, Heard, RecordedError, Start, Step, Truncated, replay
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError, StoreError
from pushwire.providers import gelabs
from pushwire.testing import gelabs as build
from tests.core.journals import WALL, Recorded, header

# One run: the same inputs for a machine that is recorded, whatever they lead to


def push(tx_hash: str, tx_status: str) -> str:
    return build.push(tx_hash=tx_hash, tx_status=tx_status)


def reply(kind: str, number: int, code: int) -> str:
    return build.message(kind, None, id=f"id-{number}", code=code)


messages: st.SearchStrategy[str | bytes] = st.one_of(
    st.just(build.connected()),
    st.builds(push, st.sampled_from(["0xAA", "0xbb", "0xcc"]), st.sampled_from(["pending", "success"])),
    st.builds(
        reply,
        st.sampled_from(["subscribe", "transactionACK", "pong", "getTxHash"]),
        st.integers(1, 9),
        st.sampled_from([0, 404]),
    ),
    st.binary(max_size=9),
    # No transport lets lone surrogates through, but a machine takes any text.
    st.text(st.characters(codec=None), max_size=9),
)
outcomes: st.SearchStrategy[Outcome] = st.sampled_from(
    [
        Done(Committed()),
        Done(Committed()),
        Done(Committed({Ticket(number): ValueError("no such row") for number in range(9)})),
        Done(Secret("a token")),
        Failed(StoreError("disk full")),
        Failed(StoreError("lost the connection", outcome="unknown")),
        Failed(OSError("gone")),
    ]
)
closes = st.builds(
    Close,
    code=st.sampled_from([None, 1000, 1006]),
    reason=st.text(max_size=5),
    status=st.sampled_from([None, None, 503]),
    retry_after=st.sampled_from([None, 3.5]),
    by=st.sampled_from(["peer", "us", "transport"]),
)


class Run:
    """A recorded machine, and all it said after each input."""

    def __init__(self, start: Header) -> None:
        self.recorded = Recorded(start)
        self.machine = self.recorded.machine
        self.now = 100.0
        self.steps: list[tuple[list[Effect], list[object], list[Settled], str | None]] = []
        self.tokens: list[Token] = []
        self.held: list[gelabs.Transaction] = []

    def input(self, method: str, *args: object) -> None:
        error = None
        try:
            getattr(self.machine, method)(*args)
        except LocalProtocolError as raised:
            error = str(raised)
        effects = list(self.machine.take_effects())
        events = list(self.machine.take_events())
        self.tokens += (effect.token for effect in effects if isinstance(effect, Persist | Fetch))
        self.held += (event for event in events if isinstance(event, gelabs.Transaction))
        self.steps.append((effects, events, list(self.machine.take_settled()), error))

    def wall(self) -> float:
        return WALL + self.now


METHODS = (
    *("open", "receive", "receive", "receive", "heard", "pong", "closed", "reading"),
    *("submit", "settle", "abandon", "fulfil", "timer", "stop"),
)


def one_input(run: Run, data: st.DataObject) -> None:
    run.now += data.draw(st.sampled_from([0.0, 0.25, 5.0, 31.0, 400.0]))
    now, wall = run.now, run.wall()
    match data.draw(st.sampled_from(METHODS)):
        case "open":
            run.input("opened", Handshake(101, {"server": "x"}), now, wall)
        case "receive":
            run.input("receive", data.draw(st.lists(messages, max_size=3)), now)
        case "heard":
            run.input("heard", now)
        case "pong":
            run.input("pong", data.draw(st.binary(max_size=4)), now)
        case "closed":
            run.input("closed", data.draw(closes), now, wall)
        case "reading":
            run.input("reading", data.draw(st.booleans()), now)
        case "submit":
            commands = [
                gelabs.Subscribe("0xAb", "ethereum"),
                gelabs.Unsubscribe("0xab"),
                gelabs.GetTransaction("bsc", 56, "0xaa"),
            ]
            run.input("submit", data.draw(st.sampled_from(commands)), now)
        case "settle" if run.held:
            tx = data.draw(st.sampled_from(run.held))
            run.input("submit", data.draw(st.sampled_from([Finish((tx.identity,)), Park(tx.identity, "odd", tx.dump())])), now)
        case "abandon":
            run.input("abandon", Ticket(data.draw(st.integers(0, 9))), now)
        case "fulfil" if run.tokens:
            run.input("fulfil", run.tokens.pop(0), data.draw(outcomes), now)
        case "stop":
            run.input("stop", now)
        case _:
            run.input("handle_timer", now, wall)


def without_secrets(effects: Sequence[Effect]) -> list[object]:
    shown: list[object] = []
    for effect in effects:
        if isinstance(effect, Dial):
            shown.append(attrs.evolve(effect, url=str(effect.url), headers={k: str(v) for k, v in effect.headers.items()}))
        else:
            shown.append(effect.shown if isinstance(effect, SecretFrame) else effect)
    return shown


def told(settled: Sequence[Settled]) -> list[Any]:
    return [(one.ticket, one.reply, None if one.error is None else str(one.error)) for one in settled]


def said(step: Step) -> tuple[Any, ...]:
    error = None if step.error is None else str(step.error)
    return without_secrets(step.effects), list(step.events), told(step.settled), error


restored = st.sampled_from(
    [
        Restored(),
        Restored(mark=WALL - 3600.0),
        Restored(
            {Identity(("ethereum", 1, "0xaa"), ("pending", 100, False)): WALL - 9.5},
            {Identity(("ethereum", None, "0xbb"), ("success", None, True)): WALL},
            WALL - 9.5,
        ),
    ]
)


@pytest.mark.slow
@given(st.data())
def test_a_replay_says_what_the_run_said_after_each_input(data: st.DataObject) -> None:
    config = gelabs.Config(api_key=Secret("sk-1234567890"), stale_after=60.0, send_rate=2.0)
    run = Run(header(config=config, seed=data.draw(st.integers(0, 2**70)), restored=data.draw(restored)))
    run.input("start", run.now, run.wall())
    if data.draw(st.booleans()):
        run.input("opened", Handshake(), run.now, run.wall())
        run.input("receive", [build.connected()], run.now)
    for _ in range(data.draw(st.integers(0, 25))):
        one_input(run, data)

    first, *steps = replay(run.recorded.records())

    assert isinstance(first.record, Header)
    assert [said(step) for step in steps] == [
        (without_secrets(effects), events, told(settled), error) for effects, events, settled, error in run.steps
    ]


def test_a_whole_session_is_replayed() -> None:
    run = Run(header())
    run.input("start", 100.0, WALL)
    run.input("fulfil", run.tokens.pop(), Done(Committed()), 100.0)
    run.input("opened", Handshake(), 100.5, WALL)
    run.input("receive", [build.connected(), build.push(), build.push(tx_status="pending")], 101.0)
    run.input("submit", Finish(tuple(tx.identity for tx in run.held)), 102.0)
    run.input("fulfil", run.tokens.pop(), Done(Committed()), 102.0)
    run.input("stop", 103.0)
    run.input("closed", Close(1000), 103.5, WALL)

    steps = list(replay(run.recorded.records()))

    assert sum(isinstance(event, gelabs.Transaction) for step in steps for event in step.events) == 2
    assert sum(isinstance(effect, str) and "transactionACK" in effect for step in steps for effect in step.effects) == 1
    assert [settled.error for step in steps for settled in step.settled] == [None]


def test_the_header_and_a_truncated_end_are_steps_in_which_nothing_happens() -> None:
    first = header()
    assert list(replay([first, Truncated()])) == [Step(first, [], [], [], None, first.machine().status()), Step(Truncated())]


def test_each_step_says_where_the_machine_stands_after_it() -> None:
    steps = list(replay([header(), Start(5.0, WALL)]))
    assert [(step.status.phase, step.status.since) for step in steps if step.status is not None] == [
        (Phase.IDLE, 0.0),
        (Phase.DIALLING, 5.0),
    ]


def test_an_input_without_a_header_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="begins with its header"):
        list(replay([Start(0.0, WALL)]))


def test_a_truncated_journal_without_a_header_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="begins with its header"):
        list(replay([Truncated()]))


def test_what_an_input_raises_is_kept_and_the_replay_goes_on() -> None:
    _, start, again, heard = replay([header(), Start(0.0, WALL), Start(0.0, WALL), Heard(1.0)])
    assert start.error is None
    assert isinstance(again.error, LocalProtocolError)
    assert heard.error is None


def test_a_recorded_error_has_the_text_and_the_name_of_the_first_one() -> None:
    error = RecordedError("IntegrityError", "UNIQUE constraint failed")
    assert str(error) == "UNIQUE constraint failed"
    assert error.type == "IntegrityError"
