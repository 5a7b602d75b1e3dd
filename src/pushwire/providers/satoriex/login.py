"""How SatoriEx gives out tokens: by e-mail and password, then by the refresh token (providers/satoriex.md, 2)."""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal
from typing import ClassVar

import attrs
import msgspec

from ...core.config import check_all, checked, http_url, optional, secret
from ...core.config import text as some_text
from ...core.http import Request, Response
from ...core.secrets import Redactor, Secret
from ...core.tokens import Grant, GrantExpired, Tokens
from ...errors import AuthenticationRefused, CommandRefused, RemoteProtocolError
from .envelope import ask, data_of, is_internal
from .hosts import STAGING_API
from .values import Raw, amount, decode, is_object, text

__all__ = ["Login"]


def _password(value: object) -> str | None:
    if not isinstance(value, Secret):
        return secret(value)
    # It would fail only when it is sent, in an error that holds it.
    return "cannot be written as UTF-8" if any("\ud800" <= character <= "\udfff" for character in value.reveal()) else None


def _path(value: object) -> str | None:
    return None if isinstance(value, str) and value.startswith("/") else "must begin with /"


@attrs.frozen(kw_only=True)
class Login(Grant):
    """Tokens for an account. Raises `ConfigError` naming every wrong field.

    How long a token lives is read from it, where it is a JWT; how long a refresh token does, and whether it changes, is not
    documented: a new one replaces the old, and where it is refused the password is used again.
    """

    buckets: ClassVar[tuple[str, ...]] = ("tokens",)

    email: str = attrs.field(metadata=checked(some_text))
    password: Secret = attrs.field(metadata=checked(_password))
    api_url: str | None = attrs.field(default=None, metadata=checked(optional(http_url)))
    """Of REST. None: that of the config it stands in; of the *staging* system, where it is used by itself."""
    refresh_path: str = attrs.field(default="/auth/refresh", metadata=checked(_path))
    refresh_field: str = attrs.field(default="refresh_token", metadata=checked(some_text))
    """What the refresh token is called in the body: not documented."""

    def __attrs_post_init__(self) -> None:
        check_all(self)

    def request(self, held: Tokens | None) -> Request:
        api = (self.api_url or STAGING_API).rstrip("/")
        if held is not None and held.refresh is not None:
            return ask("POST", f"{api}{self.refresh_path}", body={self.refresh_field: held.refresh.reveal()})
        return ask("POST", f"{api}/auth/login", body={"email": self.email, "password": self.password.reveal()})

    def decode(self, response: Response, held: Tokens | None, wall: float) -> Tokens:
        refresh = None if held is None else held.refresh
        try:
            data = data_of("login" if refresh is None else "refresh", response)
        except (AuthenticationRefused, CommandRefused) as error:
            # What SatoriEx says may repeat what was sent.
            said = Redactor([self.password] if refresh is None else [refresh])(str(error))
            if is_internal(error):
                raise RemoteProtocolError(said) from None
            if refresh is not None:
                raise GrantExpired(said) from None
            code = error.code if isinstance(error.code, int) else None
            raise AuthenticationRefused(said, status=response.status, code=code) from None
        except RemoteProtocolError as error:
            # Where to refresh is not documented: who cannot be asked there must not be asked there for ever.
            if refresh is not None and 400 <= response.status < 500:
                raise GrantExpired(str(error)) from None
            raise
        access = text(data, "access_token") if is_object(data) else None
        if not is_object(data) or access is None:
            raise RemoteProtocolError("the reply to the login holds no access_token")
        renewed = text(data, "refresh_token")
        lifetime = _lifetime(access, wall)
        return Tokens(
            Secret(access),
            issued=wall,
            expires=None if lifetime is None else wall + lifetime,
            refresh=refresh if renewed is None else Secret(renewed),
        )


def _lifetime(token: str, wall: float) -> float | None:
    """Seconds that a token issued now lives, None where it does not tell. From its own two times, where it has both: their clock
    need not be ours."""
    claims = _claims(token)
    expires = amount(claims, "exp")
    if expires is None:
        return None
    lifetime = expires - (amount(claims, "iat") or Decimal(wall))
    return float(lifetime) if lifetime > 0 else None


def _claims(token: str) -> Raw:
    """What a JWT says, unverified: it is SatoriEx that must be sure of it. Nothing where it is no JWT."""
    _, _, rest = token.partition(".")
    payload, dot, _ = rest.partition(".")
    try:
        return decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) if dot else {}
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return {}
