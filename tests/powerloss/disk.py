"""A disk that loses power: of what a program asked for, what may be found afterwards.

A log of events goes in, images come out. Nothing here knows of SQLite or of any other writer. The rules are POSIX's, not those of
one file system:

- what was synced is there;
- of what was not, any part may be: writes out of order, torn at sectors and inside them, zeroes where a file grew and its data
  did not follow, rarely garbage; sizes as well;
- names are as they were at some moment since their folder was synced; a file that is renamed is there under one of its names;
- what should have been synced when the sync failed may be there or not, whatever is synced later (Linux: the pages are clean);
- bytes beside those that were written are never harmed.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

__all__ = [
    "Acked",
    "Disk",
    "Event",
    "FolderSynced",
    "Image",
    "Made",
    "Moved",
    "Removed",
    "Resized",
    "SyncFailed",
    "Synced",
    "Wrote",
    "images",
]

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
class SyncFailed:
    """The file's sync has failed. What was written before it is in the cache, and will not be written again."""

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


Event: TypeAlias = Made | Wrote | Resized | Synced | SyncFailed | Removed | Moved | FolderSynced | Acked
_Change: TypeAlias = Wrote | Resized


@attrs.define
class _Later:
    """A change since the file was durable as a whole. It is `certain` when a later sync has brought it to the disk; `adrift`: no
    later sync will."""

    change: _Change
    certain: bool = False
    adrift: bool = False


class _File:
    """One file, whatever its name: what is durable of it, and what was asked for since."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.later: list[_Later] = []

    def sync(self) -> None:
        for later in self.later:
            later.certain = not later.adrift
        if not any(later.adrift for later in self.later):
            self.durable = self.content({})
            self.later.clear()

    def sync_failed(self) -> None:
        for later in self.later:
            later.adrift = not later.certain

    def uncertain(self) -> list[_Later]:
        return [later for later in self.later if not later.certain]

    def content(self, kept: Mapping[int, Iterable[_Change]]) -> bytearray:
        """With what is certain, and of the others, by their number, what was `kept` in their place."""
        content = bytearray(self.durable)
        number = 0
        for later in self.later:
            if later.certain:
                _apply(content, later.change)
                continue
            for change in kept.get(number, ()):
                _apply(content, change)
            number += 1
        return content


class Disk:
    """The state of the disk after some events."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        # What the folder has looked like: the durable look first, the present one last.
        self._looks: list[dict[str, _File]] = [{}]
        self.acked: set[int] = set()

    def step(self, event: Event) -> None:
        match event:
            case Made(name):
                self._files[name] = _File()
                self._looks.append(dict(self._files))
            case Wrote(name) | Resized(name):
                self._files[name].later.append(_Later(event))
            case Synced(name):
                self._files[name].sync()
            case SyncFailed(name):
                self._files[name].sync_failed()
            case Removed(name):
                del self._files[name]
                self._looks.append(dict(self._files))
            case Moved(name, to):
                self._files[to] = self._files.pop(name)
                self._looks.append(dict(self._files))
            case FolderSynced():
                self._looks = [dict(self._files)]
            case Acked(numbers):
                self.acked.update(numbers)

    def seen(self) -> dict[str, bytes]:
        """What a program sees that looks now: nothing is missing while the power is on."""
        return _found(_Everything(random.Random(0)), self._files)

    def image(self, rng: random.Random) -> dict[str, bytes]:
        """What may be found if the power goes now."""
        survival = rng.choices((_Nothing(rng), _Everything(rng), _Prefix(rng), _Anything(rng)), weights=(2, 2, 3, 5))[0]
        return _found(survival, survival.look(self._looks))


def _found(survival: _Everything, files: Mapping[str, _File]) -> dict[str, bytes]:
    return {name: bytes(survival.content(files[name])) for name in sorted(files)}


class _Everything:
    """All of it was written back just in time: as after a kill."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def look(self, looks: Sequence[dict[str, _File]]) -> dict[str, _File]:
        return looks[-1]

    def content(self, file: _File) -> bytearray:
        changes = [later.change for later in file.uncertain()]
        return file.content(dict(enumerate(self.kept(changes))))

    def kept(self, changes: Sequence[_Change]) -> Iterator[Sequence[_Change]]:
        """For each change that is not certain, what there is of it."""
        for change in changes:
            yield (change,)


class _Nothing(_Everything):
    """Not a byte was written back before it was synced."""

    def look(self, looks: Sequence[dict[str, _File]]) -> dict[str, _File]:
        return looks[0]

    def kept(self, changes: Sequence[_Change]) -> Iterator[Sequence[_Change]]:
        return iter(())


class _Prefix(_Everything):
    """Written back in order, as far as it came; the last write is torn."""

    def look(self, looks: Sequence[dict[str, _File]]) -> dict[str, _File]:
        return self.rng.choice(looks)

    def kept(self, changes: Sequence[_Change]) -> Iterator[Sequence[_Change]]:
        whole = self.rng.randint(0, len(changes))
        for change in changes[:whole]:
            yield (change,)
        for last in changes[whole : whole + 1]:
            if isinstance(last, Wrote):
                yield (Wrote(last.name, last.at, last.data[: self.rng.randint(0, len(last.data))]),)


class _Anything(_Prefix):
    """Any part of it, in pieces."""

    def content(self, file: _File) -> bytearray:
        content = super().content(file)
        size = len(file.content({}))
        if len(content) > size and self.rng.random() < 0.2:
            # The new size was not written back, or not all of it.
            del content[self.rng.randint(size, len(content)) :]
        return content

    def kept(self, changes: Sequence[_Change]) -> Iterator[Sequence[_Change]]:
        share = self.rng.choice((0.2, 0.5, 0.8))
        for change in changes:
            drawn = self.rng.random()
            if isinstance(change, Wrote) and drawn < 0.3:
                yield list(self._torn(change))
            else:
                yield (change,) if drawn < 0.3 + 0.7 * share else ()

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
