"""A NATS server whose users have credentials files: an operator, an account, a user, and what they sign."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Final

from nacl.signing import SigningKey

__all__ = ["CREDS", "SETTINGS"]

OPERATOR: Final = 14 << 3
ACCOUNT: Final = 0
USER: Final = 20 << 3
SEED: Final = 18 << 3


def _base32(data: bytes) -> str:
    return base64.b32encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class _Key:
    """Of one kind, drawn from a number."""

    def __init__(self, kind: int, number: int) -> None:
        self._key = SigningKey(bytes([number]) * 32)
        self.public = _base32(bytes([kind]) + bytes(self._key.verify_key))
        self.seed = _base32(bytes([SEED | kind >> 5, (kind & 31) << 3]) + bytes(self._key))

    def token(self, subject: _Key, claims: Mapping[str, object]) -> str:
        """What this key says of another."""
        body: dict[str, object] = {
            "iat": 1_700_000_000,
            "iss": self.public,
            "sub": subject.public,
            "nats": {**claims, "version": 2},
        }
        body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip("=")
        header = {"typ": "JWT", "alg": "ed25519-nkey"}
        said = ".".join(_base64(json.dumps(part).encode()) for part in (header, body))
        return f"{said}.{_base64(self._key.sign(said.encode()).signature)}"


_operator, _account, _system, _user = _Key(OPERATOR, 1), _Key(ACCOUNT, 2), _Key(ACCOUNT, 3), _Key(USER, 4)
_limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf", "streams", "consumer"), -1)
_stores = {"mem_storage": -1, "disk_storage": -1}

SETTINGS: Final = f"""
operator: {_operator.token(_operator, {"type": "operator"})}
resolver: MEMORY
resolver_preload: {{
    {_account.public}: {_operator.token(_account, {"type": "account", "limits": {**_limits, **_stores}})}
    {_system.public}: {_operator.token(_system, {"type": "account", "limits": _limits})}
}}
system_account: {_system.public}
"""

CREDS: Final = f"""-----BEGIN NATS USER JWT-----
{_account.token(_user, {"type": "user", "subs": -1, "data": -1, "payload": -1})}
------END NATS USER JWT------

************************* IMPORTANT *************************
-----BEGIN USER NKEY SEED-----
{_user.seed}
------END USER NKEY SEED------
"""
