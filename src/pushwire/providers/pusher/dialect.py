"""How Pusher commands are written, and how what is not public is authorised before (providers/pusher.md, 1).

A subscription and what takes it back share a lane, named after the channel: replies name nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar, Final

import attrs
import msgspec

from ...core.commands import AnyCommand
from ...core.dialect import Dialect
from ...core.effects import SecretFrame
from ...core.http import Request, Response
from ...core.pacing import Pacer
from ...core.secrets import PLACEHOLDER
from ...errors import CommandRefused, LocalProtocolError
from .auth import Authoriser, Grant, granted_channel, granted_user
from .channels import SERVER_TO_USER, SIGN_IN, is_encrypted, is_presence, is_private
from .commands import SignIn, Subscribe, Trigger, Unsubscribe
from .connection import Connection
from .encryption import available
from .messages import MEMBER
from .values import FAULTS

__all__ = ["SIGN_IN_SLOT", "Limits", "PusherDialect", "frame", "server_to_user", "subscription_slot"]

SIGN_IN_SLOT: Final = "sign in"
_SPARE: Final = 16
"""Remembered subscriptions beyond what is desired, before those of nobody are looked for."""


def subscription_slot(channel: str) -> str:
    """Where the reply to a subscription is waited for."""
    return f"subscribe:{channel}"


def frame(event: str, data: object, channel: str | None = None) -> str:
    """A client message."""
    message: dict[str, object] = {"event": event}
    if channel is not None:
        message["channel"] = channel
    return msgspec.json.encode({**message, "data": data}).decode()


@attrs.frozen
class Limits:
    """What a server takes: characters of a channel's name, bytes of a client event's data, client events a second."""

    channel_name: int = 164
    client_event_data: int = 10_240
    client_events: float = 9.0


class PusherDialect(Dialect[str]):
    """See `core.dialect`. Topics are channels' names, and `SIGN_IN`."""

    name: ClassVar[str] = "Pusher"
    commands: ClassVar[tuple[type[AnyCommand], ...]] = (Subscribe, Unsubscribe, Trigger, SignIn)
    unanswered_ends: ClassVar[bool] = False

    def __init__(self, authoriser: Authoriser, limits: Limits, *, public_auth: str | None = None) -> None:
        """`public_auth` is sent with public channels as well, where it is not None."""
        self._authoriser = authoriser
        self._limits = limits
        self._public_auth = public_auth
        self._client_events = Pacer(limits.client_events, 1)
        # What was asked for, so that it can be asked for again in the same words.
        self._said: dict[str, Subscribe | SignIn] = {}
        self.connection: Connection = Connection()
        """The present one; the machine's to replace."""
        self.wall: Callable[[float], float] = float
        """POSIX seconds at a time of the machine's clock; the machine's to set."""

    # Before anything is sent

    def check(self, command: AnyCommand, desired: Collection[str]) -> None:
        super().check(command, desired)
        match command:
            case Subscribe():
                self._check_subscribe(command)
            case Trigger():
                self._check_trigger(command)
            case SignIn():
                self._object(command, self._authoriser.user_problem(command.user_data))
            case _:
                pass

    def _check_subscribe(self, command: Subscribe) -> None:
        channel = command.channel
        if len(channel) > self._limits.channel_name:
            self._object(command, f"channel may have at most {self._limits.channel_name} characters")
        if is_private(channel):
            signed_in = self.connection.user is not None
            self._object(command, self._authoriser.channel_problem(channel, command.channel_data, signed_in=signed_in))
        if is_encrypted(channel) and not available():
            self._object(command, "encrypted channels need PyNaCl: install pushwire[pusher]")

    def _check_trigger(self, command: Trigger) -> None:
        if command.channel not in self.connection.joined:
            self._object(command, f"{command.channel} is not subscribed to, or not yet")
        if len(command.data.encode()) > self._limits.client_event_data:
            self._object(command, f"data may have at most {self._limits.client_event_data} bytes")

    def _object(self, command: AnyCommand, problem: str | None) -> None:
        if problem is not None:
            raise LocalProtocolError(f"{type(command).__name__}: {problem}")

    # What is asked by HTTP

    def authorisation(self, command: AnyCommand, new_id: Callable[[], str], now: float) -> Request | None:
        socket_id = self.connection.socket_id
        match command:
            case Subscribe() if is_private(command.channel):
                return self._authoriser.channel_request(socket_id, command.channel, self.wall(now))
            case SignIn():
                return self._authoriser.user_request(socket_id, self.wall(now))
            case _:
                return None

    def key_request(self, channel: str, now: float) -> Request | None:
        """What asks for the key of an encrypted channel once more; None where another answer is not to be had."""
        return self._authoriser.channel_request(self.connection.socket_id, channel, self.wall(now))

    # On the wire

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[str], granted: Response | None
    ) -> tuple[str | None, str | SecretFrame | None]:
        match command:
            case Subscribe():
                if command.channel not in desired:
                    raise CommandRefused("Subscribe", None, f"{command.channel} was given up before it was asked for")
                self._remember(command.channel, command, desired)
                return subscription_slot(command.channel), self._subscribe(command, granted)
            case Unsubscribe():
                known = self.connection.left(command.channel)
                return None, frame("pusher:unsubscribe", {"channel": command.channel}) if known else None
            case Trigger():
                if command.channel not in self.connection.joined:
                    raise CommandRefused("Trigger", None, f"{command.channel} is no longer subscribed to")
                return None, frame(command.event, msgspec.Raw(command.data.encode()), command.channel)
            case _:
                assert isinstance(command, SignIn), "`check` lets nothing else pass"
                self._remember(SIGN_IN, command, desired)
                return SIGN_IN_SLOT, self._sign_in(command, granted)

    def _subscribe(self, command: Subscribe, granted: Response | None) -> str | SecretFrame:
        channel, connection = command.channel, self.connection
        if not is_private(channel):
            connection.ask(channel)
            auth = {} if self._public_auth is None else {"auth": self._public_auth}
            return frame("pusher:subscribe", {"channel": channel, **auth})
        if granted is None:
            grant = self._authoriser.sign_channel(connection.socket_id, channel, command.channel_data)
        else:
            grant = granted_channel("Subscribe", channel, granted)
        connection.ask(channel, _own_id(grant.data) if is_presence(channel) else None)
        if grant.key is not None:
            connection.keys[channel] = grant.key
        data = {} if grant.data is None else {"channel_data": grant.data}
        return _with_auth("pusher:subscribe", {"channel": channel}, grant, data)

    def _sign_in(self, command: SignIn, granted: Response | None) -> SecretFrame:
        if granted is None:
            grant = self._authoriser.sign_user(self.connection.socket_id, command.user_data)
        else:
            grant = granted_user("SignIn", granted)
        self.connection.ask(SIGN_IN)
        return _with_auth("pusher:signin", {}, grant, {"user_data": grant.data})

    # What it means for the subscriptions

    def repeated(self, command: AnyCommand) -> object | None:
        # Pusher answers a second subscription with an error that names no channel.
        return self.connection.subscribed(command.channel) if isinstance(command, Subscribe) else self.connection.user

    def limit(self, command: AnyCommand) -> Pacer | None:
        return self._client_events if isinstance(command, Trigger) else None

    def expects_data(self, topic: str) -> bool:
        return topic != SIGN_IN

    def lane(self, command: AnyCommand) -> str | None:
        match command:
            case Subscribe() | Unsubscribe():
                return subscription_slot(command.channel)
            case SignIn():
                return SIGN_IN_SLOT
            case _:
                return None

    def given_up(self, command: AnyCommand, desired: Collection[str]) -> Sequence[str]:
        return [command.channel] if isinstance(command, Unsubscribe) else ()

    def restore(self, topics: Sequence[str]) -> Sequence[AnyCommand]:
        return [self._said[topic] for topic in topics]

    def release(self, topics: Sequence[str], desired: Collection[str]) -> Sequence[AnyCommand]:
        # A sign-in cannot be taken back on a connection; it is not made again on the next.
        return [Unsubscribe(topic) for topic in topics if topic != SIGN_IN]

    def _remember(self, topic: str, command: Subscribe | SignIn, desired: Collection[str]) -> None:
        self._said[topic] = command
        if len(self._said) > 2 * len(desired) + _SPARE:
            self._said = {topic: said for topic, said in self._said.items() if topic in desired}


def server_to_user(user_id: str) -> str:
    """The channel of a signed-in user."""
    return SERVER_TO_USER + user_id


def _with_auth(event: str, before: Mapping[str, object], grant: Grant, after: Mapping[str, object]) -> SecretFrame:
    """A frame that holds an authorisation, which is good for this connection alone but is shown to nobody."""
    text, shown = (frame(event, {**before, "auth": auth, **after}) for auth in (grant.auth, PLACEHOLDER))
    return SecretFrame(text, shown)


def _own_id(channel_data: str | None) -> str | None:
    if channel_data is None:
        return None
    try:
        return str(MEMBER.decode(channel_data).user_id)
    except FAULTS:
        return None
