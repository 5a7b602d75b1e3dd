"""The ACK/resend ledger: which deliveries are still owed, and when the provider may be told.

An identity is a key (what the provider's ACK names) and a version of it. Each version is delivered once and finished once; the
key is ACKed when no received version of it is unfinished. Nothing here knows of frames, stores or callers.
"""

from __future__ import annotations

import itertools
import operator
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias, cast

import msgspec

from ..errors import LocalProtocolError
from .effects import Identity, Record, Restored, Scalar
from .events import Delivery
from .speedups import put_new
from .states import HashedByIdentity
from .transitions import Table

__all__ = ["ENTRY", "Entry", "EntryTrigger", "Key", "Ledger"]


class Entry(HashedByIdentity):
    """Where one version of a message stands."""

    UNSEEN = "unseen"
    HELD = "held"  # in the inbox, or in the caller's hands
    COMMITTING = "committing"
    FINISHED = "finished"


class EntryTrigger(HashedByIdentity):
    """What moves one version of a message on."""

    RECEIVED = "received"
    FINISH = "finish"
    COMMITTED = "committed"
    FAILED = "commit failed"


ENTRY: Final = Table(
    "ledger",
    Entry.UNSEEN,
    {
        (Entry.UNSEEN, EntryTrigger.RECEIVED): Entry.HELD,
        (Entry.HELD, EntryTrigger.RECEIVED): Entry.HELD,
        (Entry.HELD, EntryTrigger.FINISH): Entry.COMMITTING,
        (Entry.COMMITTING, EntryTrigger.RECEIVED): Entry.COMMITTING,
        (Entry.COMMITTING, EntryTrigger.COMMITTED): Entry.FINISHED,
        (Entry.COMMITTING, EntryTrigger.FAILED): Entry.HELD,
        (Entry.FINISHED, EntryTrigger.RECEIVED): Entry.FINISHED,
    },
    {
        Entry.UNSEEN: "this delivery is unknown, or so old that it was forgotten",
        Entry.HELD: "its commit was not asked for",
        Entry.COMMITTING: "it is being settled already",
        Entry.FINISHED: "it is settled already",
    },
)
"""The life of one version of a message."""

Key: TypeAlias = tuple[Scalar, ...]
Finished: TypeAlias = tuple[Key, Key, float]
"""Key, version and time, as a plain tuple of plain values: the garbage collector soon leaves such a one alone, and there is one
for each message."""


class Run(msgspec.Struct, frozen=True, gc=False):
    """Messages that were received together. The garbage collector never sees it: a tuple it would leave alone no sooner than
    those in it, and many a one would have grown old by then."""

    at: float
    keys: tuple[Key, ...]
    versions: tuple[Key, ...]


Versions: TypeAlias = tuple[Key | int, ...]
"""Version and state in turn: there are one or two of a key, and a dict for each would cost four times the memory."""

# What a version's state is kept as, for the same reason.
_STATES: Final = (Entry.UNSEEN, Entry.HELD, Entry.COMMITTING, Entry.FINISHED)
_CODES: Final = {state: code for code, state in enumerate(_STATES)}
_UNSEEN: Final = _CODES[Entry.UNSEEN]
_HELD: Final = _CODES[Entry.HELD]
_COMMITTING: Final = _CODES[Entry.COMMITTING]
_FINISHED: Final = _CODES[Entry.FINISHED]
_ROW: Final[Mapping[EntryTrigger, tuple[int, int]]] = {
    trigger: (_CODES[before], _CODES[after])
    for (before, trigger), after in ENTRY.rows.items()
    if trigger is not EntryTrigger.RECEIVED
}
"""From where to where each of the others moves a version: there is one way for each."""

_FEW: Final = 1024
"""Received messages that are listed whatever has become of them."""

_JOINED: Final = 16
"""Messages that are listed as one run though they came one by one: each would leave two tuples more behind, and the garbage
collector runs whenever there are so many more of what it counts."""

_SHARED: Final = 4096
"""How many different versions are kept as one tuple each, whatever number of keys have them."""


def _code(versions: Versions, version: Key) -> int | None:
    """The state of a version, None where there is none."""
    if len(versions) == 2 and versions[0] == version:
        # So it is with nearly all.
        code = versions[1]
    elif version in versions:
        code = versions[versions.index(version) + 1]
    else:
        return None
    assert isinstance(code, int), "versions and states alternate"
    return code


def _columns(identities: Sequence[Identity]) -> tuple[list[Key], list[Key]]:
    """Their keys and their versions."""
    return [identity.key for identity in identities], [identity.version for identity in identities]


class Ledger:
    """What was received and what is finished. Times are POSIX seconds.

    Finished identities are remembered for `horizon` seconds, at least as long as the provider may resend them, and at most
    `capacity` of them; `forgotten` counts those that fell to the second bound within the first.
    """

    __slots__ = (
        "_capacity",
        "_done",
        "_horizon",
        "_keys",
        "_listed",
        "_order",
        "_shared",
        "_unsaved",
        "forgotten",
        "unfinished",
        "withheld",
    )

    def __init__(self, restored: Restored, *, horizon: float, capacity: int) -> None:
        self._horizon = horizon
        self._capacity = capacity
        self._keys: dict[Key, Versions] = {}
        # Most keys have one version, and many the same: by version, all that can be kept of such a key, by the code of its state.
        # It is made once.
        self._shared: dict[Key, tuple[Versions, ...]] = {}
        # Both in order of time, cleaned lazily from the left: a dict's first item is slow to find once its left end is holes.
        # None where there is nothing: an empty one takes more than all the rest here.
        self._order: deque[Run] | None = None
        self._done: deque[Finished] | None = None
        self._listed = 0
        """How many messages `_order` has."""
        self._unsaved: list[Run] = []
        self.unfinished: int = 0
        self.withheld: int = 0
        self.forgotten: int = 0
        for known in restored.finished:
            self._put(known.key, known.version, _FINISHED, self._keys.get(known.key, ()))
        if restored.finished:
            self._done = deque((known.key, known.version, at) for known, at in restored.finished.items())
        for known in restored.delivered:
            # An earlier run did not finish it: until it comes again, nothing may be ACKed that would speak for it too.
            if known.version not in self._keys.get(known.key, ()):
                self._put(known.key, known.version, _UNSEEN, self._keys.get(known.key, ()))

    def first(self, keys: tuple[Key, ...], versions: tuple[Key, ...], at: float, start: int = 0) -> tuple[Key, ...]:
        """Messages arrived, no older than `at`: takes those from `start` on, up to the first whose key is known, which is left to
        `receive`. They are to be delivered as "new". Returns their versions, as they are kept.

        The hot path, which most messages go all together: few steps for each, and nothing left behind but its key.
        """
        if start:
            # What is left has been looked at once: not all of it again for each that is known.
            stop = next((at for at in range(start, len(keys)) if keys[at] in self._keys), len(keys))
            keys, versions = keys[start:stop], versions[start:stop]
        held = self._alone(versions, _HELD)
        count = put_new(self._keys, keys, held)
        if not count:
            return ()
        # In the place of those that came with these messages: there is one tuple for all that are the same.
        alike = held.count(held[0]) == len(held)
        versions = cast("tuple[Key, ...]", held[0][:1] * count if alike else tuple([version for version, _ in held[:count]]))
        self._list(at, keys[:count], versions, unsaved=True)
        self.unfinished += count
        return versions

    def receive(self, identity: Identity, at: float, *, reorg: bool = False) -> Delivery | Literal["ack again", "withheld"]:
        """A message arrived that is no older than `at`: how to deliver it. "withheld": a resend of what is in hand, "ack again":
        of what is finished."""
        key, version = identity.key, identity.version
        versions = self._keys.get(key)
        if versions is None:
            self.first((key,), (version,), at)
            return "new"
        before = _code(versions, version)
        if before:
            self.withheld += 1
            return "ack again" if self._settled(versions) else "withheld"
        self._put(key, version, _HELD, versions)
        self.unfinished += 1
        known = before == _UNSEEN
        self._list(at, (key,), (version,), unsaved=not known)
        if known:
            return "redelivery"
        return "reorg" if reorg else "update"

    def again(self, keys: Sequence[Key], versions: Sequence[Key], start: int) -> int:
        """How many messages, from `start` on, are resends of what is finished, one behind the other, and to be ACKed again: those
        that need no `receive`."""
        known, shared = self._keys, self._shared
        numbers = range(start, len(keys))
        others = (n for n in numbers if not (of := shared.get(versions[n])) or known.get(keys[n]) != of[_FINISHED])
        count = next(others, len(keys)) - start
        self.withheld += count
        return count

    def state(self, identity: Identity) -> Entry:
        return _STATES[_code(self._keys.get(identity.key, ()), identity.version) or _UNSEEN]

    def finish(self, identities: Sequence[Identity]) -> list[Identity]:
        """The commit is asked for of those of these that are held, each once, which are returned; the rest is finished. Raises
        `LocalProtocolError` where one is neither: then nothing has moved."""
        keys, versions = _columns(identities)
        if len({*keys}) == len(keys) and self._move_alone(keys, versions, EntryTrigger.FINISH):
            # So it is with nearly all.
            return list(identities)
        held: list[Identity] = []
        for identity in dict.fromkeys(identities):
            state = self.state(identity)
            if state is Entry.HELD:
                held.append(identity)
            elif state is not Entry.FINISHED:
                raise LocalProtocolError(f"cannot settle {identity.key}: it is {state.value}: {ENTRY.refusals[state]}")
        self._move_all(*_columns(held), EntryTrigger.FINISH)
        return held

    def failed(self, identities: Sequence[Identity]) -> None:
        """Their commit failed: they are held again."""
        self._move_all(*_columns(identities), EntryTrigger.FAILED)

    def committed(self, identities: Sequence[Identity], at: float) -> list[Key]:
        """Their commit is durable. Returns the keys that may be ACKed now: no received version of them is unfinished."""
        keys, versions = _columns(identities)
        alone = self._move_all(keys, versions, EntryTrigger.COMMITTED)
        unsettled = set[Key]() if alone else self.unsettled(keys)
        if self._done is None:
            self._done = deque()
        self._done += zip(keys, versions, itertools.repeat(at))
        self.unfinished -= len(keys)
        self._forget(at)
        return [key for key in keys if key not in unsettled] if unsettled else list(keys)

    def oldest_unfinished(self) -> float | None:
        """How old the oldest delivery not yet finished may be, None when there is none."""
        if self._listed > _FEW and self._listed > 2 * self.unfinished:
            # One delivery held for long would keep all finished ones after it here.
            runs, self._order, self._listed = self._order, None, 0
            for run in runs or ():
                left = [pair for pair in zip(run.keys, run.versions, strict=True) if self._unfinished(*pair)]
                if left:
                    self._list(run.at, *zip(*left, strict=True), unsaved=False)
        order = self._order
        while order:
            run = order[0]
            done = self._finished_before(run.keys, run.versions)
            self._listed -= done
            if done < len(run.keys):
                if done:
                    order[0] = Run(run.at, run.keys[done:], run.versions[done:])
                return run.at
            order.popleft()
        self._order = None
        return None

    def take_unsaved(self) -> list[tuple[Identity, float]]:
        """Deliveries still held that no store knows of yet, each with the time it is no older than."""
        unsaved, self._unsaved = self._unsaved, []
        return [(identity, run.at) for run in unsaved for identity in self._held(run.keys, run.versions)]

    def not_saved(self, records: Iterable[Record]) -> None:
        """These were taken by `take_unsaved`, and the store refused them."""
        taken = [Run(record.at, (record.identity.key,), (record.identity.version,)) for record in records]
        self._unsaved = [*taken, *self._unsaved]

    def unsettled(self, keys: Iterable[Key]) -> set[Key]:
        """Those of these keys of which a received version is unfinished."""
        keys = list(keys)
        kept = self._kept(keys)
        if kept and kept.count(kept[0]) == len(kept) and self._settled(kept[0]):
            # Of one block, all are the same.
            return set()
        return {key for key, versions in zip(keys, kept, strict=True) if not self._settled(versions)}

    def _list(self, at: float, keys: tuple[Key, ...], versions: tuple[Key, ...], *, unsaved: bool) -> None:
        """List what was received. `unsaved`: no store knows of it yet."""
        if self._order is None:
            self._order = deque()
        order, waiting = self._order, self._unsaved
        self._listed += len(keys)
        if len(keys) < _JOINED and unsaved and waiting and order and waiting[-1] is order[-1]:
            last = order[-1]
            if last.at == at and len(last.keys) + len(keys) <= _JOINED:
                order[-1] = waiting[-1] = Run(at, last.keys + keys, last.versions + versions)
                return
        run = Run(at, keys, versions)
        order.append(run)
        if unsaved:
            waiting.append(run)

    def _unfinished(self, key: Key, version: Key) -> bool:
        return _code(self._keys.get(key, ()), version) in (_HELD, _COMMITTING)

    def _finished_before(self, keys: Sequence[Key], versions: Sequence[Key]) -> int:
        """How many of these are finished before the first that is not."""
        if self._unfinished(keys[0], versions[0]):
            return 0
        kept, finished = self._kept(keys), [*self._alone(versions, _FINISHED)]
        if kept == finished:
            return len(keys)
        for at in itertools.compress(itertools.count(), map(operator.ne, kept, finished)):
            if self._unfinished(keys[at], versions[at]):
                return at
        return len(keys)

    def _held(self, keys: Sequence[Key], versions: Sequence[Key]) -> Iterable[Identity]:
        """Those of these that are held."""
        kept = self._kept(keys)
        if max(map(len, kept)) > 2:
            held = [_code(each, version) == _HELD for each, version in zip(kept, versions, strict=True)]
        else:
            held = list(map(operator.eq, kept, self._alone(versions, _HELD)))
        return map(Identity, itertools.compress(keys, held), itertools.compress(versions, held))

    def _kept(self, keys: Sequence[Key]) -> list[Versions]:
        """What is kept of each key."""
        return list(map(self._keys.get, keys, itertools.repeat(())))

    def _move_all(self, keys: Sequence[Key], versions: Sequence[Key], trigger: EntryTrigger) -> bool:
        """Returns whether each is the one version of its key."""
        if self._move_alone(keys, versions, trigger):
            return True
        for key, version in zip(keys, versions, strict=True):
            kept = self._keys.get(key, ())
            state = _STATES[_code(kept, version) or _UNSEEN]
            self._put(key, version, _CODES[ENTRY.next(state, trigger)], kept)
        return False

    def _move_alone(self, keys: Sequence[Key], versions: Sequence[Key], trigger: EntryTrigger) -> bool:
        """Move these, where each is the one version of its key and the trigger moves all: one look at all of them shows it."""
        before, after = _ROW[trigger]
        alone = self._kept(keys) == [*self._alone(versions, before)]
        if alone:
            self._keys.update(zip(keys, self._alone(versions, after), strict=True))
        return alone

    def _put(self, key: Key, version: Key, code: int, versions: Versions) -> None:
        """Keep a version's new state, where `versions` are those of its key so far."""
        if not versions or (len(versions) == 2 and versions[0] == version):
            # So it is with nearly all.
            versions = (self._shared.get(version) or self._share(version))[code]
        elif version in versions:
            at = versions.index(version)
            versions = (*versions[: at + 1], code, *versions[at + 2 :])
        else:
            versions = (*versions, version, code)
        self._keys[key] = versions

    def _alone(self, versions: Sequence[Key], code: int) -> tuple[Versions, ...]:
        """Of each version, what is kept of a key that has no other, in the state of that code."""
        shared = self._shared
        if versions and versions[0] == versions[-1] and versions.count(versions[0]) == len(versions):
            # Of one block, all are the same, and that is seen without their hashes.
            return ((shared.get(versions[0]) or self._share(versions[0]))[code],) * len(versions)
        return tuple([(shared.get(version) or self._share(version))[code] for version in versions])

    def _share(self, version: Key) -> tuple[Versions, ...]:
        if len(self._shared) >= _SHARED:
            self._shared.clear()
        states = self._shared[version] = tuple((version, code) for code in _CODES.values())
        return states

    @staticmethod
    def _settled(versions: Versions) -> bool:
        return all(code == _FINISHED for code in versions[1::2])

    def _forget(self, now: float) -> None:
        done = self._done
        while done and (len(done) > self._capacity or done[0][2] < now - self._horizon):
            key, version, at = done.popleft()
            self.forgotten += at >= now - self._horizon
            versions = self._keys[key]
            at = versions.index(version)
            if left := (*versions[:at], *versions[at + 2 :]):
                self._keys[key] = left
            else:
                del self._keys[key]
