"""Tokens in a file."""

from __future__ import annotations

import contextlib
import os

import msgspec
import trio

from ..core.secrets import Secret
from ..core.tokens import Tokens
from ..errors import StoreError
from .dialer import explain

__all__ = ["FileTokenStore"]


class _Stored(msgspec.Struct):
    """The file's content. It shows itself nowhere."""

    access: str
    issued: float
    expires: float | None = None
    refresh: str | None = None


class FileTokenStore:
    """Tokens in a file that its owner alone may read (mode 0600).

    It holds secrets in the clear: keep it out of backups and images. A save writes a file beside it (its name and `.new`), syncs
    it and puts it in place of the old one: a crash leaves the old tokens or the new, whole. One process at a time may use it.
    Raises `StoreError`, which names the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)

    def __repr__(self) -> str:
        return f"FileTokenStore({self._path!r})"

    async def load(self) -> Tokens | None:
        """What was saved last. None: there is no such file."""
        return await trio.to_thread.run_sync(self._load)

    async def save(self, tokens: Tokens) -> None:
        """Write them. Durable once this returns; cancellation waits for that."""
        await trio.to_thread.run_sync(self._save, tokens)

    def _load(self) -> Tokens | None:
        try:
            with open(self._path, "rb") as file:
                stored = msgspec.json.decode(file.read(), type=_Stored)
            return Tokens(
                Secret(stored.access),
                stored.issued,
                stored.expires,
                None if stored.refresh is None else Secret(stored.refresh),
            )
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"token file {self._path}: {explain(error)}") from None
        except ValueError:
            raise StoreError(f"token file {self._path}: it does not hold tokens; move it away to begin anew") from None

    def _save(self, tokens: Tokens) -> None:
        refresh = None if tokens.refresh is None else tokens.refresh.reveal()
        content = msgspec.json.encode(_Stored(tokens.access.reveal(), tokens.issued, tokens.expires, refresh))
        try:
            _replace(self._path, content)
        except OSError as error:
            raise StoreError(f"token file {self._path}: {explain(error)}") from None


def _replace(path: str, content: bytes) -> None:
    beside = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)  # of a run that crashed
    # Made anew, so that nobody else has it open, and with its mode from the first moment.
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
