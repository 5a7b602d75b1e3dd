"""QuickPay's server side as a pure machine: the sandbox's Pusher, with its events, its endpoint and its greeting (seeds/003…)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..core.http import Response
from .base import Kind, SendTo
from .pusher import PusherServer
from .quickpay_auth import Doorkeeper
from .quickpay_events import made_up, wrapped
from .quickpay_settings import QuickPaySettings

if TYPE_CHECKING:
    from random import Random

    from .base import HttpCall

__all__ = ["QuickPayServer", "QuickPaySettings"]


class QuickPayServer(PusherServer):
    """See `sandbox.base` for the contract, and `PusherServer`."""

    def __init__(self, settings: QuickPaySettings, rng: Random) -> None:
        super().__init__(settings, rng)
        self._rules = settings
        self._door = Doorkeeper(settings)

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        problem = self._door.stranger(call, wall) if call.path == self._rules.auth_path else None
        if problem is None:
            return super().http(call, now, wall)
        self.desk.refusals.append(problem)
        return Response(401, body=msgspec.json.encode({"error": problem}))

    def _made_up(self, channel: str, serial: int, at: float) -> tuple[str, object]:
        name, data = made_up(channel, serial, at, self._rng)
        return name, wrapped(name, data, serial, at) if self._rules.wrapped else data

    def _say(self, conn: int, event: str, data: object, channel: str | None = None, kind: Kind = "reply") -> None:
        if event != "pusher:connection_established" or not self._rules.broken_greeting:
            super()._say(conn, event, data, channel, kind)
            return
        # Its inner quotes are not escaped, as in the document's transcript.
        text = msgspec.json.encode(data).decode()
        self._effects.append(SendTo(conn, f'{{"event":"{event}","data":"{text}"}}', kind))
