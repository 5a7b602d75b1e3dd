"""What may be asked on a SatoriEx stream (seeds/004…, "Channels").

Nothing is ever answered, so a call is over when its frame has left; and how to unsubscribe is not documented.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar, Final

import attrs
import msgspec

from ...core.commands import AnyCommand, Command
from ...core.dialect import Dialect
from ...core.fields import some_text
from ...core.http import Response
from ...errors import LocalProtocolError
from .messages import Event
from .topics import Channel, Topic

__all__ = [
    "SatoriexDialect",
    "SubscribeMarket",
    "SubscribeMarketData",
    "UnsubscribeMarket",
    "UnsubscribeMarketData",
]

PLACE: Final = "$market_id"
"""Where in the template of a frame the market's id goes, quotes included."""


@attrs.frozen
class SubscribeMarket(Command[Event, None]):
    """Follow the trades, orders, settlement and comments of a market, through reconnects, until `UnsubscribeMarket`.

    SatoriEx confirms nothing: the call returns when its frame has left, also for a market that there is not.
    """

    market_id: str = attrs.field(validator=some_text)

    @property
    def topics(self) -> tuple[Topic, ...]:
        return (Topic("market", self.market_id),)


@attrs.frozen
class SubscribeMarketData(Command[Event, None]):
    """Follow the prices and the order book of a market, as `SubscribeMarket`, until `UnsubscribeMarketData`."""

    market_id: str = attrs.field(validator=some_text)

    @property
    def topics(self) -> tuple[Topic, ...]:
        return (Topic("marketdata", self.market_id),)


@attrs.frozen
class UnsubscribeMarket(Command[Event, None]):
    """No longer follow a market, whoever else subscribed to it here. See `Config.unsubscribe_market` for what is sent."""

    market_id: str = attrs.field(validator=some_text)


@attrs.frozen
class UnsubscribeMarketData(Command[Event, None]):
    """No longer follow the prices of a market, as `UnsubscribeMarket`."""

    market_id: str = attrs.field(validator=some_text)


def fill(template: str, market_id: str) -> str:
    """A frame by its template."""
    return template.replace(PLACE, json.dumps(market_id, ensure_ascii=False))


def _subscribe(kind: str, market_id: str) -> str:
    return msgspec.json.encode({"type": kind, "market_id": market_id}).decode()


class SatoriexDialect(Dialect[Topic]):
    """How SatoriEx commands are written. `unsubscribe` gives the templates of the frames that are to end a subscription."""

    name: ClassVar[str] = "satoriex"
    confirms: ClassVar[bool] = False
    commands: ClassVar[tuple[type[AnyCommand], ...]] = (
        SubscribeMarket,
        SubscribeMarketData,
        UnsubscribeMarket,
        UnsubscribeMarketData,
    )

    def __init__(self, unsubscribe: Mapping[Channel, str]) -> None:
        self._unsubscribe = unsubscribe

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[Topic], granted: Response | None
    ) -> tuple[None, str | None]:
        match command:
            case SubscribeMarket():
                return None, _subscribe("subscribe", command.market_id)
            case SubscribeMarketData():
                return None, _subscribe("subscribe_marketdata", command.market_id)
            case UnsubscribeMarket():
                return None, self._leave("market", command.market_id)
            case UnsubscribeMarketData():
                return None, self._leave("marketdata", command.market_id)
            case _:
                raise LocalProtocolError(f"{type(command).__name__} is not a satoriex command")

    def given_up(self, command: AnyCommand, desired: Collection[Topic]) -> Sequence[Topic]:
        match command:
            case UnsubscribeMarket():
                return (Topic("market", command.market_id),)
            case UnsubscribeMarketData():
                return (Topic("marketdata", command.market_id),)
            case _:
                return ()

    def restore(self, topics: Sequence[Topic]) -> Sequence[AnyCommand]:
        kinds = {"market": SubscribeMarket, "marketdata": SubscribeMarketData}
        return [kinds[topic.channel](topic.market_id) for topic in topics if topic.market_id is not None]

    def release(self, topics: Sequence[Topic], desired: Collection[Topic]) -> Sequence[AnyCommand]:
        kinds = {"market": UnsubscribeMarket, "marketdata": UnsubscribeMarketData}
        left = [topic for topic in topics if topic.channel in self._unsubscribe]
        return [kinds[topic.channel](topic.market_id) for topic in left if topic.market_id is not None]

    def _leave(self, channel: Channel, market_id: str) -> str | None:
        template = self._unsubscribe.get(channel)
        return None if template is None else fill(template, market_id)
