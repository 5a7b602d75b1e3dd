"""The relay's pages for machines: `/metrics`, `/health` and `/live`, on a port of its own.

GET and HEAD alone, one request a connection, few connections at a time, each for a short time; where one more comes, the oldest
is let go: whoever means it has said what he wants by then. Nothing here is encrypted or asks who is there; it listens on the
machine itself unless told otherwise.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from typing import Final

import attrs
import msgspec
import trio

from ..core.config import check_all, checked, seconds
from ..core.http import HttpCall, Response
from ..errors import ConfigError
from ..shell.http_server import answer_http
from .logs import say
from .looking import RelayLook, health
from .tally import RelayTally

__all__ = ["HttpSettings", "open_listeners", "pages", "serve_pages"]

CONNECTIONS: Final = 64
"""At a time."""
MAX_HEAD: Final = 8 * 1024


def _address(value: object) -> str | None:
    if isinstance(value, str):
        host, _, port = value.rpartition(":")
        if host and port.isascii() and port.isdigit() and int(port) < 1 << 16:
            return None
    return 'must be an address and a port, as "127.0.0.1:9100"'


@attrs.frozen(kw_only=True)
class HttpSettings:
    """`[http]`. `listen` is an address and a port (0: any that is free); `grace` is for how many seconds a stream or the sink may
    be away, or an event wait, before `/health` says so; `within` the seconds that a request and its answer may take. Raises
    `ConfigError` naming every wrong field."""

    listen: str = attrs.field(default="127.0.0.1:9100", metadata=checked(_address))
    grace: float = attrs.field(default=60.0, metadata=checked(seconds))
    within: float = attrs.field(default=10.0, metadata=checked(seconds))

    def __attrs_post_init__(self) -> None:
        check_all(self)
        if importlib.util.find_spec("prometheus_client") is None:
            raise ConfigError(["listen: it needs another package: pip install 'pushwire[metrics]'"])

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])


def pages(look: Callable[[], RelayLook], tally: RelayTally, grace: float) -> Callable[[HttpCall], Response]:
    """What is answered."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    from ..shell.prometheus import StreamMetrics
    from .prometheus import RelayMetrics

    registry = CollectorRegistry()
    registry.register(StreamMetrics(tallies=tally.streams))
    registry.register(RelayMetrics(look, tally))
    ProcessCollector(registry=registry)

    def answer(call: HttpCall) -> Response:
        if call.method not in ("GET", "HEAD"):
            return Response(405, {"allow": "GET, HEAD"}, b'{"error":"GET and HEAD alone"}')
        match call.path:
            case "/metrics":
                encode, kind = choose_encoder(call.headers.get("accept", ""))
                return Response(200, {"content-type": kind}, encode(registry))
            case "/health":
                found = health(look(), grace)
                return Response(200 if found.ok else 503, {"cache-control": "no-store"}, msgspec.json.encode(found.facts))
            case "/live":
                return Response(200, {"cache-control": "no-store"}, b'{"ok":true}')
            case _:
                return Response(404, {}, b'{"error":"there are /metrics, /health and /live"}')

    return answer


async def open_listeners(settings: HttpSettings) -> list[trio.SocketListener]:
    """Raises `OSError` where the address is taken, or is not this machine's."""
    listeners = await trio.open_tcp_listeners(settings.port, host=settings.host)
    for listener in listeners:
        host, port = listener.socket.getsockname()[:2]
        say("pages", address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}", paths=["/metrics", "/health", "/live"])
    return listeners


async def serve_pages(listeners: list[trio.SocketListener], answer: Callable[[HttpCall], Response], within: float) -> None:
    """Serve until cancelled; a connection may take `within` seconds in all."""
    served: dict[trio.CancelScope, None] = {}

    async def serve(stream: trio.SocketStream) -> None:
        if len(served) >= CONNECTIONS:
            # Not the new one: a few that say nothing would otherwise keep everybody out.
            oldest = next(iter(served))
            del served[oldest]
            oldest.cancel()
        with trio.move_on_after(within) as scope:
            served[scope] = None
            try:
                await answer_http(stream, answer, once=True, max_head=MAX_HEAD, max_body=0)
                await stream.aclose()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            except Exception as error:  # noqa: BLE001 - a page that cannot be made is no reason for the relay to end
                say("page failed", logging.ERROR, error=f"{type(error).__name__}: {error}")
            finally:
                served.pop(scope, None)
                await trio.aclose_forcefully(stream)

    await trio.serve_listeners(serve, listeners)
