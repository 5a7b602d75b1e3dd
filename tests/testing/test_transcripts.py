"""Scripts in files, written and read back, what is wrong with one that a person wrote, and journals that become scripts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from trio.testing import MockClock

import pushwire
from pushwire import gelabs, quantcite
from pushwire.core.events import Up
from pushwire.errors import JournalError, LocalProtocolError, NotReady
from pushwire.shell.transport import Connector
from pushwire.testing import gelabs as build
from pushwire.testing.scripted import (
    Accept,
    Answer,
    Close,
    Drop,
    Expect,
    Gone,
    Mark,
    Refuse,
    Respond,
    ScriptedPeer,
    ScriptFailed,
    Send,
    Stall,
    Step,
    Until,
    Wait,
)

CONFIG = gelabs.Config(api_key=pushwire.Secret("hidden-key"))
SUBSCRIBE = gelabs.Subscribe(build.ADDRESS, "ethereum")

ALL: list[Step] = [
    Answer({"type": "ping"}, "pong"),
    Respond("POST /token", {"access_token": "t"}),
    Respond("GET /a", b"\xff", 429, retry_after=1.5),
    Respond("GET /b", status=204),
    Refuse(),
    Refuse(429, "slow down", retry_after=1.5),
    Drop(),
    Accept("v1"),
    Mark("there"),
    Until("now"),
    Expect("exactly this"),
    Expect(b"\x00"),
    Expect({"a": [1, Decimal("1.50"), None, True], "b": {"c": "$id"}}),
    Send("text"),
    Send(b"\xff"),
    Send({"id": "$id"}),
    Send(["$id"]),
    Wait(0.5),
    Stall(2),
    Close(4000, "why"),
    Accept(),
    Stall(),
    Gone(),
]


def test_a_script_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "script.jsonl"
    ScriptedPeer(ALL).save(file)
    assert ScriptedPeer.load(file).steps == tuple(ALL)
    assert {type(step) for step in ALL} == {
        Accept,
        Answer,
        Close,
        Drop,
        Expect,
        Gone,
        Mark,
        Refuse,
        Respond,
        Send,
        Stall,
        Until,
        Wait,
    }


@pytest.mark.parametrize("step", [Expect(bool), Send(str), Answer(bool, "x"), Answer("x", str)])
def test_a_function_cannot_be_written(tmp_path: Path, step: Step) -> None:
    with pytest.raises(LocalProtocolError, match=f"{type(step).__name__}: a function"):
        ScriptedPeer([Accept(), step]).save(tmp_path / "script.jsonl")


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "line 1: the transcript is empty"),
        ('{"accept": true}', "line 1: not the head of a transcript in format 1"),
        ('{"transcript": 1}\n\n# why\nno JSON', "line 4: Expecting value"),
        ('{"transcript": 1}\n[1]', "line 2: not a JSON object"),
        ('{"transcript": 1}\n{"jump": 1}', "line 2: no step; there are: accept, refuse, expect"),
        ('{"transcript": 1}\n{"accept": false}', "line 2: accept is about nothing: true"),
        ('{"transcript": 1}\n{"accept": true, "colour": 1}', "line 2: extra fields found"),
        ('{"transcript": 1}\n{"wait": "long"}', "line 2: invalid"),
        ('{"transcript": 1}\n{"wait": -1}', "line 2: Wait: seconds must be a number of seconds"),
        ('{"transcript": 1}\n{"refuse": 1.5}', "line 2: invalid"),
        ('{"transcript": 1}\n{"expect": 7}', "line 2: a message is a text, an object or a list"),
        ('{"transcript": 1}\n{"send": "x", "after": 1}', "line 2: send: a field is missing, or there is none of this name"),
        ('{"transcript": 1}\n{"respond": "POST /x", "body": 7}', "line 2: a message is a text, an object or a list"),
        ('{"transcript": 1}\n{"respond": "POST", "status": 503}', "line 2: Respond: request must be a method and a path"),
        ('{"transcript": 1}\n{"respond": "POST /x", "after": 1}', "line 2: extra fields found"),
        ('{"transcript": 1}\n{"answer": "x"}', "line 2: answer: a field is missing"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(JournalError) as caught:
        ScriptedPeer.load(file)
    assert problem in str(caught.value)


async def test_a_failure_names_the_line_in_the_file(tmp_path: Path, autojump_clock: MockClock) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text('{"transcript": 1}\n# it begins\n{"accept": true}\n{"expect": {"type": "x"}}\n', encoding="utf-8")
    with pytest.raises(ScriptFailed, match=r"step 2 of 2 \(line 4\)"):
        async with (
            ScriptedPeer.load(file).play() as peer,
            pushwire.connect(quantcite.Config(api_key=pushwire.Secret("k")), **peer.in_memory),
        ):
            raise AssertionError("it is not ready")


# Journals


async def recorded(file: Path) -> list[gelabs.Event]:
    """The events of a session that is recorded: a subscription, a cut, a refusal, a resend, a close."""
    steps = [
        Answer({"type": "ping", "id": "$id"}, {"type": "pong", "id": "$id", "code": 0}),
        Accept(),
        Send(build.connected()),
        Expect({"type": "subscribe", "id": "$id"}),
        Answer({"type": "subscribe", "id": "$id"}, {"type": "subscribe", "id": "$id", "code": 0}),
        Wait(1.5),
        Send({"type": "subscribe", "id": "$id", "code": 0, "msg": "$$success"}),
        Send(b"\x00"),
        Send("no JSON"),
        Wait(40),
        Drop(),
        Drop(),
        Refuse(503, "", retry_after=3),
        Accept(),
        Send(build.connected()),
        Send(build.push()),
        Expect({"type": "transactionACK", "id": "$ack"}),
        Send({"type": "transactionACK", "id": "$ack", "code": 0}),
        Close(1012, "restart"),
        Accept(),
        Send(build.connected()),
        Gone(),
    ]
    async with ScriptedPeer(steps).play() as peer:
        options = peer.in_memory
        return await session(CONFIG, options["transport"], file)


async def session(config: gelabs.Config, transport: Connector, journal: Path | None = None) -> list[gelabs.Event]:
    events: list[gelabs.Event] = []
    async with pushwire.connect(config, transport=transport, journal=journal) as stream:
        await stream.call(SUBSCRIBE)
        async for event in stream:
            events.append(event)
            if isinstance(event, gelabs.Transaction):
                await stream.ack(event)
            if isinstance(event, Up) and event.generation == 5:
                break
    return events


def kinds(events: list[gelabs.Event]) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_a_journal_is_played_as_its_provider(tmp_path: Path, autojump_clock: MockClock) -> None:
    file = tmp_path / "session.journal"
    first = await recorded(file)
    assert kinds(first) == ["Up", "Malformed", "Malformed", "Down", "Up", "Transaction", "Down", "Up"]
    peer = ScriptedPeer.from_journal(file)
    # Another key, and other ids than those that were recorded: they are drawn anew.
    config = gelabs.Config(api_key=pushwire.Secret("another"))
    async with peer.play() as playing:
        again = await session(config, playing.in_memory["transport"])
    assert kinds(again) == kinds(first)
    # As a file it is the same.
    peer.save(tmp_path / "script.jsonl")
    assert ScriptedPeer.load(tmp_path / "script.jsonl").steps == peer.steps
    assert "hidden" not in (tmp_path / "script.jsonl").read_text(encoding="utf-8")


async def test_a_client_that_does_otherwise_than_recorded_is_told(tmp_path: Path, autojump_clock: MockClock) -> None:
    file = tmp_path / "session.journal"
    await recorded(file)
    with pytest.raises(ScriptFailed, match="unsubscribe came"):
        async with (
            ScriptedPeer.from_journal(file).play() as peer,
            pushwire.connect(CONFIG, transport=peer.in_memory["transport"]) as stream,
        ):
            await stream.call(gelabs.Unsubscribe(build.ADDRESS))


async def test_secrets_of_a_recorded_session_may_be_any(tmp_path: Path, autojump_clock: MockClock) -> None:
    file = tmp_path / "session.journal"
    steps = [Accept(), Expect({"type": "authenticate", "api_key": "first"}), Close(1008, "no")]
    for secret, journal in (("first", file), ("second", None)):
        peer = ScriptedPeer(steps) if journal else ScriptedPeer.from_journal(file)
        async with peer.play() as playing:
            config = quantcite.Config(api_key=pushwire.Secret(secret))
            with pytest.raises((NotReady, pushwire.AuthenticationRefused)):
                async with pushwire.connect(config, transport=playing.in_memory["transport"], journal=journal):
                    raise AssertionError("it is not ready")
