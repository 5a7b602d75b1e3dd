"""The answer to the opening handshake, as far as its head tells: is it HTTP, and does it refuse (status, reason, Retry-After)?

What must not live here: the judgement on a 101, which is the WebSocket library's. Of a refusal the head alone counts: a server
that keeps the connection open after its 401 must not keep us waiting for a body.
"""

from __future__ import annotations

import re
from typing import Final

from ..core.effects import Close
from ..core.retry_after import retry_after

__all__ = ["ResponseHead", "parse_refusal", "printable"]

_MAX_HEAD: Final = 128 * 8192
"""Bytes. The most that `websockets` accepts: 128 headers of 8 KiB."""

_HTTP: Final = b"HTTP/1."
_END: Final = b"\r\n\r\n"
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: ([^\r\n]*))?\r\n")


class ResponseHead:
    """Collects a response's head as it comes, in whatever pieces."""

    __slots__ = ("_data", "rest", "whole")

    def __init__(self) -> None:
        self._data = bytearray()
        self.whole: bytes = b""
        """The head, blank line included, once that has come."""
        self.rest: bytes = b""
        """What came behind it."""

    def feed(self, data: bytes | bytearray) -> Close | None:
        """Add bytes. Returns why this is no accepted handshake, as soon as that is sure."""
        searched = max(0, len(self._data) - len(_END))
        self._data += data
        if not self._data.startswith(_HTTP[: len(self._data)]):
            return Close(reason="handshake: not an HTTP/1.1 response", by="transport")
        at = self._data.find(_END, searched)
        if at >= 0:
            end = at + len(_END)
            self.whole, self.rest = bytes(self._data[:end]), bytes(self._data[end:])
            self._data = bytearray()
            return parse_refusal(self.whole)
        if len(self._data) > _MAX_HEAD:
            return Close(reason="handshake: the response's head is too long", by="transport")
        return None


def parse_refusal(head: bytes) -> Close | None:
    """The refusal in a response's `head` (status line to blank line); None for 101, which only the handshake can judge."""
    status = _STATUS.match(head)
    if status is None:
        return Close(reason="handshake: not an HTTP/1.1 response", by="transport")
    if status[1] == b"101":
        return None
    headers: dict[str, str] = {}
    for line in head[status.end() :].split(b"\r\n"):
        name, _, value = line.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return Close(
        status=int(status[1]),
        reason=printable((status[2] or b"").decode("latin-1")),
        retry_after=retry_after(headers.get("retry-after", ""), headers.get("date", "")),
    )


def printable(text: str) -> str:
    """A peer's text as it may stand in one line of a log: no control characters, at most 200 characters."""
    return "".join(character if character.isprintable() else "?" for character in text[:200])
