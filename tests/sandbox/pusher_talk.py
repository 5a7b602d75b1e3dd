"""Talks to the sandbox's Pusher as a client does."""

from __future__ import annotations

import json
import random
from typing import Any

from pushwire.core.secrets import Secret
from pushwire.providers.pusher.signing import sign_channel
from pushwire.sandbox.base import Accept, ConnectRequest, SendTo
from pushwire.sandbox.pusher import PusherServer, PusherSettings

WALL = 1_745_000_000.0
SECRET = Secret("s3cret")
MASTER = Secret("A" * 43 + "=")

Said = dict[str, Any]  # decoded JSON, whatever its shape


def server(**settings: Any) -> PusherServer:  # forwarded to PusherSettings, which checks them
    settings.setdefault("secret", SECRET)
    return PusherServer(PusherSettings(**settings), random.Random(7))


def heard(machine: PusherServer, conn: int = 1) -> list[Said]:
    """What a connection was sent since the last call, the data out of its string."""
    found = [json.loads(effect.text) for effect in machine.take_effects() if isinstance(effect, SendTo) and effect.conn == conn]
    for message in found:
        if isinstance(message.get("data"), str):
            message["data"] = json.loads(message["data"])
    return found


def connect(machine: PusherServer, conn: int = 1, now: float = 0.0) -> str:
    """Returns the socket id."""
    query = {"protocol": "7", "client": "test", "version": "1.0"}
    assert machine.connect(conn, ConnectRequest(machine.path, query), now, WALL + now) == Accept()
    [greeting] = heard(machine, conn)
    assert greeting["event"] == "pusher:connection_established"
    return str(greeting["data"]["socket_id"])


def say(machine: PusherServer, event: str, data: object = None, conn: int = 1, now: float = 0.0, **more: object) -> list[Said]:
    machine.receive(conn, json.dumps({"event": event, "data": data, **more}), now)
    return heard(machine, conn)


def subscribe(
    machine: PusherServer, socket_id: str, channel: str, conn: int = 1, now: float = 0.0, channel_data: str | None = None
) -> list[Said]:
    data = {"channel": channel, "auth": sign_channel("sandbox", SECRET, socket_id, channel, channel_data)}
    return say(machine, "pusher:subscribe", {**data, "channel_data": channel_data}, conn, now)


def data(user_id: object) -> str:
    """Who a member says it is."""
    return json.dumps({"user_id": user_id, "user_info": {"n": user_id}})
