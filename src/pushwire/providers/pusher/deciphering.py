"""Events of encrypted channels on one connection: opened, or held while their channel's key is asked for once more.

The key may have been changed since the subscription. Later events of the same channel wait behind the held ones, so that their
order stays. What the new key does not open either is given back as a failure.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from .encryption import CannotDecrypt, decrypt
from .messages import Message
from .signing import UNKNOWN_KEY

__all__ = ["HOLD", "KEY_EVERY", "Deciphering", "Failed", "Held", "Opened"]

KEY_EVERY: Final = 10.0
"""Seconds between two requests for the key of one channel: a peer cannot have us ask for each of its messages."""
HOLD: Final = 1000
"""Events of one channel held at most."""


class Held(NamedTuple):
    """A message that waits for a key."""

    message: Message
    raw: str | bytes
    received: float


class Opened(NamedTuple):
    """The text of a message."""

    held: Held
    text: str


class Failed(NamedTuple):
    """A message that no key opens."""

    held: Held
    reason: str


class Deciphering:
    """`keys` are the connection's, by channel."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keys = keys
        self._held: dict[str, deque[Held]] = {}
        self._asked: dict[str, float] = {}

    def open(self, channel: str, held: Held) -> Opened | Failed | None:
        """What is in a message; None where it waits behind others."""
        waiting = self._held.get(channel)
        if waiting is None:
            return self._open(channel, held)
        if len(waiting) >= HOLD:
            return Failed(held, f"{HOLD} others wait for the channel's key")
        waiting.append(held)
        return None

    def may_ask(self, channel: str, now: float) -> bool:
        """Whether the key may be asked for again, after a message failed."""
        if self._keys.get(channel) == UNKNOWN_KEY:
            return False
        return now >= self._asked.get(channel, -KEY_EVERY) + KEY_EVERY

    def hold(self, channel: str, held: Held, now: float) -> None:
        """The key is being asked for; this message waits for it."""
        self._asked[channel] = now
        self._held[channel] = deque([held])

    def resume(self, channel: str, key: bytes | None) -> list[Opened | Failed]:
        """The answer to the request came: None where it gave no key. Returns what was held, in order."""
        if key is not None:
            self._keys[channel] = key
        return [self._open(channel, held) for held in self._held.pop(channel, ())]

    def lost(self) -> list[Failed]:
        """The connection has gone. Returns what was held."""
        held = [Failed(one, "the connection ended before the channel's key came") for many in self._held.values() for one in many]
        self._held.clear()
        return held

    def _open(self, channel: str, held: Held) -> Opened | Failed:
        key = self._keys.get(channel)
        if key is None:
            return Failed(held, "the channel's key is not known yet")
        try:
            return Opened(held, decrypt(key, held.message.data))
        except CannotDecrypt as error:
            return Failed(held, f"not opened by the channel's key: {error}")
