"""A disk that loses power: of what a program asked for, what may be found afterwards.

A log of events goes in, images come out. Nothing here knows of SQLite or of any other writer. The rules are POSIX's, not those of
one file system:

- what was synced is there;
- of what was not, any part may be: writes out of order, torn at sectors and inside them, zeroes where a file grew and its data
  did not follow, rarely garbage; sizes as well;
- a name that was made or removed is as it was or as it is, until its folder was synced;
- bytes beside those that were written are never harmed.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

__all__ = ["Acked", "Disk", "Event", "FolderSynced", "Image", "Made", "Moved", "Removed", "Resized", "Synced", "Wrote", "images"]

SECTOR: Final = 512

Image: TypeAlias = Mapping[str, bytes]
"""What stands on the disk: names and contents."""


@attrs.frozen
class Made:
    """A new file has this name."""

    name: str


@attrs.frozen
class Wrote:
    name: str
    at: int
    data: bytes = attrs.field(repr=lambda data: f"<{len(data)} bytes>")


@attrs.frozen
class Resized:
    name: str
    size: int


@attrs.frozen
class Synced:
    """The file's data and size are on the disk."""

    name: str


@attrs.frozen
class Removed:
    name: str


@attrs.frozen
class Moved:
    """`name` has become `to`, whatever that was."""

    name: str
    to: str


@attrs.frozen
class FolderSynced:
    """All names are on the disk."""


@attrs.frozen
class Acked:
    """The program has told somebody that these are durable."""

    numbers: tuple[int, ...]


Event: TypeAlias = Made | Wrote | Resized | Synced | Removed | Moved | FolderSynced | Acked
_Change: TypeAlias = Wrote | Resized


class _File:
    """One file, whatever its name: what is durable of it, and what was asked for since."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[_Change] = []

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.durable, change)
        self.pending.clear()


class Disk:
    """The state of the disk after some events."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        # What may be found under each name: the durable one first, then each that took its place since.
        self._names: dict[str, list[_File | None]] = {}
        self.acked: set[int] = set()

    def step(self, event: Event) -> None:
        match event:
            case Made(name):
                self._files[name] = _File()
                self._name(name, self._files[name])
            case Wrote(name) | Resized(name):
                self._files[name].pending.append(event)
            case Synced(name):
                self._files[name].sync()
            case Removed(name):
                del self._files[name]
                self._name(name, None)
            case Moved(name, to):
                self._files[to] = self._files.pop(name)
                self._name(to, self._files[to])
                self._name(name, None)
            case FolderSynced():
                self._names = {name: [file] for name, file in self._files.items()}
            case Acked(numbers):
                self.acked.update(numbers)

    def _name(self, name: str, file: _File | None) -> None:
        self._names.setdefault(name, [None]).append(file)

    def seen(self) -> dict[str, bytes]:
        """What a program sees that looks now: nothing is missing while the power is on."""
        everything = _Everything(random.Random(0))
        return {name: everything.content(file) for name, file in self._files.items()}

    def image(self, rng: random.Random) -> dict[str, bytes]:
        """What may be found if the power goes now."""
        survival = rng.choices((_Nothing(rng), _Everything(rng), _Prefix(rng), _Anything(rng)), weights=(2, 2, 3, 5))[0]
        found: dict[str, bytes] = {}
        for name in sorted(self._names):
            file = survival.name(self._names[name])
            if file is not None:
                found[name] = survival.content(file)
        return found


class _Everything:
    """All of it was written back just in time: as after a kill."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def name(self, candidates: Sequence[_File | None]) -> _File | None:
        return candidates[-1]

    def content(self, file: _File) -> bytes:
        content = bytearray(file.durable)
        for change in self.changes(file):
            _apply(content, change)
        return bytes(content)

    def changes(self, file: _File) -> Iterable[_Change]:
        return file.pending


class _Nothing(_Everything):
    """Not a byte was written back before it was synced."""

    def name(self, candidates: Sequence[_File | None]) -> _File | None:
        return candidates[0]

    def changes(self, file: _File) -> Iterable[_Change]:
        return ()


class _Prefix(_Everything):
    """Written back in order, as far as it came; the last write is torn."""

    def name(self, candidates: Sequence[_File | None]) -> _File | None:
        return self.rng.choice(candidates)

    def changes(self, file: _File) -> Iterable[_Change]:
        whole = self.rng.randint(0, len(file.pending))
        yield from file.pending[:whole]
        if whole < len(file.pending):
            last = file.pending[whole]
            if isinstance(last, Wrote):
                yield Wrote(last.name, last.at, last.data[: self.rng.randint(0, len(last.data))])


class _Anything(_Prefix):
    """Any part of it, in pieces."""

    def content(self, file: _File) -> bytes:
        content = super().content(file)
        if len(content) > len(file.durable) and self.rng.random() < 0.2:
            # The new size was not written back, or not all of it.
            return content[: self.rng.randint(len(file.durable), len(content))]
        return content

    def changes(self, file: _File) -> Iterable[_Change]:
        kept = self.rng.choice((0.2, 0.5, 0.8))
        for change in file.pending:
            drawn = self.rng.random()
            if isinstance(change, Wrote) and drawn < 0.3:
                yield from self._torn(change)
            elif drawn < 0.3 + 0.7 * kept:
                yield change

    def _torn(self, write: Wrote) -> Iterator[Wrote]:
        for at, data in _sectors(write):
            drawn = self.rng.random()
            if drawn < 0.45:
                yield Wrote(write.name, at, data)
            elif drawn < 0.55:
                yield Wrote(write.name, at, data[: self.rng.randint(0, len(data))])
            elif drawn < 0.60:
                yield Wrote(write.name, at, bytes(len(data)))
            elif drawn < 0.62:
                yield Wrote(write.name, at, self.rng.randbytes(len(data)))


def _sectors(write: Wrote) -> Iterator[tuple[int, bytes]]:
    """The write in pieces, each within one sector."""
    at, end = write.at, write.at + len(write.data)
    while at < end:
        until = min(end, (at // SECTOR + 1) * SECTOR)
        yield at, write.data[at - write.at : until - write.at]
        at = until


def _apply(content: bytearray, change: _Change) -> None:
    if isinstance(change, Resized):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
    else:
        content.extend(bytes(max(0, change.at - len(content))))
        content[change.at : change.at + len(change.data)] = change.data


def images(log: Sequence[Event], seeds: Iterable[int], since: int = 0) -> Iterator[tuple[int, Disk, dict[str, bytes]]]:
    """For each seed a moment after the first `since` events and an image of that moment, in the order of the moments.

    A seed and a log are always the same image. The disk is the one of that moment: it changes as the next image is asked for.
    """
    moments: list[tuple[int, int, random.Random]] = []
    for seed in seeds:
        rng = random.Random(seed)
        bisect.insort(moments, (rng.randint(since, len(log)), seed, rng), key=lambda moment: moment[:2])
    disk, done = Disk(), 0
    for until, seed, rng in moments:
        for event in log[done:until]:
            disk.step(event)
        done = until
        yield seed, disk, disk.image(rng)
