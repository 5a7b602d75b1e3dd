"""Bitpanda's access tokens: client credentials for the first pair of tokens, the refresh token for each next one.

What is known: an access token lives 10 minutes, also when a newer one was given; a refresh token lives 24 hours and dies by being
used. Not documented, and therefore settings, or read as RFC 6749 has it: the endpoint, the form of the body, the names of its
fields, whether the secret goes along with a refresh token.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import attrs
import msgspec

from ...core.config import check_all, checked, flag, http_url, one_of, optional, seconds, secret, text
from ...core.http import Request, Response
from ...core.runs import MISFITS
from ...core.secrets import Redactor, Secret
from ...core.tokens import Grant, GrantExpired, Tokens
from ...errors import AuthenticationRefused, RemoteProtocolError

__all__ = ["ClientCredentials"]

_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What may be shown of a refusal: a description may repeat what was sent, secrets included."""

_FOR_GOOD: Final = frozenset(
    {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_request"}
)
"""Codes that no later attempt would change (RFC 6749, 5.2)."""


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: Annotated[float, msgspec.Meta(ge=0)] | None = None
    refresh_token: str | None = None


class _Problem(msgspec.Struct):
    code: str | None = None


class _Refusal(msgspec.Struct):
    """An error, as RFC 6749 has it, or as the provider's other endpoints do: a list of objects."""

    error: str | list[_Problem] | None = None
    errors: list[_Problem] | None = None

    @property
    def code(self) -> str | None:
        listed = self.error if isinstance(self.error, list) else self.errors or []
        codes = [self.error] if isinstance(self.error, str) else [problem.code for problem in listed]
        return next((code for code in codes if code is not None and _CODE.fullmatch(code)), None)


_decode_granted: Final = msgspec.json.Decoder(_Granted).decode
_decode_refusal: Final = msgspec.json.Decoder(_Refusal).decode


@attrs.frozen(kw_only=True)
class ClientCredentials(Grant):
    """How Bitpanda gives out tokens. Several streams and `Api`s share one source of them: each refresh token can be used once.

    Raises `ConfigError` naming every wrong field.
    """

    token_url: str = attrs.field(metadata=checked(http_url))
    client_id: str = attrs.field(metadata=checked(text))
    client_secret: Secret = attrs.field(metadata=checked(secret))
    body: Literal["form", "json"] = attrs.field(default="form", metadata=checked(one_of("form", "json")))
    """How the request is written: form fields, as in RFC 6749, or a JSON object."""
    scope: str | None = attrs.field(default=None, metadata=checked(optional(text)))
    secret_with_refresh: bool = attrs.field(default=False, metadata=checked(flag))
    """Whether the client's secret goes along with a refresh token."""
    lifetime: float = attrs.field(default=600.0, metadata=checked(seconds))
    """Seconds that an access token lives when the response does not say."""

    def __attrs_post_init__(self) -> None:
        check_all(self)

    def request(self, held: Tokens | None) -> Request:
        fields = {"grant_type": "client_credentials", "client_id": self.client_id}
        if held is not None and held.refresh is not None:
            fields |= {"grant_type": "refresh_token", "refresh_token": held.refresh.reveal()}
        if fields["grant_type"] == "client_credentials" or self.secret_with_refresh:
            fields["client_secret"] = self.client_secret.reveal()
        if self.scope is not None:
            fields["scope"] = self.scope
        if self.body == "json":
            kind, body = "application/json", msgspec.json.encode(fields)
        else:
            kind, body = "application/x-www-form-urlencoded", urlencode(fields).encode()
        return Request("POST", self.token_url, {"Content-Type": kind, "Accept": "application/json"}, body)

    def decode(self, response: Response, held: Tokens | None, wall: float) -> Tokens:
        if not 200 <= response.status < 300:
            raise self._refused(response, None if held is None else held.refresh)
        try:
            granted = _decode_granted(response.body)
        except MISFITS:
            raise RemoteProtocolError("the token endpoint's response holds no access token") from None
        if not granted.access_token:
            raise RemoteProtocolError("the token endpoint's response holds an empty access token")
        lifetime = self.lifetime if granted.expires_in is None else granted.expires_in
        # The one in `held` is dead, since it was used: where no new one came, the next request begins anew.
        refresh = Secret(granted.refresh_token) if granted.refresh_token else None
        return Tokens(Secret(granted.access_token), wall, wall + lifetime, refresh)

    def _refused(self, response: Response, refresh: Secret | None) -> Exception:
        status = response.status
        try:
            code = _decode_refusal(response.body).code
        except MISFITS:
            code = None
        # A secret may look like a code.
        redact = Redactor([self.client_secret] if refresh is None else [self.client_secret, refresh])
        told = f"HTTP {status}" + (f", {redact(code)}" if code else "")
        # Only a plain 401 leaves open what was refused: the client, or a refresh token that is too old.
        if refresh is not None and (code == "invalid_grant" or (status == 401 and code != "invalid_client")):
            return GrantExpired(f"the refresh token is no longer accepted ({told})")
        if code in _FOR_GOOD or code == "invalid_grant" or status in {401, 403}:
            return AuthenticationRefused(f"the token endpoint does not accept the client ({told})", status=status)
        return RemoteProtocolError(f"the token endpoint answers {told}")
