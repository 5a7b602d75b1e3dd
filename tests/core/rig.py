"""Drives a toy in virtual time, by the contract of `core.machine`, and keeps what it asked for."""

from __future__ import annotations

import math
from collections.abc import Callable

from pushwire.core.commands import AnyCommand, Finish
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import (
    Close,
    Committed,
    Dial,
    Done,
    Effect,
    Failed,
    Fetch,
    Handshake,
    Hangup,
    Identity,
    Persist,
    Ping,
    SecretFrame,
    Settled,
    Ticket,
)
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import StoreError
from tests.core.toy import AckToy, Event, Rules, Sub, Toy, Tx

WALL = 1_000_000.0
"""POSIX seconds at second 0 of the rig's clock."""
DROP = Close(reason="reset", by="transport")


def tx(key: str, version: str = "1") -> Identity:
    """The identity of the toy's message `tx KEY VERSION`."""
    return Identity((key,), (version,))


class Rig:
    """One machine with its clock. Whatever the machine says is moved to the lists at once, after every input."""

    def __init__(self, machine: Rules, now: float = 0.0) -> None:
        self.machine = machine
        self.now = now
        self.effects: list[Effect] = []
        self.events: list[Event] = []
        self.settled: list[Settled] = []
        self.dials: list[tuple[float, Dial]] = []
        self.fetches: list[Fetch] = []
        self.persists: list[Persist] = []
        self.hangups: list[Hangup] = []

    @property
    def wall(self) -> float:
        return WALL + self.now

    def drain(self) -> None:
        machine = self.machine
        for effect in machine.take_effects():
            self.effects.append(effect)
            match effect:
                case Dial():
                    self.dials.append((self.now, effect))
                case Fetch():
                    self.fetches.append(effect)
                case Persist():
                    self.persists.append(effect)
                case Hangup():
                    self.hangups.append(effect)
                case _:
                    pass
        self.events += machine.take_events()
        self.settled += machine.take_settled()

    # What was said

    def frames(self) -> list[str]:
        """Take the frames and pings since the last call, as they are shown."""
        frames: list[str] = []
        for effect in self.effects:
            match effect:
                case str():
                    frames.append(effect)
                case SecretFrame():
                    frames.append(effect.shown)
                case Ping():
                    frames.append("ping frame")
                case _:
                    pass
        self.effects.clear()
        return frames

    def news(self) -> list[Event]:
        """Take the events since the last call."""
        events, self.events = self.events, []
        return events

    def answers(self) -> dict[Ticket, Settled]:
        """Take the answered tickets since the last call; each is answered once."""
        settled, self.settled = self.settled, []
        answers = {answer.ticket: answer for answer in settled}
        assert len(answers) == len(settled)
        return answers

    def error(self, ticket: Ticket) -> BaseException | None:
        """Take the answers; the error of this one."""
        return self.answers()[ticket].error

    # What may happen

    def start(self) -> None:
        self.machine.start(self.now, self.wall)
        self.drain()

    def give_token(self, text: str = "t1") -> None:
        """Answer the oldest fetch."""
        self.machine.fulfil(self.fetches.pop(0).token, Done(Secret(text)), self.now)
        self.drain()

    def give_tokens(self) -> None:
        while self.fetches:
            self.give_token()

    def open(self) -> None:
        self.machine.opened(Handshake(), self.now, self.wall)
        self.drain()

    def say(self, *messages: str | bytes) -> None:
        """The peer says all this in one read."""
        self.machine.receive(messages, self.now)
        self.drain()

    def get_ready(self) -> None:
        """From wherever it waits for a connection to a ready one."""
        if self.phase() is Phase.IDLE:
            self.start()
        if self.phase() is Phase.BACKING_OFF:
            self.advance(self.machine.next_deadline() - self.now)
        self.give_tokens()
        self.open()
        self.say("hello")

    def drop(self, close: Close = DROP) -> None:
        self.machine.closed(close, self.now, self.wall)
        self.drain()

    def close(self, code: int) -> None:
        self.drop(Close(code=code))

    def refuse(self, status: int, retry_after: float | None = None) -> None:
        self.drop(Close(status=status, retry_after=retry_after))

    def reading(self, on: bool) -> None:
        self.machine.reading(on, self.now)
        self.drain()

    def submit(self, command: AnyCommand) -> Ticket:
        ticket = self.machine.submit(command, self.now)
        self.drain()
        return ticket

    def finish(self, *identities: Identity) -> Ticket:
        return self.submit(Finish(identities))

    def abandon(self, ticket: Ticket) -> None:
        self.machine.abandon(ticket, self.now)
        self.drain()

    def commit(self, **failed: BaseException) -> Persist:
        """The store has done the oldest persist, but for the tickets named `t<serial>`."""
        persist = self.persists.pop(0)
        wrong = {Ticket(int(name[1:])): error for name, error in failed.items()}
        self.machine.fulfil(persist.token, Done(Committed(wrong)), self.now)
        self.drain()
        return persist

    def fail_commit(self) -> Persist:
        persist = self.persists.pop(0)
        self.machine.fulfil(persist.token, Failed(StoreError("disk full")), self.now)
        self.drain()
        return persist

    def stop(self) -> None:
        self.machine.stop(self.now)
        self.drain()

    def timer(self) -> None:
        self.machine.handle_timer(self.now, self.wall)
        self.drain()

    def advance(self, seconds: float, *, each: Callable[[], None] = lambda: None) -> None:
        """Let time pass, stopping at each deadline; `each` runs after every one."""
        until = self.now + seconds
        while (due := self.machine.next_deadline()) <= until:
            assert due < math.inf
            self.now = max(self.now, due)
            self.timer()
            assert self.machine.next_deadline() > self.now, "what was due has been done"
            each()
        self.now = until

    def answer_pings(self) -> None:
        """Say `pong` for every ping since the last call of this or `frames`."""
        for frame in self.frames():
            if frame == "ping":
                self.say("pong")

    # How it stands

    # Calls, not properties, since a checker takes what it has once seen of a property for good.

    def phase(self) -> Phase:
        return self.machine.status().phase

    def over(self) -> bool:
        return self.machine.finished

    def failure(self) -> Exception | None:
        return self.machine.failure


def ready_toy(machine: Toy | None = None) -> Rig:
    """A toy on a ready connection, at second 0, with nothing left to take."""
    return _ready(Rig(machine or Toy()))


def ready_acks(machine: AckToy | None = None) -> Rig:
    """A ledgered toy on a ready connection, at second 0, with nothing left to take; its first mark is stored."""
    return _ready(Rig(machine or AckToy()))


def _ready(rig: Rig) -> Rig:
    rig.get_ready()
    while rig.persists:
        rig.commit()
    rig.frames()
    rig.news()
    return rig


def subscribed(rig: Rig, *topics: str) -> None:
    """Subscribe, with the provider's consent."""
    for topic in topics:
        rig.submit(Sub(topic))
    for frame in rig.frames():
        rig.say(f"ok {frame.split()[1]}")
    assert all(answer.error is None for answer in rig.answers().values())


def words(rig: Rig) -> list[str]:
    """The frames since the last call, without ids and without the login."""
    frames = [frame.split() for frame in rig.frames()]
    return [f"{frame[0]} {frame[-1]}" for frame in frames if frame[0] != "auth"]


def paced_toy(rate: float = 1.0, burst: int = 2) -> Rig:
    """A ready toy that sends so many commands a second, after so many at once."""
    return ready_toy(Toy(ConnectionConfig(send_rate=rate, send_burst=burst, ping_interval=1000.0)))


def delivered(rig: Rig) -> list[tuple[Identity, str]]:
    return [(event.identity, event.delivery) for event in rig.news() if isinstance(event, Tx)]


def acked(rig: Rig) -> list[str]:
    """What the ACK frames since the last call name."""
    return [" ".join(frame.split()[2:]) for frame in rig.frames() if frame.startswith("ack ")]


def owing(*keys: str, machine: AckToy | None = None) -> Rig:
    """A ready machine that was given these messages; each is finished and stored, and its ACK is under way: ids from 1."""
    rig = ready_acks(machine)
    rig.say(*(f"tx {key} 1" for key in keys))
    for key in keys:
        rig.finish(tx(key))
        rig.commit()
    rig.news()
    rig.answers()
    assert acked(rig) == list(keys)
    return rig


def window(rig: Rig) -> int:
    """What the last dial asked the provider to send again, in seconds."""
    since = rig.dials[-1][1].headers["since"]
    assert isinstance(since, str)
    return int(since)
