"""From the name to the handshake: what can go wrong on the way, seen through the machine's own dial."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
import trio
import trio.testing
from websockets.http11 import Request
from websockets.server import ServerProtocol

from pushwire.core.secrets import Secret
from pushwire.doctor.steps import Step, Trouble, Verdict
from pushwire.errors import ConfigError
from pushwire.sandbox import serve
from tests.shell.sockets import Proxy, Witness, read_head
from tests.shell.sockets import serve as serve_raw

from .patient import config, examined, failure, server


class Names(trio.abc.HostnameResolver):
    """A resolver that knows some names. `error`: what it says of others."""

    def __init__(self, *known: str, error: int = socket.EAI_NONAME, says: str = "Name or service not known") -> None:
        self.known = known
        self.error = socket.gaierror(error, says)

    async def getaddrinfo(
        self, host: bytes | None, port: bytes | str | int | None, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:  # as `socket.getaddrinfo` has it
        if host is None or host.decode() not in self.known:
            raise self.error
        assert isinstance(port, int)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def getnameinfo(self, *args: object, **kwargs: object) -> NoReturn:
        raise AssertionError


class Silent(Names):
    """One that does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = trio.Event()

    async def getaddrinfo(self, *args: object, **kwargs: object) -> NoReturn:
        self.asked.set()
        await trio.sleep_forever()
        raise AssertionError


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, nor will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


# Names


async def test_a_name_is_resolved_by_whatever_resolves_in_this_run() -> None:
    names = Names("feed.test")
    trio.socket.set_custom_hostname_resolver(names)
    async with serve(server()) as sandbox:
        found = await examined(config(f"ws://feed.test:{sandbox.port}/"))
    resolved = found[Step.RESOLVE]
    assert (resolved.verdict, resolved.detail) == (Verdict.OK, "feed.test: 127.0.0.1")
    assert resolved.seconds is not None
    assert found[Step.MESSAGE].verdict is Verdict.OK
    assert trio.socket.set_custom_hostname_resolver(None) is names, "it is put back"


async def test_a_name_that_the_system_knows_is_resolved_by_the_system() -> None:
    async with serve(server(), host="localhost") as sandbox:
        found = await examined(config(f"ws://localhost:{sandbox.port}/"))
    assert found[Step.RESOLVE].verdict is Verdict.OK
    assert found[Step.RESOLVE].detail.startswith("localhost: ")


async def test_credentials_in_the_clear_are_warned_of_unless_they_stay_here() -> None:
    trio.socket.set_custom_hostname_resolver(Names("feed.test"))
    async with serve(server()) as sandbox:
        found = await examined(config(f"ws://feed.test:{sandbox.port}/"))
        assert (found[Step.TLS].verdict, found[Step.TLS].trouble) == (Verdict.WARNING, Trouble.PLAIN)
        found = await examined(config(sandbox.url))
        assert found[Step.TLS].verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    "names, trouble",
    [
        (Names(), Trouble.UNKNOWN_NAME),
        (Names(error=socket.EAI_AGAIN, says="Temporary failure in name resolution"), Trouble.NO_RESOLVER),
    ],
)
async def test_an_unknown_name_is_told_from_a_resolver_that_is_not_there(names: Names, trouble: Trouble) -> None:
    trio.socket.set_custom_hostname_resolver(names)
    found = await examined(config("wss://feed.test/"))
    assert failure(found) == (Step.RESOLVE, trouble, names.error.strerror)
    assert found[Step.RESOLVE].seconds is not None


async def test_a_resolver_that_does_not_answer_is_given_up_by_the_machine(autojump_clock: trio.testing.MockClock) -> None:
    trio.socket.set_custom_hostname_resolver(Silent())
    found = await examined(config("wss://feed.test/"))
    assert failure(found) == (Step.RESOLVE, Trouble.TIMED_OUT, "no connection within 30 s")
    assert found[Step.RESOLVE].seconds == pytest.approx(30, abs=1)


# Connections


async def test_a_closed_port_is_refused(closed_port: int) -> None:
    found = await examined(config(f"ws://127.0.0.1:{closed_port}/"))
    assert failure(found) == (Step.CONNECT, Trouble.REFUSED, "Connection refused")
    assert f"port {closed_port} of 127.0.0.1" in found[Step.CONNECT].advice


async def test_a_name_that_can_be_none_fails_at_connecting() -> None:
    found = await examined(config(f"ws://{'x' * 70}.test/"))
    assert failure(found)[:2] == (Step.CONNECT, Trouble.FAILED)


async def test_a_credential_that_cannot_be_sent_is_the_callers_fault() -> None:
    found = await examined(config("ws://127.0.0.1:9/", "with\na-line-end"))
    step, trouble, detail = failure(found)
    assert (step, trouble) == (Step.CONNECT, Trouble.MISUSED)
    assert detail == "header X-API-Key has a character that HTTP does not allow"


class TestProxies:
    async def test_the_way_through_one_is_a_step_as_any(self, nursery: trio.Nursery) -> None:
        port = await serve_raw(nursery, Proxy().http)
        async with serve(server()) as sandbox:
            found = await examined(config(sandbox.url), proxy=f"http://127.0.0.1:{port}")
        assert found[Step.CONNECT].detail.endswith(" through the proxy")
        assert found[Step.MESSAGE].verdict is Verdict.OK

    async def test_of_two_names_on_the_way_the_first_is_told(self, nursery: trio.Nursery) -> None:
        trio.socket.set_custom_hostname_resolver(Names("proxy.test", "feed.test"))
        port = await serve_raw(nursery, Proxy().socks5)
        async with serve(server()) as sandbox:
            found = await examined(config(f"ws://feed.test:{sandbox.port}/"), proxy=f"socks5://proxy.test:{port}")
        assert found[Step.RESOLVE].detail == "proxy.test: 127.0.0.1"
        assert found[Step.CONNECT].verdict is Verdict.OK

    async def test_one_that_is_not_there(self, closed_port: int) -> None:
        found = await examined(config("ws://127.0.0.1:9/"), proxy=f"http://127.0.0.1:{closed_port}")
        assert failure(found) == (Step.CONNECT, Trouble.PROXY_AWAY, "proxy: cannot connect to it: Connection refused")

    @pytest.mark.parametrize("scheme", ["http", "socks5"])
    async def test_one_that_wants_another_password_is_told_without_it(self, scheme: str, nursery: trio.Nursery) -> None:
        proxy = Proxy("user:right")
        port = await serve_raw(nursery, proxy.http if scheme == "http" else proxy.socks5)
        url = Secret(f"{scheme}://user:wrong-one@127.0.0.1:{port}")
        found = await examined(config("ws://127.0.0.1:9/"), proxy=url)
        assert failure(found)[:2] == (Step.CONNECT, Trouble.PROXY_LOGIN)
        assert "wrong-one" not in repr(found)

    async def test_one_that_leads_nowhere(self, nursery: trio.Nursery) -> None:
        port = await serve_raw(nursery, Witness(b"HTTP/1.1 403 Forbidden\r\n\r\n"))
        found = await examined(config("ws://127.0.0.1:9/"), proxy=f"http://127.0.0.1:{port}")
        assert failure(found) == (Step.CONNECT, Trouble.PROXY_REFUSED, "proxy: 403 Forbidden")

    async def test_one_that_says_nothing_is_given_up(self, nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> None:
        async def mute(stream: trio.abc.Stream) -> None:
            await read_head(stream)
            mock_clock.autojump_threshold = 0
            await trio.sleep_forever()

        port = await serve_raw(nursery, mute)
        found = await examined(config("ws://127.0.0.1:9/"), proxy=f"http://127.0.0.1:{port}")
        assert failure(found) == (Step.CONNECT, Trouble.TIMED_OUT, "no connection within 30 s")

    async def test_what_is_none_is_the_callers_fault(self) -> None:
        with pytest.raises(ConfigError, match="proxy"):
            await examined(config("ws://127.0.0.1:9/"), proxy="gopher://127.0.0.1")


# Handshakes


@pytest.mark.parametrize(
    "status, trouble",
    [
        (403, Trouble.HTTP_403),
        (404, Trouble.HTTP_404),
        (429, Trouble.HTTP_429),
        (503, Trouble.HTTP_5XX),
        (418, Trouble.HTTP_OTHER),
    ],
)
async def test_a_refused_handshake_is_told_by_its_status(status: int, trouble: Trouble) -> None:
    async with serve(server(f"refuse:{status}")) as sandbox:
        found = await examined(config(sandbox.url))
    step, found_trouble, detail = failure(found)
    assert (step, found_trouble) == (Step.HANDSHAKE, trouble)
    assert detail.startswith(f"HTTP {status}")
    assert found[Step.CLOCK].verdict is Verdict.OK, "the refusal has a Date as well"


async def test_a_redirect_is_not_followed(nursery: trio.Nursery) -> None:
    port = await serve_raw(nursery, Witness(b"HTTP/1.1 301 Moved\r\nLocation: ws://elsewhere.test/\r\n\r\n"))
    found = await examined(config(f"ws://127.0.0.1:{port}/"))
    assert failure(found) == (Step.HANDSHAKE, Trouble.REDIRECTED, "HTTP 301: Moved")


async def test_a_refused_credential_is_not_shown() -> None:
    async with serve(server()) as sandbox:
        found = await examined(config(sandbox.url, "wrong-but-secret"))
    assert failure(found)[:2] == (Step.HANDSHAKE, Trouble.HTTP_401)
    assert "PUSHWIRE_GELABS_API_KEY" in found[Step.HANDSHAKE].advice
    assert "wrong-but-secret" not in repr(found)


async def test_a_credential_that_the_peer_repeats_is_not_shown(nursery: trio.Nursery) -> None:
    port = await serve_raw(nursery, Witness(b"HTTP/1.1 403 no wrong-but-secret here\r\n\r\n"))
    found = await examined(config(f"ws://127.0.0.1:{port}/", "wrong-but-secret"))
    assert failure(found) == (Step.HANDSHAKE, Trouble.HTTP_403, "HTTP 403: no *** here")


@pytest.mark.parametrize(
    "answer, trouble",
    [
        (b"SSH-2.0-OpenSSH\r\n", Trouble.NO_WEBSOCKET),
        (b"HTTP/1.1 101 Sure\r\nUpgrade: h2c\r\n\r\n", Trouble.NO_WEBSOCKET),
    ],
)
async def test_what_is_no_websocket_server_is_told(answer: bytes, trouble: Trouble, nursery: trio.Nursery) -> None:
    port = await serve_raw(nursery, Witness(answer))
    found = await examined(config(f"ws://127.0.0.1:{port}/"))
    assert failure(found)[:2] == (Step.HANDSHAKE, trouble)
    assert found[Step.CLOCK].detail == "not told: no answer with a Date"


async def test_a_server_that_hangs_up_is_told(nursery: trio.Nursery) -> None:
    async def leave(stream: trio.abc.Stream) -> None:
        await read_head(stream)

    found = await examined(config(f"ws://127.0.0.1:{await serve_raw(nursery, leave)}/"))
    assert failure(found) == (Step.HANDSHAKE, Trouble.HUNG_UP, "the peer ended the stream")


async def test_a_subprotocol_that_was_not_offered_is_told(nursery: trio.Nursery) -> None:
    async def choose(stream: trio.abc.Stream) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(await read_head(stream))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        response = protocol.accept(request)
        response.headers["Sec-WebSocket-Protocol"] = "chat"
        protocol.send_response(response)
        await stream.send_all(b"".join(protocol.data_to_send()))
        await stream.receive_some()

    found = await examined(config(f"ws://127.0.0.1:{await serve_raw(nursery, choose)}/"))
    assert failure(found)[:2] == (Step.HANDSHAKE, Trouble.SUBPROTOCOL)
    assert found[Step.CLOCK].verdict is Verdict.OK


async def test_a_server_that_never_answers_is_given_up(nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> None:
    async def mute(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        mock_clock.autojump_threshold = 0
        await trio.sleep_forever()

    found = await examined(config(f"ws://127.0.0.1:{await serve_raw(nursery, mute)}/"))
    assert failure(found) == (Step.HANDSHAKE, Trouble.TIMED_OUT, "no connection within 30 s")


async def test_a_connection_that_is_open_and_never_accepted_is_the_logins(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    from tests.shell.raw_server import raw, stay

    port = await serve_raw(nursery, raw(stay))
    found = await examined(config(f"ws://127.0.0.1:{port}/"), jump=(mock_clock, Step.HANDSHAKE))
    assert failure(found) == (Step.LOGIN, Trouble.TIMED_OUT, "not accepted within 10 s")
