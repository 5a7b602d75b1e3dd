"""Where the credentials of one config come from."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import attrs

from ..core.config import ConnectionConfig
from ..core.effects import Credential
from ..core.secrets import Secret
from ..core.tokens import TokenSource
from ..errors import NotReady
from .http import Http
from .ratelimit import RateBuckets
from .tokens import TokenKeeper

__all__ = ["TOKEN", "Credentials"]

TOKEN: Final = "token"
"""The credential that a config's grant gives."""


class Credentials:
    """A `TokenSource`: what was `given`, else what the config names, else a keeper of the config's grant.

    It adds to each refresh what was refused: the credential it gave last. Raises `NotReady` for a credential without a source.
    """

    def __init__(
        self,
        config: object,
        given: TokenSource | Secret | None,
        http: Http,
        *,
        buckets: RateBuckets | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._config = config if isinstance(config, ConnectionConfig) else None
        self._given = given
        grant = None if self._config is None else self._config.grant()
        self._keeper = None if grant is None else TokenKeeper(grant, http=http, buckets=buckets, wall=wall)
        self._last: dict[str, Secret] = {}

    async def __call__(self, wanted: Credential) -> Secret:
        source = self._source(wanted.name)
        if source is None:
            raise NotReady(f"no source for the credential {wanted.name!r}")
        if isinstance(source, Secret):
            return source
        if wanted.refresh and wanted.refused is None:
            wanted = attrs.evolve(wanted, refused=self._last.get(wanted.name))
        secret = self._last[wanted.name] = await source(wanted)
        return secret

    async def aclose(self) -> None:
        """Give up a renewal under way."""
        if self._keeper is not None:
            await self._keeper.aclose()

    def _source(self, name: str) -> TokenSource | Secret | None:
        if self._given is not None:
            return self._given
        named = None if self._config is None else self._config.credential(name)
        return self._keeper if named is None and name == TOKEN else named
