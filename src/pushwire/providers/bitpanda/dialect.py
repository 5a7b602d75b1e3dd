"""How Bitpanda commands are written, and what they do to the subscriptions of their channel (seeds/001…).

A channel is a lane: replies name it and nothing else. No frame gives up a part of a channel: a `Drop` gives up all of it, and the
rest is asked for again. Whether a second `subscribe` adds to the first or replaces it is not documented: a frame repeats what is
subscribed to on this connection, which is right either way, unless `merge` says that the provider adds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import ClassVar, Final, Literal, TypeAlias

import msgspec

from ...core.commands import AnyCommand
from ...core.dialect import Dialect
from ...core.http import Response
from ...errors import CommandRefused, LocalProtocolError
from .commands import Drop, Subscribe, Unsubscribe
from .topics import FORMS, PRICES, Form, Pair, Topic, form_of

__all__ = ["BitpandaDialect", "Merge"]

Merge: TypeAlias = Literal["union", "only_new"]


_NO_ASSET: Final = "asset not found for domain: "
_NO_FIAT: Final = "fiat not found: "


def frame(action: str, channel: str, topics: Iterable[Topic] = ()) -> str:
    """A client's message. The whole of a channel is asked for without a `payload`."""
    message: dict[str, object] = {"action": action, "channel": channel}
    payload = [topic.item for topic in topics if topic.form is not Form.ALL]
    return msgspec.json.encode({**message, "payload": payload} if payload else message).decode()


class BitpandaDialect(Dialect[Topic]):
    """See the module. `is_confirmed` tells what is subscribed to on this connection."""

    name: ClassVar[str] = "bitpanda"
    commands: ClassVar[tuple[type[AnyCommand], ...]] = (Subscribe, Unsubscribe, Drop)

    def __init__(self, merge: Merge, items_per_frame: int | None) -> None:
        self._merge: Merge = merge
        self._limit = items_per_frame
        self.is_confirmed: Callable[[Topic], bool] = lambda topic: False
        self._told: dict[str, dict[Topic, None]] = {}
        """By channel, in the order it was told."""

    def lost(self) -> None:
        """The connection has gone, and with it what it was told."""
        self._told.clear()

    def check(self, command: AnyCommand, desired: Collection[Topic]) -> None:
        super().check(command, desired)
        if not isinstance(command, Subscribe | Drop):
            return
        try:
            FORMS.next(form_of(command.channel, desired), command.asking)
        except LocalProtocolError as error:
            raise LocalProtocolError(f"{command.channel}: {error}") from None
        if isinstance(command, Drop):
            unknown = [topic for topic in command.named if topic not in desired]
            if unknown:
                raise LocalProtocolError(f"not subscribed to {', '.join(map(str, unknown))}")
        elif self._limit is not None and len(command.topics) > self._limit:
            raise LocalProtocolError(f"Subscribe: more than the {self._limit} items that one frame may hold (items_per_frame)")

    def lane(self, command: AnyCommand) -> str | None:
        return command.channel if isinstance(command, Subscribe | Unsubscribe | Drop) else None

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[Topic], granted: Response | None
    ) -> tuple[str | None, str | None]:
        match command:
            case Subscribe(channel=channel):
                topics = self._merged(command, desired)
                if not topics:
                    return None, None
                self._told.setdefault(channel, {}).update(dict.fromkeys(topics))
                return channel, frame("subscribe", channel, topics)
            case Unsubscribe(channel=channel) | Drop(channel=channel):
                told = self._told.get(channel, {})
                if not told or (isinstance(command, Drop) and told.keys().isdisjoint(command.named)):
                    # What an unsubscribe means without a subscription is not documented, and what this connection was never
                    # asked for costs the others nothing.
                    return None, None
                del self._told[channel]
                return channel, frame("unsubscribe", channel)
            case _:
                raise LocalProtocolError(f"{type(command).__name__} is not a bitpanda command")

    def expects_data(self, topic: Topic) -> bool:
        # "Each asset-fiat pair receives an update roughly every 15 seconds"; of changes no rate is told, and those of most fiats
        # are accepted and then silent ("price changes are available only for EUR for now").
        return topic.channel == PRICES

    def given_up(self, command: AnyCommand, desired: Collection[Topic]) -> Sequence[Topic]:
        match command:
            case Unsubscribe(channel=channel):
                return [topic for topic in desired if topic.channel == channel]
            case Drop():
                return command.named
            case _:
                return ()

    def undone(self, command: AnyCommand, desired: Collection[Topic]) -> Sequence[Topic]:
        # What is still told was not unsubscribed from.
        if not isinstance(command, Drop) or command.channel in self._told:
            return ()
        return [topic for topic in desired if topic.channel == command.channel and self.is_confirmed(topic)]

    def blamed(self, topics: Sequence[Topic], error: CommandRefused) -> Sequence[Topic]:
        # One symbol is named, of however many are wrong.
        if error.text.startswith(_NO_ASSET):
            return [topic for topic in topics if topic.asset == error.text.removeprefix(_NO_ASSET)]
        if error.text.startswith(_NO_FIAT):
            return [topic for topic in topics if topic.fiat == error.text.removeprefix(_NO_FIAT)]
        return topics

    def restore(self, topics: Sequence[Topic]) -> Sequence[Subscribe]:
        return [_subscribe(channel, part) for channel, own in _by_channel(topics).items() for part in self._parts(own)]

    def release(self, topics: Sequence[Topic], desired: Collection[Topic]) -> Sequence[Unsubscribe | Drop]:
        released: list[Unsubscribe | Drop] = []
        for channel, own in _by_channel(topics).items():
            gone = _subscribe(channel, own)
            rest = form_of(channel, desired) is not Form.NONE
            released.append(Drop(channel, gone.pairs, gone.fiats) if rest else Unsubscribe(channel))
        return released

    def _parts(self, topics: Sequence[Topic]) -> Iterable[Sequence[Topic]]:
        """What fits into one frame each."""
        step = self._limit or len(topics)
        return (topics[at : at + step] for at in range(0, len(topics), step))

    def _merged(self, command: Subscribe, desired: Collection[Topic]) -> Collection[Topic]:
        """What the frame names: all of it once, what was wanted first coming first. Nothing, where all that the command names was
        given up while it waited."""
        named = [topic for topic in command.topics if topic in desired]
        if self._merge == "only_new" or not named:
            return [topic for topic in named if not self.is_confirmed(topic)] or named
        told = self._told.get(command.channel, ())
        confirmed = [topic for topic in told if topic in desired and self.is_confirmed(topic)]
        return dict.fromkeys((*confirmed, *named))


def _by_channel(topics: Iterable[Topic]) -> dict[str, list[Topic]]:
    """The topics of each channel, in their order."""
    channels: dict[str, list[Topic]] = {}
    for topic in topics:
        channels.setdefault(topic.channel, []).append(topic)
    return channels


def _subscribe(channel: str, topics: Sequence[Topic]) -> Subscribe:
    """The command that subscribes to these, which are all of one channel and form."""
    pairs = [Pair(topic.type, topic.asset, topic.fiat) for topic in topics if topic.type and topic.asset and topic.fiat]
    fiats = [topic.fiat for topic in topics if topic.fiat and not topic.asset]
    return Subscribe(channel, pairs, fiats)
