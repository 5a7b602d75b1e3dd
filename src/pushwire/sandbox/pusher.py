"""Pusher's server side, protocol 7, as a pure machine (providers/pusher.md, 1).

It also says what the servers at hand never say: pings, quotas, counts, watchlists, errors without a code. Events of a time when
nobody listened are lost, but for the last one of a cache channel. What known servers do differently is a setting.
"""

from __future__ import annotations

import json
import math
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from ..core.http import Response
from ..core.runs import MISFITS
from ..core.secrets import Secret
from ..providers.pusher.channels import SERVER_TO_USER, is_encrypted, is_presence, is_private, name_problem
from ..providers.pusher.encryption import NONCE_SIZE, encrypt
from ..providers.pusher.signing import sign_channel
from .base import Accept, CloseConn, ConnectRequest, Kind, Refuse, SendTo
from .pusher_auth import AuthDesk
from .pusher_refusals import refused_channel, refused_connection
from .pusher_rooms import MOST_MEMBERS, Connection, Room, Sent, is_cache, member_of
from .pusher_settings import PusherSettings
from .pusher_users import Users
from .server_base import ServerBase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from .base import HttpCall

__all__ = ["PusherServer", "PusherSettings", "Sent"]

Fields = dict[str, object]

HISTORY: Final = 1_000_000
"""Events remembered in `sent`."""
LONGEST_NAME: Final = 200
EVENT: Final = "tick"
"""What generated events are called."""


class _Message(msgspec.Struct):
    """A client's message."""

    event: str
    channel: str | None = None
    data: dict[str, object] | list[object] | str | int | float | bool | None = None


class PusherServer(ServerBase[Connection]):
    """See `sandbox.base` for the contract. All made-up values come from `rng`.

    `sent` is every event that was published, oldest first, whoever listened; `generated` counts those of the feed,
    `client_events` those that clients sent, `refused` the signatures that did not fit; `desk` is the auth endpoint.
    """

    def __init__(self, settings: PusherSettings, rng: Random) -> None:
        super().__init__(settings)
        self._settings = settings
        self._rng = rng
        # Where any signature will do, the endpoint signs with one that nobody knows.
        self.desk: AuthDesk = AuthDesk(settings, settings.secret or Secret(rng.randbytes(16).hex()))
        self._rooms: dict[str, Room] = {}
        self._last_channels: tuple[str, ...] = ()
        self._users = Users(self._say)
        self._serial = 0
        self._commands: dict[str, Callable[[Connection, _Message, Fields, float], None]] = {
            "pusher:ping": self._on_ping,
            "pusher:pong": self._on_pong,
            "pusher:subscribe": self._on_subscribe,
            "pusher:unsubscribe": self._on_unsubscribe,
            "pusher:signin": self._on_sign_in,
        }
        self.sent: deque[Sent] = deque(maxlen=HISTORY)
        self.client_events: int = 0
        self.refused: int = 0

    # The driver's side

    @property
    def path(self) -> str:
        return f"/app/{self._settings.key}"

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self._offset = wall - now
        refusal = refused_connection(self._settings, request, self.path, len(self._connections))
        if refusal is not None:
            code, text = refusal
            self._say(conn, "pusher:error", {"code": code, "message": text})
            if self._settings.errors == "both":
                self._effects.append(CloseConn(conn, code, text))
            return Accept()
        socket_id = f"{self._rng.randrange(1, 10**9)}.{self._rng.randrange(1, 10**10)}"
        self._connections[conn] = Connection(conn, socket_id, now)
        timeout = self._settings.activity_timeout
        self._say(conn, "pusher:connection_established", {"socket_id": socket_id, "activity_timeout": timeout})
        return Accept()

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        connection = self._connections.get(conn)
        if connection is None:
            return
        connection.heard, connection.pinged = now, False
        try:
            said = msgspec.json.decode(message, type=_Message)
        except MISFITS:
            self._on_garbage(conn)
            return
        command = self._commands.get(said.event)
        if command is not None:
            command(connection, said, said.data if isinstance(said.data, dict) else {}, now)
        elif said.event.startswith("client-"):
            self._on_client_event(connection, said, now)
        else:
            self._on_garbage(conn)

    def disconnected(self, conn: int, now: float) -> None:
        connection = self._connections.pop(conn, None)
        if connection is None:
            return
        self._last_channels = tuple(self.channels) or self._last_channels
        for room in [room for room in self._rooms.values() if conn in room.listeners]:
            self._leave(room, conn)
        self._users.left(connection, self._connections.values())

    def handle_timer(self, now: float, wall: float) -> None:
        self._offset = wall - now
        if not self._settings.wait_for_client:
            self._slots.start(now)
        for connection in list(self._connections.values()):
            self._check_idle(connection, now)
        for slot in self._slots.take(now):
            self._generate(slot, now)

    def next_deadline(self) -> float:
        due = self._slots.next_deadline()
        for connection in self._connections.values():
            due = min(due, *self._idle_times(connection))
        return due

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        return self.desk.answer(call)

    # The test's side

    def publish(self, channel: str, event: str, data: object, now: float) -> Sent:
        """Publish an event, as a server of the app does. A text goes as it is, anything else as JSON.

        Raises `LocalProtocolError` for an encrypted channel where there is no master key.
        """
        text = data if isinstance(data, str) else json.dumps(data)
        if is_encrypted(channel):
            text = encrypt(self._settings.key_of(channel), text, self._rng.randbytes(NONCE_SIZE))
        self._serial += 1
        sent = Sent(self._serial, channel, event, now + self._offset)
        self.sent.append(sent)
        message = json.dumps({"event": event, "channel": channel, "data": text})
        room = self._room(channel)
        if is_cache(channel):
            room.cached = message, now
        for conn in room.listeners:
            self._effects.append(SendTo(conn, message, "push"))
        self._tidy(room)
        return sent

    def send_to_user(self, user_id: str, event: str, data: object) -> None:
        """Send an event to a signed-in user, on all connections."""
        self._users.send(user_id, event, data, self._connections.values())

    def report(self, code: int | None, text: str, **more: str) -> None:
        """Report an error to every connection, and close none. `more` are other fields, like `channel`."""
        for conn in self._connections:
            self._say(conn, "pusher:error", {"code": code, "message": text, **more})

    @property
    def channels(self) -> Mapping[str, Sequence[int]]:
        """The connections that listen, by channel."""
        return {name: list(room.listeners) for name, room in self._rooms.items() if room.listeners}

    # Connections

    def _idle_times(self, connection: Connection) -> tuple[float, float]:
        """When to ping a connection, and when to end it."""
        ping, idle = self._settings.ping_every, self._settings.idle_after
        ping_at = math.inf if ping is None or connection.pinged else connection.heard + ping
        return ping_at, math.inf if idle is None else connection.heard + idle

    def _check_idle(self, connection: Connection, now: float) -> None:
        ping_at, end_at = self._idle_times(connection)
        if end_at <= now:
            code, text = (4201, "Pong reply not received in time") if connection.pinged else (4202, "Closed after inactivity")
            self._close(connection.conn, code, text, now)
        elif ping_at <= now:
            connection.pinged = True
            self._say(connection.conn, "pusher:ping", {})

    def _on_ping(self, connection: Connection, said: _Message, data: Fields, now: float) -> None:
        self._say(connection.conn, "pusher:pong", {})

    def _on_pong(self, connection: Connection, said: _Message, data: Fields, now: float) -> None:
        """Any message is a sign of life."""

    def _on_garbage(self, conn: int) -> None:
        if self._settings.garbage == "error":
            self._say(conn, "pusher:error", {"code": 4200, "message": "Invalid message format"})

    # Subscriptions

    def _on_subscribe(self, connection: Connection, said: _Message, data: Fields, now: float) -> None:
        conn, channel = connection.conn, data.get("channel")
        if isinstance(channel, str) and channel.startswith(SERVER_TO_USER):
            self._on_user_channel(connection, channel)
        elif not isinstance(channel, str) or name_problem(channel) is not None or len(channel) > LONGEST_NAME:
            rejection = {"error": f"The channel name is not allowed or longer than {LONGEST_NAME}", "status": 4009}
            self._say(conn, "pusher:subscription_error", rejection, channel if isinstance(channel, str) else "")
        elif channel in self._rooms and conn in self._rooms[channel].listeners and self._settings.duplicates == "error":
            text = f"Existing subscription to channel {channel}"
            self._say(conn, "pusher:error", {"code": None, "message": text})
        elif is_private(channel) and not self._is_signed(connection, channel, data):
            self.refused += 1
            self._refuse(connection, channel)
        else:
            self._join(connection, channel, data, now)

    def _is_signed(self, connection: Connection, channel: str, data: Fields) -> bool:
        auth, channel_data = data.get("auth"), data.get("channel_data")
        if not isinstance(auth, str) or not isinstance(channel_data, str | None):
            return False
        if is_presence(channel) and channel_data is None and connection.user_id is None:
            return False
        secret = self._settings.secret
        return secret is None or auth == sign_channel(self._settings.key, secret, connection.socket_id, channel, channel_data)

    def _refuse(self, connection: Connection, channel: str) -> None:
        for event, data, named in refused_channel(self._settings.refuse_by, connection.socket_id, channel):
            self._say(connection.conn, event, data, named)

    def _join(self, connection: Connection, channel: str, data: Fields, now: float) -> None:
        room, member = self._room(channel), None
        if is_presence(channel):
            member = member_of(connection, data.get("channel_data"))
            if member is None or len(room.members()) >= MOST_MEMBERS:
                self._refuse(connection, channel)
                self._tidy(room)
                return
        is_new = member is not None and not room.has_user(member.user_id)
        room.listeners[connection.conn] = member
        self._slots.start(now)
        presence = {} if member is None else {"presence": room.presence()}
        self._say(connection.conn, "pusher_internal:subscription_succeeded", presence, channel)
        if is_cache(channel):
            self._say_cached(connection.conn, room, now)
        if member is not None and is_new:
            added = {"user_id": member.user_id, "user_info": member.user_info}
            self._say_others(room, connection.conn, "pusher_internal:member_added", added)
        self._count(room)

    def _say_cached(self, conn: int, room: Room, now: float) -> None:
        if room.cached is not None and now - room.cached[1] < self._settings.cache_for:
            self._effects.append(SendTo(conn, room.cached[0], "resend"))
        else:
            self._effects.append(SendTo(conn, json.dumps({"event": "pusher:cache_miss", "channel": room.channel})))

    def _on_unsubscribe(self, connection: Connection, said: _Message, data: Fields, now: float) -> None:
        channel = data.get("channel")
        if isinstance(channel, str) and connection.conn in self.channels.get(channel, ()):
            self._leave(self._rooms[channel], connection.conn)
        elif self._settings.duplicates == "error":
            text = f"No current subscription to channel {channel}, cannot unsubscribe"
            self._say(connection.conn, "pusher:error", {"code": None, "message": text})

    def _leave(self, room: Room, conn: int) -> None:
        member = room.listeners.pop(conn)
        if member is not None and not room.has_user(member.user_id):
            self._say_others(room, conn, "pusher_internal:member_removed", {"user_id": member.user_id})
        self._count(room)
        self._tidy(room)

    def _count(self, room: Room) -> None:
        if self._settings.subscription_counts and not is_presence(room.channel):
            self._say_others(room, None, "pusher_internal:subscription_count", {"subscription_count": len(room.listeners)})

    # Users and client events

    def _on_sign_in(self, connection: Connection, said: _Message, data: Fields, now: float) -> None:
        if self._users.sign_in(connection, data, self._settings, self._connections.values()):
            return
        self.refused += 1
        self._say(connection.conn, "pusher:error", {"code": 4009, "message": "Connection not authorized."})
        self._close(connection.conn, 4009, "Connection not authorized.", now)

    def _on_user_channel(self, connection: Connection, channel: str) -> None:
        if channel == f"{SERVER_TO_USER}{connection.user_id}":
            self._say(connection.conn, "pusher_internal:subscription_succeeded", {}, channel)
        else:
            self._refuse(connection, channel)

    def _on_client_event(self, connection: Connection, said: _Message, now: float) -> None:
        channel = said.channel or ""
        room = self._rooms.get(channel)
        allowed = self._settings.client_events and is_private(channel) and not is_encrypted(channel)
        if room is None or connection.conn not in room.listeners or not allowed:
            text = f"Client event rejected - only supported on private and presence channels: {channel}"
            self._say(connection.conn, "pusher:error", {"code": None, "message": text})
            return
        if connection.too_fast(now, self._settings.client_event_rate):
            text = "The rate limit for sending client events exceeded the quota."
            self._say(connection.conn, "pusher:error", {"code": 4301, "message": text, "channel": channel})
            return
        self.client_events += 1
        member = room.listeners[connection.conn]
        user = {} if member is None else {"user_id": member.user_id}
        message = msgspec.json.encode({"event": said.event, "channel": channel, "data": said.data, **user}).decode()
        for conn in room.listeners:
            if conn != connection.conn:
                self._effects.append(SendTo(conn, message, "push"))

    # The feed

    def _generate(self, slot: float, now: float) -> None:
        channels = tuple(self.channels) or self._last_channels
        if not channels:
            return
        channel = channels[self._rng.randrange(len(channels))]
        if is_encrypted(channel) and self._settings.encryption_master_key is None:
            return
        self.publish(channel, *self._made_up(channel, self._serial + 1, slot + self._offset), now)
        self._count_generated(now)

    def _made_up(self, channel: str, serial: int, at: float) -> tuple[str, object]:
        """The name and data of a generated event. `at` is POSIX seconds; by `serial` it is known again."""
        return EVENT, {"serial": serial, "at": round(at, 3)}

    # Small things

    def _room(self, channel: str) -> Room:
        return self._rooms.setdefault(channel, Room(channel))

    def _tidy(self, room: Room) -> None:
        if not room.listeners and room.cached is None:
            self._rooms.pop(room.channel, None)

    def _say_others(self, room: Room, but: int | None, event: str, data: object) -> None:
        for conn in room.listeners:
            if conn != but:
                self._say(conn, event, data, room.channel)

    def _say(self, conn: int, event: str, data: object, channel: str | None = None, kind: Kind = "reply") -> None:
        named = {} if channel is None else {"channel": channel}
        text = msgspec.json.encode(data)
        written: object = text.decode() if self._settings.data_as == "text" else msgspec.Raw(text)
        self._effects.append(SendTo(conn, msgspec.json.encode({"event": event, **named, "data": written}).decode(), kind))
