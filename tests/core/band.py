"""A provider for random runs: topics are letters, capital ones need an authorisation. Its frames are
`SLOT WORD LETTERS TAG AUTHORISATION`, and none asks for what was given up since its command was.

| layout | replies name | an unsubscribe |
|---|---|---|
| one lane | nothing | takes everything away |
| lanes | the letter | is not answered; nothing is asked for twice |
| ids | the command | names letters |
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Literal, TypeAlias

import attrs

from pushwire.core.commands import AnyCommand, Command
from pushwire.core.dialect import Dialect
from pushwire.core.http import Request, Response
from pushwire.errors import CommandRefused, RemoteProtocolError

Layout: TypeAlias = Literal["one lane", "lanes", "ids"]


@attrs.frozen
class Tagged(Command[object, str]):
    letters: str = ""
    tag: int = 0
    """Tells callers' commands apart; 0: the machine's own."""


class Join(Tagged):
    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(self.letters)


class Quit(Tagged):
    """Unsubscribes, whoever wants it."""


class Ask(Tagged):
    on_drop: ClassVar[Literal["resend", "unknown"]] = "unknown"
    while_down: ClassVar[Literal["queue", "fail"]] = "fail"


class Shout(Tagged):
    """Is not answered."""


class Band(Dialect[str]):
    name = "band"
    commands = (Join, Quit, Ask, Shout)

    def __init__(self, layout: Layout) -> None:
        self.layout: Layout = layout
        self.is_confirmed: Callable[[str], bool] = lambda topic: False
        self.told: set[str] = set()
        """What this connection was asked for, but for what was taken away since."""

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[str], granted: Response | None
    ) -> tuple[str | None, str | None]:
        assert isinstance(command, Tagged)
        slot = self.lane(command) or new_id()
        letters = command.letters
        match command:
            case Join():
                letters = "".join(topic for topic in letters if topic in desired)
                if not letters and self.layout == "one lane":
                    return None, None
                if not letters:
                    raise CommandRefused("Join", None, "given up before it was asked for")
                if granted is not None and granted.status == 403:
                    raise CommandRefused("Join", 403, letters)
                if granted is not None and granted.status != 200:
                    raise RemoteProtocolError("not now")
                self.told.update(letters)
            case Quit():
                if self.told.isdisjoint(letters):
                    return None, None
                self.told = set() if self.layout == "one lane" else self.told - set(letters)
            case _:
                pass
        grant = "-" if granted is None else granted.body.decode()
        text = f"{slot} {type(command).__name__} {letters or '-'} {command.tag} {grant}"
        answered = not isinstance(command, Shout) and not (isinstance(command, Quit) and self.layout == "lanes")
        return (slot if answered else None), text

    def authorisation(self, command: AnyCommand, new_id: Callable[[], str], now: float) -> Request | None:
        guarded = isinstance(command, Join) and command.letters != command.letters.lower()
        return Request("POST", "https://auth.test") if guarded else None

    def repeated(self, command: AnyCommand) -> object | None:
        return "again" if self.layout == "lanes" else None

    def lane(self, command: AnyCommand) -> str | None:
        if self.layout == "ids" or not isinstance(command, Join | Quit):
            return None
        return "all" if self.layout == "one lane" else f"lane-{command.letters}"

    def given_up(self, command: AnyCommand, desired: Collection[str]) -> Sequence[str]:
        return [topic for topic in desired if topic in command.letters] if isinstance(command, Quit) else ()

    def undone(self, command: AnyCommand, desired: Collection[str]) -> Sequence[str]:
        all_gone = self.layout == "one lane" and isinstance(command, Quit) and not self.told
        return [topic for topic in desired if self.is_confirmed(topic)] if all_gone else ()

    def blamed(self, topics: Sequence[str], error: CommandRefused) -> Sequence[str]:
        return [topic for topic in topics if topic in error.text]

    def restore(self, topics: Sequence[str]) -> Sequence[Join]:
        if self.layout == "lanes":
            return [Join(topic) for topic in topics]
        free = "".join(topic for topic in topics if topic.islower())
        return [Join(letters) for letters in (free, *filter(str.isupper, topics)) if letters]

    def release(self, topics: Sequence[str], desired: Collection[str]) -> Sequence[Quit]:
        return [Quit(topic) for topic in topics] if self.layout == "lanes" else [Quit("".join(topics))]


class PatientBand(Band):
    unanswered_ends = False


@attrs.frozen
class Frame:
    slot: str
    word: str
    letters: frozenset[str]
    tag: int


class Peer:
    """The provider's end of one connection. It carries frames out in their order, and answers in any."""

    def __init__(self, layout: Layout) -> None:
        self.layout: Layout = layout
        self.subscribed: set[str] = set()
        self.heard: deque[Frame] = deque()
        self.replies: list[tuple[Frame, CommandRefused | None]] = []

    def carry_out(self, error: CommandRefused | None) -> None:
        """The next frame. What is not a subscription is never refused."""
        frame = self.heard.popleft()
        match frame.word:
            case "Join":
                if error is None:
                    self.subscribed |= frame.letters
                self.replies.append((frame, error))
            case "Quit":
                self.subscribed = set() if self.layout == "one lane" else self.subscribed - frame.letters
                if self.layout != "lanes":
                    self.replies.append((frame, None))
            case "Ask":
                self.replies.append((frame, None))
            case _:
                pass
