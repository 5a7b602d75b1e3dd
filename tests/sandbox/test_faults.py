"""Faults by name: how they are read, and that every one of them leaves room for progress."""

from __future__ import annotations

import json
import random

import pytest

from pushwire.errors import ConfigError
from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, Cut, SendTo, ServerEffect, ServerMachine
from pushwire.sandbox.faults import FAULTS, Fault, parse_fault, parse_faults, with_faults
from pushwire.sandbox.gelabs import GelabsServer
from pushwire.sandbox.gelabs_settings import GelabsSettings

WALL = 1e9
REQUEST = ConnectRequest(headers={"x-api-key": "k"})
DEFAULTS = [name if name != "refuse" else "refuse:503" for name in FAULTS]


@pytest.mark.parametrize(
    "text,expected",
    [
        ("drop", Fault("drop")),
        ("drop:2.5", Fault("drop", {"seconds": 2.5})),
        ("drop:every=500", Fault("drop", {"every": 500.0})),
        ("mute:5,every=30", Fault("mute", {"seconds": 5.0, "every": 30.0})),
        ("accept-then-close:4000, share=1", Fault("accept-then-close", {"code": 4000.0, "share": 1.0})),
        ("garbage:0.5", Fault("garbage", {"share": 0.5})),
        ("refuse:503,first=3,after=2", Fault("refuse", {"status": 503.0, "first": 3.0, "after": 2.0})),
    ],
)
def test_a_fault_is_read_with_its_options(text: str, expected: Fault) -> None:
    assert parse_fault(text) == expected


@pytest.mark.parametrize(
    "text,part",
    [
        ("explode", "unknown; there are: drop, mute"),
        ("drop:", "seconds must be a number above 0"),
        ("drop:-1", "seconds must be a number above 0"),
        ("drop:soon", "seconds must be a number above 0"),
        ("drop:inf", "seconds must be"),
        ("drop:nan", "seconds must be"),
        ("drop:1,every=5", "takes seconds or every, not both"),
        ("drop:every=1.5", "every must be a whole number above 0"),
        ("drop:1,2", "'2' is not an option"),
        ("drop:seconds=1,seconds=2", "'seconds=2' is not an option"),
        ("duplicate:1.5", "share must be a number above 0 and at most 1"),
        ("duplicate:colour=1", "'colour=1' is not an option"),
        ("accept-then-close:1006", "must be a close code that may be sent"),
        ("accept-then-close:99", "code must be a whole number above 999 and at most 4999"),
        ("refuse", "status is missing (use refuse:STATUS"),
        ("refuse:200", "status must be a whole number above 399"),
        ("refuse:503,share=0.5,first=2", "takes share or first, not both"),
    ],
)
def test_a_wrong_one_is_one_clear_error(text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_fault(text)
    [problem] = caught.value.problems
    assert part in problem


def test_all_wrong_ones_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_faults(["drop", "explode", "slow:0"])
    assert len(caught.value.problems) == 2


def test_every_fault_says_what_it_does_in_a_line() -> None:
    for name, kind in FAULTS.items():
        assert kind.syntax.startswith(name)
        assert kind.description
        assert "\n" not in kind.description


def test_a_parsed_fault_is_as_good_as_its_text() -> None:
    outputs = [transcript([fault], seed=3) for fault in ("drop:2", parse_fault("drop:2"))]
    assert outputs[0] == outputs[1]


def gelabs(**settings: float) -> GelabsServer:
    given = GelabsSettings(keys=("k",), addresses={"base": ["0xaa"]}, rate=settings.get("rate", 50.0), max_messages=1_000)
    return GelabsServer(given, random.Random(1))


def transcript(faults: list[str | Fault], seed: int, seconds: float = 20.0) -> list[tuple[float, ServerEffect]]:
    """What a client sees that dials again a second after each end, in one run of `seconds`."""
    machine = with_faults(gelabs(), faults, random.Random(seed))
    seen: list[tuple[float, ServerEffect]] = []
    conn, now, dial_at = 0, 0.0, 0.0
    machine.handle_timer(now, WALL)
    while now < seconds:
        if dial_at <= now:
            conn += 1
            dial_at = float("inf") if machine.connect(conn, REQUEST, now, WALL + now) == Accept() else now + 1
        machine.handle_timer(now, WALL + now)
        for effect in machine.take_effects():
            seen.append((now, effect))
            if isinstance(effect, (Cut, CloseConn)) and effect.conn == conn:
                machine.disconnected(conn, now)
                dial_at = now + 1
        now = max(now, min(machine.next_deadline(), dial_at))
    return seen


def pushed_ids(seen: list[tuple[float, ServerEffect]]) -> set[str]:
    ids: set[str] = set()
    for _, effect in seen:
        if isinstance(effect, SendTo) and effect.kind != "reply":
            ids.add(json.loads(effect.text)["id"])
    return ids


@pytest.mark.parametrize("fault", DEFAULTS)
def test_the_same_seed_gives_the_same_output(fault: str) -> None:
    assert transcript([fault], seed=5) == transcript([fault], seed=5)


@pytest.mark.parametrize("fault", ["drop", "mute:1,every=4", "duplicate", "reorder", "garbage"])
def test_another_seed_gives_another_output(fault: str) -> None:
    assert transcript([fault], seed=5, seconds=60.0) != transcript([fault], seed=6, seconds=60.0)


@pytest.mark.parametrize("fault", [*DEFAULTS, "drop:every=100"])
@pytest.mark.parametrize("seed", range(3))
def test_every_message_arrives_in_the_end(fault: str, seed: int) -> None:
    assert len(pushed_ids(transcript([fault], seed, seconds=100.0))) == 1_000


def test_all_faults_at_once_still_let_messages_through() -> None:
    seen = transcript([*DEFAULTS], seed=1, seconds=100.0)
    assert len(pushed_ids(seen)) == 1_000
    assert any(isinstance(effect, Cut) for _, effect in seen)


def test_without_faults_the_machine_is_itself() -> None:
    machine: ServerMachine = gelabs()
    assert with_faults(machine, [], random.Random(1)) is machine


def test_a_faulty_machine_is_dialled_where_the_real_one_is() -> None:
    assert with_faults(gelabs(), ["slow"], random.Random(1)).path == "/tx/api/v1/transaction/ws"
