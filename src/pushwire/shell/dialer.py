"""A byte stream to a host: name, address, proxy, TLS. Each step that fails says which one it was.

What must not live here: WebSocket, and time limits, which are the machine's. Nothing raised here holds a secret.
"""

from __future__ import annotations

import math
import os
import socket
import ssl
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import unquote, urlsplit
from weakref import WeakValueDictionary

import attrs
import trio

from ..core.effects import Close
from ..core.secrets import Secret, revealed
from ..errors import ConfigError
from .transport import DialFailed

if TYPE_CHECKING:
    from websockets.uri import WebSocketURI

__all__ = ["Dialer", "explain", "start_tls", "tcp_socket"]

_PROXY_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_NO_SOCKS: Final = "proxy: the package python-socks is not installed (pip install 'pushwire[proxy]')"
_CONTEXTS: Final[WeakValueDictionary[tuple[str | None, str | None], ssl.SSLContext]] = WeakValueDictionary()
"""With the system's certificates, by what says where those are. One is shared as long as anybody has it: to load them takes tens
of milliseconds and 0.8 MB."""


@attrs.frozen
class _Proxy:
    scheme: str
    host: str
    port: int
    username: str | None = attrs.field(repr=False)
    password: str | None = attrs.field(repr=False)


class Dialer:
    """Opens byte streams, with the TLS and proxy settings of one `connect`.

    `tls` is the context for wss:// (None: the system's certificates, ALPN http/1.1). `proxy` is an http://, https://, socks5://
    (names are resolved here) or socks5h:// (the proxy resolves them) URL, with user:password where it wants them; `proxy_tls` is
    the context for an https:// one. Raises `ConfigError` for a proxy that cannot be used.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, proxy: str | Secret | None = None, proxy_tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self._proxy = None if proxy is None else _parse_proxy(revealed(proxy))
        self._proxy_tls = proxy_tls

    async def open(self, uri: WebSocketURI) -> trio.abc.Stream:
        """A stream to the host of `uri`, TLS done for wss://. Raises `DialFailed`; when cancelled, no socket is left."""
        stream = await self.open_tcp(uri.host, uri.port)
        return await start_tls(stream, self.tls, uri.host) if uri.secure else stream

    async def open_tcp(self, host: str, port: int) -> trio.abc.Stream:
        """A stream to a host, without TLS. Raises `DialFailed`; when cancelled, no socket is left."""
        if self._proxy is None:
            return await _open_tcp(host, port)
        return await self._open_through(self._proxy, host, port)

    @property
    def tls(self) -> ssl.SSLContext:
        """The context for hosts; loading the system's certificates takes tens of milliseconds, unless another has them."""
        if self._tls is None:
            self._tls = _default_tls()
        return self._tls

    async def _open_through(self, proxy: _Proxy, host: str, port: int) -> trio.abc.Stream:
        from python_socks import ProxyConnectionError, ProxyError, ProxyType
        from python_socks.async_.trio.v2 import Proxy

        proxy_tls = None
        if proxy.scheme == "https":
            proxy_tls = self._proxy_tls = self._proxy_tls or _default_tls()
        settings = Proxy(
            ProxyType.HTTP if proxy.scheme.startswith("http") else ProxyType.SOCKS5,
            proxy.host,
            proxy.port,
            username=proxy.username,
            password=proxy.password,
            rdns=proxy.scheme == "socks5h",
            proxy_ssl=proxy_tls,
        )
        try:
            # The limit is the machine's; without one, the library would put its own minute.
            tunnel = await settings.connect(host, port, timeout=math.inf)
            # The library leaves open what its TLS stream stands on.
            return cast("trio.abc.Stream", tunnel.trio_stream)  # pyright: ignore[reportUnknownMemberType]
        except ProxyConnectionError as error:
            raise _failed("proxy: cannot connect to it", error) from None
        except ProxyError as error:
            raise DialFailed(Close(reason=f"proxy: {error}", by="transport")) from None
        except Exception as error:  # noqa: BLE001 - the library lets whatever a hostile or broken proxy provokes through
            raise _failed("proxy", error) from None


def explain(error: BaseException) -> str:
    """What the system said, in a few words: the innermost cause, without the addresses and objects of the outer ones."""
    while (inner := _inner(error)) is not None:
        error = inner
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return str(getattr(error, "reason", None) or "TLS error")  # absent where Python itself raised it
    if isinstance(error, socket.gaierror) and error.strerror:
        return error.strerror
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return type(error).__name__


def _inner(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error.__cause__


def tcp_socket(stream: trio.abc.Stream) -> trio.socket.SocketType | None:
    """The socket under a stream, through any number of TLS layers; None for streams without one."""
    while isinstance(stream, trio.SSLStream):
        stream = cast("trio.SSLStream[trio.abc.Stream]", stream).transport_stream
    return stream.socket if isinstance(stream, trio.SocketStream) else None


async def _open_tcp(host: str, port: int) -> trio.abc.Stream:
    try:
        return await trio.open_tcp_stream(host, port)  # happy eyeballs, and TCP_NODELAY, are trio's
    except socket.gaierror as error:
        raise _failed("resolve", error) from None
    except (OSError, ValueError) as error:
        raise _failed("connect", error) from None


async def start_tls(transport: trio.abc.Stream, context: ssl.SSLContext, host: str) -> trio.abc.Stream:
    """TLS over `transport`, shaken hands. Raises `DialFailed`; when that fails or is cancelled, the transport is closed."""
    try:
        stream = trio.SSLStream(transport, context, server_hostname=host, https_compatible=True)
        await stream.do_handshake()
    except BaseException as error:  # noqa: BLE001 - raised again below, as it is or as what it means
        await trio.aclose_forcefully(transport)
        raise (_failed("tls", error) if isinstance(error, (trio.BrokenResourceError, OSError, ValueError)) else error) from None
    return stream


def _failed(step: str, error: Exception) -> DialFailed:
    return DialFailed(Close(reason=f"{step}: {explain(error)}", by="transport"))


def _default_tls() -> ssl.SSLContext:
    where = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    context = _CONTEXTS.get(where)
    if context is None:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        _CONTEXTS[where] = context
    return context


def _parse_proxy(url: str) -> _Proxy:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(["proxy: not a valid URL"]) from None
    if parts.scheme not in _PROXY_PORTS or not host:
        raise ConfigError(["proxy: must be an http://, https://, socks5:// or socks5h:// URL with a host"])
    _require_socks()
    username, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
    return _Proxy(parts.scheme, host, port or _PROXY_PORTS[parts.scheme], username, password)


def _require_socks() -> None:
    try:
        import python_socks.async_.trio.v2 as installed
    except ImportError:
        raise ConfigError([_NO_SOCKS]) from None
    del installed
