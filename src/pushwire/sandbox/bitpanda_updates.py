"""What the sandbox's Bitpanda sends: prices and price changes in the exact spelling of the document (seeds/001…).

Pure values from an injected `random.Random`. Each has a number in its digits, so that no two are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ..core.effects import Identity
from ..providers.bitpanda.topics import PRICE_CHANGES, PRICES, Pair, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from .bitpanda_settings import BitpandaSettings

__all__ = ["Choice", "Update", "choices", "made_up"]

PERIODS: Final = ("D", "I", "W", "M", "6M", "Y", "5Y")


class Choice(NamedTuple):
    """What an update is about."""

    channel: str
    pair: Pair

    @property
    def topics(self) -> tuple[Topic, Topic, Topic]:
        """What it may be subscribed to by."""
        return Topic.of(self.channel, self.pair), Topic(self.channel, self.pair.fiat), Topic(self.channel)


class Update(NamedTuple):
    """One update: its frame, and what tells it from every other."""

    text: str
    identity: Identity


def choices(settings: BitpandaSettings, wanted: Iterable[Topic]) -> list[Choice]:
    """What there can be updates about, of what is subscribed to."""
    topics = frozenset(wanted)
    assets = [asset.partition("/") for asset in settings.assets]
    possible = (
        Choice(channel, Pair(kind, symbol, fiat))
        for channel, fiats in ((PRICES, settings.fiats), (PRICE_CHANGES, settings.change_fiats))
        for fiat in fiats
        for kind, _, symbol in assets
    )
    return [choice for choice in possible if not topics.isdisjoint(choice.topics)]


def made_up(choice: Choice, serial: int, at: float, rng: Random) -> Update:
    """An update; `at` is POSIX seconds."""
    pair = choice.pair
    whose = {"T": pair.type, "A": pair.asset, "F": pair.fiat, "CH": choice.channel}
    if choice.channel == PRICES:
        ask = rng.randrange(10, 70_000)
        numbers = {"AP": f"{ask}.{serial % 100_000:05d}", "BP": f"{ask - rng.randrange(1, 10)}.{rng.randrange(100_000):05d}"}
        fields: dict[str, object] = {**numbers, "U": int(at), **whose}
        version: tuple[str | int, ...] = (int(at), *numbers.values())
    else:
        percents = {period: _signed(rng, 16) for period in PERIODS}
        # The number goes where it spoils nothing: into the last digits of the first.
        percents["D"] = f"{percents['D'][:-10]}{serial % 10**10:010d}"
        values = {f"{period}V": _signed(rng, 2) for period in PERIODS}
        numbers = {**percents, **values, "MVOL": _signed(rng, 16).removeprefix("-")}
        fields = {**whose, **numbers}
        version = tuple(numbers.values())
    return Update(msgspec.json.encode(fields).decode(), Identity((choice.channel, *pair), version))


def _signed(rng: Random, places: int) -> str:
    return f"{rng.choice(('', '-'))}{rng.randrange(30)}.{rng.randrange(10**places):0{places}d}"
