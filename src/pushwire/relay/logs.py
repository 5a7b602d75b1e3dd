"""The relay's log: one line a record, JSON where nobody watches, plain on a terminal. It holds what the relay says, no secret."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TextIO

from ..core.describing import encode
from ..shell.warner import LOGGER as STREAMS

__all__ = ["LOGGER", "log_to", "say"]

LOGGER: Final = logging.getLogger("pushwire.relay")


def say(event: str, level: int = logging.INFO, **fields: object) -> None:
    """One record: what happened, and the facts."""
    LOGGER.log(level, event, extra={"fields": fields})


class _Lines(logging.Formatter):
    """A record as one line."""

    def __init__(self, *, plain: bool) -> None:
        super().__init__()
        self._plain = plain

    def format(self, record: logging.LogRecord) -> str:
        fields: Mapping[str, object] = getattr(record, "fields", {})
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
        if record.exc_info is not None and record.exc_info[0] is not None:
            fields = {**fields, "error": f"{record.exc_info[0].__name__}: {record.exc_info[1]}"}
        if not self._plain:
            return encode({**head, **fields})
        facts = "".join(f" {name}={encode({'': value})[4:-1]}" for name, value in fields.items())
        return f"{head['at']} {head['level']} {head['event']}{facts}"


def log_to(stream: TextIO | None = None) -> logging.Handler:
    """Send what pushwire logs to `stream` (stderr): in plain lines where it is a terminal, else as JSON. Returns the handler."""
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(_Lines(plain=target.isatty()))
    # What streams warn of, the relay says itself, with the stream's name and as data.
    handler.addFilter(lambda record: record.name != STREAMS.name)
    root = logging.getLogger("pushwire")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False
    return handler
