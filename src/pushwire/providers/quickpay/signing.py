"""The token that every HTTP request to QuickPay carries, signed by the merchant (doc.quickpay.best/docs/authenticate).

Pure: time and nonce are arguments. PyJWT and cryptography (the extra `quickpay`) are loaded when a key is first needed.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final

import attrs

from ...core.secrets import PLACEHOLDER, Secret
from ...errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["MAX_LIFETIME", "RequestSigner", "read_private_key"]

MAX_LIFETIME: Final = 54
"""Seconds: `exp` must be below `iat` + 55."""


@attrs.frozen
class RequestSigner:
    """Signs requests. Each gets a token of its own, which is good for that request alone and for `lifetime` seconds.

    `key` None stands for one that is not known here, as in the replay of a journal: the tokens are placeholders then.
    """

    api_key: Secret
    key: RSAPrivateKey | None = attrs.field(repr=False)
    lifetime: int = 50
    clock_offset: float = 0.0
    """Seconds that QuickPay's clock is ahead of ours."""

    def token(self, uri: str, body: bytes, *, wall: float, nonce: str) -> Secret:
        """The token for a request to `uri`, the URI's part behind the host, with exactly this body.

        `wall` is POSIX seconds, `nonce` has never been used before.
        """
        if self.key is None:
            return Secret(PLACEHOLDER)
        import jwt

        issued = math.floor(wall + self.clock_offset)
        claims = {
            "uri": uri,
            "nonce": nonce,
            "iat": issued,
            "exp": issued + self.lifetime,
            "sub": self.api_key.reveal(),
            "bodyHash": hashlib.sha256(body).hexdigest(),
        }
        return Secret(jwt.encode(claims, self.key, algorithm="RS256"))


def read_private_key(pem: Secret) -> RSAPrivateKey | None:
    """The RSA key of a PEM text, None of a secret's placeholder. Raises `ConfigError`, which shows nothing of it."""
    if pem.reveal() == PLACEHOLDER:
        return None
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from jwt.algorithms import RSAAlgorithm
        from jwt.exceptions import InvalidKeyError
    except ImportError:
        raise ConfigError(["must be left out, or the extra installed that it needs: pushwire[quickpay]"]) from None
    try:
        key = RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(pem.reveal())
    except (InvalidKeyError, ValueError, TypeError):
        # The library's own texts may quote what they could not read.
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(["must be an RSA private key in PEM form, not encrypted"])
    return key
