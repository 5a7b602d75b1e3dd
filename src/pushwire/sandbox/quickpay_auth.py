"""The auth endpoint of the sandbox's QuickPay (seeds/003…, doc.quickpay.best/docs/authenticate): pure, beside the socket.

It judges tokens by the document and by nothing of the client's: signature, claims, times, the hash of the body, and that no
nonce comes twice.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING, Final

import attrs
import msgspec

from ..core.http import Response
from ..core.secrets import Secret
from ..providers.pusher.signing import sign_channel

if TYPE_CHECKING:
    from .base import HttpCall

__all__ = ["AUTH_PATH", "AuthDesk"]

AUTH_PATH: Final = "/v1/websocket/auth"
LONGEST: Final = 55
"""Seconds: `exp` must be below `iat` and this."""
SKEW: Final = 5.0
"""Seconds by which a client's clock may be ahead."""
REMEMBERED: Final = 100_000
"""Nonces; the older ones belong to tokens that have expired."""


class _Asked(msgspec.Struct):
    socket_id: str
    channel_name: str


class _Claims(msgspec.Struct, rename={"body_hash": "bodyHash"}):
    uri: str
    nonce: str
    iat: int
    exp: int
    sub: str
    body_hash: str


@attrs.define(eq=False, kw_only=True)
class AuthDesk:
    """Whom it serves: where `public_key` is set, whoever signs with its other half; else whoever has one of `tokens`, None: any.

    `api_keys` None takes any API key, and none; `merchants` None lets everybody have every channel.
    """

    app_key: str
    secret: Secret
    api_keys: tuple[Secret, ...] | None = None
    tokens: tuple[Secret, ...] | None = None
    public_key: str | None = None
    """In PEM form; of all merchants."""
    merchants: tuple[str, ...] | None = None
    granted: int = 0
    refusals: list[str] = attrs.field(factory=list[str], init=False)
    """Why it has refused, oldest first."""
    _nonces: deque[str] = attrs.field(factory=lambda: deque[str](maxlen=REMEMBERED), init=False)

    def answer(self, call: HttpCall, wall: float) -> Response:
        """The answer to any request. Total."""
        if call.path != AUTH_PATH:
            return self._refuse(404, "not found")
        if call.method != "POST":
            return self._refuse(405, "POST alone")
        problem = self._stranger(call, wall)
        if problem is not None:
            return self._refuse(401, problem)
        try:
            asked = msgspec.json.decode(call.body, type=_Asked)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return self._refuse(422, "socket_id and channel_name are needed")
        if self.merchants is not None and asked.channel_name.startswith("private-"):
            _, _, merchant = asked.channel_name.partition(".")
            if merchant not in self.merchants:
                return self._refuse(403, "the channel is another merchant's")
        self.granted += 1
        auth = sign_channel(self.app_key, self.secret, asked.socket_id, asked.channel_name)
        return Response(200, body=msgspec.json.encode({"auth": auth}))

    def _stranger(self, call: HttpCall, wall: float) -> str | None:
        """Why nobody of ours asks."""
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not text:
            return "no bearer token"
        api_key = call.headers.get("x-api-key")
        if self.api_keys is not None and (not api_key or Secret(api_key) not in self.api_keys):
            return "the API key is missing or unknown"
        if self.public_key is not None:
            return self._forged(call, _verified(text, self.public_key), api_key, wall)
        return None if self.tokens is None or Secret(text) in self.tokens else "the token is unknown"

    def _forged(self, call: HttpCall, claims: _Claims | None, api_key: str | None, wall: float) -> str | None:
        """What is wrong with the claims of a token that the merchant should have signed."""
        if claims is None:
            return "the token is not the merchant's"
        wrong = {
            "uri": claims.uri != call.path,
            "sub": api_key is not None and claims.sub != api_key,
            "exp": claims.exp >= claims.iat + LONGEST or not claims.iat - SKEW <= wall < claims.exp,
            "bodyHash": claims.body_hash != hashlib.sha256(call.body).hexdigest(),
            "nonce": claims.nonce in self._nonces,
        }
        self._nonces.append(claims.nonce)
        return next((f"the token's {name} is wrong" for name, is_wrong in wrong.items() if is_wrong), None)

    def _refuse(self, status: int, reason: str) -> Response:
        self.refusals.append(reason)
        return Response(status, body=msgspec.json.encode({"error": reason}))


def _verified(text: str, public_key: str) -> _Claims | None:
    """The claims of a token with the right signature."""
    import jwt
    from jwt.types import Options

    # Its times are compared with the clock of whoever drives this, not with the system's.
    options = Options(verify_exp=False, verify_iat=False, verify_nbf=False)
    try:
        return msgspec.convert(jwt.decode(text, public_key, algorithms=["RS256"], options=options), _Claims)
    except (jwt.PyJWTError, msgspec.MsgspecError, ValueError):
        return None
