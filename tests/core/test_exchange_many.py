"""Commands for many topics at once, references given back, authorisation, and refusals that may pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import ClassVar

import attrs
import pytest

from pushwire.core.commands import AnyCommand, Command, Leave
from pushwire.core.config import ConnectionConfig
from pushwire.core.dialect import Dialect
from pushwire.core.effects import Done, Failed, Settled, Ticket, Token
from pushwire.core.events import Control, SubscriptionRefused
from pushwire.core.exchange import Exchange
from pushwire.core.http import Request, Response
from pushwire.core.outbox import Outbox
from pushwire.errors import CommandRefused, ConnectionLost, LocalProtocolError, RemoteProtocolError, ReplyTimeout


@attrs.frozen
class Join(Command[object, str]):
    """Subscribes to every letter."""

    letters: str

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(self.letters)


@attrs.frozen
class Drop(Command[object, str]):
    """Gives some letters up; on the wire it takes all of them away."""

    letters: str


@attrs.frozen
class Shout(Command[object, None]):
    """Nothing answers it."""

    text: str


@attrs.frozen
class Private(Join):
    """Needs an authorisation."""


LANE = "lane"


class Choir(Dialect[str]):
    name = "choir"
    commands = (Join, Drop, Shout)
    known: ClassVar[bool] = False

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[str], granted: Response | None
    ) -> tuple[str | None, str]:
        match command:
            case Private():
                assert granted is not None
                if granted.status == 403:
                    raise CommandRefused("Private", 403, "not you")
                if granted.status != 200:
                    raise RemoteProtocolError("not now")
                return LANE, f"join {command.letters} {granted.body.decode()}"
            case Join():
                return LANE, f"join {''.join(desired)}"
            case Drop():
                return LANE, "drop"
            case Shout():
                return None, command.text
            case _:
                raise AssertionError(command)

    def authorisation(self, command: AnyCommand, new_id: Callable[[], str], now: float) -> Request | None:
        return Request("POST", "https://auth.test") if isinstance(command, Private) else None

    def lane(self, command: AnyCommand) -> str | None:
        return None if isinstance(command, Shout) else LANE

    def repeated(self, command: AnyCommand) -> object | None:
        return "already" if self.known else None

    def expects_data(self, topic: str) -> bool:
        return topic != "q"

    def given_up(self, command: AnyCommand, desired: Collection[str]) -> Sequence[str]:
        return [topic for topic in desired if topic in command.letters] if isinstance(command, Drop) else ()

    def undone(self, command: AnyCommand, desired: Collection[str]) -> Sequence[str]:
        return list(desired) if isinstance(command, Drop) else ()

    def restore(self, topics: Sequence[str]) -> Sequence[Join]:
        return [Private(topic) if topic.isupper() else Join(topic) for topic in topics if topic.isupper()] or [
            Join("".join(topics))
        ]

    def release(self, topics: Sequence[str], desired: Collection[str]) -> Sequence[Drop]:
        return [Drop("".join(topics))] if topics else ()


class KnowingChoir(Choir):
    known = True


class PatientChoir(Choir):
    unanswered_ends = False


class Stage:
    """An exchange with a connection, and what it said."""

    def __init__(self, dialect: Dialect[str] | None = None, *, stale_after: float = 100.0) -> None:
        self.out: Outbox[object, str] = Outbox()
        self.requests: list[Token] = []
        self.serials: Iterator[int] = itertools.count(1)
        config = ConnectionConfig(reply_timeout=10.0, stale_after=stale_after)
        self.exchange: Exchange[object, str] = Exchange(dialect or Choir(), config, lambda: "id", self.out, self.fetch)
        self.now = 0.0

    def fetch(self, request: Request) -> Token:
        assert request.url == "https://auth.test"
        self.requests.append(Token(1, next(self.serials)))
        return self.requests[-1]

    def ask(self, command: AnyCommand) -> Ticket:
        ticket = Ticket(next(self.serials))
        self.exchange.submit(ticket, command)
        self.exchange.advance(self.now)
        return ticket

    def answer(self, reply: object = "fine", error: CommandRefused | None = None) -> None:
        assert self.exchange.answer(LANE, self.now, reply, error)
        self.exchange.advance(self.now)

    def grant(self, outcome: Done | Failed) -> None:
        self.exchange.fulfil(self.requests[-1], outcome, self.now)
        self.exchange.advance(self.now)

    def check(self, now: float) -> str | None:
        self.now = now
        return self.exchange.check(now, reading=True)

    def frames(self) -> Sequence[object]:
        return self.out.take_effects()

    def events(self) -> list[object | Control[str]]:
        return self.out.take_events()

    def settled(self) -> Sequence[Settled]:
        return self.out.take_settled()


def refused(error: BaseException | None) -> CommandRefused:
    assert isinstance(error, CommandRefused)
    return error


def joined(letters: str, dialect: Dialect[str] | None = None) -> Stage:
    stage = Stage(dialect)
    stage.ask(Join(letters))
    stage.answer()
    stage.frames()
    stage.settled()
    return stage


# Many topics


def test_one_command_subscribes_to_all_its_topics() -> None:
    stage = joined("abc")
    assert list(stage.exchange.subscriptions) == ["a", "b", "c"]
    assert all(map(stage.exchange.subscriptions.is_confirmed, "abc"))


def test_the_topics_of_a_lost_connection_are_restored_together() -> None:
    stage = joined("abc")
    stage.exchange.lost()
    stages = [stage.exchange.restored]
    stage.exchange.ready(1.0)
    assert stage.frames() == ["join abc"]
    stages.append(stage.exchange.restored)
    stage.answer()
    assert [*stages, stage.exchange.restored] == [True, False, True]


def test_a_refusal_takes_back_every_topic_nobody_else_wants() -> None:
    stage = joined("ab")
    ticket = stage.ask(Join("bc"))
    stage.answer(error=CommandRefused("Join", None, "no c here"))
    assert list(stage.exchange.subscriptions) == ["a", "b"]
    assert [settled.ticket for settled in stage.settled()] == [ticket]
    assert stage.events() == []


def test_a_topic_without_regular_data_is_never_reported_as_stale() -> None:
    stage = joined("q")
    assert stage.exchange.staleness.due() == float("inf")


# What an unsubscribe takes along


def test_what_a_command_takes_away_with_it_is_asked_for_right_behind_it() -> None:
    stage = joined("abc")
    stage.ask(Drop("b"))
    stage.ask(Shout("hey"))
    assert stage.frames() == ["drop", "hey"]
    stage.answer()
    assert stage.frames() == ["join ac"]
    stage.answer()
    assert all(map(stage.exchange.subscriptions.is_confirmed, "ac"))


def test_an_unsubscribe_that_waited_for_the_connection_is_followed_by_what_it_takes_away() -> None:
    stage = joined("abc")
    stage.exchange.lost()
    stage.exchange.submit(Ticket(90), Drop("b"))
    stage.exchange.ready(1.0)
    assert stage.frames() == ["join ac"]
    stage.answer()
    assert stage.frames() == ["drop"]
    stage.answer()
    assert stage.frames() == ["join ac"]


def test_topics_given_up_leave_what_is_still_to_be_restored() -> None:
    stage = joined("abc")
    stage.exchange.lost()
    stage.exchange.submit(Ticket(90), Join("z"))
    stage.exchange.ready(1.0)
    stage.ask(Drop("z"))
    stage.exchange.lost()
    stage.frames()
    stage.exchange.ready(2.0)
    assert stage.frames() == ["join abc"]


def test_a_restoration_on_its_way_is_rewritten_without_what_is_given_up() -> None:
    stage = joined("abc")
    stage.exchange.lost()
    # Something else holds the lane.
    stage.exchange.submit(Ticket(90), Drop("x"))
    stage.exchange.advance(1.0)
    stage.exchange.ready(1.0)
    stage.exchange.submit(Ticket(91), Drop("b"))
    stage.frames()
    stage.answer()
    assert stage.frames() == ["join ac"]


# References


def test_the_last_to_leave_unsubscribes() -> None:
    stage = joined("ab")
    stage.ask(Join("ab"))
    stage.answer()
    stage.frames()
    stage.settled()
    ticket = stage.ask(Leave(Join("ab")))
    assert stage.frames() == []
    assert [settled.ticket for settled in stage.settled()] == [ticket]
    stage.ask(Leave(Join("a")))
    assert stage.frames() == ["drop"]
    assert list(stage.exchange.subscriptions) == ["b"]


def test_leaving_what_was_never_made_sends_nothing() -> None:
    stage = joined("a")
    stage.exchange.lost()
    stage.exchange.submit(Ticket(90), Leave(Join("a")))
    stage.exchange.ready(1.0)
    assert stage.frames() == []


def test_leaving_a_foreign_command_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="Leave is not a choir command"):
        Stage().ask(Leave(Leave(Join("a"))))


# Without an answer


def test_what_nothing_will_answer_is_settled_when_it_leaves() -> None:
    stage = Stage()
    ticket = stage.ask(Shout("hey"))
    assert stage.frames() == ["hey"]
    assert stage.settled() == [Settled(ticket)]


def test_a_silent_refusal_is_told_and_ends_nothing_where_providers_refuse_in_silence() -> None:
    stage = joined("a", PatientChoir())
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    assert stage.check(10.0) is None
    assert stage.events() == [SubscriptionRefused(10.0, "a", None, "no reply to Join within 10 s")]


def test_a_subscription_to_what_is_confirmed_is_answered_without_asking_where_asking_twice_is_an_error() -> None:
    stage = joined("a", KnowingChoir())
    ticket = stage.ask(Join("a"))
    assert stage.frames() == []
    assert stage.settled() == [Settled(ticket, "already")]


# Authorisation


def test_a_command_waits_for_its_authorisation_and_others_do_not_wait_for_it() -> None:
    stage = Stage()
    ticket = stage.ask(Private("A"))
    stage.ask(Shout("hey"))
    assert stage.frames() == ["hey"]
    stage.grant(Done(Response(200, body=b"sig")))
    assert stage.frames() == ["join A sig"]
    stage.settled()
    stage.answer()
    assert stage.settled() == [Settled(ticket, "fine")]


def test_its_lane_waits_with_it() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.ask(Join("b"))
    assert stage.frames() == []
    stage.grant(Done(Response(200, body=b"sig")))
    stage.answer()
    assert stage.frames() == ["join A sig", "join Ab"]


def test_a_refused_authorisation_refuses_the_command() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(Done(Response(403)))
    (settled,) = stage.settled()
    assert refused(settled.error).code == 403
    assert len(stage.exchange.subscriptions) == 0


@pytest.mark.parametrize(
    "outcome, text",
    [
        (Done(Response(503)), "not authorised: not now"),
        (Failed(OSError("no route")), "not authorised: no route"),
        (Done("nonsense"), "not authorised: no response"),
    ],
)
def test_a_restoration_that_cannot_be_authorised_now_is_told_and_tried_again(outcome: Done | Failed, text: str) -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(Done(Response(200, body=b"sig")))
    stage.answer()
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.frames()
    stage.grant(outcome)
    assert stage.events() == [SubscriptionRefused(0.0, "A", None, text)]
    assert stage.exchange.due(reading=False) == 1.0
    assert stage.check(1.0) is None
    stage.grant(Done(Response(200, body=b"sig2")))
    assert stage.frames() == ["join A sig2"]


def test_a_callers_command_that_cannot_be_authorised_is_its_callers_alone() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(Failed(OSError("no route")))
    (settled,) = stage.settled()
    assert refused(settled.error).text == "not authorised: no route"
    assert stage.events() == []


def test_an_authorisation_without_an_answer_is_given_up_in_time() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    assert stage.exchange.due(reading=False) == 10.0
    assert stage.check(10.0) is None
    (settled,) = stage.settled()
    assert refused(settled.error).text == "not authorised: no answer within 10 s"
    stage.grant(Done(Response(200, body=b"late")))
    assert stage.frames() == []


def test_an_authorisation_of_the_last_connection_is_not_used_on_the_next() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    old = stage.requests[-1]
    stage.exchange.lost()
    stage.exchange.ready(1.0)
    stage.exchange.fulfil(old, Done(Response(200, body=b"old")), 1.0)
    assert stage.frames() == []
    stage.grant(Done(Response(200, body=b"new")))
    assert stage.frames() == ["join A new"]


def test_one_that_was_authorised_and_had_to_wait_asks_anew_on_the_next_connection() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.exchange.fulfil(stage.requests[-1], Done(Response(200, body=b"old")), 0.0)
    stage.exchange.lost()
    stage.exchange.ready(1.0)
    assert stage.frames() == []
    assert len(stage.requests) == 2


def test_a_caller_who_leaves_withdraws_what_waits_for_its_authorisation() -> None:
    stage = Stage()
    ticket = stage.ask(Private("A"))
    stage.ask(Join("A"))
    stage.exchange.abandon(ticket)
    stage.exchange.advance(0.0)
    stage.grant(Done(Response(200, body=b"sig")))
    assert stage.frames() == ["join A"]


# Refusals that may pass


def test_a_refusal_with_a_time_holds_everything_until_then() -> None:
    stage = Stage()
    stage.ask(Join("a"))
    stage.answer(error=CommandRefused("Join", 4005, "slower", retry_after=7.0))
    stage.ask(Shout("hey"))
    assert stage.frames() == ["join a"]
    assert stage.exchange.due(reading=False) == 7.0
    stage.check(7.0)
    assert stage.frames() == ["hey"]


def test_a_restoration_refused_with_a_time_is_asked_for_again_then() -> None:
    stage = joined("a")
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.answer(error=CommandRefused("Join", 4005, "slower", retry_after=7.0))
    assert stage.events() == []
    stage.frames()
    stage.check(7.0)
    assert stage.frames() == ["join a"]


def test_what_was_given_up_meanwhile_is_not_asked_for_again() -> None:
    stage = joined("a")
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.answer(error=CommandRefused("Join", 4005, "slower", retry_after=7.0))
    stage.frames()
    stage.exchange.submit(Ticket(90), Leave(Join("a")))
    stage.check(7.0)
    assert "join a" not in stage.frames()


def test_an_unanswered_call_still_ends_the_connection_where_silence_is_no_refusal() -> None:
    stage = Stage()
    stage.ask(Join("a"))
    assert stage.check(10.0) == "no reply to Join within 10 s"
    (settled,) = stage.settled()
    assert isinstance(settled.error, ReplyTimeout)


def test_the_end_answers_what_waits() -> None:
    stage = Stage()
    stage.exchange.submit(Ticket(1), Join("a"))
    stage.exchange.lost()
    stage.exchange.end(None)
    (settled,) = stage.settled()
    assert isinstance(settled.error, ConnectionLost)
