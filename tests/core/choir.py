"""A provider whose commands are about many topics at once, and an exchange on a stage of its own.

Letters are topics; capital ones need an authorisation. One lane for all but what nothing answers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import ClassVar

import attrs

from pushwire.core.commands import AnyCommand, Command
from pushwire.core.config import ConnectionConfig
from pushwire.core.dialect import Dialect
from pushwire.core.effects import Done, Failed, Settled, Ticket, Token
from pushwire.core.events import Control
from pushwire.core.exchange import Exchange
from pushwire.core.http import Request, Response
from pushwire.core.outbox import Outbox
from pushwire.errors import CommandRefused, RemoteProtocolError


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


class BlamingChoir(Choir):
    """A refusal's text is the letters it is about."""

    def blamed(self, topics: Sequence[str], error: CommandRefused) -> Sequence[str]:
        return [topic for topic in topics if topic in error.text]


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

    def answer_all(self) -> None:
        """Whatever is asked, until nothing is."""
        while list(self.exchange._pending):
            self.answer()

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
