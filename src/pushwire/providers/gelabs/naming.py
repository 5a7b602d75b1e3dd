"""What the ACKs of a key name beside it, until the provider has confirmed them: how its hash was spelled, and its messages.

There is an entry for each message in hand, hence the two forms that one is kept in. When an ACK is due is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, cast

from ...core.effects import Scalar
from ...core.ledger import Key

__all__ = ["Naming"]

_Parts: TypeAlias = tuple[Scalar, ...]
"""The hash as it was spelled, then the ids of the messages."""


class Naming:
    """By key."""

    __slots__ = ("_named",)

    def __init__(self) -> None:
        # Alone: the id of the one message, whose hash is spelled as in the key. So it is with nearly all.
        self._named: dict[Key, str | _Parts | None] = {}

    def add(self, key: Key, spelled: str, message_id: str | None) -> None:
        """A message of this key came; the first spelling counts."""
        if key not in self._named:
            self._named[key] = message_id if spelled == key[2] else (spelled, message_id)
        else:
            parts = self._parts(key)
            if message_id not in parts[1:]:
                self._named[key] = (*parts, message_id)

    def add_all(self, keys: Sequence[Key], spelled: Sequence[str], message_ids: Sequence[str | None]) -> None:
        """`add` for each of these keys, which all differ."""
        if self._named.keys().isdisjoint(keys) and [key[2] for key in keys] == spelled:
            self._named.update(zip(keys, message_ids, strict=True))
        else:
            for each in zip(keys, spelled, message_ids, strict=True):
                self.add(*each)

    def spelled(self, key: Key) -> Scalar:
        """How the hash was spelled, where that is known, else as in the key."""
        return self._parts(key)[0]

    def messages(self, key: Key) -> Sequence[str | None]:
        """The ids of the messages that no ACK has confirmed."""
        named = self._named.get(key, ())
        # Behind the hash there are ids alone.
        return cast("tuple[str | None, ...]", named[1:]) if isinstance(named, tuple) else (named,)

    def keep(self, key: Key, messages: Sequence[str | None]) -> None:
        """Of the messages, these are still to be confirmed."""
        self._named[key] = (self.spelled(key), *messages)

    def forget(self, key: Key) -> None:
        """All are confirmed."""
        self._named.pop(key, None)

    def _parts(self, key: Key) -> _Parts:
        named = self._named.get(key, ())
        if isinstance(named, tuple):
            return named or key[2:]
        return key[2], named
