"""Secrets: values that never show themselves.

What lives here: `Secret`, the only type in which a credential is held; `Redactor` and `clean`, which remove known secrets from
what is about to be shown. What must not: anything that reads a secret back in order to print it.
"""

from __future__ import annotations

import hmac
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import quote, quote_plus

import msgspec

from ..errors import CommandRefused, ConfigError, PushwireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["PLACEHOLDER", "Redactor", "Secret", "clean", "revealed"]

PLACEHOLDER: Final = "***"
"""What stands wherever a secret stood."""


class Secret:  # noqa: PLW1641 - a hash would let a secret be found in a set by guessing
    """A credential. Its repr, str and format are `***`; `reveal()` alone gives the value; it refuses to be pickled.

    >>> Secret("hunter2")
    Secret('***')
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value or type(value) is not str:  # the type is for callers who are not checked
            raise ConfigError(["a secret must be a non-empty string"])
        self._value = value

    @classmethod
    def env(cls, name: str) -> Secret:
        """The secret in environment variable `name`, or in the file that `name` with the suffix `_FILE` points to.

        Raises `ConfigError` that names the variable, never its value, when neither is set.
        """
        secret = cls.find(name)
        if secret is None:
            raise ConfigError([f"environment variable {name} is not set (nor {name}_FILE)"])
        return secret

    @classmethod
    def find(cls, name: str) -> Secret | None:
        """As `env`, but None when neither is set."""
        value = os.environ.get(name)
        if value:
            return cls(value)
        path = os.environ.get(f"{name}_FILE")
        return cls.file(path) if path else None

    @classmethod
    def file(cls, path: str | os.PathLike[str]) -> Secret:
        """The secret in a file, without the line end. Raises `ConfigError` when it cannot be read or is empty."""
        try:
            value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise ConfigError([f"secret file {os.fspath(path)}: {type(error).__name__}"]) from None
        if not value:
            raise ConfigError([f"secret file {os.fspath(path)} is empty"])
        return cls(value)

    def reveal(self) -> str:
        """The value itself, for the wire alone."""
        return self._value

    @property
    def words(self) -> Iterator[Secret]:
        """The ways in which a peer may name a secret header: as it came, and without the scheme before a token (`Bearer`)."""
        yield self
        word = self._value.rpartition(" ")[2]
        if word and word != self._value:
            yield Secret(word)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Bytes of the environment that are no UTF-8 come as surrogates.
        ours, theirs = (value.encode(errors="surrogatepass") for value in (self._value, other._value))
        return hmac.compare_digest(ours, theirs)

    def __repr__(self) -> str:
        return f"Secret({PLACEHOLDER!r})"

    def __str__(self) -> str:
        return PLACEHOLDER

    def __format__(self, spec: str) -> str:
        return format(PLACEHOLDER, spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


def revealed(value: str | Secret) -> str:
    """The text itself, whether it is a secret or not: for where it is sent."""
    return value.reveal() if isinstance(value, Secret) else value


class Redactor:
    """Replaces every known secret in a text by the placeholder, as it is and as JSON and URLs spell it; longest first, so that no
    tail of one is left."""

    __slots__ = ("_known", "_spellings")

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        values = {secret.reveal() for secret in secrets}
        self._known = len(values)
        self._spellings = sorted({spelling for value in values for spelling in _spellings(value)}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for spelling in self._spellings:
            text = text.replace(spelling, PLACEHOLDER)
        return text

    def __repr__(self) -> str:
        return f"Redactor({self._known} secrets)"


def clean(error: PushwireError, redact: Callable[[str], str]) -> None:
    """Redact the peer's words in an error, and in the one that it came of. A decoder's may keep what it read: it goes."""
    error.args = tuple(redact(part) if isinstance(part, str) else part for part in error.args)
    if isinstance(error, CommandRefused):
        error.text = redact(error.text)
        error.code = redact(error.code) if isinstance(error.code, str) else error.code
        error.trace_id = None if error.trace_id is None else redact(error.trace_id)
    cause = error.__cause__
    if isinstance(cause, PushwireError):
        clean(cause, redact)
    elif isinstance(cause, UnicodeError | msgspec.MsgspecError):
        error.__cause__ = None


def _spellings(secret: str) -> set[str]:
    """A secret, and what becomes of it inside JSON and URLs."""
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    escaped |= {text.replace("/", r"\/") for text in escaped}
    in_urls = {encode(secret, safe=safe, errors="replace") for encode in (quote, quote_plus) for safe in ("", "/")}
    return {secret} | escaped | in_urls
