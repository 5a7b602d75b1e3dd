"""HTTP requests, one at a time or many side by side, over connections that are kept for the next.

What lives here: `HttpClient`. What must not: retries, tokens and rate limits, which are `Api`'s. It follows no
redirect and keeps no cookie: a credential goes nowhere but where it was sent. Nothing raised or logged holds a secret.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from ..core.config import count, seconds
from ..core.http import Request, Response
from ..core.secrets import Secret
from ..errors import ConnectionLost, LocalProtocolError, ReplyTimeout
from .arguments import check_arguments
from .dialer import Dialer

if TYPE_CHECKING:
    from .http_pool import Pool

__all__ = ["Http", "HttpClient", "Passage"]


@attrs.define(eq=False)
class Passage:
    """How far a request got. `left`: bytes of it may have left this machine, so that the peer may have acted on it."""

    left: bool = False


class Http(Protocol):
    """What carries requests. `HttpClient` does; tests may have something else."""

    async def send(self, request: Request, passage: Passage | None = None) -> Response:
        """The response, its body read whole. `passage` tells how far it got, also when it was cancelled.

        Raises `ConnectionLost`, `ReplyTimeout`, `RemoteProtocolError` for a response that is too long or cannot be read, and
        `LocalProtocolError` for a request that cannot be sent.
        """
        ...

    async def aclose(self) -> None:
        """Drop all connections. Requests under way fail."""
        ...


class HttpClient:
    """HTTP/1.1 over TCP or TLS (`tls`: the context, None: the system's certificates), through `proxy` where one is set (as for
    `connect`). Nothing is opened before the first request.

    `timeout` (seconds) is for one request, from the dialling to the last byte of the response; `max_response` (bytes) for its
    body, unpacked. A connection that was not used for `keep_alive` seconds is not used again: common servers hang up after five,
    and a request must not cross with that. Raises `ConfigError` naming every wrong argument.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | Secret | None = None,
        timeout: float = 30.0,
        max_response: int = 16 * 2**20,
        keep_alive: float = 4.0,
    ) -> None:
        check_arguments(timeout=seconds(timeout), max_response=count(max_response), keep_alive=seconds(keep_alive))
        self._dialer = Dialer(tls=tls, proxy=proxy)
        self._timeout = timeout
        self._max_response = max_response
        self._keep_alive = keep_alive
        self._pool: Pool | None = None
        self._closed = False

    async def send(self, request: Request, passage: Passage | None = None) -> Response:
        """See `Http.send`. Cancelled, the request's connection is dropped at once."""
        passage = passage or Passage()
        pool = self._open_pool()
        with trio.move_on_after(self._timeout):
            return await pool.exchange(request, passage)
        late = f"within {self._timeout:g} s"
        if passage.left:
            raise ReplyTimeout(f"{request.shown}: no whole response {late}")
        raise ConnectionLost(f"{request.shown}: not connected {late}", sent="no")

    async def aclose(self) -> None:
        """Drop all connections. Requests under way fail."""
        self._closed = True
        if self._pool is not None:
            await self._pool.aclose()

    def _open_pool(self) -> Pool:
        if self._closed:
            raise LocalProtocolError("the HTTP client is closed")
        if self._pool is None:
            from .http_pool import Pool  # not before the first request: the library is large

            self._pool = Pool(self._dialer, max_response=self._max_response, keep_alive=self._keep_alive)
        return self._pool
