"""HTTP as values: what to ask, what came back, and one REST call as data.

What lives here: `Request`, `Response`, and `Endpoint`, which turns its own fields into the one and the other into a typed reply.
What must not: anything that sends. The shell's `Api` does, and decides nothing but what an endpoint declares.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar, Generic, Literal, Self, TypeVar

import attrs

from .retry_after import retry_after
from .secrets import PLACEHOLDER, Secret

__all__ = ["Endpoint", "HttpCall", "Paged", "Request", "Response"]

ConfigT_contra = TypeVar("ConfigT_contra", contravariant=True)
ReplyT_co = TypeVar("ReplyT_co", covariant=True)
PageT = TypeVar("PageT")


def _no_headers() -> dict[str, str | Secret]:
    return {}


@attrs.frozen
class Request:
    """One HTTP request. `url` is absolute, its query included; a `Secret` where a token or key stands in it.

    The body never shows itself: credentials travel in it.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    url: str | Secret
    headers: Mapping[str, str | Secret] = attrs.field(factory=_no_headers)
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")

    @property
    def shown(self) -> str:
        """Method and URL for messages, without what is secret and without the query."""
        url = PLACEHOLDER if isinstance(self.url, Secret) else self.url.partition("?")[0]
        return f"{self.method} {url}"


@attrs.frozen
class HttpCall:
    """One HTTP request as a server gets it, its body read whole. Header names are lower case; what may carry credentials is not
    shown."""

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")


@attrs.frozen
class Response:
    """One HTTP response, its body read whole. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")

    @property
    def retry_after(self) -> float | None:
        """The seconds its Retry-After asks for; None where it has none that can be used."""
        return retry_after(self.headers.get("retry-after", ""), self.headers.get("date", ""))


class Endpoint(abc.ABC, Generic[ConfigT_contra, ReplyT_co]):
    """The base of all REST calls. Subclasses are frozen attrs classes whose fields are checked before anything is sent.

    `ConfigT_contra` is the provider's config, which ties a call to the `Api` it may be made on; `ReplyT_co` what it answers with.
    """

    auth: ClassVar[Literal["none", "token"]] = "token"
    """Whether the `Api` must have a token for it. What the config itself holds (an API key) the request carries anyway."""
    repeatable: ClassVar[bool] = True
    """Safe to send again when the outcome of the first attempt is not known."""
    buckets: ClassVar[tuple[str, ...]] = ()
    """The rate limits that a call counts against, by their names in the config's `rate_limits`."""

    @abc.abstractmethod
    def request(self, config: ConfigT_contra, token: Secret | None) -> Request:
        """The request. `token` is None where `auth` is "none"."""

    @abc.abstractmethod
    def decode(self, response: Response) -> ReplyT_co:
        """The reply, of a response of any status. Of a 429 only the error counts: its code, text and trace id.

        Raises `CommandRefused` with the provider's code and trace id for an error the provider reports, `AuthenticationRefused`
        where it does not accept the credential, and `RemoteProtocolError` for what cannot be read.
        """


class Paged(Endpoint[ConfigT_contra, PageT]):
    """A call that answers with one page of several."""

    @abc.abstractmethod
    def next_page(self, page: PageT) -> Self | None:
        """The call for what comes after `page`, which answered this one. None: there is no more, or no safe way to it; the page
        says which. Following it ends, whatever the peer answers: no call is made twice."""
