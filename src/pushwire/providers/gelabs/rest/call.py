"""What all gelabs REST calls share: how one is asked, and how a reply is told from a refusal.

The provider's endpoints do not agree on what says success: list queries answer with code 1, the others with 0, and the text is in
`msg` or in `message` (providers/gelabs.md, 8). So each call has its own codes.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, TypeAlias, TypeVar
from urllib.parse import urlencode

import msgspec

from ....core.http import Endpoint, Request, Response
from ....core.runs import MISFITS
from ....core.secrets import Secret
from ....errors import AuthenticationRefused, CommandRefused, RemoteProtocolError
from ..config import BUCKET, Config
from ..paths import expand

__all__ = ["Call", "Json", "Method"]

ReplyT_co = TypeVar("ReplyT_co", covariant=True)
Json = Mapping[str, object]
Method: TypeAlias = Literal["GET", "POST", "PATCH"]

CREDENTIAL: Final = frozenset({401, 403})


class Envelope(msgspec.Struct):
    """What is around the data of every reply."""

    code: int | str | None = None
    msg: str | None = None
    message: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


_decode: Final = msgspec.json.Decoder(Envelope).decode


class Call(Endpoint[Config, ReplyT_co]):
    """A gelabs REST call."""

    auth: ClassVar[Literal["none", "token"]] = "none"
    buckets: ClassVar[tuple[str, ...]] = (BUCKET,)

    name: ClassVar[str]
    """By which the config's `paths` know it."""
    method: ClassVar[Method]
    codes: ClassVar[frozenset[int]] = frozenset({0})
    """The codes that say success. A subclass may have others, should the provider change them."""

    def query(self) -> Mapping[str, str]:
        """What stands in the query, or in the path."""
        return {}

    def content(self) -> bytes:
        """The body."""
        return b""

    @abc.abstractmethod
    def read(self, data: bytes) -> ReplyT_co:
        """The reply, of the JSON in `data`. Raises what msgspec does for what it cannot read."""

    def request(self, config: Config, token: Secret | None) -> Request:
        path, query = expand(config.paths[self.name], self.query())
        url = config.api_url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        headers: dict[str, str | Secret] = {"X-API-Key": config.api_key, "Accept": "application/json"}
        body = self.content()
        if body:
            headers["Content-Type"] = "application/json"
        return Request(self.method, url, headers, body)

    def decode(self, response: Response) -> ReplyT_co:
        try:
            return self.read(self._data(response))
        except MISFITS as error:
            # Without its cause: the error of bytes that are no UTF-8 keeps them, and they may repeat the key.
            raise RemoteProtocolError(f"{self.name}: HTTP {response.status}, a reply that cannot be read: {error}") from None

    def _data(self, response: Response) -> bytes:
        """The data of a reply that says success."""
        status = response.status
        if status in CREDENTIAL:
            # Without the provider's words: they may repeat the key.
            raise AuthenticationRefused(f"{self.name}: the API key is not accepted (HTTP {status})", status=status)
        envelope = _decode(response.body)
        code = envelope.code
        is_success = code in self.codes
        if 200 <= status < 300 and is_success:
            return bytes(envelope.data)
        if isinstance(code, int) and code in CREDENTIAL:
            raise AuthenticationRefused(f"{self.name}: the API key is not accepted (code {code})", status=status, code=code)
        text = envelope.msg or envelope.message or f"HTTP {status}"
        raise CommandRefused(self.name, status if code is None or is_success else code, text)


def json_body(fields: Json) -> bytes:
    """The fields as JSON, without those that are None."""
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})
