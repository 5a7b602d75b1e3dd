"""Signatures and keys, as a server with the app's secret makes them (providers/pusher.md, 1 and 4). Pure arithmetic."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

from ...core.secrets import PLACEHOLDER, Secret

__all__ = ["UNKNOWN_KEY", "decode_key", "shared_secret", "sign", "sign_channel", "sign_user"]

KEY_SIZE: Final = 32
"""Bytes of a master key, and of a shared secret."""
UNKNOWN_KEY: Final = bytes(KEY_SIZE)
"""What stands for a key in the replay of a journal, where a placeholder stands for its text."""


def sign(secret: Secret, text: str) -> str:
    """The hexadecimal HMAC-SHA256 of a text."""
    return hmac.new(secret.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()


def sign_channel(key: str, secret: Secret, socket_id: str, channel: str, channel_data: str | None = None) -> str:
    """The `auth` of a subscription. `channel_data` must be sent as it was signed, byte by byte."""
    text = f"{socket_id}:{channel}" if channel_data is None else f"{socket_id}:{channel}:{channel_data}"
    return f"{key}:{sign(secret, text)}"


def sign_user(key: str, secret: Secret, socket_id: str, user_data: str) -> str:
    """The `auth` of a sign-in."""
    return f"{key}:{sign(secret, f'{socket_id}::user::{user_data}')}"


def shared_secret(channel: str, master_key: bytes) -> bytes:
    """The key of an encrypted channel."""
    return hashlib.sha256(channel.encode() + master_key).digest()


def decode_key(text: str) -> bytes | None:
    """The 32 bytes of a key in base64, None where it is none."""
    if text == PLACEHOLDER:
        return UNKNOWN_KEY
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_SIZE else None
