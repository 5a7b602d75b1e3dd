"""The auth endpoint of the sandbox's Pusher: what a shop's server does that has the app's secret. Pure, beside the socket."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import msgspec

from ..core.http import Response
from ..core.runs import MISFITS
from ..providers.pusher.channels import is_encrypted, is_presence
from ..providers.pusher.signing import sign_channel, sign_user

if TYPE_CHECKING:
    from ..core.secrets import Secret
    from .base import HttpCall
    from .pusher_settings import PusherSettings

__all__ = ["AuthDesk"]


class _Asked(msgspec.Struct):
    socket_id: str
    channel_name: str | None = None


_ASKED: Final = msgspec.json.Decoder(_Asked)


class AuthDesk:
    """Authorises everybody for everything but what is forbidden. Each socket is a user of its own, named after it.

    `granted` counts; `refusals` says why it has refused, oldest first.
    """

    def __init__(self, settings: PusherSettings, secret: Secret) -> None:
        self._settings = settings
        self._secret = secret
        self.granted: int = 0
        self.refusals: list[str] = []

    def answer(self, call: HttpCall) -> Response:
        """The answer to any request. Total."""
        settings = self._settings
        if call.path not in {settings.auth_path, settings.user_auth_path}:
            return self._refuse(404, "not found")
        if call.method != "POST":
            return self._refuse(405, "POST alone")
        asked = _read(call)
        if asked is None or (asked.channel_name is None) is not (call.path == settings.user_auth_path):
            return self._refuse(400, "socket_id, and channel_name for a channel, are needed")
        self.granted += 1
        user = f"user-{asked.socket_id.replace('.', '-')}"
        channel = asked.channel_name
        if channel is None:
            user_data = json.dumps({"id": user})
            return _json(auth=sign_user(settings.key, self._secret, asked.socket_id, user_data), user_data=user_data)
        if channel in settings.forbidden:
            self.granted -= 1
            return self._refuse(403, f"{channel} is forbidden")
        more: dict[str, str] = {}
        if is_presence(channel):
            more["channel_data"] = json.dumps({"user_id": user, "user_info": {"name": user}})
        elif is_encrypted(channel) and settings.encryption_master_key is not None:
            more["shared_secret"] = base64.b64encode(settings.key_of(channel)).decode()
        auth = sign_channel(settings.key, self._secret, asked.socket_id, channel, more.get("channel_data"))
        return _json(auth=auth, **more)

    def _refuse(self, status: int, reason: str) -> Response:
        self.refusals.append(reason)
        return Response(status, {"content-type": "application/json"}, msgspec.json.encode({"error": reason}))


def _read(call: HttpCall) -> _Asked | None:
    try:
        if call.headers.get("content-type", "").partition(";")[0] == "application/json":
            return _ASKED.decode(call.body)
        return msgspec.convert(dict(parse_qsl(call.body.decode())), _Asked)
    except MISFITS:
        return None


def _json(**fields: str) -> Response:
    return Response(200, {"content-type": "application/json"}, msgspec.json.encode(fields))
