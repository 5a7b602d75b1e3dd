"""Where a journal meets a file: the machine is wrapped, every input is written down before it takes effect."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from ..core.effects import Restored
from ..core.holds import HoldLimits
from ..core.machine import Machine
from ..errors import LocalProtocolError
from ..version import version
from .entropy import Entropy

if TYPE_CHECKING:
    from ..core.journal import Header

__all__ = ["open_journal"]

EventT = TypeVar("EventT")

_LOG: Final = logging.getLogger("pushwire")
_BUFFER: Final = 2**16


class JournalFile:
    """A file for lines, which raises nothing once it is open: what a full disk ends is the journal, not the stream."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._on = True
        # What it holds is the owner's business: messages, addresses, amounts.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "w", buffering=_BUFFER, encoding="utf-8", newline="\n")
        if os.fstat(descriptor).st_size:
            self._file.close()
            raise LocalProtocolError(f"journal {self._path}: the file is not empty; name a new one")

    def write(self, text: str) -> None:
        """Take a line; it may stay in this process for now."""
        if self._on:
            try:
                self._file.write(text)
            except OSError as error:
                self._give_up(error)

    def flush(self) -> None:
        """Hand what was written to the system."""
        if self._on:
            try:
                self._file.flush()
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        """Write what is left."""
        try:
            self._file.close()
        except OSError as error:
            if self._on:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._on = False
        _LOG.warning("journal %s: %s; it ends here, the stream goes on", self._path, error.strerror)


@contextmanager
def open_journal(
    path: str | os.PathLike[str] | None,
    config: object,
    machine: Machine[EventT],
    entropy: Entropy,
    restored: Restored,
    receipts: HoldLimits | None = None,
    hold: int | None = None,
) -> Generator[Machine[EventT]]:
    """The machine, recorded into a new or empty file that only its owner may read; where `path` is None, the machine itself.

    The machine must have been built from the other arguments. Raises `OSError` where the file cannot be created, and
    `LocalProtocolError` where it holds something already, and for a config of no known provider.
    """
    if path is None:
        yield machine
        return
    # Who writes no journal is spared the import.
    from ..core.recording import Recording

    header = _header(config, entropy, restored, receipts, hold)
    file = JournalFile(path)
    try:
        yield Recording(machine, header, file)
    finally:
        file.close()


def _header(config: object, entropy: Entropy, restored: Restored, receipts: HoldLimits | None, hold: int | None) -> Header:
    from ..core.journal import Header
    from ..registry import load

    name: object = getattr(config, "provider", None)
    provider = load(str(name))
    if not isinstance(config, provider.config):
        raise LocalProtocolError(f"a journal cannot hold a {type(config).__name__}: it is no config of {name}")
    return Header(provider, config, entropy.seed, entropy.prefix, restored, version(), hold, receipts)
