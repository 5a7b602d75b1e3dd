"""The parts of a stream that tell how its first connection comes about: connector, resolver, HTTP and credentials, each as it is
for any stream, and watched.

What must not live here: judgement (`troubles`), and when the examination is over (`run`).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, cast

import attrs
import trio

from ..core.effects import Credential, Dial, Handshake
from ..core.http import Request, Response
from ..core.secrets import Secret
from ..core.tokens import TokenSource
from ..errors import PushwireError
from ..shell.dialer import start_tls, tcp_socket
from ..shell.http import Http, Passage
from ..shell.transport import DialFailed
from ..shell.websocket import WebSocketConnection, WebSocketConnector
from ..wire.client import ClientWire
from .advice import Subject
from .clock import Skew, date_in, measure
from .steps import Chart, Step, Trouble, Verdict
from .troubles import of_dial, of_error, of_status

if TYPE_CHECKING:
    from websockets.uri import WebSocketURI

__all__ = ["Watch", "WatchedConnector", "WatchedHttp", "WatchedResolver", "WatchedSource"]

Info: TypeAlias = tuple[Any, Any, int, str, tuple[Any, ...]]  # as `socket.getaddrinfo` has it

EXPIRING: Final = 14.0
"""Days."""

_DAY: Final = 86400.0
_SHOWN: Final = 3
"""Addresses of a name that are shown."""

_ERROR: Final = 400
"""The first HTTP status that is one. Redirects are not followed, and no better: they begin below."""
_REDIRECT: Final = 300


@attrs.define(eq=False)
class Watch:
    """What the watched parts write to. `wall` gives POSIX seconds."""

    chart: Chart
    subject: Subject
    secrets: list[Secret]
    """What must not be shown; grows by each credential that is got."""
    wall: Callable[[], float]
    again: bool = False
    """The machine dials again, or is about to: the first connection is over."""
    skew: Skew | None = None
    """By the last answer that had a Date."""
    changed: trio.lowlevel.ParkingLot = attrs.Factory(trio.lowlevel.ParkingLot)

    def begin(self, step: Step) -> None:
        self.chart.begin(step, trio.current_time())

    def passed(self, step: Step, detail: str, trouble: Trouble | None = None) -> None:
        """A step went well; with a `trouble`, well enough."""
        verdict = Verdict.OK if trouble is None else Verdict.WARNING
        self.chart.conclude(step, verdict, trio.current_time(), detail, trouble)

    def failed(self, step: Step, trouble: Trouble, detail: str) -> None:
        self.chart.fail(step, trouble, trio.current_time(), detail)
        self.changed.unpark_all()

    async def over(self) -> NoReturn:
        """A second attempt begins. It is not made: one is what is looked at."""
        self.again = True
        self.changed.unpark_all()
        await trio.sleep_forever()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for it to be true."""
        while not condition():
            await self.changed.park()


class WatchedConnector(WebSocketConnector):
    """The default transport, for one connection."""

    def __init__(self, watch: Watch, *, tls: ssl.SSLContext | None, proxy: str | Secret | None) -> None:
        super().__init__(tls=tls, proxy=proxy)
        self._watch = watch
        self._proxied = proxy is not None
        self._dialled = False

    async def dial(self, dial: Dial, nursery: trio.Nursery) -> WebSocketConnection:
        """The first one is made; any later one tells that the first is over. Raises `DialFailed`."""
        if self._dialled:
            await self._watch.over()
        self._dialled = True
        try:
            return await super().dial(dial, nursery)
        except DialFailed as failed:
            step, trouble = of_dial(failed.close)
            reason = failed.close.reason
            shown = str(failed.close) if failed.close.status is not None else reason.removeprefix(f"{step.value}: ")
            self._watch.failed(step, trouble, shown)
            raise

    async def _open(self, uri: WebSocketURI) -> trio.abc.Stream:
        watch = self._watch
        watch.subject.host, watch.subject.port = uri.host, uri.port
        context = self._dialer.tls if uri.secure else None  # not within a step: to load the system's certificates takes time
        watch.begin(Step.CONNECT)
        stream = await self._dialer.open_tcp(uri.host, uri.port)
        watch.passed(Step.CONNECT, f"{uri.host}:{uri.port} through the proxy" if self._proxied else _peer(stream))
        if context is not None:
            watch.begin(Step.TLS)
            stream = await start_tls(stream, context, uri.host)
            watch.passed(Step.TLS, *_certificate(stream, watch.wall()))
        elif not _is_local(uri.host):
            watch.passed(Step.TLS, "ws:// has none", Trouble.PLAIN)
        watch.begin(Step.HANDSHAKE)
        return stream

    async def _shake_hands(self, stream: trio.abc.Stream, wire: ClientWire) -> Handshake:
        watch = self._watch
        asked = watch.wall()
        try:
            handshake = await super()._shake_hands(stream, wire)
        finally:
            watch.skew = measure(date_in(wire.head), asked, watch.wall()) or watch.skew
            if watch.skew is not None:
                trouble = Trouble.SKEWED if watch.skew.matters else None
                watch.passed(Step.CLOCK, str(watch.skew), trouble)
        chosen = "" if handshake.subprotocol is None else f", subprotocol {handshake.subprotocol}"
        watch.passed(Step.HANDSHAKE, f"HTTP {handshake.status}{chosen}")
        watch.begin(Step.LOGIN)
        return handshake


def _peer(stream: trio.abc.Stream) -> str:
    """The address at the other end."""
    sock = tcp_socket(stream)
    assert sock is not None, "what is opened without a proxy has a socket"
    name: tuple[object, ...] = sock.getpeername()
    return _endpoint(str(name[0]), name[1])


def _endpoint(host: str, port: object) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _certificate(stream: trio.abc.Stream, wall: float) -> tuple[str, Trouble | None]:
    """What there is to say of TLS: its version, and how long the certificate is good for."""
    tls = cast("trio.SSLStream[trio.abc.Stream]", stream)
    # Both are `ssl.SSLObject`'s, which the stream hands through untyped.
    version: object = tls.version()
    certificate = cast("dict[str, str] | None", tls.getpeercert())
    if not certificate:
        return f"{version}, the certificate was not asked for", None
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - wall) / _DAY
    return f"{version}, the certificate is good for {days:.0f} days", Trouble.EXPIRING if days < EXPIRING else None


class WatchedResolver(trio.abc.HostnameResolver):
    """The resolver that was there before, or the system's."""

    def __init__(self, watch: Watch) -> None:
        self.before: trio.abc.HostnameResolver | None = None
        self._watch = watch
        self._asked = False

    async def getaddrinfo(
        self, host: bytes | None, port: bytes | str | int | None, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Info]:
        """See `socket.getaddrinfo`. Raises `socket.gaierror`."""
        watch = self._watch
        # The first name of a dial: its host's, or that of the proxy on the way there.
        dialling = watch.chart.current is Step.CONNECT and not self._asked
        if dialling:
            self._asked = True
            watch.begin(Step.RESOLVE)
        if self.before is not None:
            found = await self.before.getaddrinfo(host, port, family, type, proto, flags)
        else:
            found = await trio.to_thread.run_sync(
                socket.getaddrinfo, host, port, family, type, proto, flags, abandon_on_cancel=True
            )
        if dialling:
            name = "" if host is None else host.decode(errors="replace")
            watch.passed(Step.RESOLVE, f"{name}: {_addresses(found)}")
            watch.begin(Step.CONNECT)
        return list(found)

    async def getnameinfo(self, sockaddr: Any, flags: int) -> NoReturn:  # an address, of whatever family
        """Never asked for by what dials."""
        raise NotImplementedError


def _addresses(found: Sequence[Info]) -> str:
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    more = len(addresses) - _SHOWN
    return ", ".join(addresses[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


class WatchedHttp:
    """An `Http`. What is asked for while a subscription is made is its authorisation, a step by itself."""

    def __init__(self, watch: Watch, client: Http) -> None:
        self._watch = watch
        self._client = client

    async def send(self, request: Request, passage: Passage | None = None) -> Response:
        """See `Http.send`."""
        watch = self._watch
        authorises = watch.chart.current is Step.SUBSCRIBE
        watch.subject.asked = request.shown
        if authorises:
            watch.begin(Step.TOKEN)
        asked = watch.wall()
        try:
            response = await self._client.send(request, passage)
        except PushwireError as error:
            if authorises:
                watch.failed(Step.TOKEN, of_error(error), str(error))
            raise
        watch.skew = measure(response.headers.get("date", ""), asked, watch.wall()) or watch.skew
        if authorises:
            self._authorised(response.status)
        return response

    async def aclose(self) -> None:
        """See `Http.aclose`."""
        await self._client.aclose()

    def _authorised(self, status: int) -> None:
        watch = self._watch
        shown = f"HTTP {status} from {watch.subject.asked}"
        if status >= _REDIRECT:
            watch.failed(Step.TOKEN, of_status(status), shown)
            return
        skewed = watch.skew is not None and watch.skew.matters
        watch.passed(Step.TOKEN, f"{shown}; clock {watch.skew}" if skewed else shown, Trouble.SKEWED if skewed else None)
        watch.begin(Step.SUBSCRIBE)


class WatchedSource:
    """A `TokenSource`: that of the stream. `fetches`: what it gives is fetched, and not simply at hand."""

    def __init__(self, watch: Watch, source: TokenSource, *, fetches: bool) -> None:
        self._watch = watch
        self._source = source
        self._fetches = fetches
        self._asked: set[str] = set()

    async def __call__(self, wanted: Credential) -> Secret:
        """The credential for the first connection. Raises what the source raises."""
        watch = self._watch
        if wanted.name in self._asked:
            await watch.over()
        self._asked.add(wanted.name)
        watch.begin(Step.TOKEN)
        try:
            secret = await self._source(wanted)
        except Exception as error:
            watch.failed(Step.TOKEN, of_error(error), str(error))
            raise
        watch.secrets.append(secret)
        if self._fetches:
            watch.passed(Step.TOKEN, "fetched")
        return secret
