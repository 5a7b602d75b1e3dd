"""An entry as a message of JetStream, and back out of the quarantine. Values only.

| header | holds |
|---|---|
| `Nats-Msg-Id` | the entry's key, percent-encoded; what the server knows a duplicate by. None without a key |
| `Pushwire-Stream`, `-Provider`, `-Kind`, `-Digest`, `-At` | as in `Entry` |
| `Pushwire-Key` | of what was set aside: the key again, since its id is made of key and digest |
"""

from __future__ import annotations

import hashlib
import string
from typing import Final
from urllib.parse import quote, unquote

from ..entries import Entry
from .base import Quarantined
from .nats_wire import Command, Message

__all__ = ["as_message", "message_id", "quarantined", "same_event", "set_aside", "subject_of"]

LONGEST: Final = 1_000
"""Characters of an id; of a longer one its beginning and its digest are left."""
_PLAIN: Final = string.punctuation.replace("%", "")
"""What may stand in a header as it is, beside letters and digits. No white space: a server strips it."""
_TOKEN: Final = frozenset(string.ascii_letters + string.digits + "-_")
"""What may stand in a subject between two dots."""


def message_id(key: str) -> str:
    """The id of a key: different keys have different ones."""
    plain = quote(key, safe=_PLAIN, errors="backslashreplace")
    if len(plain) <= LONGEST:
        return plain
    # No `%h` comes out of the encoding.
    return f"{plain[:100]}%h{hashlib.blake2b(plain.encode(), digest_size=16).hexdigest()}"


def subject_of(pattern: str, entry: Entry) -> str:
    """The subject that an entry is published under."""
    return pattern.format(stream=_token(entry.stream), provider=_token(entry.provider), kind=_token(entry.kind))


def _token(text: str) -> str:
    return "".join(character if character in _TOKEN else "_" for character in text) or "_"


def as_message(entry: Entry, subject: str, stream: str) -> Command:
    """What is published to the stream named `stream`, and refused by any other."""
    own = {} if entry.key is None else {"Nats-Msg-Id": message_id(entry.key)}
    return Command.of(subject, _body(entry), {**own, **_headers(entry, stream)})


def set_aside(entry: Entry, subject: str, stream: str) -> Command:
    """The same for the quarantine: once for each payload that came under the key."""
    own = message_id(entry.key or "")
    return Command.of(
        subject,
        _body(entry),
        {"Nats-Msg-Id": f"{own}%d{quote(entry.digest, safe=_PLAIN)}", "Pushwire-Key": own, **_headers(entry, stream)},
    )


def _headers(entry: Entry, stream: str) -> dict[str, str]:
    return {
        "Nats-Expected-Stream": stream,
        "Pushwire-Stream": _plain(entry.stream),
        "Pushwire-Provider": _plain(entry.provider),
        "Pushwire-Kind": _plain(entry.kind),
        "Pushwire-Digest": _plain(entry.digest),
        "Pushwire-At": repr(entry.at),
    }


def _plain(text: str) -> str:
    return text if text.isalnum() and text.isascii() else quote(text, safe=_PLAIN, errors="backslashreplace")


def _body(entry: Entry) -> bytes:
    # Lone surrogates, which JSON can hold and UTF-8 cannot, as escapes.
    return entry.payload.encode("utf-8", "backslashreplace")


def same_event(entry: Entry, held: Message) -> bool:
    """Whether the message held under an entry's key has the entry's payload."""
    return held.header("Pushwire-Digest") == _plain(entry.digest)


def quarantined(message: Message) -> Quarantined:
    """What a message of the quarantine tells."""

    def said(name: str) -> str:
        return unquote(message.header(f"Pushwire-{name}") or "")

    try:
        at = float(said("At"))
    except ValueError:
        at = 0.0
    body = message.body.decode("utf-8", "backslashreplace")
    return Quarantined(said("Stream"), said("Kind"), said("Key"), said("Digest"), body, at)
