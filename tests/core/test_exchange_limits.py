"""Commands with a rate of their own kind, and commands that need nothing to be said."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection

from pushwire.core.commands import AnyCommand
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import SecretFrame, Settled
from pushwire.core.http import Response
from pushwire.core.pacing import Pacer
from tests.core.rig import Rig, ready_toy, words
from tests.core.toy import Buy, Look, Rules, Spend, Toy, ToyDialect


class Choosy(ToyDialect):
    """Buying is limited to one a second, and a look at nothing needs no words."""

    def __init__(self) -> None:
        self.bucket = Pacer(1.0, 1)

    def limit(self, command: AnyCommand) -> Pacer | None:
        return self.bucket if isinstance(command, Buy) else None

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[str], granted: Response | None
    ) -> tuple[str | None, str | SecretFrame | None]:
        if isinstance(command, Look) and command.name == "nothing":
            return None, None
        return super().encode(command, new_id, desired, granted)


class ChoosyToy(Toy):
    def __init__(self, config: ConnectionConfig) -> None:
        ids = map(str, itertools.count(1))
        Rules.__init__(self, config, Choosy(), rng=random.Random(0), ids=lambda: next(ids))


def ready(send_rate: float = 1000.0) -> Rig:
    config = ConnectionConfig(ping_interval=1000.0, reply_timeout=100.0, send_rate=send_rate, send_burst=2)
    return ready_toy(ChoosyToy(config))


def test_a_kind_with_a_rate_of_its_own_waits_while_others_pass() -> None:
    rig = ready()
    for command in (Buy("a"), Buy("b"), Buy("c"), Spend("d")):
        rig.submit(command)
    assert words(rig) == ["buy a", "spend d"]
    rig.advance(1.0)
    assert words(rig) == ["buy b"]
    rig.advance(0.9)
    assert words(rig) == []
    rig.advance(0.1)
    assert words(rig) == ["buy c"]


def test_both_rates_hold_and_the_earlier_of_the_two_is_looked_at_next() -> None:
    rig = ready(send_rate=0.5)
    for command in (Buy("a"), Buy("b"), Spend("c"), Spend("d")):
        rig.submit(command)
    assert words(rig) == ["buy a", "spend c"]
    rig.advance(2.0)
    assert words(rig) == ["buy b"]
    rig.advance(2.0)
    assert words(rig) == ["spend d"]


def test_a_command_that_needs_no_words_is_done_when_its_turn_comes() -> None:
    rig = ready()
    ticket = rig.submit(Look("nothing"))
    assert words(rig) == []
    assert rig.settled == [Settled(ticket, None)]
