"""The HTTP client, over real sockets."""

from __future__ import annotations

import gzip
import logging
import math
import ssl
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpcore2
import pytest
import trio
import trio.testing

from pushwire.core.http import Request, Response
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, ConnectionLost, LocalProtocolError, RemoteProtocolError, ReplyTimeout
from pushwire.shell.http import HttpClient, Passage
from pushwire.shell.http_pool import _Stream
from tests.shell.rest_server import Answer, Answers, Asked, Server, hello, never
from tests.shell.sockets import Proxy, client_tls, cut, read_head, serve, server_tls

AN_HOUR = 3600.0
"""To keep connections for: the pool reads the real clock."""


@asynccontextmanager
async def serving(answers: Answers, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Server]:
    async with trio.open_nursery() as nursery:
        server = Server(answers)
        await server.start(nursery, tls)
        yield server
        nursery.cancel_scope.cancel()


def shown(error: Exception) -> str:
    """All that a report of `error` could show, but for the frame of the test itself."""
    assert error.__traceback__ is not None
    frames = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
    return "".join(frames.format())


@asynccontextmanager
async def client(**settings: object) -> AsyncGenerator[HttpClient]:
    opened = HttpClient(**settings)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - passed on
    try:
        yield opened
    finally:
        await opened.aclose()


async def test_a_request_arrives_whole_and_its_response_comes_back() -> None:
    async def answers(asked: Asked) -> Answer:
        return 201, {"X-Trace": "t1", "Retry-After": "7"}, b"made"

    async with serving(answers) as server, client() as http:
        request = Request("POST", f"{server.url}/a%20b?x=1&y=%2F#part", {"X-Key": Secret("k"), "Content-Type": "text/x"}, b"body")
        response = await http.send(request)
    assert (response.status, response.headers["x-trace"], response.body, response.retry_after) == (201, "t1", b"made", 7.0)
    (asked,) = server.asked
    assert (asked.method, asked.target, asked.body) == ("POST", "/a%20b?x=1&y=%2F", b"body")
    assert (asked.headers["x-key"], asked.headers["content-type"], asked.headers["content-length"]) == ("k", "text/x", "4")
    assert asked.headers["host"] == server.url.removeprefix("http://")
    assert asked.headers["user-agent"] == "pushwire"


async def test_a_requests_own_headers_go_before_ours() -> None:
    async with serving(hello) as server, client() as http:
        await http.send(Request("GET", server.url, {"User-Agent": "mine", "Host": "shop.example"}))
    assert server.asked[0].headers["user-agent"] == "mine"
    assert server.asked[0].headers["host"] == "shop.example"


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with serving(hello) as server, client(keep_alive=AN_HOUR) as http:
        for _ in range(3):
            await http.send(Request("GET", server.url))
        assert [asked.connection for asked in server.asked] == [1, 1, 1]


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    async def answers(asked: Asked) -> Answer:
        return 200, {"Connection": "close"} if len(server.asked) == 1 else {}, b""

    async with serving(answers) as server, client(keep_alive=AN_HOUR) as http:
        await http.send(Request("GET", server.url))
        await server.until(lambda: server.gone == 1)
        await http.send(Request("GET", server.url))
        assert [asked.connection for asked in server.asked] == [1, 2]


async def test_a_connection_that_ends_while_idle_is_noticed_before_it_is_used(nursery: trio.Nursery) -> None:
    ended = trio.Event()

    async def once(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        if not ended.is_set():
            await stream.aclose()
            ended.set()

    port = await serve(nursery, once)
    async with client(keep_alive=AN_HOUR) as http:
        await http.send(Request("GET", f"http://127.0.0.1:{port}"))
        await ended.wait()
        passage = Passage()
        assert (await http.send(Request("GET", f"http://127.0.0.1:{port}"), passage)).status == 200


async def test_requests_side_by_side_have_connections_of_their_own() -> None:
    both = trio.Event()

    async def answers(asked: Asked) -> Answer:
        if len(server.asked) == 2:
            both.set()
        await both.wait()
        return 200, {}, b""

    async with serving(answers) as server, client() as http, trio.open_nursery() as nursery:
        nursery.start_soon(http.send, Request("GET", server.url))
        nursery.start_soon(http.send, Request("GET", server.url))
    assert sorted(asked.connection for asked in server.asked) == [1, 2]


async def test_https_is_verified_by_the_given_context() -> None:
    async with serving(hello, server_tls()) as server:
        async with client(tls=client_tls(), keep_alive=AN_HOUR) as http:
            assert (await http.send(Request("GET", server.url))).body == b"hello"
            assert (await http.send(Request("GET", server.url))).body == b"hello"
            assert server.connections == 1
        async with client() as http:
            with pytest.raises(ConnectionLost, match=r"GET https://127\.0\.0\.1:\d+: tls: certificate verify failed") as caught:
                await http.send(Request("GET", server.url))
        assert caught.value.sent == "no"


@pytest.mark.parametrize("secure", [False, True])
async def test_a_proxy_leads_to_both_kinds_of_urls(nursery: trio.Nursery, secure: bool) -> None:
    proxy = Proxy("bob:hunter2")
    port = await serve(nursery, proxy.http)
    async with serving(hello, server_tls("shop.example") if secure else None) as server:
        url = server.url.replace("127.0.0.1", "shop.example")
        async with client(tls=client_tls(), proxy=Secret(f"http://bob:hunter2@127.0.0.1:{port}")) as http:
            assert (await http.send(Request("GET", url))).body == b"hello"
    assert proxy.asked == ["shop.example"]


async def test_a_socks_proxy_leads_there_as_well(nursery: trio.Nursery) -> None:
    proxy = Proxy("bob:hunter2")
    port = await serve(nursery, proxy.socks5)
    async with serving(hello) as server, client(proxy=f"socks5h://bob:hunter2@127.0.0.1:{port}") as http:
        assert (await http.send(Request("GET", server.url.replace("127.0.0.1", "shop.example")))).body == b"hello"
    assert proxy.asked == ["shop.example"]


async def test_a_proxy_that_refuses_was_the_step_that_failed(nursery: trio.Nursery) -> None:
    port = await serve(nursery, Proxy("bob:hunter2").http)
    async with client(proxy=f"http://127.0.0.1:{port}") as http:
        with pytest.raises(ConnectionLost, match="proxy: 407") as caught:
            await http.send(Request("GET", "https://shop.example"))
    assert caught.value.sent == "no"


def test_a_wrong_argument_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match="proxy"):
        HttpClient(proxy="ftp://x")
    with pytest.raises(ConfigError) as caught:
        HttpClient(timeout=math.inf, max_response=0, keep_alive=-1)
    assert len(caught.value.problems) == 3


# What fails


async def test_a_host_that_is_not_there_was_never_sent_anything() -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    async with client() as http:
        passage = Passage()
        with pytest.raises(ConnectionLost, match="connect: Connection refused") as caught:
            await http.send(Request("GET", f"http://127.0.0.1:{port}/x?token=s"), passage)
    assert (caught.value.sent, passage.left) == ("no", False)


async def test_a_server_that_hangs_up_may_have_acted() -> None:
    async def answers(asked: Asked) -> None:
        return None

    async with serving(answers) as server, client() as http:
        with pytest.raises(ConnectionLost, match="the connection ended before a whole response came") as caught:
            await http.send(Request("GET", server.url))
    assert caught.value.sent == "maybe"


async def test_a_connection_that_is_reset_is_told_by_its_cause(nursery: trio.Nursery) -> None:
    async def reset(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        cut(stream)

    port = await serve(nursery, reset)
    async with client() as http:
        with pytest.raises(ConnectionLost, match="Connection reset by peer") as caught:
            await http.send(Request("GET", f"http://127.0.0.1:{port}"))
    assert caught.value.sent == "maybe"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
async def test_what_is_no_whole_response_is_a_lost_one(nursery: trio.Nursery, answer: bytes) -> None:
    async def answering(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(answer)

    port = await serve(nursery, answering)
    async with client() as http:
        with pytest.raises(ConnectionLost) as caught:
            await http.send(Request("GET", f"http://127.0.0.1:{port}"))
    assert caught.value.sent == "maybe"


async def test_a_reply_that_takes_too_long_is_a_timeout(mock_clock: trio.testing.MockClock) -> None:
    async with serving(never) as server, client(timeout=7.5) as http, trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises(ReplyTimeout, match=r"GET http://127\.0\.0\.1:\d+/x: no whole response within 7\.5 s"):
                await http.send(Request("GET", f"{server.url}/x?secret=1"))

        nursery.start_soon(send)
        await server.until(lambda: bool(server.asked))
        mock_clock.jump(7.5)


async def test_a_handshake_that_takes_too_long_has_sent_nothing_and_leaves_no_socket(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    begun, closed = trio.Event(), trio.Event()

    async def silent(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        begun.set()
        while await stream.receive_some():
            pass
        closed.set()

    port = await serve(nursery, silent)
    async with client(tls=client_tls()) as http, trio.open_nursery() as inner:

        async def send() -> None:
            with pytest.raises(ConnectionLost, match="not connected within 30 s") as caught:
                await http.send(Request("GET", f"https://127.0.0.1:{port}"))
            assert caught.value.sent == "no"

        inner.start_soon(send)
        await begun.wait()
        mock_clock.jump(30.0)
        await closed.wait()


async def test_a_cancelled_request_drops_its_connection_and_says_that_it_left() -> None:
    async with serving(never) as server, client() as http, trio.open_nursery() as nursery:
        passage = Passage()
        nursery.start_soon(http.send, Request("GET", server.url), passage)
        await server.until(lambda: bool(server.asked))
        nursery.cancel_scope.cancel()
    assert passage.left


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "ftp://shop.example"),
        Request("GET", "shop.example"),
        Request("GET", "http://"),
        Request("GET", Secret("http://shop.example:hunter2/")),
        Request("GET", Secret("http://shop.example/\x00hunter2")),
        Request("GET", "http://127.0.0.1:{port}", {"X-Key": Secret("hunter2\r\nX-Evil: 1")}),
        Request("GET", "http://127.0.0.1:{port}", {"X-Key": Secret("hunter2\u20ac\udce4")}),
        Request("GET", "http://127.0.0.1:{port}", {"X Key": Secret("hunter2")}),
    ],
)
async def test_what_http_does_not_allow_is_refused_before_it_is_sent(request_: Request) -> None:
    async with serving(hello) as server, client() as http:
        if isinstance(request_.url, str):
            port = server.url.rsplit(":", 1)[1]
            request_ = Request("GET", request_.url.replace("{port}", port), request_.headers)
        passage = Passage()
        with pytest.raises(LocalProtocolError) as caught:
            await http.send(request_, passage)
    assert not passage.left
    assert server.asked == []
    assert "hunter2" not in shown(caught.value)


async def test_a_closed_client_sends_nothing() -> None:
    async with client() as http:
        pass
    with pytest.raises(LocalProtocolError, match="the HTTP client is closed"):
        await http.send(Request("GET", "http://shop.example"))


async def test_a_write_that_fails_is_told_by_its_cause() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.aclose()
    with pytest.raises(httpcore2.WriteError, match="BrokenResourceError"):
        await _Stream(ours).write(b"x")


# Bodies


def packed(data: bytes) -> Answer:
    return 200, {"Content-Encoding": "gzip"}, gzip.compress(data)


async def test_a_packed_body_is_unpacked() -> None:
    async def answers(asked: Asked) -> Answer:
        assert asked.headers["accept-encoding"] == "gzip"
        return packed(b"[1, 2]" * 1000)

    async with serving(answers) as server, client() as http:
        assert (await http.send(Request("GET", server.url))).body == b"[1, 2]" * 1000


async def test_a_response_without_a_body_may_still_say_that_it_is_packed() -> None:
    async def answers(asked: Asked) -> Answer:
        return 200, {"Content-Encoding": "gzip"}, b""

    async with serving(answers) as server, client() as http:
        assert (await http.send(Request("GET", server.url))).body == b""


UNTAKEN: list[tuple[Answer, str]] = [
    ((200, {}, b"x" * 1001), "it is longer than 1000 bytes"),
    (packed(b"x" * 10_000_000), "it is longer than 1000 bytes"),
    ((200, {"Content-Encoding": "br"}, b"x"), "its encoding was not asked for"),
    ((200, {"Content-Encoding": "gzip"}, b"plain"), "it is not the gzip it says it is"),
    ((200, {"Content-Encoding": "gzip"}, gzip.compress(b"x")[:-1]), "it is not the gzip it says it is"),
    ((200, {"Content-Encoding": "gzip"}, gzip.compress(b"x") + b"more"), "it is not the gzip it says it is"),
]


@pytest.mark.parametrize("answer, problem", UNTAKEN)
async def test_a_body_that_is_not_taken_is_told_and_its_connection_dropped(answer: Answer, problem: str) -> None:
    async def answers(asked: Asked) -> Answer:
        return answer if len(server.asked) == 1 else (200, {}, b"y" * 1000)

    async with serving(answers) as server, client(max_response=1000) as http:
        with pytest.raises(RemoteProtocolError, match=problem):
            await http.send(Request("GET", server.url))
        assert (await http.send(Request("GET", server.url))).body == b"y" * 1000


# Secrets


async def test_no_secret_reaches_a_log(caplog: pytest.LogCaptureFixture, nursery: trio.Nursery) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = Proxy("bob:hunter2")
    port = await serve(nursery, proxy.socks5)
    through = Secret(f"socks5://bob:hunter2@127.0.0.1:{port}")
    async with serving(hello, server_tls()) as server, client(tls=client_tls(), proxy=through) as http:
        url = Secret(f"{server.url}/ws?token=hunter2")
        await http.send(Request("POST", url, {"Authorization": Secret("Bearer hunter2")}, b"hunter2"))
    assert server.asked[0].target == "/ws?token=hunter2"
    assert any(record.name.startswith("httpcore2") for record in caplog.records)
    assert "hunter2" not in caplog.text


async def test_no_secret_reaches_an_error_or_a_frame_of_its_traceback() -> None:
    async def hang_up(asked: Asked) -> None:
        return None

    async with serving(hang_up) as server, client() as http:
        request = Request("GET", Secret(f"{server.url}/?token=hunter2"), {"X": Secret("hunter2")}, b"hunter2")
        with pytest.raises(ConnectionLost) as caught:
            await http.send(request)
    assert "GET ***" in str(caught.value)
    assert "hunter2" not in shown(caught.value)


def test_a_response_shows_no_body() -> None:
    assert "hunter2" not in repr(Response(200, {}, b"hunter2"))
