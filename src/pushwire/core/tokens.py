"""Access tokens: what is held, when it must be renewed, and how a provider gives out the next one.

Pure: a `Grant` builds requests and reads responses; that only one renewal runs at a time, and that a new refresh token is stored
before it is used, is `shell.tokens`'s part.
"""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final, TypeAlias

import attrs

from ..errors import RemoteProtocolError
from .effects import Credential
from .http import Request, Response
from .secrets import Secret

__all__ = ["Grant", "GrantExpired", "TokenSource", "Tokens"]

TokenSource: TypeAlias = Callable[[Credential], Awaitable[Secret]]
"""Gives the token to use now; with `Credential.refresh` a new one, since the last was refused. Shared by streams and `Api`s.

It raises `AuthenticationRefused` where there will be none, and any other error where trying again later may help."""

RENEW_AT: Final = 0.8
"""The share of a token's lifetime after which it is renewed."""


class GrantExpired(RemoteProtocolError):
    """The refresh token is no longer accepted: begin anew with the credentials."""


@attrs.frozen
class Tokens:
    """What a grant gave. Times are POSIX seconds; `expires` None: not said."""

    access: Secret
    issued: float
    expires: float | None = None
    refresh: Secret | None = None

    def fresh(self, wall: float) -> bool:
        """Whether the access token may still be used, with a fifth of its lifetime to spare."""
        return self.expires is None or wall < self.issued + RENEW_AT * (self.expires - self.issued)

    def alive(self, wall: float) -> bool:
        """Whether the access token has not expired."""
        return self.expires is None or wall < self.expires


class Grant(abc.ABC):
    """How a provider gives out tokens."""

    buckets: ClassVar[tuple[str, ...]] = ()
    """The rate limits that a request counts against, by their names in the config's `rate_limits`."""

    @abc.abstractmethod
    def request(self, held: Tokens | None) -> Request:
        """The request for new tokens: by the refresh token of `held` where there is one, else by the credentials."""

    @abc.abstractmethod
    def decode(self, response: Response, held: Tokens | None, wall: float) -> Tokens:
        """The tokens of a response, never a 429 or 5xx; `wall` is when it was asked for. A refresh token that the provider does
        not replace is carried over from `held`. Raises `GrantExpired` where the refresh token was refused,
        `AuthenticationRefused` where the credentials were, and `RemoteProtocolError` for what cannot be read."""
