"""What may be asked on a Pusher stream, checked before anything is sent (providers/pusher.md, 1)."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

import attrs
import msgspec

from ...core.commands import Command
from ...errors import LocalProtocolError
from .channels import SIGN_IN, is_encrypted, is_presence, is_private, name_problem
from .messages import MEMBER, USER, Event, SignedIn, Subscribed
from .values import FAULTS

__all__ = ["SignIn", "Subscribe", "Trigger", "Unsubscribe"]

CLIENT: Final = "client-"
EVENT_NAME_LIMIT: Final = 200
"""Characters."""
USER_ID_LIMIT: Final = 128
"""Characters."""
USER_INFO_LIMIT: Final = 1024
"""Bytes."""


def _channel(instance: object, attribute: attrs.Attribute[str], value: object) -> None:
    problem = name_problem(value)
    if problem is not None:
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} {problem}")


def _client_event(instance: object, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value.startswith(CLIENT) or value == CLIENT:
        raise LocalProtocolError(f"Trigger: event must begin with {CLIENT!r} and a name")
    if len(value) > EVENT_NAME_LIMIT:
        raise LocalProtocolError(f"Trigger: event may have at most {EVENT_NAME_LIMIT} characters")


@attrs.frozen
class Subscribe(Command[Event, Subscribed]):
    """Get the events of a channel, through reconnects, until `Unsubscribe` or the last `Leave`.

    What its prefix says, it is: `private-`, `presence-`, `private-encrypted-`, `cache-` and their combinations. `channel_data` is
    for presence channels that are signed here: a JSON text with `user_id` and, if wanted, `user_info`.
    """

    channel: str = attrs.field(validator=_channel)
    channel_data: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.channel_data is None:
            return
        if not is_presence(self.channel):
            raise LocalProtocolError(f"Subscribe: {self.channel} is no presence channel and takes no channel_data")
        try:
            member = MEMBER.decode(self.channel_data)
            too_long = len(str(member.user_id)) > USER_ID_LIMIT or len(bytes(member.user_info)) > USER_INFO_LIMIT
        except (TypeError, *FAULTS):
            raise LocalProtocolError("Subscribe: channel_data must be a JSON text with a user_id") from None
        if too_long:
            limits = f"{USER_ID_LIMIT} characters of user_id, {USER_INFO_LIMIT} bytes of user_info"
            raise LocalProtocolError(f"Subscribe: channel_data may hold at most {limits}")

    @property
    def topics(self) -> tuple[str, ...]:
        return (self.channel,)


@attrs.frozen
class Unsubscribe(Command[Event, None]):
    """Get no more events of a channel, whoever subscribed to it. The server does not confirm it."""

    channel: str = attrs.field(validator=_channel)


def _as_json(value: object) -> str:
    """A value as JSON text; a text is left as it is, since it must be JSON already."""
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise LocalProtocolError(f"Trigger: data cannot be written as JSON: {error}") from None


@attrs.frozen
class Trigger(Command[Event, None]):
    """Send a client event to the others on a private or presence channel that is subscribed to.

    `data` is JSON: a text that is JSON already, or a value that is written as JSON. Nothing confirms it, it is not sent to this
    connection, and an app must have client events switched on. While the stream is down it fails: what was to be seen now is of
    no use later.
    """

    while_down: ClassVar[Literal["queue", "fail"]] = "fail"
    on_drop: ClassVar[Literal["resend", "unknown"]] = "unknown"

    channel: str = attrs.field(validator=_channel)
    event: str = attrs.field(validator=_client_event)
    data: str = attrs.field(default="{}", converter=_as_json)

    def __attrs_post_init__(self) -> None:
        if not is_private(self.channel) or is_encrypted(self.channel):
            raise LocalProtocolError("Trigger: client events are for private and presence channels that are not encrypted")
        try:
            msgspec.json.decode(self.data, type=msgspec.Raw)
            self.event.encode()
        except (TypeError, *FAULTS):
            raise LocalProtocolError("Trigger: event must be UTF-8, data JSON text or a value to make it of") from None


@attrs.frozen
class SignIn(Command[Event, SignedIn]):
    """Sign a user in, through reconnects: server-to-user events and the watchlist come from then on.

    `user_data` is for users who are signed here: a JSON text with an `id`.
    """

    user_data: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.user_data is None:
            return
        try:
            USER.decode(self.user_data)
            self.user_data.encode()
        except (TypeError, *FAULTS):
            raise LocalProtocolError("SignIn: user_data must be a JSON text with an id") from None

    @property
    def topics(self) -> tuple[str, ...]:
        return (SIGN_IN,)
