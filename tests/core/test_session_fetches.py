"""What a session asks for by HTTP, for one connection alone."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection

from pushwire.core.commands import AnyCommand
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Done, Failed, Outcome, SecretFrame, Settled, Token
from pushwire.core.events import SubscriptionRefused
from pushwire.core.http import Request, Response
from tests.core.rig import Rig, ready_toy, words
from tests.core.toy import Buy, Look, Rules, Sub, Toy, ToyDialect


class Guarded(ToyDialect):
    """Buying needs an authorisation."""

    def authorisation(self, command: AnyCommand, new_id: Callable[[], str], now: float) -> Request | None:
        return Request("POST", "https://auth.test") if isinstance(command, Buy) else None

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[str], granted: Response | None
    ) -> tuple[str | None, str | SecretFrame | None]:
        slot, frame = super().encode(command, new_id, desired, granted)
        return slot, frame if granted is None else f"{frame}-{granted.status}"


class GuardedToy(Toy):
    def __init__(self) -> None:
        ids = map(str, itertools.count(1))
        Rules.__init__(self, ConnectionConfig(), Guarded(), rng=random.Random(0), ids=lambda: next(ids))


def fulfil(rig: Rig, token: Token, outcome: Outcome) -> None:
    rig.machine.fulfil(token, outcome, rig.now)
    rig.drain()


def test_a_request_names_its_connection_and_its_answer_sends_the_command() -> None:
    rig = ready_toy(GuardedToy())
    ticket = rig.submit(Buy("a"))
    (fetch,) = rig.fetches
    assert (fetch.token.generation, fetch.what) == (1, Request("POST", "https://auth.test"))
    rig.submit(Look("b"))
    assert words(rig) == ["look b"]
    fulfil(rig, fetch.token, Done(Response(200)))
    assert words(rig) == ["buy a-200"]
    rig.say("ok 2 bought")
    assert rig.settled == [Settled(ticket, "bought")]


def test_an_answer_that_comes_after_its_connection_reaches_nobody() -> None:
    rig = ready_toy(GuardedToy())
    rig.submit(Buy("a"))
    old = rig.fetches.pop()
    rig.drop()
    fulfil(rig, old.token, Done(Response(200)))
    rig.get_ready()
    assert words(rig) == []
    (new,) = rig.fetches
    assert new.token.generation == 2
    fulfil(rig, old.token, Done(Response(200)))
    assert words(rig) == []
    fulfil(rig, new.token, Done(Response(201)))
    assert words(rig) == ["buy a-201"]


def test_an_answer_that_nobody_asked_for_is_passed_over() -> None:
    rig = ready_toy()
    for outcome in (Done(Response(200)), Failed(OSError("late"))):
        fulfil(rig, Token(1, 999), outcome)
    assert rig.frames() == []
    assert rig.settled == []


class GuardedTopics(ToyDialect):
    """A subscription needs an authorisation."""

    def authorisation(self, command: AnyCommand, new_id: Callable[[], str], now: float) -> Request | None:
        return Request("POST", "https://auth.test") if isinstance(command, Sub) else None


class GuardedTopicsToy(Toy):
    def __init__(self) -> None:
        ids = map(str, itertools.count(1))
        Rules.__init__(self, ConnectionConfig(), GuardedTopics(), rng=random.Random(0), ids=lambda: next(ids))


def test_a_restoration_that_is_not_authorised_is_told_with_its_time_and_tried_again_later() -> None:
    rig = ready_toy(GuardedTopicsToy())
    rig.submit(Sub("a"))
    fulfil(rig, rig.fetches.pop().token, Done(Response(200)))
    (frame,) = rig.frames()
    rig.say(f"ok {frame.split()[1]}")
    rig.drop()
    rig.get_ready()
    rig.news()
    rig.now += 3.0
    fulfil(rig, rig.fetches.pop().token, Failed(OSError("no route")))
    assert rig.news() == [SubscriptionRefused(rig.now, "a", None, "not authorised: no route")]
    assert rig.fetches == []
    rig.advance(60.0)
    assert rig.fetches
