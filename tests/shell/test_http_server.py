"""The server's side of one HTTP connection. What is answered is made up."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from pushwire.core.http import HttpCall, Response
from pushwire.shell.http_server import answer_http


def echo(call: HttpCall) -> Response:
    return Response(200, {"x-path": call.path}, call.body or call.method.encode())


async def said(*requests: bytes, once: bool = False, max_head: int = 200, max_body: int = 20) -> bytes:
    """All that is answered to requests that come in these pieces, until the end of the connection."""
    near, far = trio.testing.memory_stream_pair()
    answer = b""
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            await answer_http(far, echo, once=once, max_head=max_head, max_body=max_body)
            await far.aclose()

        nursery.start_soon(serve)
        for request in requests:
            await near.send_all(request)
        await near.send_eof()
        async for data in near:
            answer += data
    return answer


GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_requests_are_answered_one_after_the_other() -> None:
    answer = await said(GET, GET)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answer.count(b"x-path: /a\r\n") == 2
    assert answer.endswith(b"\r\n\r\nGET")


async def test_once_is_one_answer_and_the_end() -> None:
    answer = await said(GET + GET, once=True)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in answer.lower()


async def test_head_is_answered_without_a_body() -> None:
    answer = await said(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.endswith(b"content-length: 4\r\ncontent-type: application/json\r\nx-path: /a\r\n\r\n")


async def test_a_body_is_read_whole_up_to_its_bound() -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    assert (await said(head % 4 + b"da", b"ta")).endswith(b"\r\n\r\ndata")
    assert await said(head % 40 + b"d" * 40) == b""


@pytest.mark.parametrize(
    "request_, status",
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 500, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n", 501),
    ],
)
async def test_what_is_no_request_is_refused_and_ends_the_connection(request_: bytes, status: int) -> None:
    answer = await said(request_)
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert b"connection: close" in answer.lower()


async def test_a_target_that_is_no_url_is_a_path() -> None:
    assert b"x-path: //[\r\n" in await said(b"GET //[ HTTP/1.1\r\nHost: x\r\n\r\n")


async def test_a_client_that_goes_half_way_is_let_go() -> None:
    assert (await said(b"GET / HT")).startswith(b"HTTP/1.1 400")
    assert await said() == b""


@pytest.mark.parametrize(
    "begun", [b"", b"GET /a HTTP/1.1\r\nHost:", b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nd"]
)
async def test_a_client_that_is_too_slow_with_its_next_request_is_done_with(
    begun: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    near, far = trio.testing.memory_stream_pair()
    await near.send_all(GET + begun)
    await answer_http(far, echo, within=60.0)
    assert trio.current_time() == pytest.approx(60.0)
    assert (await near.receive_some()).count(b"HTTP/1.1 200 OK\r\n") == 1


async def test_a_client_that_does_not_take_its_answer_is_done_with(autojump_clock: trio.testing.MockClock) -> None:
    near, far = trio.testing.lockstep_stream_pair()

    async def ask() -> None:
        await near.send_all(GET)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await answer_http(far, echo, within=60.0)
    assert trio.current_time() == pytest.approx(60.0)
