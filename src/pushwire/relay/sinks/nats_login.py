"""How one logs in to NATS: user and password, a token, a key, or a credentials file. Values only.

Keys are those of NATS (github.com/nats-io/nkeys): an Ed25519 seed, in base32 with two bytes in front and a checksum behind.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

import attrs

from ...core.config import check_all, checked, optional, secret, text
from ...core.secrets import Secret

__all__ = ["Login"]

SEED: Final = 18 << 3
"""The first byte of a seed, with the kind of key in its low bits and the next byte."""
USER: Final = 20 << 3
"""The kind of key that a user has, and the first byte of his public one."""
_JWT: Final = re.compile(r"-+BEGIN NATS USER JWT-+\s+(\S+)\s+-+END NATS USER JWT-+")
_KEY: Final = re.compile(r"-+BEGIN USER NKEY SEED-+\s+(\S+)\s+-+END USER NKEY SEED-+")


@attrs.frozen(kw_only=True)
class Login:
    """One way to log in, or none. `nkey` is a user's seed, `creds` the text of a credentials file.

    Raises `ConfigError` naming all that is wrong, without the secrets.
    """

    user: str | None = attrs.field(default=None, metadata=checked(optional(text)))
    password: Secret | None = attrs.field(default=None, metadata=checked(optional(secret)))
    token: Secret | None = attrs.field(default=None, metadata=checked(optional(secret)))
    nkey: Secret | None = attrs.field(default=None, metadata=checked(optional(secret)))
    creds: Secret | None = attrs.field(default=None, metadata=checked(optional(secret)))

    def __attrs_post_init__(self) -> None:
        check_all(self, self._mismatches)

    def _mismatches(self) -> Iterable[str]:
        ways = {"user": self.user, "token": self.token, "nkey": self.nkey, "creds": self.creds}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            yield f"{given[1]}: there must be one way to log in; {given[0]} is another"
        if (self.user is None) != (self.password is None):
            yield "password: must come with user" if self.user is None else "user: must come with a password"
        found = None if self.creds is None else _parts(self.creds)
        if self.creds is not None and found is None:
            yield "creds: is no credentials file of NATS"
        for name, seed in (("nkey", self.nkey), ("creds", found[1] if found else None)):
            if seed is not None:
                problem = _problem_of(seed)
                if problem is not None:
                    yield f"{name}: {problem}"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All that must be shown nowhere."""
        found = [value for value in (self.password, self.token, self.nkey, self.creds) if value is not None]
        return (*found, *(_parts(self.creds) or () if self.creds is not None else ()))

    def fields(self, nonce: str) -> dict[str, str]:
        """What CONNECT says. `nonce` is what the server wants signed."""
        if self.user is not None and self.password is not None:
            return {"user": self.user, "pass": self.password.reveal()}
        if self.token is not None:
            return {"auth_token": self.token.reveal()}
        if self.nkey is not None:
            public, signature = _signed(self.nkey, nonce)
            return {"nkey": public, "sig": signature}
        parts = None if self.creds is None else _parts(self.creds)
        if parts is not None:
            jwt, seed = parts
            return {"jwt": jwt.reveal(), "sig": _signed(seed, nonce)[1]}
        return {}


def _parts(creds: Secret) -> tuple[Secret, Secret] | None:
    """The token and the seed in a credentials file."""
    jwt, seed = _JWT.search(creds.reveal()), _KEY.search(creds.reveal())
    return None if jwt is None or seed is None else (Secret(jwt[1]), Secret(seed[1]))


def _problem_of(seed: Secret) -> str | None:
    try:
        _signed(seed, "")
    except ValueError as error:
        return str(error)
    except ImportError:
        return "needs PyNaCl: pip install 'pushwire[nats]'"
    return None


def _raw(seed: Secret) -> bytes:
    """The 32 bytes of a user's seed. Raises `ValueError`, which does not show it."""
    value = seed.reveal().strip()
    try:
        raw = base64.b32decode(value + "=" * (-len(value) % 8))
    except binascii.Error:
        raise ValueError("is no seed of a key (SU...)") from None
    if len(raw) != 36 or binascii.crc_hqx(raw[:-2], 0) != int.from_bytes(raw[-2:], "little"):
        raise ValueError("is no seed of a key (SU...)")
    if raw[0] & 0xF8 != SEED or (raw[0] & 7) << 5 | raw[1] >> 3 != USER:
        raise ValueError("is a key, but not the seed of a user's (SU...)")
    return raw[2:-2]


def _signed(seed: Secret, nonce: str) -> tuple[str, str]:
    """The public key, and the signature of `nonce`."""
    from nacl.signing import SigningKey

    key = SigningKey(_raw(seed))
    public = bytes([USER]) + bytes(key.verify_key)
    public += binascii.crc_hqx(public, 0).to_bytes(2, "little")
    signature = key.sign(nonce.encode()).signature
    return base64.b32encode(public).decode().rstrip("="), base64.urlsafe_b64encode(signature).decode().rstrip("=")
