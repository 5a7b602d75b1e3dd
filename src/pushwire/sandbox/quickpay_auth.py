"""Whom the auth endpoint of the sandbox's QuickPay serves (seeds/003…, doc.quickpay.best/docs/authenticate). Pure.

It judges tokens by the document and by nothing of the client's: signature, claims, times, the hash of the body, and that no
nonce comes twice. What is then authorised is `pusher_auth`'s part.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from ..core.secrets import Secret

if TYPE_CHECKING:
    from .base import HttpCall
    from .quickpay_settings import QuickPaySettings

__all__ = ["Doorkeeper"]

LONGEST: Final = 55
"""Seconds: `exp` must be below `iat` and this."""
SKEW: Final = 5.0
"""Seconds by which a client's clock may be ahead."""
REMEMBERED: Final = 100_000
"""Nonces; the older ones belong to tokens that have expired."""


class _Claims(msgspec.Struct, rename={"body_hash": "bodyHash"}):
    uri: str
    nonce: str
    iat: int
    exp: int
    sub: str
    body_hash: str


class Doorkeeper:
    """Lets in who signs with the other half of `public_key`; where that is not set, who has one of `tokens`, None: any."""

    def __init__(self, settings: QuickPaySettings) -> None:
        self._settings = settings
        self._nonces: deque[str] = deque(maxlen=REMEMBERED)

    def stranger(self, call: HttpCall, wall: float) -> str | None:
        """Why a request is not let in. `wall` is POSIX seconds."""
        settings = self._settings
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not text:
            return "no bearer token"
        api_key = call.headers.get("x-api-key")
        if settings.api_keys is not None and (not api_key or Secret(api_key) not in settings.api_keys):
            return "the API key is missing or unknown"
        if settings.public_key is not None:
            return self._forged(call, _verified(text, settings.public_key), api_key, wall)
        return None if settings.tokens is None or Secret(text) in settings.tokens else "the token is unknown"

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
