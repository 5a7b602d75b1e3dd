"""Secrets: values that never show themselves.

What lives here: `Secret`, the only type in which a credential is held, and `Redactor`, which removes known secrets from text
that is about to be shown. What must not: anything that reads a secret back in order to print it.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from ..errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PLACEHOLDER", "Redactor", "Secret"]

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
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"secret file {os.fspath(path)}: {type(error).__name__}"]) from None
        if not value:
            raise ConfigError([f"secret file {os.fspath(path)} is empty"])
        return cls(value)

    def reveal(self) -> str:
        """The value itself, for the wire alone."""
        return self._value

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


class Redactor:
    """Replaces every known secret in a text by the placeholder, longest first, so that no tail of one is left."""

    __slots__ = ("_values",)

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._values = sorted({secret.reveal() for secret in secrets}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, PLACEHOLDER)
        return text

    def __repr__(self) -> str:
        return f"Redactor({len(self._values)} secrets)"
