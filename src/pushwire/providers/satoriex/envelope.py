"""How every REST call of SatoriEx is asked and answered: bearer tokens, JSON, and the envelope around all replies
(providers/satoriex.md, 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote, urlencode

import msgspec

from ...core.http import Request, Response
from ...core.runs import MISFITS
from ...core.secrets import Secret
from ...errors import AuthenticationRefused, CommandRefused, RemoteProtocolError
from .values import decode, text

__all__ = ["TOKEN_EXPIRED"]

TOKEN_EXPIRED: Final = 2002
INTERNAL_ERRORS: Final = 50_000
"""Codes from here on say that it is SatoriEx that failed."""


def ask(
    method: Literal["GET", "POST"],
    url: str,
    *,
    token: Secret | None = None,
    query: Mapping[str, int] | None = None,
    body: Mapping[str, str | int] | None = None,
) -> Request:
    headers: dict[str, str | Secret] = {"accept": "application/json"}
    if token is not None:
        headers["authorization"] = Secret(f"Bearer {token.reveal()}")
    if body is not None:
        headers["content-type"] = "application/json"
    asked = f"{url}?{urlencode(query)}" if query else url
    return Request(method, asked, headers, b"" if body is None else msgspec.json.encode(body))


def is_internal(error: AuthenticationRefused | CommandRefused) -> bool:
    """Whether SatoriEx failed at what was asked, rather than refusing it."""
    return isinstance(error.code, int) and error.code >= INTERNAL_ERRORS


def part(identifier: str) -> str:
    """An id as a part of a path."""
    return quote(identifier, safe="")


def data_of(call: str, response: Response) -> object:
    """The data of a successful reply. Raises what `core.http.Endpoint.decode` may raise."""
    try:
        envelope = decode(response.body)
    except MISFITS:
        envelope = {}
    code, message = envelope.get("code"), text(envelope, "msg") or f"HTTP {response.status}"
    number = code if type(code) is int else None
    if response.status == 401 or number == TOKEN_EXPIRED:
        raise AuthenticationRefused(f"{call}: {message}", status=response.status, code=number)
    is_success = 200 <= response.status < 300
    if number is None or not (is_success or response.status >= 400):
        # A redirect, which is not followed, is nothing that SatoriEx says of the call, whatever stands in its body.
        raise RemoteProtocolError(f"{call}: HTTP {response.status}, and no reply that can be read")
    if number != 0 or not is_success:
        raise CommandRefused(call, number, message, trace_id=text(envelope, "trace_id"))
    return envelope.get("data")
