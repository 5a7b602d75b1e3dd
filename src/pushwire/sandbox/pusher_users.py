"""Users of the sandbox's Pusher: who is signed in where, and who watches whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from ..core.runs import MISFITS
from ..providers.pusher.channels import SERVER_TO_USER
from ..providers.pusher.signing import sign_user

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .base import Kind
    from .pusher_rooms import Connection
    from .pusher_settings import PusherSettings

__all__ = ["Users"]

MOST_WATCHED: Final = 100


class Say(Protocol):
    """Sends a message to a connection."""

    def __call__(self, conn: int, event: str, data: object, channel: str | None = None, kind: Kind = "reply") -> None: ...


class _UserData(msgspec.Struct):
    id: str | int
    watchlist: list[str] = []


class Users:
    """Signs in, and tells those who watch."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def sign_in(
        self, connection: Connection, data: Mapping[str, object], settings: PusherSettings, everybody: Collection[Connection]
    ) -> bool:
        """Returns whether the signature fits."""
        auth, user_data = data.get("auth"), data.get("user_data")
        if not isinstance(auth, str) or not isinstance(user_data, str):
            return False
        if settings.secret is not None and auth != sign_user(settings.key, settings.secret, connection.socket_id, user_data):
            return False
        try:
            user = msgspec.json.decode(user_data, type=_UserData)
        except MISFITS:
            return False
        user_id = str(user.id)
        is_new = user_id not in _ids(everybody)
        connection.user_id, connection.watchlist = user_id, tuple(user.watchlist[:MOST_WATCHED])
        self._say(connection.conn, "pusher:signin_success", {"user_data": user_data})
        if len(user.watchlist) > MOST_WATCHED:
            self._say(connection.conn, "pusher:error", {"code": 4302, "message": f"Only {MOST_WATCHED} users are watched"})
        online = [watched for watched in connection.watchlist if watched in _ids(everybody)]
        if online:
            self._tell(connection, "online", online)
        if is_new:
            self._tell_watchers(user_id, "online", everybody)
        return True

    def left(self, connection: Connection, others: Collection[Connection]) -> None:
        """A connection has ended."""
        if connection.user_id is not None and connection.user_id not in _ids(others):
            self._tell_watchers(connection.user_id, "offline", others)

    def send(self, user_id: str, event: str, data: object, everybody: Iterable[Connection]) -> None:
        """Send an event to a user, on all connections."""
        for connection in everybody:
            if connection.user_id == user_id:
                self._say(connection.conn, event, data, SERVER_TO_USER + user_id, "push")

    def _tell_watchers(self, user_id: str, name: str, everybody: Iterable[Connection]) -> None:
        for connection in everybody:
            if user_id in connection.watchlist:
                self._tell(connection, name, [user_id])

    def _tell(self, connection: Connection, name: str, user_ids: list[str]) -> None:
        events = [{"name": name, "user_ids": user_ids}]
        self._say(connection.conn, "pusher_internal:watchlist_events", {"events": events})


def _ids(connections: Iterable[Connection]) -> set[str | None]:
    return {connection.user_id for connection in connections}
