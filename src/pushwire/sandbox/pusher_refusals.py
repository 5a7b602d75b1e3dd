"""How the sandbox's Pusher says no: to a connection, by a code; to a subscription, in the ways that are known of servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .base import ConnectRequest
    from .pusher_settings import PusherSettings, RefuseBy

__all__ = ["refused_channel", "refused_connection"]


def refused_connection(settings: PusherSettings, request: ConnectRequest, path: str, connections: int) -> tuple[int, str] | None:
    """The close code and text for a connection that is not accepted. `path` is the app's, `connections` how many there are."""
    protocol, version = request.query.get("protocol"), request.query.get("version", "1")
    strict = settings.protocol is not None
    wrong = (
        (4000, "Application only accepts SSL connections", settings.tls_only),
        (4005, "Path not found", not request.path.startswith("/app/")),
        (4001, f"Could not find app by key {request.path[5:]}", request.path.rstrip("/") != path),
        (4003, "Application disabled", not settings.enabled),
        (4008, "No protocol version supplied", strict and protocol is None),
        (4007, "Unsupported protocol version", strict and protocol != settings.protocol),
        (4006, "Invalid version string format", strict and not version[:1].isdigit()),
        (4004, "Application is over connection quota", settings.quota is not None and connections >= settings.quota),
        (4100, "Over capacity", settings.capacity is not None and connections >= settings.capacity),
    )
    return next(((code, text) for code, text, is_wrong in wrong if is_wrong), None)


def refused_channel(by: RefuseBy, socket_id: str, channel: str) -> Sequence[tuple[str, object, str | None]]:
    """The messages (event, data, channel) that refuse a subscription: one, or none."""
    rejection = {"type": "AuthError", "error": "The connection is unauthorized.", "status": 401}
    match by:
        case "subscription_error":
            return [("pusher:subscription_error", rejection, channel)]
        case "internal":
            return [("pusher_internal:subscription_error", rejection, channel)]
        case "error":
            return [("pusher:error", {"code": 4009, "message": "Connection is unauthorized"}, None)]
        case "null":
            text = f"Invalid signature: Expected HMAC SHA256 hex digest of {socket_id}:{channel}, but got another"
            return [("pusher:error", {"code": None, "message": text}, None)]
        case _:  # "silence"
            return []
