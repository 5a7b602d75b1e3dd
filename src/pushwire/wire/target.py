"""Where a `Dial` goes and what its request says: the URL and headers, revealed and checked.

This is the place where secrets become bytes for the wire; nothing here shows them, not even in an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

import attrs
from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from ..core.secrets import Redactor, Secret, revealed
from ..errors import LocalProtocolError

if TYPE_CHECKING:
    from ..core.effects import Dial

__all__ = ["Target", "resolve_target"]

_UNSAFE_URL: Final = re.compile(r"[\x00-\x20\x7f]")
_NAME: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9a-zA-Z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OURS: Final = frozenset({"connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"})
_SHORTEST_SECRET: Final = 6
"""Characters. Redacting shorter parts of a secret URL (`v=2`) would garble the text and hide nothing."""


@attrs.frozen
class Target:
    """A checked `Dial`: `uri` says where to connect, `headers` are the caller's, `redact` removes every secret of both."""

    uri: WebSocketURI = attrs.field(repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    redact: Redactor


def resolve_target(dial: Dial) -> Target:
    """Check a `Dial`. Raises `LocalProtocolError`, which names what is wrong but shows no value."""
    secret = isinstance(dial.url, Secret)
    url = revealed(dial.url)
    headers: list[tuple[str, str]] = []
    secrets = _parts(url) if secret else []
    for name, value in dial.headers.items():
        if isinstance(value, Secret):
            secrets += value.words
            value = value.reveal()
        _check_header(name, value)
        headers.append((name, value))
    return Target(_parse(url), tuple(headers), Redactor(secrets))


def _parse(url: str) -> WebSocketURI:
    if not _UNSAFE_URL.search(url):
        try:
            return parse_uri(url)
        except (InvalidURI, ValueError):
            pass  # its message holds the URL, and the URL may hold a token
    raise LocalProtocolError("the URL to dial is not a valid ws:// or wss:// URL")


def _check_header(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise LocalProtocolError(f"invalid header name {name!r}")
    if name.lower() in _OURS:
        raise LocalProtocolError(f"header {name} belongs to the WebSocket handshake")
    if not _VALUE.fullmatch(value):
        raise LocalProtocolError(f"header {name} has a character that HTTP does not allow")


def _parts(url: str) -> list[Secret]:
    """The texts by which a peer or an error could show a secret URL: itself, its query, and what stands in the query."""
    try:
        split = urlsplit(url)
    except ValueError:
        return [Secret(url)]
    texts = [url, split.query, split.password or "", *(value for _, value in parse_qsl(split.query))]
    return [Secret(text) for text in texts if len(text) >= _SHORTEST_SECRET]
