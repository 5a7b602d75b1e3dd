"""Access tokens, kept fresh: one renewal at a time for all who need one, stored before anyone has it.

What a grant asks and reads is its provider's (`core.tokens.Grant`); nothing of a protocol is decided here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

import attrs
import trio

from ..core.effects import Credential
from ..core.secrets import Secret
from ..core.tokens import Grant, GrantExpired, Tokens
from ..errors import AuthenticationRefused, ConnectionLost, PushwireError, RateLimited, RemoteProtocolError, StoreError
from .dialer import explain
from .http import Http, HttpClient, Passage
from .ratelimit import RateBuckets

__all__ = ["TokenKeeper", "TokenStore"]

PAUSE: Final = 10.0
"""Seconds for which a token that has not expired is used on after its renewal failed, before the next attempt."""

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500


class TokenStore(Protocol):
    """Where tokens outlive the process. One keeper alone uses it: a refresh token that two know is soon dead for one of them."""

    async def load(self) -> Tokens | None:
        """What was stored last. None: nothing yet."""
        ...

    async def save(self, tokens: Tokens) -> None:
        """Store them, durably, in place of what was there. Not to return before that is sure."""
        ...


@attrs.define(eq=False)
class _Step:
    """One step that all who call meanwhile wait for."""

    passage: Passage = attrs.Factory(Passage)
    scope: trio.CancelScope = attrs.Factory(lambda: trio.CancelScope(shield=True))
    done: trio.Event = attrs.Factory(trio.Event)
    waiting: int = 0
    error: Exception | None = None


class TokenKeeper:
    """A `TokenSource` for any number of streams and `Api`s: gives the token to use now, renewed at 80 % of its lifetime.

    - Several who call at a time wait for one renewal. A caller who is cancelled leaves it to the others; its error reaches all of
      them. When nobody is left, a renewal goes on only if its request may have left: its refresh token may be used up.
    - New tokens are stored before anyone gets them. When that fails, `StoreError` reaches all who wait. The tokens are kept in
      memory, since the refresh token they came for is dead, and each later call tries to store them again.
    - A token that was refused is renewed, unless it was replaced since its caller got it.
    - Where the refresh token has expired, it is begun anew with the credentials, once.
    - Where a renewal fails for a reason that may pass, a token that still lives is used on, and the next attempt is 10 seconds
      later.

    `store` is where tokens outlive the process (`FileTokenStore`, or your own; None: nowhere), `http` what carries the requests
    (by default a client that is opened for each), `buckets` the rate limits that the grant names, and `wall` a clock of POSIX
    seconds. Calling it raises `AuthenticationRefused` where there will be no token, `StoreError`, and what an `Http` raises.
    """

    def __init__(
        self,
        grant: Grant,
        *,
        store: TokenStore | None = None,
        http: Http | None = None,
        buckets: RateBuckets | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._grant = grant
        self._store = store
        self._http = http
        self._buckets = buckets or RateBuckets({})
        self._wall = wall
        self._loaded = False
        self._held: Tokens | None = None
        self._unsaved: Tokens | None = None
        self._renewals = 0
        self._paused_until = 0.0
        self._step: _Step | None = None

    async def __call__(self, wanted: Credential) -> Secret:
        """The token to use now; with `wanted.refresh` another one than `wanted.refused`."""
        seen = self._renewals
        error: Exception | None = None
        while True:
            token = self._current(wanted, seen)
            if token is not None:
                return token
            if error is not None:
                raise error
            error = await self._advance()

    async def aclose(self) -> None:
        """Give up a renewal under way; who waits for it gets an error. For a keeper without a store: nothing of use is lost."""
        step = self._step
        if step is not None:
            step.scope.cancel()
            with trio.CancelScope(shield=True):
                await step.done.wait()

    def __repr__(self) -> str:
        return f"TokenKeeper({type(self._grant).__name__})"

    def _current(self, wanted: Credential, seen: int) -> Secret | None:
        """The token, where it serves `wanted`, which was asked for when there had been `seen` renewals."""
        held, wall = self._held, self._wall()
        if held is None:
            return None
        if self._renewals > seen:
            return held.access
        if wanted.refresh and (wanted.refused is None or wanted.refused == held.access):
            return None
        if wall < self._paused_until:
            return held.access if held.alive(wall) else None
        return held.access if self._unsaved is None and held.fresh(wall) else None

    # Steps

    async def _advance(self) -> Exception | None:
        """Wait for the step under way, or for a new one. Returns its error."""
        step = self._step
        if step is None:
            step = self._step = _Step()
            # Not a task of this caller, whose cancellation must not reach the others who wait.
            trio.lowlevel.spawn_system_task(self._run, step)
        step.waiting += 1
        try:
            await step.done.wait()
        finally:
            step.waiting -= 1
            if not (step.waiting or step.passage.left or step.done.is_set()):
                self._step = None
                step.scope.cancel()
        return step.error

    async def _run(self, step: _Step) -> None:
        step.error = ConnectionLost("the renewal of a token was given up", sent="maybe")
        with step.scope:
            try:
                await self._take(step.passage)
                step.error = None
            except Exception as error:  # noqa: BLE001 - whatever it is, it is for those who wait
                step.error = error
        if self._step is step:
            self._step = None
        step.done.set()

    async def _take(self, passage: Passage) -> None:
        """One step: load what was stored, or have new tokens stored, those of an earlier step before others."""
        if not self._loaded:
            passage.left = True
            await self._load()
            return
        if self._unsaved is None:
            self._unsaved = await self._renewed(passage)
        passage.left = True
        try:
            await self._save(self._unsaved)
        except StoreError:
            self._pause()
            raise
        self._held, self._unsaved = self._unsaved, None
        self._renewals += 1

    def _pause(self) -> None:
        """Use on what is held. Not where it was refused, which a token in its best years must have been."""
        wall = self._wall()
        if self._held is not None and not self._held.fresh(wall):
            self._paused_until = wall + PAUSE

    # The grant

    async def _renewed(self, passage: Passage) -> Tokens:
        try:
            try:
                return await self._exchange(self._held, passage)
            except GrantExpired:
                if self._held is None:
                    raise
                return await self._exchange(None, passage)
        except AuthenticationRefused:
            raise
        except PushwireError:
            self._pause()
            raise

    async def _exchange(self, held: Tokens | None, passage: Passage) -> Tokens:
        asked = self._wall()
        request = self._grant.request(held)
        known = [name for name in self._grant.buckets if name in self._buckets.names]
        http = self._http or HttpClient()
        try:
            async with self._buckets.turn(known, passage):
                response = await http.send(request, passage)
        finally:
            if self._http is None:
                await http.aclose()
        if response.status == _TOO_MANY:
            name = type(self._grant).__name__
            raise RateLimited(name, _TOO_MANY, "too many requests for tokens", retry_after=response.retry_after)
        if response.status >= _SERVER_ERROR:
            raise RemoteProtocolError(f"{request.shown}: HTTP {response.status}")
        return self._grant.decode(response, held, asked)

    # The store

    async def _load(self) -> None:
        if self._store is not None:
            try:
                self._held = await self._store.load()
            except Exception as error:  # noqa: BLE001 - a caller's store may raise anything
                raise _store_error("the stored tokens cannot be read", error) from None
        self._loaded = True

    async def _save(self, tokens: Tokens) -> None:
        if self._store is not None:
            try:
                await self._store.save(tokens)
            except Exception as error:  # noqa: BLE001 - as above
                raise _store_error("new tokens could not be stored", error) from None


def _store_error(what: str, error: Exception) -> StoreError:
    """What a store raised, without its text, which may hold tokens."""
    return error if isinstance(error, StoreError) else StoreError(f"{what}: {explain(error)}")
