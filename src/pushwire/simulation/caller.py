"""The program that uses the client: it subscribes, cancels, leaves, books late or never, and begins again after a crash."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

from ..core.commands import AnyCommand, Finish, Leave, Park
from ..core.effects import Identity, Settled, Ticket
from .judge import Judge
from .plan import Plan
from .subject import Subject
from .world import World

__all__ = ["Caller"]

CHURN = 0.02
"""How often a second it takes up or gives back a further interest in what it is subscribed to."""


class Caller:
    """`subscribed` is POSIX seconds of when all that it wants was confirmed for the first time."""

    def __init__(self, subject: Subject, world: World, plan: Plan, rng: random.Random, judge: Judge) -> None:
        self.subscribed: float | None = None
        self._subject = subject
        self._world = world
        self._plan = plan
        self._rng = rng
        self._judge = judge
        self._alive = False
        self._wanted: dict[Ticket, AnyCommand] = {}
        self._asked: list[AnyCommand] = []
        self._confirmed: set[int] = set()
        self._extra: list[tuple[AnyCommand, Ticket | None]] = []
        self._extra_calls: dict[Ticket, AnyCommand] = {}
        self._finishing: dict[Ticket, tuple[Finish | Park, tuple[Identity, ...]]] = {}
        self._in_hand: dict[Identity, None] = {}
        world.on_event = self._event
        world.on_settled = self._settled
        world.on_crash = self._crashed

    def begin(self) -> None:
        """The process starts."""
        self._alive = True
        for command in self._subject.commands:
            self._soon(self._rng.uniform(0.0, 2.0), partial(self._want, command))
        self._soon(self._rng.expovariate(CHURN), self._churn)
        self._world.start()

    def _crashed(self, pause: float) -> None:
        """What it had in memory is gone. It begins again after a pause."""
        self._wanted.clear()
        self._asked.clear()
        self._extra.clear()
        self._extra_calls.clear()
        self._finishing.clear()
        self._in_hand.clear()
        self._alive = False
        self._soon(pause, self.begin)

    def calm_down(self) -> None:
        """Keep up from now on."""
        if self._alive:
            self._churn()
            self._finish(*self._in_hand)

    def leave(self) -> None:
        """Give back all that is subscribed to, also what was asked for in calls that it did not wait for."""
        for command in self._asked:
            self._leave(command, None)

    # Subscriptions

    def _want(self, command: AnyCommand) -> None:
        with self._submitted(command) as ticket:
            self._wanted[ticket] = command
            self._asked.append(command)
        if not self._world.calm:
            self._soon(self._plan.patience, partial(self._lose_patience, ticket))

    def _lose_patience(self, ticket: Ticket) -> None:
        command = self._wanted.pop(ticket, None)
        if command is not None:
            self._judge.forgotten(ticket)
            self._world.abandon(ticket)
            self._soon(1.0, partial(self._want, command))

    def _churn(self) -> None:
        if self._world.calm:
            while self._extra:
                self._leave(*self._extra.pop())
            return
        if self._extra and self._rng.random() < 0.5:
            self._leave(*self._extra.pop(self._rng.randrange(len(self._extra))))
        else:
            command = self._rng.choice(self._subject.commands)
            with self._submitted(command) as ticket:
                self._extra_calls[ticket] = command
                self._extra.append((command, ticket))
        self._soon(self._rng.expovariate(CHURN), self._churn)

    def _leave(self, command: AnyCommand, ticket: Ticket | None) -> None:
        if ticket is not None and self._extra_calls.pop(ticket, None) is not None:
            self._judge.forgotten(ticket)
        else:
            ticket = None
        with self._submitted(Leave(command, ticket)):
            pass

    # Events

    def _event(self, event: object) -> None:
        self._judge.event(event)
        identity = getattr(event, "identity", None)
        if not self._judge.ledger or not isinstance(identity, Identity) or not identity.key:
            return
        self._in_hand[identity] = None
        if self._world.calm or self._rng.random() >= self._plan.negligent:
            lag = 0.0 if self._plan.lag == 0.0 or self._world.calm else self._rng.expovariate(1.0 / self._plan.lag)
            more = self._rng.random() < 0.2
            self._soon(lag, lambda: self._finish(*(self._in_hand if more else [identity])))

    def _finish(self, *identities: Identity) -> None:
        ready = tuple(identity for identity in identities if identity in self._in_hand)
        for identity in ready:
            del self._in_hand[identity]
        if self._rng.random() < self._plan.parking:
            for identity in ready:
                self._settle(Park(identity, "poison", "{}"), identity)
        elif ready:
            self._settle(Finish(ready), *ready)

    def _settle(self, command: Finish | Park, *ready: Identity) -> None:
        with self._submitted(command) as ticket:
            self._finishing[ticket] = command, ready
            if isinstance(command, Finish):
                self._world.books[ticket] = lambda _: self._judge.booked.update(ready)

    # Answers

    def _settled(self, settled: Settled) -> None:
        ticket = settled.ticket
        if (settling := self._finishing.pop(ticket, None)) is not None:
            if settled.error is not None:
                # Nothing, or nobody knows what, was stored: the same again, and no other, is safe.
                again, identities = settling
                self._soon(self._rng.uniform(0.5, 3.0), partial(self._settle, again, *identities))
        elif (command := self._wanted.pop(ticket, None)) is not None:
            if settled.error is not None:
                self._soon(self._rng.uniform(1.0, 5.0), partial(self._want, command))
            else:
                self._confirmed.add(id(command))
                if self.subscribed is None and len(self._confirmed) == len(self._subject.commands):
                    self.subscribed = self._world.agenda.wall
        elif self._extra_calls.pop(ticket, None) is not None:
            self._extra = [
                (command, None if asked == ticket else asked)
                for command, asked in self._extra
                if not (asked == ticket and settled.error is not None)
            ]

    # Small things

    @contextmanager
    def _submitted(self, command: AnyCommand) -> Generator[Ticket]:
        """A command; its answer may come as soon as its ticket has been noted."""
        ticket = self._world.submit(command)
        self._judge.asked(ticket)
        yield ticket
        self._world.drain()

    def _soon(self, seconds: float, act: Callable[[], None]) -> None:
        """Later, in this process."""
        run = self._world.run
        self._world.agenda.after(seconds, lambda: act() if run == self._world.run else None)
