"""What the client asks for that goes over HTTP, as the sandbox's HTTP side gets it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from ..core.http import HttpCall, Request
from ..core.secrets import Secret

__all__ = ["call_of"]


def call_of(request: Request) -> HttpCall:
    """A request as it arrives."""
    url = urlsplit(_revealed(request.url))
    headers = {name.lower(): _revealed(value) for name, value in request.headers.items()}
    return HttpCall(request.method, url.path, dict(parse_qsl(url.query)), headers, request.body)


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
