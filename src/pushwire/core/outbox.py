"""What the parts of one machine have to say since it was last asked: effects, events, answered tickets."""

from __future__ import annotations

from typing import Generic, TypeVar

from .effects import Effect, Hangup, Ping, SecretFrame, Settled, Ticket
from .events import Control

__all__ = ["Outbox"]

EventT = TypeVar("EventT")
TopicT = TypeVar("TopicT")


class Outbox(Generic[EventT, TopicT]):
    """Three lists in order, shared by the parts that fill them; taking one leaves it empty."""

    __slots__ = ("effects", "events", "settled")

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.events: list[EventT | Control[TopicT]] = []
        self.settled: list[Settled] = []

    def settle(self, ticket: Ticket, reply: object = None, error: BaseException | None = None) -> None:
        self.settled.append(Settled(ticket, reply, error))

    def take_effects(self) -> list[Effect]:
        effects, self.effects = self.effects, []
        return effects

    def take_events(self) -> list[EventT | Control[TopicT]]:
        events, self.events = self.events, []
        return events

    def take_settled(self) -> list[Settled]:
        settled, self.settled = self.settled, []
        return settled

    def void_frames(self) -> list[str | SecretFrame]:
        """Drop what was meant for a connection that has gone; returns the frames that never left."""
        unsent = [effect for effect in self.effects if isinstance(effect, str | SecretFrame)]
        self.effects = [effect for effect in self.effects if not isinstance(effect, str | SecretFrame | Ping | Hangup)]
        return unsent
