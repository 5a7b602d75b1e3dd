"""How what is not public is authorised: by the app's secret here, or by an endpoint that has it (providers/pusher.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import urlencode

import attrs
import msgspec

from ...core.http import Request, Response
from ...core.runs import MISFITS
from ...core.secrets import Secret, revealed
from ...errors import CommandRefused, RemoteProtocolError
from .channels import is_encrypted, is_presence
from .signing import decode_key, shared_secret, sign_channel, sign_user

__all__ = ["AuthBody", "AuthEndpoint", "Authoriser", "Grant", "granted_channel", "granted_user"]

AuthBody: TypeAlias = Literal["form", "json"]


@attrs.frozen
class Grant:
    """An authorisation: what goes with the subscription or sign-in, and the key of an encrypted channel."""

    auth: str = attrs.field(repr=False)
    data: str | None = None
    """`channel_data` or `user_data`, as it was signed."""
    key: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen
class AuthEndpoint:
    """Where an authorisation is asked for by HTTP. A provider whose endpoint wants more overrides `request`."""

    url: str
    headers: Mapping[str, Secret]
    body: AuthBody = "form"
    params: Mapping[str, str | Secret] = attrs.field(factory=dict[str, str | Secret])
    """Fields that go with those of the protocol."""

    def request(self, fields: Mapping[str, str], wall: float) -> Request:
        """The request for `fields` (`socket_id`, and `channel_name` for a channel). `wall` is POSIX seconds."""
        params = {name: revealed(value) for name, value in self.params.items()}
        fields = {**fields, **params}
        if self.body == "json":
            kind, body = "application/json", msgspec.json.encode(fields)
        else:
            kind, body = "application/x-www-form-urlencoded", urlencode(fields).encode()
        return Request("POST", self.url, {"Content-Type": kind, "Accept": "application/json", **self.headers}, body)


@attrs.frozen
class Authoriser:
    """Who authorises what: an endpoint where there is one, else the app's secret."""

    key: str
    secret: Secret | None = None
    master_key: Secret | None = None
    """In base64."""
    endpoint: AuthEndpoint | None = None
    user_endpoint: AuthEndpoint | None = None

    def channel_problem(self, channel: str, channel_data: str | None, *, signed_in: bool) -> str | None:
        """Why a channel that is not public cannot be asked for."""
        if self.endpoint is not None:
            return None
        if self.secret is None:
            return f"{channel} needs an authorisation: set secret or auth_url"
        if is_encrypted(channel) and self.master_key is None:
            return f"{channel} needs a key: set encryption_master_key or auth_url"
        if is_presence(channel) and channel_data is None and not signed_in:
            return f"{channel} needs channel_data with a user_id, or a sign-in before"
        return None

    def user_problem(self, user_data: str | None) -> str | None:
        """Why a sign-in cannot be asked for."""
        if self.user_endpoint is not None:
            return None
        if self.secret is None:
            return "a sign-in needs an authorisation: set secret or user_auth_url"
        return None if user_data is not None else "a sign-in that is signed here needs user_data"

    def channel_request(self, socket_id: str, channel: str, wall: float) -> Request | None:
        """What to ask by HTTP, None where the secret is here."""
        if self.endpoint is None:
            return None
        return self.endpoint.request({"socket_id": socket_id, "channel_name": channel}, wall)

    def user_request(self, socket_id: str, wall: float) -> Request | None:
        """What to ask by HTTP, None where the secret is here."""
        return None if self.user_endpoint is None else self.user_endpoint.request({"socket_id": socket_id}, wall)

    def sign_channel(self, socket_id: str, channel: str, channel_data: str | None) -> Grant:
        """The authorisation by the secret."""
        assert self.secret is not None, "asked for where `channel_problem` finds none"
        key = None
        if is_encrypted(channel):
            assert self.master_key is not None, "as above"
            master = decode_key(self.master_key.reveal())
            assert master is not None, "the config has checked it"
            key = shared_secret(channel, master)
        return Grant(sign_channel(self.key, self.secret, socket_id, channel, channel_data), channel_data, key)

    def sign_user(self, socket_id: str, user_data: str | None) -> Grant:
        """The authorisation of a sign-in by the secret."""
        assert self.secret is not None, "asked for where `user_problem` finds none"
        assert user_data is not None, "as above"
        return Grant(sign_user(self.key, self.secret, socket_id, user_data), user_data)


class _Answer(msgspec.Struct):
    auth: str
    channel_data: str | None = None
    user_data: str | None = None
    shared_secret: str | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_MAY_PASS: Final = 500
"""From this HTTP status on the next attempt may succeed; also 429."""


def _answer(command: str, response: Response) -> _Answer:
    """Only 200 with JSON is an authorisation. Raises as `Dialect.encode` may."""
    if response.status == 429 or response.status >= _MAY_PASS:
        raise RemoteProtocolError(f"the auth endpoint answered HTTP {response.status}")
    if response.status != 200:
        raise CommandRefused(command, response.status, f"not authorised: the auth endpoint answered HTTP {response.status}")
    try:
        return _ANSWER.decode(response.body)
    except MISFITS as error:
        # The error tells of types and places, never of values.
        raise CommandRefused(command, 200, f"not authorised: the auth endpoint's answer is of no use: {error}") from None


def granted_channel(command: str, channel: str, response: Response) -> Grant:
    """The authorisation in an endpoint's answer. Raises `CommandRefused` or `RemoteProtocolError`."""
    answer = _answer(command, response)
    key = None
    if is_encrypted(channel):
        key = decode_key(answer.shared_secret or "")
        if key is None:
            raise CommandRefused(command, 200, "not authorised: the auth endpoint gave no shared_secret of 32 bytes")
    return Grant(answer.auth, answer.channel_data, key)


def granted_user(command: str, response: Response) -> Grant:
    """The authorisation of a sign-in in an endpoint's answer. Raises `CommandRefused` or `RemoteProtocolError`."""
    answer = _answer(command, response)
    if answer.user_data is None:
        raise CommandRefused(command, 200, "not authorised: the auth endpoint gave no user_data")
    return Grant(answer.auth, answer.user_data)
