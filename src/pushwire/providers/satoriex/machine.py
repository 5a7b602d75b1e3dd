"""SatoriEx as a state machine: its own rules on top of the shared lifecycle (seeds/004…).

The token stands in the URL; a connection that opens is accepted; nothing is ever answered, numbered or sent again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import quote, urlsplit

from ...core.closes import COMMON_ROWS, Action, CloseTable, Row
from ...core.config import ConnectionConfig
from ...core.effects import Dial, Handshake, Ping
from ...core.events import Malformed, Unrecognized
from ...core.runs import MISFITS
from ...core.secrets import Secret
from ...core.session import Session
from .commands import SatoriexDialect
from .messages import Message, build, name_of, topic
from .topics import Channel, Topic
from .values import decode

__all__ = ["AUTH_CLOSES", "CLOSES", "SatoriexMachine", "close_table"]

AUTH_CLOSES: Final = (1008, 4001, 4002, 4003)
"""Close codes that are taken to refuse the token: none is documented, these are what others use for it."""


def close_table(auth_closes: Iterable[int]) -> CloseTable:
    """What each way a connection can end means, with these codes for a token that is not, or no longer, good."""
    why = "the token is not accepted, or no longer"
    return CloseTable(
        (
            Row(401, 401, Action.REFRESH, why, http=True, credential=True),
            Row(403, 403, Action.REFRESH, why, http=True, credential=True),
            *(Row(code, code, Action.REFRESH, why, credential=True) for code in auth_closes),
            *COMMON_ROWS,
        )
    )


CLOSES: Final = close_table(AUTH_CLOSES)
"""The document names no way to end: all else backs off."""


def with_token(url: str, token: Secret) -> Secret:
    """The URL to dial (seeds/004…, "Endpoint"). What the token is made of is not promised, so it is escaped."""
    parts = urlsplit(url)
    query = f"{parts.query}&" if parts.query else ""
    escaped = quote(token.reveal(), safe="", errors="replace")
    return Secret(parts._replace(query=f"{query}token={escaped}", fragment="").geturl())


class SatoriexMachine(Session[Message, Topic]):
    """See `core.machine` for the contract."""

    closes: CloseTable = CLOSES
    credentials: ClassVar[tuple[str, ...]] = ("token",)

    def __init__(
        self,
        config: ConnectionConfig,
        *,
        url: str,
        known: Mapping[str, type[Message]],
        unsubscribe: Mapping[Channel, str],
        auth_closes: Iterable[int],
        rng: random.Random,
        ids: Callable[[], str],
    ) -> None:
        self.closes = close_table(auth_closes)
        super().__init__(config, SatoriexDialect(unsubscribe), rng=rng, ids=ids)
        self._url = url
        self._known = known

    def _dial(self, now: float, wall: float) -> Dial:
        settings = self._settings
        url = with_token(self._url, self._secrets["token"])
        return Dial(self._generation, url, {}, settings.max_message, settings.compression)

    def _on_opened(self, handshake: Handshake, now: float) -> None:
        # No greeting is documented: who is let in is accepted.
        self._accepted(now)

    def _ping(self, now: float) -> Ping:
        return Ping(self._ids().encode())

    def _on_messages(self, messages: Sequence[str | bytes], now: float) -> None:
        deliver = self._out.events.append
        known, subscriptions, staleness = self._known, self._exchange.subscriptions, self._exchange.staleness
        for raw in messages:
            try:
                message = decode(raw)
            except MISFITS as error:
                deliver(Malformed(now, raw, self._redacted(str(error))))
                continue
            name = name_of(message, known)
            kind = None if name is None else known.get(name)
            if name is None:
                deliver(Malformed(now, raw, "a message without a type"))
            elif kind is None:
                deliver(Unrecognized(now, raw, self._redacted(name)))
            else:
                event = build(kind, message, now)
                about = topic(event)
                if about is None or about.channel == "user":
                    deliver(event)
                elif about in subscriptions:
                    staleness.data(about, now)
                    deliver(event)
                # Else it was given up: no way to tell the provider so is documented.
