"""A demonstration that could not fail would show nothing: each kind of harm is counted as what it is."""

from __future__ import annotations

import attrs

from pushwire.cli.tally import Tally
from pushwire.core.effects import Identity
from pushwire.core.events import Down, Gap, Up
from pushwire.core.machine import Phase, Status

STATUS = Status(Phase.CLOSED, 0.0, 0, 1, None, None, withheld=5, acks_confirmed=7)


@attrs.frozen
class Message:
    identity: Identity


def key(event: object) -> Identity | None:
    return event.identity if isinstance(event, Message) else None


def message(name: str, version: str = "success") -> Message:
    return Message(Identity((name,), (version,)))


def test_what_arrives_once_is_neither_lost_nor_twice() -> None:
    tally = Tally(key)
    tally.add([Up(0.0, 1), message("a", "pending"), message("a"), Down(1.0, "cut", None), Up(2.0, 2), message("b")])
    sent = {message("a", "pending").identity: 1.0, message("a").identity: 2.0, message("b").identity: 3.0}
    summary = tally.summary(sent, STATUS)
    assert attrs.astuple(summary) == (3, 1, 5, 7, 0, 0, 0)
    assert tally.accounts_for(sent)


def test_what_never_arrives_is_lost() -> None:
    tally = Tally(key)
    tally.add([message("a")])
    sent = {message("a").identity: 1.0, message("b").identity: 2.0}
    assert not tally.accounts_for(sent)
    assert tally.summary(sent, STATUS).lost == 1


def test_what_falls_into_an_announced_gap_is_not_lost() -> None:
    tally = Tally(key)
    tally.add([Gap(9.0, since=1.5, until=2.5)])
    sent = {message("a").identity: 1.0, message("b").identity: 2.0}
    summary = tally.summary(sent, STATUS)
    assert (summary.missed_in_gaps, summary.lost) == (1, 1)
    assert not tally.accounts_for(sent)
    tally.add([message("a")])
    assert tally.accounts_for(sent)


def test_the_same_version_again_is_twice() -> None:
    tally = Tally(key)
    tally.add([message("a"), message("a"), message("a")])
    assert tally.summary({message("a").identity: 1.0}, STATUS).twice == 2


def test_before_anything_came_there_is_nothing_to_count() -> None:
    assert attrs.astuple(Tally(key).summary({}, STATUS)) == (0, 0, 5, 7, 0, 0, 0)
