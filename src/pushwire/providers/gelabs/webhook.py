"""What gelabs posts to a webhook: an array of transactions (providers/gelabs.md, 4).

The web server is the caller's; hand in the body and headers as they came, before anything has parsed them. How the provider signs
is not documented beyond that it knows a secret, so all of it is a setting of `Verifier`.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

import attrs
import msgspec

from ...core.config import check_all, checked, one_of, optional, seconds, secret, text
from ...core.events import Malformed
from ...core.runs import MISFITS
from ...core.secrets import Secret
from ...core.values import MILLISECONDS_FROM
from ...errors import LocalProtocolError, RemoteProtocolError, SignatureRefused
from .spellings import read_transaction
from .transactions import Transaction

__all__ = ["Notice", "Verifier", "body_alone", "parse", "timestamp_and_body"]

Signed: TypeAlias = Callable[[bytes, str], bytes]
"""Makes what is signed of the body, and of the text of the timestamp header (empty where there is none)."""

_DIGITS: Final = re.compile(r"[0-9]{1,15}")
_decode_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def body_alone(body: bytes, timestamp: str) -> bytes:
    """The body is what is signed."""
    return body


def timestamp_and_body(body: bytes, timestamp: str) -> bytes:
    """The timestamp, a dot and the body are what is signed."""
    return timestamp.encode(errors="surrogatepass") + b"." + body


def _function(value: object) -> str | None:
    return None if callable(value) else "must be a function of the body and the timestamp"


def _prefix(value: object) -> str | None:
    return None if isinstance(value, str) else "must be a string"


def _signed_by_default(verifier: Verifier) -> Signed:
    return body_alone if verifier.timestamp_header is None else timestamp_and_body


@attrs.frozen(kw_only=True)
class Verifier:
    """Whether a request comes from who knows the secret. Raises `ConfigError` naming every wrong field."""

    secret: Secret = attrs.field(metadata=checked(secret))
    header: str = attrs.field(metadata=checked(text))
    """Which holds the signature."""
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = attrs.field(
        default="sha256", metadata=checked(one_of("sha1", "sha256", "sha384", "sha512"))
    )
    """Of the HMAC."""
    encoding: Literal["hex", "base64"] = attrs.field(default="hex", metadata=checked(one_of("hex", "base64")))
    prefix: str = attrs.field(default="", metadata=checked(_prefix))
    """What stands before the signature, as `sha256=`."""
    timestamp_header: str | None = attrs.field(default=None, metadata=checked(optional(text)))
    """Which holds when it was sent, POSIX seconds or milliseconds; None: there is none, and an old request may be sent again."""
    tolerance: float = attrs.field(default=300.0, metadata=checked(seconds))
    """How many seconds that may be away from now."""
    signed: Signed = attrs.field(default=attrs.Factory(_signed_by_default, takes_self=True), metadata=checked(_function))
    """By default the body alone, and where there is a timestamp header, `timestamp_and_body`: an unsigned time proves nothing."""

    def __attrs_post_init__(self) -> None:
        check_all(self)

    def signature(self, body: bytes, timestamp: str = "") -> str:
        """The signature of a body, as the header holds it."""
        digest = hmac.new(self.secret.reveal().encode(), self.signed(body, timestamp), self.algorithm)
        return self.prefix + (digest.hexdigest() if self.encoding == "hex" else base64.b64encode(digest.digest()).decode())

    def verify(self, body: bytes, headers: Mapping[str, str], wall: float | None = None) -> None:
        """Raise `SignatureRefused` for a request that is not the provider's. Header names may be in any case; `wall` is the time
        now, POSIX seconds, needed where there is a timestamp header (else `LocalProtocolError`)."""
        if self.timestamp_header is not None and wall is None:
            raise LocalProtocolError("wall: the time now is needed to judge the request's")
        timestamp = "" if self.timestamp_header is None else _header(headers, self.timestamp_header)
        given = _header(headers, self.header)
        if self.encoding == "hex":
            # Case means nothing in hexadecimal.
            given = self.prefix + given.removeprefix(self.prefix).lower()
        ours = self.signature(body, timestamp).encode()
        if not hmac.compare_digest(ours, given.encode(errors="surrogatepass")):
            raise SignatureRefused(f"the signature in {self.header} is not of this body")
        if wall is not None and self.timestamp_header is not None and abs(wall - _seconds(timestamp)) > self.tolerance:
            raise SignatureRefused(f"the time in {self.timestamp_header} is more than {self.tolerance:g} seconds away from now")


def _header(headers: Mapping[str, str], name: str) -> str:
    """The one header of this name."""
    found = [value for known, value in headers.items() if known.lower() == name.lower()]
    if len(found) != 1:
        raise SignatureRefused(f"the request has {'no' if not found else 'more than one'} header {name}")
    return found[0].strip()


def _seconds(timestamp: str) -> float:
    if not _DIGITS.fullmatch(timestamp):
        raise SignatureRefused("the request's time is not a number of seconds or milliseconds")
    number = int(timestamp)
    return float(number) if number < MILLISECONDS_FROM else number / 1000


@attrs.frozen
class Notice:
    """One transaction of a webhook's body.

    The same one may come several times, here and on a stream: `transaction.key()` tells which are the same.
    """

    transaction: Transaction
    raw: bytes = attrs.field(repr=lambda raw: f"<{len(raw)} bytes>")
    """As it came."""


def parse(
    body: bytes, headers: Mapping[str, str], verifier: Verifier | None, *, wall: float | None = None
) -> tuple[Notice | Malformed, ...]:
    """The transactions of a request, in their order; both of the spellings that the provider's pages name are read. An item that
    cannot be read is `Malformed`, and costs no other.

    `verifier` None: whoever sent it is believed, because something before this has verified it. `wall` is the time now, POSIX
    seconds. Raises `SignatureRefused`, before anything is read, for what is not the provider's, and `RemoteProtocolError` for a
    body that is no array.
    """
    if verifier is not None:
        verifier.verify(body, headers, wall)
    try:
        raws = [bytes(raw) for raw in _decode_items(body)]
    except MISFITS as error:
        # Without its cause: the error of bytes that are no UTF-8 keeps them, and they may repeat a secret.
        raise RemoteProtocolError(f"the webhook's body cannot be read: {error}") from None
    return tuple(_notice(raw) for raw in raws)


def _notice(raw: bytes) -> Notice | Malformed:
    row = read_transaction(raw)
    return row if isinstance(row, Malformed) else Notice(row, raw)
