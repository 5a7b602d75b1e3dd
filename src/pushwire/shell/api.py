"""REST: one `Api` serves all providers.

What a call asks and how its answer is read is the endpoint's; whether it is made again, `core.retries` says. Here it is done.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Generic, Self, TypeVar

import trio

from ..core.config import ConnectionConfig, count, positive, seconds
from ..core.effects import Credential
from ..core.http import Endpoint, Paged, Request, Response
from ..core.retries import UNAVAILABLE, Retries, RetryPolicy
from ..core.secrets import Redactor, Secret, clean
from ..core.tokens import TokenSource
from ..errors import (
    AuthenticationRefused,
    CommandRefused,
    ConnectionLost,
    OutcomeUnknown,
    RateLimited,
    RemoteProtocolError,
    ReplyTimeout,
)
from .arguments import check_arguments
from .credentials import TOKEN, Credentials
from .entropy import Entropy
from .http import Http, HttpClient, Passage
from .ratelimit import RateBuckets

__all__ = ["Api", "Pages", "open_api"]

ConfigT = TypeVar("ConfigT", bound=ConnectionConfig)
ReplyT = TypeVar("ReplyT")

_TOO_MANY: Final = 429
_GATEWAY: Final = frozenset({502, 504})
"""HTTP statuses told by one who does not know what became of the call."""


def open_api(
    config: ConfigT,
    *,
    tokens: TokenSource | Secret | None = None,
    timeout: float = 30.0,
    tries: int = 3,
    patience: float = 30.0,
    max_response: int = 16 * 2**20,
    keep_alive: float = 4.0,
    buckets: RateBuckets | None = None,
    tls: ssl.SSLContext | None = None,
    proxy: str | Secret | None = None,
    http: Http | None = None,
    entropy: Entropy | None = None,
) -> AbstractAsyncContextManager[Api[ConfigT]]:
    """A provider's REST calls, over connections that are kept for the next call until the block ends.

    - `tokens`: where the access token comes from; by default what the config names, else a `TokenKeeper` of the config's grant.
      One `TokenKeeper` may be shared with streams and other `Api`s.
    - `timeout` (seconds): for one attempt at a call, from the dialling to the last byte of the response.
    - `tries`: the attempts at one call. What was not carried out is made again; what may have been, only where the endpoint is
      `repeatable`. `patience` (seconds): how long one call may wait because the provider says so (429, Retry-After).
    - `max_response` (bytes): a longer response is refused. `keep_alive` (seconds): an idle connection is not used after that.
    - `buckets`: the rate limits, to be shared by the `Api`s of one account; by default the config's `rate_limits`, unshared.
    - `tls`: the context for https:// (None: the system's certificates). `proxy`: as for `connect`.
    - `http`: carries the requests in place of a client with these settings; whoever opened it closes it.

    Raises `ConfigError` naming every wrong argument.
    """
    check_arguments(
        timeout=seconds(timeout),
        tries=count(tries),
        patience=positive(patience),
        max_response=count(max_response),
        keep_alive=seconds(keep_alive),
        buckets=None if buckets is None else _missing(config, buckets),
    )
    client = HttpClient(tls=tls, proxy=proxy, timeout=timeout, max_response=max_response, keep_alive=keep_alive)
    policy = RetryPolicy(tries=tries, patience=patience)
    buckets = RateBuckets(config.rate_limits) if buckets is None else buckets
    return _opened(config, tokens, client, http or client, buckets, policy, entropy or Entropy())


def _missing(config: ConnectionConfig, buckets: RateBuckets) -> str | None:
    missing = sorted(config.rate_limits.keys() - buckets.names)
    return f"no limit is called {', '.join(missing)}" if missing else None


@asynccontextmanager
async def _opened(
    config: ConfigT,
    tokens: TokenSource | Secret | None,
    client: HttpClient,
    http: Http,
    buckets: RateBuckets,
    policy: RetryPolicy,
    entropy: Entropy,
) -> AsyncGenerator[Api[ConfigT]]:
    credentials = Credentials(config, tokens, http, buckets=buckets, wall=entropy.wall)
    try:
        yield Api(config, http, credentials, buckets, policy, entropy)
    finally:
        await credentials.aclose()
        await client.aclose()


class Api(Generic[ConfigT]):
    """Makes calls; see `open_api`. Any number of tasks may use it side by side."""

    def __init__(
        self, config: ConfigT, http: Http, tokens: TokenSource, buckets: RateBuckets, policy: RetryPolicy, entropy: Entropy
    ) -> None:
        self.config: Final[ConfigT] = config
        self.unsettled: Final[list[Endpoint[ConfigT, object]]] = []
        """Calls whose caller was cancelled when they may have left: nobody was told what became of them. Oldest first, and only
        those that are not `repeatable`. Yours to empty."""
        self._http = http
        self._tokens = tokens
        self._buckets = buckets
        self._policy = policy
        self._rng = entropy.rng()

    async def call(self, endpoint: Endpoint[ConfigT, ReplyT]) -> ReplyT:
        """Make a call, again where that is safe, and return its reply.

        Raises what the endpoint's `decode` raises (`CommandRefused` with the provider's code and trace id,
        `AuthenticationRefused`, `RemoteProtocolError`); `RateLimited` where the patience ends; `ConnectionLost` and
        `ReplyTimeout` for a call that may safely be made again; `OutcomeUnknown` for one that may not, where no answer tells what
        became of it; `LocalProtocolError` for one that cannot be sent; and what the source of the token raises.
        """
        retries = Retries(self._policy, self._rng, repeatable=endpoint.repeatable)
        token = _Token(self._tokens)
        while True:
            passage = Passage()
            try:
                async with self._buckets.turn(endpoint.buckets, passage):
                    request = endpoint.request(self.config, await token.get() if endpoint.auth == TOKEN else None)
                    response = await self._http.send(request, passage)
            except (ConnectionLost, ReplyTimeout, RemoteProtocolError) as error:
                delay = None if isinstance(error, RemoteProtocolError) else retries.lost(sent=passage.left)
                if delay is None:
                    if passage.left and not endpoint.repeatable:
                        raise _unknown(endpoint, error) from error
                    raise
            except BaseException:
                if passage.left and not endpoint.repeatable:
                    self.unsettled.append(endpoint)
                raise
            else:
                delay = self._delay(endpoint, request, response, retries)
                if delay is None:
                    try:
                        return _decoded(endpoint, request, response)
                    except AuthenticationRefused as error:
                        if not token.refused(error):
                            raise
                        delay = 0.0
            await trio.sleep(delay)

    def pages(self, endpoint: Paged[ConfigT, ReplyT]) -> Pages[ConfigT, ReplyT]:
        """The pages from this call on, each asked for when it is wanted."""
        return Pages(self, endpoint)

    def _delay(self, endpoint: Endpoint[ConfigT, object], request: Request, response: Response, retries: Retries) -> float | None:
        """In how many seconds to call again because of this response, None: it is to be decoded. Raises `RateLimited`."""
        if response.status == _TOO_MANY:
            limited = _limited(endpoint, request, response)
            delay = retries.limited(limited.retry_after)
            if delay is None:
                raise limited
            self._buckets.close(endpoint.buckets, delay)
            return delay
        return retries.unavailable(response.retry_after) if response.status in UNAVAILABLE else None


class Pages(Generic[ConfigT, ReplyT]):
    """An async iterator over the pages of one answer. Raises what `Api.call` does."""

    def __init__(self, api: Api[ConfigT], endpoint: Paged[ConfigT, ReplyT]) -> None:
        self._api = api
        self._following: Paged[ConfigT, ReplyT] | None = endpoint

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReplyT:
        asked = self._following
        if asked is None:
            raise StopAsyncIteration
        page = await self._api.call(asked)
        self._following = asked.next_page(page)
        return page


class _Token:
    """The token of one call, replaced once where it is refused."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self._used: Secret | None = None
        self._refusal: AuthenticationRefused | None = None
        self._replaced = False

    async def get(self) -> Secret:
        """The token for an attempt. Raises the refusal of the last one where there is no other."""
        renews = self._refusal is not None and not self._replaced
        try:
            token = await self._source(Credential(TOKEN, refresh=renews, refused=self._used if renews else None))
        except (ConnectionLost, ReplyTimeout) as error:
            raise ConnectionLost(f"no token for the call: {error}", sent="no") from None
        if self._refusal is not None and not self._replaced:
            if token == self._used:
                raise self._refusal
            self._replaced = True
        self._used = token
        return token

    def refused(self, refusal: AuthenticationRefused) -> bool:
        """The token was refused. Returns whether to try another one."""
        if self._used is None or self._refusal is not None:
            return False
        self._refusal = refusal
        return True


def _read(endpoint: Endpoint[ConfigT, ReplyT], request: Request, response: Response) -> ReplyT:
    """What the response says. A provider's words may repeat the key they are about: no error shows what the request hid."""
    try:
        return endpoint.decode(response)
    except (RemoteProtocolError, OutcomeUnknown) as error:
        clean(error, Redactor(_hidden(request)))
        raise


def _hidden(request: Request) -> Iterator[Secret]:
    for value in (request.url, *request.headers.values()):
        if isinstance(value, Secret):
            yield from value.words


def _decoded(endpoint: Endpoint[ConfigT, ReplyT], request: Request, response: Response) -> ReplyT:
    try:
        return _read(endpoint, request, response)
    except AuthenticationRefused:
        raise
    except RemoteProtocolError as error:
        told = isinstance(error, CommandRefused) and response.status not in _GATEWAY
        if endpoint.repeatable or told:
            raise
        raise _unknown(endpoint, error) from error


def _unknown(endpoint: Endpoint[ConfigT, object], error: Exception) -> OutcomeUnknown:
    return OutcomeUnknown(f"{type(endpoint).__name__} may have been carried out: {error}", command=endpoint)


def _limited(endpoint: Endpoint[ConfigT, object], request: Request, response: Response) -> RateLimited:
    """The error for a 429, with what the provider's own answer says."""
    name, after = type(endpoint).__name__, response.retry_after
    try:
        _read(endpoint, request, response)
    except CommandRefused as error:
        told = after if after is not None else error.retry_after
        code = _TOO_MANY if error.code is None else error.code
        return RateLimited(name, code, error.text, trace_id=error.trace_id, retry_after=told)
    except RemoteProtocolError:
        pass
    return RateLimited(name, _TOO_MANY, "too many calls", retry_after=after)
