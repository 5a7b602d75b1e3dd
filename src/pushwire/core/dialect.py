"""How a provider writes its commands, and what they mean for its subscriptions."""

from __future__ import annotations

import abc
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import ClassVar, Generic, TypeVar

from ..errors import CommandRefused, LocalProtocolError
from .commands import AnyCommand
from .effects import SecretFrame
from .http import Request, Response
from .pacing import Pacer

__all__ = ["Dialect"]

TopicT = TypeVar("TopicT", bound=Hashable)


class Dialect(abc.ABC, Generic[TopicT]):
    """A provider's commands. Pure; `desired` is what is subscribed to, or to be, in the order in which it was first wanted."""

    name: ClassVar[str]
    """The provider's."""
    commands: ClassVar[tuple[type[AnyCommand], ...]]
    """All that may be asked."""
    unanswered_ends: ClassVar[bool] = True
    """Whether a subscription without a reply ends the connection, as one that would be lost in silence. Where providers refuse in
    silence that would lead to one connection after another; it is reported as refused then."""
    confirms: ClassVar[bool] = True
    """Whether subscriptions are answered. Where none is, a gap ends when the peer has answered a ping sent behind them."""

    def check(self, command: AnyCommand, desired: Collection[TopicT]) -> None:
        """Raise `LocalProtocolError` for a command that is not this provider's, or cannot stand beside what is desired."""
        if not isinstance(command, self.commands):
            raise LocalProtocolError(f"{type(command).__name__} is not a {self.name} command")

    @abc.abstractmethod
    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[TopicT], granted: Response | None
    ) -> tuple[str | None, str | SecretFrame | None]:
        """The slot the reply will name (an id from `new_id`, or a lane), None where nothing will answer; and the frame, None
        (with no slot) where nothing has to be said on this connection.

        `granted` is the answer to `authorisation`, where there was one. Raises `CommandRefused` where that refuses, and
        `RemoteProtocolError` where it is of no use but may be the next time.
        """

    def authorisation(self, command: AnyCommand, new_id: Callable[[], str], now: float) -> Request | None:
        """What must be asked by HTTP, on this connection, before a command can be written. `now` is on the machine's clock."""
        return None

    def repeated(self, command: AnyCommand) -> object | None:
        """The reply to a subscription for what is confirmed already, where the provider takes a second one amiss. None: ask."""
        return None

    def limit(self, command: AnyCommand) -> Pacer | None:
        """The bucket of a rate that a command counts against beside the rate of all; it waits there while others pass."""
        return None

    def expects_data(self, topic: TopicT) -> bool:
        """Whether silence on a subscription means that something is wrong."""
        return True

    def lane(self, command: AnyCommand) -> str | None:
        """The lane of a command whose reply names no id, None where it does. `encode` then gives the lane as the slot."""
        return None

    def given_up(self, command: AnyCommand, desired: Collection[TopicT]) -> Sequence[TopicT]:
        """The desired topics a command unsubscribes from."""
        return ()

    def undone(self, command: AnyCommand, desired: Collection[TopicT]) -> Sequence[TopicT]:
        """The desired topics a command takes away on the wire though they are not given up: asked for again right behind it."""
        return ()

    def blamed(self, topics: Sequence[TopicT], error: CommandRefused) -> Sequence[TopicT]:
        """Those of the topics of a refused subscription that it was refused for; none: that cannot be told. The others, where
        they are wanted, are asked for again at once: one topic that the provider no longer has does not cost those named with
        it."""
        return topics

    @abc.abstractmethod
    def restore(self, topics: Sequence[TopicT]) -> Sequence[AnyCommand]:
        """The commands that subscribe to these topics again, in their order."""

    def release(self, topics: Sequence[TopicT], desired: Collection[TopicT]) -> Sequence[AnyCommand]:
        """The commands that unsubscribe from these topics, which nobody desires any more. None: what still comes is ignored."""
        return ()
