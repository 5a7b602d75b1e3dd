"""With what a provider's dialect is asked, and what one answer means for what comes after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from pushwire.core.commands import AnyCommand, Leave
from pushwire.core.effects import Done, Failed
from pushwire.core.http import Request, Response
from pushwire.core.machine import Phase
from tests.core.choir import Choir, Drop, Join, Private, Stage, joined, refused
from tests.core.rig import ready_toy, subscribed, words
from tests.core.toy import Look

GRANTED = Done(Response(200, body=b"sig"))


class Watching(Choir):
    """Keeps what it is asked."""

    known = True

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def check(self, command: AnyCommand, desired: Collection[str]) -> None:
        self.asked.append(("check", command, list(desired)))
        super().check(command, desired)

    def authorisation(self, command: AnyCommand, new_id: Callable[[], str], now: float) -> Request | None:
        self.asked.append(("authorisation", command, new_id(), now))
        return super().authorisation(command, new_id, now)

    def repeated(self, command: AnyCommand) -> object | None:
        self.asked.append(("repeated", command))
        return super().repeated(command)

    def release(self, topics: Sequence[str], desired: Collection[str]) -> Sequence[Drop]:
        self.asked.append(("release", list(topics), list(desired)))
        return super().release(topics, desired)


def watched(letters: str) -> tuple[Stage, Watching]:
    dialect = Watching()
    stage = joined(letters, dialect)
    dialect.asked.clear()
    return stage, dialect


def test_a_command_is_checked_beside_what_is_desired() -> None:
    stage, dialect = watched("ab")
    stage.ask(Join("c"))
    assert dialect.asked[0] == ("check", Join("c"), ["a", "b"])


def test_one_that_is_left_is_checked_by_itself_and_what_nobody_wants_any_more_is_released() -> None:
    stage, dialect = watched("ab")
    stage.ask(Leave(Join("b"), None))
    assert dialect.asked[0] == ("check", Join("b"), [])
    assert ("release", ["b"], ["a"]) in dialect.asked


def test_nothing_is_released_where_all_is_wanted_still() -> None:
    stage, dialect = watched("ab")
    stage.ask(Join("b"))
    dialect.asked.clear()
    stage.ask(Leave(Join("b"), None))
    assert not [asked for asked in dialect.asked if asked[0] == "release"]


def test_what_is_asked_for_twice_is_answered_in_the_words_of_that_command() -> None:
    stage, dialect = watched("ab")
    stage.ask(Join("b"))
    assert ("repeated", Join("b")) in dialect.asked


def test_an_authorisation_is_asked_for_with_an_id_and_the_time() -> None:
    stage, dialect = watched("")
    stage.now = 7.0
    stage.ask(Private("A"))
    assert ("authorisation", Private("A"), "id", 7.0) in dialect.asked


def test_a_command_that_is_not_authorised_is_named() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(Failed(OSError("no route")))
    (settled,) = stage.settled()
    assert refused(settled.error).command == "Private"


def test_an_answer_makes_the_next_wait_for_an_authorisation_short_again() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(GRANTED)
    stage.answer()
    for began, delay in [(0.0, 1.0), (1.0, 2.0)]:
        if began == 0.0:
            stage.exchange.lost()
            stage.exchange.ready(0.0)
        stage.grant(Failed(OSError("no route")))
        assert stage.exchange.due(reading=False) == began + delay
        stage.check(began + delay)
    stage.grant(GRANTED)
    stage.answer()
    stage.exchange.lost()
    stage.exchange.ready(3.0)
    stage.grant(Failed(OSError("no route")))
    assert stage.exchange.due(reading=False) == 4.0


class Silent(Choir):
    """Nothing answers a subscription."""

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[str], granted: Response | None
    ) -> tuple[str | None, str]:
        _, frame = super().encode(command, new_id, desired, granted)
        return None, frame


def test_the_silence_of_a_subscription_that_nothing_answers_counts_from_when_it_left() -> None:
    stage = Stage(Silent(), stale_after=100.0)
    stage.now = 5.0
    stage.ask(Join("a"))
    assert stage.exchange.due(reading=True) == 105.0


def test_a_callers_command_is_sent_again_also_where_the_sessions_own_were_under_way() -> None:
    rig = ready_toy()
    subscribed(rig, "a")
    rig.drop()
    rig.get_ready()
    rig.submit(Look("b"))
    assert words(rig) == ["sub a", "look b"]
    rig.drop()
    rig.get_ready()
    assert rig.phase() is Phase.READY
    assert words(rig) == ["sub a", "look b"]
