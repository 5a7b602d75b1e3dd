from __future__ import annotations

import gc
import socket
import ssl
import sys
import weakref
from typing import NoReturn

import pytest
import trio
import trio.testing
from websockets.uri import WebSocketURI, parse_uri

from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.shell.dialer import Dialer, explain, tcp_socket
from pushwire.shell.transport import DialFailed

from .sockets import AUTHORITY, Proxy, Witness, client_tls, serve, server_tls


async def greet(stream: trio.abc.Stream) -> None:
    await stream.send_all(b"hello")


async def greeting(dialer: Dialer, uri: WebSocketURI) -> bytes:
    stream = await dialer.open(uri)
    async with stream:
        return bytes(await stream.receive_some(100))


async def failure(dialer: Dialer, url: str) -> str:
    with pytest.raises(DialFailed) as caught:
        await dialer.open(parse_uri(url))
    close = caught.value.close
    assert close.by == "transport"
    assert close.code is None
    assert close.status is None
    return close.reason


class BlockedResolver(trio.abc.HostnameResolver):
    """Never answers."""

    def __init__(self) -> None:
        self.asked = trio.Event()

    async def getaddrinfo(self, *args: object, **kwargs: object) -> NoReturn:
        self.asked.set()
        await trio.sleep_forever()
        raise AssertionError

    async def getnameinfo(self, *args: object, **kwargs: object) -> NoReturn:
        raise AssertionError


class Resolver(BlockedResolver):
    """Knows no name."""

    async def getaddrinfo(self, *args: object, **kwargs: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_a_plain_stream_has_no_delay_of_small_writes(nursery: trio.Nursery) -> None:
    port = await serve(nursery, greet)
    stream = await Dialer().open(parse_uri(f"ws://127.0.0.1:{port}/"))
    async with stream:
        sock = tcp_socket(stream)
        assert sock is not None
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_tls_is_verified_against_the_given_context(nursery: trio.Nursery) -> None:
    port = await serve(nursery, greet, server_tls())
    uri = parse_uri(f"wss://127.0.0.1:{port}/")
    assert await greeting(Dialer(tls=client_tls()), uri) == b"hello"


async def test_the_default_context_asks_for_http_1_1_and_trusts_the_system(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bundle = tmp_path_factory.mktemp("tls") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    chosen: list[str | None] = []
    tls = server_tls()
    tls.set_alpn_protocols(["h2", "http/1.1"])

    async def note(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SSLStream)
        await stream.do_handshake()
        chosen.append(stream.selected_alpn_protocol())
        await stream.send_all(b"hello")

    port = await serve(nursery, note, tls)
    dialer = Dialer()
    for _ in range(2):
        assert await greeting(dialer, parse_uri(f"wss://127.0.0.1:{port}/")) == b"hello"
    assert chosen == ["http/1.1", "http/1.1"]


def test_the_systems_certificates_are_loaded_once_for_all_who_use_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bundle = tmp_path_factory.mktemp("tls") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(bundle))
    first = Dialer().tls
    assert Dialer().tls is first
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    other = Dialer().tls
    assert other is not first, "they are elsewhere now"
    given = client_tls()
    assert Dialer(tls=given).tls is given
    gone = weakref.ref(other)
    del other
    gc.collect()
    assert gone() is None, "nobody has them any more: they may have changed when somebody asks again"


async def test_an_unknown_name_fails_at_resolve() -> None:
    trio.socket.set_custom_hostname_resolver(Resolver())
    assert await failure(Dialer(), "ws://example.test/?token=hunter22") == "resolve: Name or service not known"


async def test_a_name_that_cannot_be_one_fails_at_connect() -> None:
    assert (await failure(Dialer(), f"ws://{'x' * 70}.test/")).startswith("connect: ")


async def test_a_port_nobody_listens_on_fails_at_connect() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert await failure(Dialer(), f"ws://127.0.0.1:{taken.getsockname()[1]}/") == "connect: Connection refused"


async def test_an_unknown_certificate_fails_at_tls(nursery: trio.Nursery) -> None:
    port = await serve(nursery, greet, server_tls())
    reason = await failure(Dialer(tls=ssl.create_default_context()), f"wss://127.0.0.1:{port}/?token=hunter22")
    assert reason.startswith("tls: certificate verify failed: ")
    assert "hunter22" not in reason


async def test_a_certificate_of_another_host_fails_at_tls(nursery: trio.Nursery) -> None:
    port = await serve(nursery, greet, server_tls("other.test"))
    reason = await failure(Dialer(tls=client_tls()), f"wss://127.0.0.1:{port}/")
    assert reason.startswith("tls: certificate verify failed: ")
    assert "127.0.0.1" in reason


async def test_a_server_without_tls_fails_at_tls_and_its_socket_is_closed(nursery: trio.Nursery) -> None:
    witness = Witness(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n")
    port = await serve(nursery, witness)
    assert (await failure(Dialer(tls=client_tls()), f"wss://127.0.0.1:{port}/")).startswith("tls: ")
    await witness.closed.wait()


class TestProxies:
    @pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
    @pytest.mark.parametrize("credentials", [None, "user:correct horse"])
    @pytest.mark.parametrize("tls", [False, True])
    async def test_each_leads_to_the_server(self, scheme: str, credentials: str | None, tls: bool, nursery: trio.Nursery) -> None:
        port = await serve(nursery, greet, server_tls() if tls else None)
        proxy = Proxy(credentials)
        proxy_port = await serve(nursery, proxy.http if scheme == "http" else proxy.socks5)
        login = "" if credentials is None else "user:correct%20horse@"
        url = f"{scheme}://{login}127.0.0.1:{proxy_port}"
        dialer = Dialer(tls=client_tls(), proxy=url if credentials is None else Secret(url))
        uri = parse_uri(f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/")
        assert await greeting(dialer, uri) == b"hello"
        assert proxy.asked == ["127.0.0.1"]

    @pytest.mark.parametrize("tls", [False, True])
    async def test_the_way_to_an_http_proxy_may_be_tls_itself(self, tls: bool, nursery: trio.Nursery) -> None:
        port = await serve(nursery, greet, server_tls() if tls else None)
        proxy_port = await serve(nursery, Proxy().http, server_tls())
        dialer = Dialer(tls=client_tls(), proxy=f"https://127.0.0.1:{proxy_port}", proxy_tls=client_tls())
        stream = await dialer.open(parse_uri(f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/"))
        async with stream:
            assert await stream.receive_some(100) == b"hello"
            assert tcp_socket(stream) is not None

    async def test_an_https_proxy_is_verified_against_the_system_by_default(self, nursery: trio.Nursery) -> None:
        proxy_port = await serve(nursery, Proxy().http, server_tls())
        reason = await failure(Dialer(proxy=f"https://127.0.0.1:{proxy_port}"), "ws://127.0.0.1:1/")
        assert reason.startswith("proxy: certificate verify failed")

    async def test_a_name_is_resolved_by_the_proxy_with_socks5h(self, nursery: trio.Nursery) -> None:
        port = await serve(nursery, greet)
        proxy = Proxy()
        proxy_port = await serve(nursery, proxy.socks5)
        trio.socket.set_custom_hostname_resolver(Resolver())
        uri = parse_uri(f"ws://example.test:{port}/")
        assert await greeting(Dialer(proxy=f"socks5h://127.0.0.1:{proxy_port}"), uri) == b"hello"
        assert proxy.asked == ["example.test"]
        reason = await failure(Dialer(proxy=f"socks5://127.0.0.1:{proxy_port}"), "ws://example.test/")
        assert reason == "proxy: Name or service not known"

    async def test_wrong_credentials_fail_at_the_proxy_without_being_shown(self, nursery: trio.Nursery) -> None:
        http_port = await serve(nursery, Proxy("user:right").http)
        socks_port = await serve(nursery, Proxy("user:right").socks5)
        url = "ws://127.0.0.1:1/?token=hunter22"
        reason = await failure(Dialer(proxy=f"http://user:wrong-one@127.0.0.1:{http_port}"), url)
        assert reason == "proxy: 407 Proxy Authentication Required"
        reason = await failure(Dialer(proxy=f"socks5://user:wrong-one@127.0.0.1:{socks_port}"), url)
        assert reason.startswith("proxy: ")
        assert "wrong-one" not in reason

    async def test_a_proxy_that_is_not_there_is_named(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            assert await failure(Dialer(proxy=f"http://127.0.0.1:{port}"), "ws://example.test/") == (
                "proxy: cannot connect to it: Connection refused"
            )

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"\xff\xff\xff\xff", b"\0", b"garbage\r\n\r\n"])
    @pytest.mark.parametrize("scheme", ["http", "socks5h"])
    async def test_a_proxy_that_refuses_or_talks_garbage_is_named(
        self, scheme: str, answer: bytes, nursery: trio.Nursery
    ) -> None:
        async def talk(stream: trio.abc.Stream) -> None:
            await stream.receive_some(3)
            await stream.send_all(answer)

        port = await serve(nursery, talk)
        assert (await failure(Dialer(proxy=f"{scheme}://127.0.0.1:{port}"), "ws://example.test/")).startswith("proxy: ")

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://hunter22@proxy.test",
            "hunter22",
            "http://",
            "http://[::1/hunter22",
            "http://proxy.test:hunter22/",
            "socks4://hunter22",
        ],
    )
    def test_a_url_that_is_no_proxy_is_a_config_error_that_does_not_show_it(self, url: str) -> None:
        with pytest.raises(ConfigError, match="proxy: ") as caught:
            Dialer(proxy=Secret(url))
        assert "hunter22" not in str(caught.value)

    def test_a_proxy_needs_its_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "python_socks.async_.trio.v2", None)
        with pytest.raises(ConfigError, match=r"python-socks is not installed \(pip install 'pushwire\[proxy\]'\)"):
            Dialer(proxy="http://proxy.test:3128")

    def test_the_usual_ports_are_known(self) -> None:
        for scheme, port in {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}.items():
            assert f"port={port}" in repr(Dialer(proxy=f"{scheme}://user:hunter22@proxy.test")._proxy)

    def test_credentials_are_not_shown(self) -> None:
        assert "hunter22" not in repr(Dialer(proxy="http://user:hunter22@proxy.test")._proxy)


class TestCancellation:
    async def cancel(self, dialer: Dialer, url: str, reached: trio.Event) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    await reached.wait()
                    scope.cancel()

                nursery.start_soon(cancel)
                await dialer.open(parse_uri(url))
        assert scope.cancelled_caught

    async def test_a_dial_may_be_cancelled_while_it_resolves(self) -> None:
        resolver = BlockedResolver()
        trio.socket.set_custom_hostname_resolver(resolver)
        await self.cancel(Dialer(), "ws://example.test/", resolver.asked)

    @pytest.mark.parametrize("proxy", ["http", "https", "socks5h"])
    async def test_no_socket_is_left_when_it_is_cancelled_at_the_proxy(self, proxy: str, nursery: trio.Nursery) -> None:
        witness = Witness()
        port = await serve(nursery, witness)
        await self.cancel(Dialer(proxy=f"{proxy}://127.0.0.1:{port}"), "ws://example.test/", witness.reached)
        await witness.closed.wait()

    async def test_no_socket_is_left_when_it_is_cancelled_in_tls(self, nursery: trio.Nursery) -> None:
        witness = Witness()
        port = await serve(nursery, witness)
        await self.cancel(Dialer(tls=client_tls()), f"wss://127.0.0.1:{port}/", witness.reached)
        await witness.closed.wait()


def test_explanations_have_no_addresses_or_objects() -> None:
    deep = OSError("all attempts to connect to secret.test failed")
    deep.__cause__ = ExceptionGroup("attempts", [OSError(111, "Connection refused")])
    assert explain(deep) == "Connection refused"
    assert explain(ValueError("hunter22")) == "ValueError"
    assert explain(ssl.SSLError()) == "TLS error"
    assert explain(ssl.SSLError(1, "wrong version number")) == "TLS error"


async def test_a_stream_without_a_socket_has_none() -> None:
    one, _ = trio.testing.memory_stream_pair()
    assert tcp_socket(one) is None
