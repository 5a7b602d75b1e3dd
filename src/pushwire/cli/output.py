"""What commands print: an event as a line, JSON or plain, and lines on standard output.

No character of a peer's that a terminal would obey, or that ends a line, comes through.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Final, cast

import msgspec
import trio

from ..core.describing import Line, encode

__all__ = ["Output", "as_json", "as_text", "shows_live"]

DEEP: Final = 2
"""Parts within parts that a plain line shows; --json shows all."""

LONG: Final = 200
"""Characters of a value on a plain line; --json shows all."""


def as_json(line: Line) -> str:
    """One JSON object, without a line end."""
    return encode({"provider": line.provider, "event": line.event, "at": line.at, "data": line.data})


def as_text(line: Line) -> str:
    """For people: the fields that are single values, those of a part as `part.name`; of lists their length."""
    fields = (f"{name}={_shown(value)}" for name, value in _flat(line.data) if value not in (None, ""))
    return " ".join((line.at, line.provider, line.event, *fields))


def _flat(data: Mapping[str, object], prefix: str = "", depth: int = DEEP) -> Iterator[tuple[str, object]]:
    # What a message holds need not be read a second time, as it came.
    decoded = any(isinstance(value, Mapping) for value in data.values())
    for name, value in data.items():
        # Names of a part may be the peer's.
        shown = prefix + _shown(name)
        if not isinstance(value, Mapping):
            if name != "raw" or not decoded:
                yield shown, value
        elif depth:
            yield from _flat(cast("Mapping[str, object]", value), f"{shown}.", depth - 1)


def _shown(value: object) -> str:
    if isinstance(value, msgspec.Raw):
        value = bytes(value).decode()
    if isinstance(value, Sized) and not isinstance(value, str):
        return f"[{len(value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if len(text) > LONG:
        text = f"{text[:LONG]}…"
    if text and text.isprintable() and not any(character in ' "=' for character in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped) + '"'


# Standard output


def shows_live() -> bool:
    """Whether standard output is a terminal that can be drawn on."""
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")  # pyright: ignore[reportUnnecessaryComparison] - see `Output`


class Output:
    """Standard output, written past Python's buffers. Raises `OSError` when there is none."""

    def __init__(self) -> None:
        if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is where file descriptor 1 was closed
            raise OSError("there is no standard output")
        self._descriptor = sys.stdout.fileno()
        # What does not go out in one piece must not go into another's.
        self._turn = trio.Lock()

    async def write(self, lines: Iterable[str]) -> None:
        """Write whole lines; they have left the process when this returns.

        A reader who does not read holds up its caller alone, not the event loop. Raises `OSError`, `BrokenPipeError` among them.
        """
        await self.put("".join(f"{line}\n" for line in lines))

    async def put(self, text: str) -> None:
        """Write it as it is. Returns and raises as `write` does."""
        data = text.encode(errors="backslashreplace")
        if data:
            async with self._turn:
                # Given up, when cancelled, with the thread still in it: nothing else would end a write that nobody reads.
                await trio.to_thread.run_sync(_write_all, self._descriptor, data, abandon_on_cancel=True)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
