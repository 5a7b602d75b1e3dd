"""Bitpanda, as those see it who serve any provider."""

from __future__ import annotations

from typing import Final

from ...core.provider import Provider
from ...errors import LocalProtocolError
from .commands import Drop, Subscribe, Unsubscribe
from .config import Config
from .machine import CLOSES
from .topics import FORMS, Pair

__all__ = ["PROVIDER"]

_SPEC: Final = "channel, channel:FIAT,... or channel:type/ASSET/FIAT,..."


def parse_spec(text: str) -> Subscribe:
    """`prices-v1` is all of it, `prices-v1:EUR,USD` two fiats, `prices-v1:cr/BTC/EUR,s/AAPL/EUR` two pairs.

    Raises `LocalProtocolError` for anything else, a mix of fiats and pairs included.
    """
    channel, colon, listed = text.partition(":")
    items = [item.split("/") for item in listed.split(",")] if colon else []
    sizes = {len(item) for item in items}
    if not channel or not sizes <= {1, len(Pair._fields)} or not all(map(all, items)):
        raise LocalProtocolError(f"subscription {text!r}: must be {_SPEC}")
    if len(sizes) > 1:
        raise LocalProtocolError(f"subscription {text!r}: the provider takes no mix of pairs and fiats")
    if sizes == {1}:
        return Subscribe(channel, fiats=[fiat for (fiat,) in items])
    return Subscribe(channel, pairs=[Pair(*item) for item in items])


PROVIDER: Final = Provider(
    name="bitpanda",
    config=Config,
    commands={kind.__name__: kind for kind in (Subscribe, Unsubscribe, Drop)},
    secrets={"token": "PUSHWIRE_BITPANDA_TOKEN"},
    spec=_SPEC,
    parse_spec=parse_spec,
    tables={"what a channel is subscribed by": FORMS},
    closes=CLOSES,
)
