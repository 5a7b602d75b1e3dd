"""Bitpanda as a state machine: its own rules on top of the shared lifecycle (seeds/001…, "Websocket Server Documentation").

Accepted as soon as the connection opens, since no greeting is documented; RFC 6455 pings; replies matched by action and channel.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, cast
from urllib.parse import urlencode, urlsplit

from ...core.closes import COMMON_ROWS, Action, CloseTable, Row
from ...core.config import ConnectionConfig
from ...core.effects import Dial, Handshake, Ping
from ...core.events import Malformed, Unrecognized
from ...core.runs import MISFITS, decoded, runs
from ...core.secrets import Secret, revealed
from ...core.session import Session
from ...errors import CommandRefused
from .commands import Subscribe
from .dialect import BitpandaDialect
from .messages import KNOWN_CHANNELS, Reply, decode, decode_reply, decode_unknown
from .prices import Price, PriceChange, are_sound, stamp
from .silence import Silence
from .topics import PRICES, Topic

__all__ = ["CLOSES", "BitpandaMachine"]

CLOSES: Final = CloseTable(
    (
        Row(401, 401, Action.REFRESH, "the token is missing, wrong or too old", http=True, credential=True),
        Row(403, 403, Action.REFRESH, "the token is not allowed here", http=True, credential=True),
        *COMMON_ROWS,
    )
)
"""The document names no close code, not even that of an idle connection: all else backs off."""


class BitpandaMachine(Session[Price | PriceChange, Topic]):
    """See `core.machine` for the contract."""

    closes: CloseTable = CLOSES
    credentials: ClassVar[tuple[str, ...]] = ("token",)

    def __init__(
        self,
        config: ConnectionConfig,
        dialect: BitpandaDialect,
        *,
        url: str,
        headers: Mapping[str, str | Secret],
        query: Mapping[str, str | Secret],
        token_parameter: str | None,
        rng: random.Random,
        ids: Callable[[], str],
    ) -> None:
        super().__init__(config, dialect, rng=rng, ids=ids)
        self._dialect = dialect
        self._url = url
        self._headers = headers
        self._query = query
        self._token_parameter = token_parameter
        self._silence = Silence(self._exchange.staleness, self._exchange.subscriptions)
        dialect.is_confirmed = self._exchange.subscriptions.is_confirmed

    # What the session asks for

    def _dial(self, now: float, wall: float) -> Dial:
        token = self._secrets["token"]
        headers, query = dict(self._headers), dict(self._query)
        if self._token_parameter is None:
            headers["Authorization"] = Secret(f"Bearer {token.reveal()}")
        else:
            query[self._token_parameter] = token
        settings = self._settings
        return Dial(self._generation, _with_query(self._url, query), headers, settings.max_message, settings.compression)

    def _on_opened(self, handshake: Handshake, now: float) -> None:
        self._accepted(now)

    def _on_lost(self) -> None:
        self._silence.forget()
        self._dialect.lost()

    def _ping(self, now: float) -> Ping:
        return Ping(self._ids().encode())

    # Messages

    def _on_messages(self, messages: Sequence[str | bytes], now: float) -> None:
        read = decoded(decode, messages)
        for run, raws in runs(read, messages):
            # All are of the type of the first.
            if isinstance(run[0], Price):
                self._on_prices(cast("list[Price]", run), raws, now)
            else:
                for update, raw in zip(run, raws, strict=True):
                    self._on_other(update, raw, now)

    def _on_prices(self, prices: Sequence[Price], raws: Sequence[str | bytes], now: float) -> None:
        if are_sound(prices):
            self._deliver(prices, now)
            return
        for price, raw in zip(prices, raws, strict=True):
            if are_sound((price,)):
                self._deliver((price,), now)
            else:
                self._on_reply_or_misfit(raw, ValueError("the ask or the bid is not a decimal number"), now)

    def _on_other(self, update: Price | PriceChange | Exception, raw: str | bytes, now: float) -> None:
        if isinstance(update, Exception):
            self._on_reply_or_misfit(raw, update, now)
        else:
            stamp((update,), now)
            self._out.events.append(update)

    def _deliver(self, prices: Sequence[Price], now: float) -> None:
        if self._exchange.staleness.enabled:
            self._silence.prices(prices, now)
        stamp(prices, now)
        self._out.events += prices

    def _on_reply_or_misfit(self, raw: str | bytes, error: Exception, now: float) -> None:
        try:
            self._on_reply(decode_reply(raw), raw, now)
        except MISFITS:
            self._on_misfit(raw, error, now)

    def _on_reply(self, reply: Reply, raw: str | bytes, now: float) -> None:
        command = self._exchange.waiting_for(reply.channel)
        asked = "subscribe" if isinstance(command, Subscribe) else "unsubscribe"
        if command is None or reply.action != asked:
            self._out.events.append(Unrecognized(now, raw, "a reply that nobody waits for"))
            return
        if reply.succeeded:
            if asked == "unsubscribe" and reply.channel == PRICES:
                self._silence.forget()
            self._reply(reply.channel, now)
            return
        text = reply.error
        if not isinstance(text, str):
            text = "neither a success nor an error"
            self._out.events.append(Malformed(now, raw, text))
        # There are no codes: the text is all there is.
        self._reply(reply.channel, now, error=CommandRefused(type(command).__name__, None, text))

    def _on_misfit(self, raw: str | bytes, error: Exception, now: float) -> None:
        """A message that fits none of the known shapes: find out how much of it is to be trusted."""
        try:
            channel = decode_unknown(raw).channel
        except MISFITS:
            channel = None
        if channel is None or channel in KNOWN_CHANNELS:
            self._out.events.append(Malformed(now, raw, self._redacted(str(error))))
        else:
            self._out.events.append(Unrecognized(now, raw, self._redacted(channel)))


def _with_query(url: str, query: Mapping[str, str | Secret]) -> str | Secret:
    """The URL with more parameters; a secret as soon as one of them is."""
    if not query:
        return url
    plain = {name: revealed(value) for name, value in query.items()}
    parts = urlsplit(url)
    full = parts._replace(query="&".join(filter(None, (parts.query, urlencode(plain))))).geturl()
    return Secret(full) if any(isinstance(value, Secret) for value in query.values()) else full
