"""How a subscription that is not public is authorised (seeds/003…, "Authenticate with HTTP headers")."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from ...core.http import Request
from ...core.secrets import Secret
from ..pusher.auth import AuthEndpoint, Authoriser
from .signing import RequestSigner

__all__ = ["QuickPayAuthoriser", "QuickPayEndpoint"]


@attrs.frozen(kw_only=True)
class QuickPayEndpoint(AuthEndpoint):
    """Asks with a bearer token: `jwt`, as it is, or one of its own that `signer` makes for each request."""

    uri: str
    """What a token names as the target of its request."""
    nonce: Callable[[], str] = attrs.field(repr=False)
    signer: RequestSigner | None = None
    jwt: Secret | None = None

    def request(self, fields: Mapping[str, str], wall: float) -> Request:
        request = super().request(fields, wall)
        token = self.jwt
        if self.signer is not None:
            token = self.signer.token(self.uri, request.body, wall=wall, nonce=self.nonce())
        assert token is not None, "without either there is no endpoint"
        return attrs.evolve(request, headers={**request.headers, "Authorization": Secret(f"Bearer {token.reveal()}")})


@attrs.frozen
class QuickPayAuthoriser(Authoriser):
    """The endpoint, where there is something to ask it with."""

    def channel_problem(self, channel: str, channel_data: str | None, *, signed_in: bool) -> str | None:
        return None if self.endpoint is not None else f"{channel} needs an authorisation: set private_key, or jwt"
