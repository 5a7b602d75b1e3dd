"""QuickPay as a state machine: the Pusher protocol (`providers.pusher`), and its own events on the channels."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from ...core.closes import Action, CloseTable, Row
from ...core.commands import AnyCommand
from ...core.config import ConnectionConfig
from ...core.events import Malformed
from ..pusher.commands import Subscribe, Unsubscribe
from ..pusher.dialect import PusherDialect
from ..pusher.machine import PusherSession
from ..pusher.messages import ChannelEvent, Own
from ..pusher.tables import CLOSES
from ..pusher.values import FAULTS
from .messages import OtherEvent, Typed, typed

__all__ = ["QuickPayDialect", "QuickPayMachine"]


class QuickPayDialect(PusherDialect):
    """Subscriptions alone: neither client events nor signing in are spoken of in QuickPay's document."""

    name: ClassVar[str] = "QuickPay"
    commands: ClassVar[tuple[type[AnyCommand], ...]] = (Subscribe, Unsubscribe)


class QuickPayMachine(PusherSession[Typed | ChannelEvent]):
    """See `core.machine` for the contract."""

    closes: CloseTable = CLOSES

    def __init__(
        self,
        config: ConnectionConfig,
        dialect: QuickPayDialect,
        *,
        url: str,
        rng: random.Random,
        ids: Callable[[], str],
        lenient: bool,
        aliases: Mapping[str, str],
        fatal_closes: Iterable[int],
        passing_closes: Iterable[int],
    ) -> None:
        own = [Row(code, code, Action.FATAL, "listed in fatal_closes") for code in fatal_closes]
        own += [Row(code, code, Action.BACK_OFF, "listed in passing_closes") for code in passing_closes]
        self.closes = CloseTable((*own, *CLOSES.rows))
        super().__init__(config, dialect, url=url, rng=rng, ids=ids, lenient=lenient)
        self._aliases = aliases

    def _parsed(self, event: ChannelEvent) -> Typed | ChannelEvent | Own:
        try:
            found = typed(event.event, event.channel, event.data, event.raw, event.received, self._aliases)
        except FAULTS as error:
            return Malformed(event.received, event.raw, self._redacted(str(error)))
        return event if isinstance(found, OtherEvent) else found
