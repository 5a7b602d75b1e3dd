"""Which proxy a program was told to go through. What a proxy is and how one goes through it is `dialer`'s."""

from __future__ import annotations

from typing import Final

from ..core.secrets import Secret
from ..errors import ConfigError
from .dialer import Dialer

__all__ = ["PROXY", "proxy_of"]

PROXY: Final = "PUSHWIRE_PROXY"
"""The environment variable with a proxy's URL, where it may hold a password. With the suffix _FILE: with the path of a file."""


def proxy_of(url: str | None, told_by: str = "--proxy") -> str | Secret | None:
    """`url`, else what the environment says, else None. Raises `ConfigError` for what is no proxy's URL, and for a password in
    `url`: what it was told by is seen by others."""
    if url is not None and "@" in url:
        raise ConfigError([f"{told_by}: must not hold a user name or password: set {PROXY} to that URL instead"])
    found = Secret.find(PROXY) if url is None else url
    Dialer(proxy=found)  # which refuses it
    return found
