"""The files of the JSON lines sink: append, fsync, rotate, and repair what a crash has torn. Used by one thread alone."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import importlib.util
import os
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ...errors import ConfigError
from ...stores.durable import sync_folder
from ..entries import Answer, Entry, Outcome
from .base import Quarantined, SinkError

__all__ = ["LineFile", "load_zstd"]

DIGITS: Final = 6
CHUNK: Final = 1 << 20


class _Line(msgspec.Struct):
    """One line. `payload` is the event's JSON, digit by digit as it was handed on."""

    stream: str
    provider: str
    kind: str
    key: str | None
    at: float
    digest: str
    payload: msgspec.Raw


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Line).decode


def load_zstd() -> None:
    """Raise `ConfigError` where the extra is not installed."""
    if importlib.util.find_spec("zstandard") is None:
        raise ConfigError(["zstd needs another package: pip install 'pushwire[zstd]'"])


class LineFile:
    """The file while it is open, locked against other processes."""

    def __init__(self, path: str, rotate: int, zstd: bool, remember: int, doubtful: dict[Path, int] | None = None) -> None:
        self._path = Path(path)
        self._rotate = rotate
        self._zstd = zstd
        self._remember = remember
        self._file: BinaryIO | None = None
        self._lock: int | None = None
        self._size = 0
        self._digests: dict[str, str] = {}
        self._aside: set[tuple[str, str]] = set()
        self.doubtful: dict[Path, int] = {} if doubtful is None else doubtful
        """Files that end in what may never reach the disk, and their sizes before that: for the next opening."""
        if zstd:
            load_zstd()

    def open(self) -> None:
        """Lock, repair, and read the keys that are to be known. Raises `SinkError`."""
        try:
            with self._explained():
                self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        self._take_lock()
        self._cut()
        for path in (self._path, self._quarantine):
            _mend(path)
        if self._zstd:
            self._compress()
        self._recall()
        self._file = self._path.open("ab", buffering=0)
        self._size = self._path.stat().st_size
        sync_folder(self._path)

    def close(self) -> None:
        """Never raises: what was reported stored is on the disk."""
        file, self._file = self._file, None
        lock, self._lock = self._lock, None
        with contextlib.suppress(OSError):
            if file is not None:
                file.close()
        with contextlib.suppress(OSError):
            if lock is not None:
                os.close(lock)

    def check(self) -> Sequence[str]:
        """What it promises."""
        return (
            f"{self._path}: {self._size} bytes, {len(self._digests)} keys known, {len(self._aside)} in quarantine",
            "each batch is on the disk (fsync)",
        )

    def quarantine(self) -> list[Quarantined]:
        """What was set aside, oldest first."""
        lines = (_decode(line) for line in _lines(self._quarantine))
        return [
            Quarantined(line.stream, line.kind, line.key or "", line.digest, bytes(line.payload).decode(), line.at)
            for line in lines
        ]

    def write(self, batch: Sequence[Entry]) -> list[Answer]:
        """Append what is new. Raises `SinkError`: then the file must be opened again, which recalls the keys of what is there."""
        if self._file is None:
            raise SinkError(f"{self._path} is not open")
        fresh: dict[str, str] = {}
        lines: list[bytes] = []
        aside: list[bytes] = []
        answers: list[Answer] = []
        for entry in batch:
            held = None if entry.key is None else fresh.get(entry.key, self._digests.get(entry.key))
            if held is None:
                lines.append(_line(entry))
                answers.append(Outcome.STORED)
                if entry.key is not None:
                    fresh[entry.key] = entry.digest
            elif held == entry.digest:
                answers.append(Outcome.DUPLICATE)
            else:
                answers.append(Outcome.QUARANTINED)
                if entry.key is not None and (entry.key, entry.digest) not in self._aside:
                    self._aside.add((entry.key, entry.digest))
                    aside.append(_line(entry))
        with self._explained():
            if aside:
                with self._quarantine.open("ab", buffering=0) as quarantine:
                    self._put(self._quarantine, quarantine, b"".join(aside))
                sync_folder(self._quarantine)
            if lines:
                self._append(b"".join(lines))
        self._digests.update(fresh)
        # All at once: the first item of a dict is slow to find once its left end is holes.
        for key in list(islice(self._digests, max(0, len(self._digests) - self._remember))):
            del self._digests[key]
        return answers

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        """Say with a `SinkError` which file it was that failed."""
        try:
            yield
        except OSError as error:
            raise SinkError(f"{self._path}: {error.strerror or error}") from error

    @property
    def _quarantine(self) -> Path:
        return self._path.with_suffix(f".quarantine{self._path.suffix}")

    def _append(self, data: bytes) -> None:
        assert self._file is not None, "the file is open"
        if self._size and self._size + len(data) > self._rotate:
            self._put_aside()
        assert self._file is not None, "a new one was begun"
        self._put(self._path, self._file, data)
        self._size += len(data)

    def _put(self, path: Path, file: BinaryIO, data: bytes) -> None:
        """All of it, and on the disk. Raises `OSError`, and then what it wrote is cut off again.

        After a failed fsync it is whole for whoever reads it, and on no disk, nor does a later fsync bring it there."""
        before = os.fstat(file.fileno()).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError:
            self.doubtful[path] = before
            with contextlib.suppress(OSError):
                self._cut()
            raise

    def _cut(self) -> None:
        for path, size in list(self.doubtful.items()):
            with path.open("r+b") as file:
                file.truncate(size)
            del self.doubtful[path]

    def _put_aside(self) -> None:
        """The file gets the next number; a new one begins."""
        assert self._file is not None, "the file is open"
        numbers = [int(Path(path.name.removesuffix(".zst")).stem[-DIGITS:]) for path in self._rotated()]
        name = f"{self._path.stem}-{max(numbers, default=0) + 1:0{DIGITS}d}{self._path.suffix}"
        self._file.close()
        self._file = None
        self._path.rename(self._path.with_name(name))
        self._file = self._path.open("ab", buffering=0)
        self._size = 0
        sync_folder(self._path)
        if self._zstd:
            self._compress()

    def _rotated(self) -> list[Path]:
        """The files put aside, oldest first, compressed or not; of one that is there in both forms, the plain one."""
        pattern = f"{glob.escape(self._path.stem)}-{'[0-9]' * DIGITS}{glob.escape(self._path.suffix)}"
        plain = set(self._path.parent.glob(pattern))
        packed = {path for path in self._path.parent.glob(f"{pattern}.zst") if path.with_suffix("") not in plain}
        return sorted(plain | packed, key=lambda path: path.name)

    def _compress(self) -> None:
        """Pack what is put aside and not packed yet. A crash half way leaves the plain file, which counts."""
        import zstandard

        for path in self._rotated():
            if path.suffix != ".zst":
                packed, half = path.with_name(f"{path.name}.zst"), path.with_name(f"{path.name}.zst.part")
                with path.open("rb") as source, half.open("wb") as target:
                    zstandard.ZstdCompressor(write_checksum=True).copy_stream(source, target)
                    target.flush()
                    os.fsync(target.fileno())
                half.rename(packed)
                sync_folder(packed)
                path.unlink()

    def _recall(self) -> None:
        """The last keys that were written, newest file first until there are enough; and all of the quarantine."""
        kept: list[list[tuple[str, str]]] = []
        count = 0
        for path in (self._path, *reversed(self._rotated())):
            if count >= self._remember:
                break
            lines = (_decode(line) for line in _lines(path))
            kept.append([(line.key, line.digest) for line in lines if line.key is not None])
            count += len(kept[-1])
        recalled = [pair for part in reversed(kept) for pair in part]
        self._digests = dict(recalled[-self._remember :])
        self._aside = {(found.key, found.digest) for found in self.quarantine()}

    def _take_lock(self) -> None:
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise SinkError(f"{self._path} is held by another process") from None
        self._lock = lock


def _line(entry: Entry) -> bytes:
    payload = entry.payload.encode("utf-8", "backslashreplace")
    line = _Line(entry.stream, entry.provider, entry.kind, entry.key, entry.at, entry.digest, msgspec.Raw(payload))
    return _encode(line) + b"\n"


def _lines(path: Path) -> Iterator[bytes]:
    if path.suffix == ".zst":
        import zstandard

        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
            rest = b""
            while chunk := reader.read(CHUNK):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
    else:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            yield from file


def _mend(path: Path) -> None:
    """Take out what a crash has torn: a last line that has no end, lines of which a part never reached the disk. Nobody was told
    that they were stored. What is whole is on the disk before it counts."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        whole = 0
        for line in file:
            if not _is_whole(line):
                file.seek(whole)
                _take_out(path, file, file.read())
                break
            whole += len(line)
        os.fsync(file.fileno())


def _take_out(path: Path, file: BinaryIO, rest: bytes) -> None:
    """Of the file's last lines, the first of which is torn, leave the whole ones."""
    *lines, _ = rest.split(b"\n")
    if lines:
        # A disk that forgets looks the same as a crash, and then neighbours were ACKed: none of it may get lost on the way.
        aside = path.with_name(f"{path.name}.torn")
        with aside.open("ab") as torn:
            torn.write(rest)
            torn.flush()
            os.fsync(torn.fileno())
        sync_folder(aside)
    file.truncate(file.tell() - len(rest))
    file.seek(0, os.SEEK_END)
    file.write(b"".join(line + b"\n" for line in lines if _is_whole(line + b"\n")))
    file.flush()


def _is_whole(line: bytes) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
