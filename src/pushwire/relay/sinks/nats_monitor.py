"""Whether servers of NATS sync each message to the disk before they answer: no client is told, their monitoring port is.

`sync_interval: always` shows as `sync_always` in JetStream's settings there (`/varz`, also `/jsz?config=true`).
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final

import msgspec

from ...core.http import Request
from ...errors import PushwireError
from ...shell.http import HttpClient

__all__ = ["read_syncing"]

WITHIN: Final = 5.0
"""Seconds for one server."""


class _Config(msgspec.Struct, frozen=True):
    sync_always: bool = False


class _JetStream(msgspec.Struct, frozen=True):
    config: _Config | None = None


class _Varz(msgspec.Struct, frozen=True):
    server_name: str = ""
    jetstream: _JetStream | None = None


async def read_syncing(monitors: Sequence[str], tls: ssl.SSLContext | None) -> tuple[dict[str, bool], list[str]]:
    """Of the servers at these URLs, by name, whether each syncs; and what is wrong with those that do not say so."""
    found: dict[str, bool] = {}
    problems: list[str] = []
    http = HttpClient(tls=tls, timeout=WITHIN)
    try:
        for monitor in monitors:
            try:
                response = await http.send(Request("GET", monitor.rstrip("/") + "/varz"))
                if response.status != 200:
                    problems.append(f"{monitor}: HTTP {response.status}")
                    continue
                said = msgspec.json.decode(response.body, type=_Varz)
            except PushwireError as error:
                problems.append(f"{monitor}: {error}")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                problems.append(f"{monitor}: is no monitoring port of NATS")
            else:
                found[said.server_name] = bool(said.jetstream and said.jetstream.config and said.jetstream.config.sync_always)
    finally:
        await http.aclose()
    return found, problems
