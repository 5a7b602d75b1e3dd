"""Encrypted channels: NaCl secretbox, by PyNaCl, which is loaded when it is first needed (extra `pusher`)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

import msgspec

from .values import FAULTS, read

if TYPE_CHECKING:
    from nacl.secret import SecretBox

__all__ = ["NONCE_SIZE", "CannotDecrypt", "available", "decrypt", "encrypt"]

NONCE_SIZE: Final = 24
"""Bytes."""


class CannotDecrypt(Exception):
    """It was not encrypted with this key, or not encrypted at all."""


class _Sealed(msgspec.Struct):
    """The data of an event on an encrypted channel; both in base64."""

    nonce: str
    ciphertext: str


_SEALED: Final = msgspec.json.Decoder(_Sealed)


def available() -> bool:
    """Whether PyNaCl is installed."""
    try:
        _box(bytes(32))
    except ImportError:
        return False
    return True


def decrypt(key: bytes, data: msgspec.Raw) -> str:
    """The text in the data of an event. Raises `CannotDecrypt`."""
    from nacl.exceptions import CryptoError

    try:
        sealed = read(data, _SEALED)
        nonce, ciphertext = (base64.b64decode(part, validate=True) for part in (sealed.nonce, sealed.ciphertext))
        return _box(key).decrypt(ciphertext, nonce).decode()
    except (CryptoError, *FAULTS) as error:
        raise CannotDecrypt(str(error)) from None


def encrypt(key: bytes, text: str, nonce: bytes) -> str:
    """The data of an event, as a JSON text. A nonce (24 bytes) must never be used twice with one key."""
    ciphertext = _box(key).encrypt(text.encode(), nonce).ciphertext
    sealed = _Sealed(*(base64.b64encode(part).decode() for part in (nonce, ciphertext)))
    return msgspec.json.encode(sealed).decode()


def _box(key: bytes) -> SecretBox:
    from nacl.secret import SecretBox

    return SecretBox(key)
