"""What the ACKs of a key name beside it, until the provider has confirmed them: how its hash was spelled, and its messages.

There is an entry for each message in hand, hence the two forms that one is kept in. When an ACK is due is not known here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import repeat
from typing import Final, TypeAlias, cast

import msgspec

from ...core.effects import Scalar
from ...core.ledger import Key
from ...core.owed import Ack
from ...core.speedups import put_new

__all__ = ["Naming"]

_Parts: TypeAlias = tuple[Scalar, ...]
"""The hash as it was spelled, then the ids of the messages."""

_BETWEEN: Final = "\n"
"""What stands between ids that are kept as one text."""


class _Run(msgspec.Struct, frozen=True, gc=False):
    """Messages that came together: keys, how the hash of each was spelled (None: as in the key, all of them), and its id. Nothing
    for the garbage collector, as one of the ledger's."""

    keys: tuple[Key, ...]
    spelled: tuple[str, ...] | None
    packed: str | tuple[str | None, ...]

    @property
    def message_ids(self) -> tuple[str | None, ...]:
        return tuple(self.packed.split(_BETWEEN)) if isinstance(self.packed, str) else self.packed


class _One(msgspec.Struct, frozen=True, gc=False):
    """A message that came alone. Here its key needs no tuple around it, which would be there for nothing else."""

    key: Key
    spelled: str | None
    message_id: str | None


def _packed(message_ids: Sequence[str | None]) -> str | tuple[str | None, ...]:
    """As one text, which takes a third of the memory, where that tells them all."""
    try:
        packed = _BETWEEN.join(cast("Sequence[str]", message_ids))
    except TypeError:
        # A message without one is among them.
        return tuple(message_ids)
    return packed if packed.count(_BETWEEN) == len(message_ids) - 1 else tuple(message_ids)


def _hashes(keys: Sequence[Key]) -> list[Scalar]:
    """The hash of each, in the form in which keys have it."""
    return [key[2] for key in keys]


class Naming:
    """By key. `by_message`: whether an ACK names a message, and there is one for each, or the hash alone."""

    __slots__ = ("_by_message", "_fresh", "_named")

    def __init__(self, *, by_message: bool) -> None:
        self._by_message = by_message
        # Alone: the id of the one message, whose hash is spelled as in the key. So it is with nearly all.
        self._named: dict[Key, str | _Parts | None] = {}
        # What came in runs and is in the other not yet: that is work for when it is asked for, not for when it comes.
        self._fresh: list[_Run | _One] = []

    def add(self, keys: tuple[Key, ...], spelled: tuple[str, ...] | None, message_ids: Sequence[str | None]) -> None:
        """Messages of these keys came; of each key the first spelling counts. None: all are spelled as in the keys."""
        if len(keys) == 1:
            self._fresh.append(_One(keys[0], spelled[0] if spelled else None, message_ids[0]))
        else:
            self._fresh.append(_Run(keys, spelled, _packed(message_ids)))

    def spelled(self, keys: Sequence[Key]) -> list[Scalar]:
        """How the hash of each was spelled, where that is known, else as in the key."""
        named = list(map(self._sorted().get, keys))
        if tuple not in {*map(type, named)}:
            # So it is with nearly all.
            return _hashes(keys)
        return [each[0] if isinstance(each, tuple) else key[2] for key, each in zip(keys, named, strict=True)]

    def acks(self, keys: Sequence[Key]) -> list[Ack]:
        """The ACKs of these keys: one for each message that none has confirmed."""
        if not self._by_message:
            return [(key, None) for key in keys]
        named = list(map(self._sorted().get, keys))
        if {*map(type, named)} == {str}:
            return cast("list[Ack]", list(zip(keys, named, strict=True)))
        return [(key, message_id) for key in keys for message_id in self._messages(key)]

    def confirm(self, acks: Sequence[Ack], kept: Collection[Key]) -> None:
        """The provider has confirmed these. A key with nothing left to confirm is forgotten; of those to be kept the spelling is
        remembered."""
        named = self._sorted()
        keys = [key for key, _ in acks]
        if self._by_message and not kept and list(map(named.get, keys)) == [message_id for _, message_id in acks]:
            list(map(named.pop, keys, repeat(None)))
            return
        for key, message_id in acks:
            left = [message for message in self._messages(key) if message != message_id] if self._by_message else ()
            if left or key in kept:
                named[key] = (self._parts(key)[0], *left)
            else:
                named.pop(key, None)

    def _sorted(self) -> dict[Key, str | _Parts | None]:
        named = self._named
        for run in self._fresh:
            if isinstance(run, _One):
                self._sort(run.key, run.spelled or run.key[2], run.message_id)
                continue
            keys, message_ids = run.keys, run.message_ids
            # Nearly all are spelled as in their keys, and none is there yet.
            as_in_keys = run.spelled is None or [*run.spelled] == _hashes(keys)
            done = put_new(named, keys, message_ids) if as_in_keys else 0
            if done < len(keys):
                spelled: Sequence[Scalar] = run.spelled or _hashes(keys)
                for each in zip(keys[done:], spelled[done:], message_ids[done:], strict=True):
                    self._sort(*each)
        self._fresh.clear()
        return named

    def _sort(self, key: Key, spelled: Scalar, message_id: str | None) -> None:
        if key not in self._named:
            self._named[key] = message_id if spelled == key[2] else (spelled, message_id)
        else:
            parts = self._parts(key)
            if message_id not in parts[1:]:
                self._named[key] = (*parts, message_id)

    def _messages(self, key: Key) -> tuple[str | None, ...]:
        named = self._named.get(key, ())
        # Behind the hash there are ids alone.
        return cast("tuple[str | None, ...]", named[1:]) if isinstance(named, tuple) else (named,)

    def _parts(self, key: Key) -> _Parts:
        named = self._named.get(key, ())
        if isinstance(named, tuple):
            return named or key[2:]
        return key[2], named
