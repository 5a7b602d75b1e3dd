"""What may be asked on a Bitpanda stream (seeds/001…, "Subscribing to channels", "Unsubscribing from channels")."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ...core.commands import Command
from ...core.fields import some_text
from ...errors import LocalProtocolError
from .messages import Event
from .topics import Asking, Pair, Topic

__all__ = ["Drop", "Subscribe", "Unsubscribe"]


def _is_symbol(value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        # It would fail only when it is sent, long after the caller could have been told.
        return False
    return True


def _pair(item: object) -> Pair:
    match item:
        case (str(kind), str(asset), str(fiat)) if all(map(_is_symbol, (kind, asset, fiat))):
            return Pair(kind, asset, fiat)
        case _:
            raise LocalProtocolError("pairs: each must be a Pair of three symbols: type, asset, fiat")


def _fiat(item: object) -> str:
    if isinstance(item, str) and _is_symbol(item):
        return item
    raise LocalProtocolError("fiats: each must be a symbol")


def _pairs(items: Iterable[Pair]) -> tuple[Pair, ...]:
    """Each once, in their order."""
    return tuple(dict.fromkeys(map(_pair, items)))


def _fiats(items: Iterable[str]) -> tuple[str, ...]:
    """Each once, in their order."""
    if isinstance(items, str):
        raise LocalProtocolError("fiats: must be several, not one text")
    return tuple(dict.fromkeys(map(_fiat, items)))


@attrs.frozen
class _Named:
    """Some of a channel: pairs or fiats."""

    channel: str = attrs.field(validator=some_text)
    pairs: tuple[Pair, ...] = attrs.field(default=(), converter=_pairs)
    fiats: tuple[str, ...] = attrs.field(default=(), converter=_fiats)

    def __attrs_post_init__(self) -> None:
        if self.pairs and self.fiats:
            raise LocalProtocolError(f"{type(self).__name__}: the provider takes no mix of pairs and fiats")

    @property
    def named(self) -> tuple[Topic, ...]:
        """What it names, as topics."""
        if self.fiats:
            return tuple(Topic(self.channel, fiat) for fiat in self.fiats)
        return tuple(Topic.of(self.channel, pair) for pair in self.pairs)


@attrs.frozen
class Subscribe(_Named, Command[Event, None]):
    """Get the updates of `channel` from now on, through reconnects: for `pairs`, for all assets in `fiats`, or for all there is.

    The provider takes no mix of these: pairs may be added to pairs and fiats to fiats, all else raises `LocalProtocolError` until
    the channel was given up. Only what belongs to the partner's domain can be subscribed to.
    """

    @property
    def topics(self) -> tuple[Topic, ...]:
        return self.named or (Topic(self.channel),)

    @property
    def asking(self) -> Asking:
        """What it asks of its channel."""
        if self.fiats:
            return Asking.FIATS
        return Asking.PAIRS if self.pairs else Asking.ALL


@attrs.frozen
class Unsubscribe(Command[Event, None]):
    """Give up all of `channel`, whoever wanted it."""

    channel: str = attrs.field(validator=some_text)


@attrs.frozen
class Drop(_Named, Command[Event, None]):
    """Give up some pairs, or some fiats, of `channel`, whoever wanted them.

    The provider knows no such thing: the channel is given up and the rest subscribed to again at once, which may cost the others
    an update. Raises `LocalProtocolError` for what is not subscribed to.
    """

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.named:
            raise LocalProtocolError("Drop: pairs or fiats are needed; Unsubscribe gives up the whole channel")

    @property
    def asking(self) -> Asking:
        """What it asks of its channel."""
        return Asking.DROP_FIATS if self.fiats else Asking.DROP_PAIRS
