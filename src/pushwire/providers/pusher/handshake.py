"""The first message of a connection: the socket id that signatures are bound to, and how long silence may last."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from .messages import GREETING_DATA, Greeting
from .values import read

__all__ = ["ESTABLISHED", "greet", "interval", "salvage"]

ESTABLISHED: Final = "pusher:connection_established"
SHORTEST: Final = 1.0
"""Seconds; a shorter activity timeout of the server's would have us do nothing but ping."""

_SOCKET_ID: Final = re.compile(r"\d+\.\d+\Z", re.ASCII)
_EVENT: Final = re.compile(r'"event"\s*:\s*"pusher:connection_established"')
_SALVAGED_ID: Final = re.compile(r'socket_id\\?"\s*:\s*\\?"(\d+\.\d+)\\?"', re.ASCII)
_SALVAGED_TIMEOUT: Final = re.compile(r'activity_timeout\\?"\s*:\s*(\d{1,9})', re.ASCII)


def greet(data: msgspec.Raw) -> Greeting:
    """What the data of the greeting says. Raises one of `values.FAULTS`."""
    greeting = read(data, GREETING_DATA)
    if not _SOCKET_ID.match(greeting.socket_id):
        raise ValueError("socket_id is not two numbers with a point between")
    return greeting


def salvage(raw: str | bytes) -> Greeting | None:
    """What a greeting says that is not valid JSON (quotes inside the data that are not escaped); None where it is not one."""
    text = raw if isinstance(raw, str) else raw.decode(errors="replace")
    socket_id = _SALVAGED_ID.search(text)
    if socket_id is None or not _EVENT.search(text):
        return None
    timeout = _SALVAGED_TIMEOUT.search(text)
    return Greeting(socket_id[1], None if timeout is None else float(timeout[1]))


def interval(own: float, servers: float | None) -> float:
    """Seconds of silence after which to ping: the shorter of both sides' activity timeouts."""
    return own if servers is None or servers <= 0 else min(own, max(servers, SHORTEST))
