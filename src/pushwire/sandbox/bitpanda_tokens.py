"""The token endpoint of the sandbox's Bitpanda: two grants, refresh tokens that die when they are used.

The endpoint's path is made up, since none is documented; fields and errors are those of RFC 6749.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import msgspec

from ..core.http import Response
from ..core.runs import MISFITS
from ..core.secrets import Secret

if TYPE_CHECKING:
    from random import Random

    from .base import HttpCall
    from .bitpanda_settings import BitpandaSettings

__all__ = ["TOKEN_PATH", "TokenOffice"]

TOKEN_PATH: Final = "/oauth/token"


class TokenOffice:
    """Gives out tokens and knows which of them are good. Times are POSIX seconds."""

    def __init__(self, settings: BitpandaSettings, rng: Random) -> None:
        self._settings = settings
        self._rng = rng
        self._access: dict[str, float] = {}
        self._refresh: dict[str, tuple[str, float]] = {}
        self.granted: int = 0
        """How many pairs of tokens were given."""

    def accepts(self, token: str, wall: float) -> bool:
        """Whether a handshake may use this access token."""
        expires = self._access.get(token)
        if expires is not None:
            return wall < expires
        return self._settings.tokens is None or Secret(token) in self._settings.tokens

    def expire(self) -> None:
        """Every access token given so far is too old at once."""
        self._access = dict.fromkeys(self._access, 0.0)

    def revoke(self, token: Secret) -> None:
        """This access token is too old at once, whoever gave it."""
        self._access[token.reveal()] = 0.0

    def answer(self, call: HttpCall, wall: float) -> Response:
        """A response of the endpoint."""
        if call.path != TOKEN_PATH:
            return _refused(404, "not_found")
        if call.method != "POST":
            return _refused(405, "invalid_request")
        fields = _fields(call)
        client = fields.get("client_id")
        if client is None:
            return _refused(400, "invalid_request")
        match fields.get("grant_type"):
            case "client_credentials":
                known = self._settings.clients
                secret = fields.get("client_secret")
                if known is not None and (not secret or known.get(client) != Secret(secret)):
                    return _refused(401, "invalid_client")
                return self._grant(client, wall)
            case "refresh_token":
                # Used or unknown, too old or somebody else's: it is dead in any case.
                owner, expires = self._refresh.pop(fields.get("refresh_token", ""), ("", 0.0))
                return self._grant(client, wall) if owner == client and wall < expires else _refused(400, "invalid_grant")
            case _:
                return _refused(400, "unsupported_grant_type")

    def _grant(self, client: str, wall: float) -> Response:
        access, refresh = (f"{kind}-{self._rng.getrandbits(128):032x}" for kind in ("access", "refresh"))
        lifetime = self._settings.token_lifetime
        self._access[access] = wall + lifetime
        self._refresh[refresh] = (client, wall + self._settings.refresh_lifetime)
        self.granted += 1
        return _json(200, {"access_token": access, "token_type": "Bearer", "expires_in": lifetime, "refresh_token": refresh})


def _fields(call: HttpCall) -> dict[str, str]:
    """A body, as a form or as JSON."""
    try:
        if call.headers.get("content-type", "").startswith("application/json"):
            return msgspec.json.decode(call.body, type=dict[str, str])
        return dict(parse_qsl(call.body.decode()))
    except MISFITS:
        return {}


def _refused(status: int, code: str) -> Response:
    return _json(status, {"error": code})


def _json(status: int, fields: dict[str, object] | dict[str, str]) -> Response:
    return Response(status, {"content-type": "application/json"}, msgspec.json.encode(fields))
