"""Credentials that have to be fetched: for the handshake, and for a channel."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import NoReturn

import pytest
import trio
import trio.testing

from pushwire.core.effects import Credential
from pushwire.core.secrets import Secret
from pushwire.doctor.steps import Step, Trouble, Verdict
from pushwire.errors import (
    AuthenticationRefused,
    ConnectionLost,
    NotReady,
    RateLimited,
    RemoteProtocolError,
    ReplyTimeout,
)
from pushwire.providers import bitpanda, pusher, satoriex
from pushwire.sandbox import (
    BitpandaServer,
    BitpandaSettings,
    PusherServer,
    PusherSettings,
    SatoriexServer,
    SatoriexSettings,
    serve,
)
from tests.shell.sockets import Handler, Witness, read_head
from tests.shell.sockets import serve as serve_raw

from .patient import Found, examined, failure, verdicts

ORDERS = pusher.Subscribe("private-orders")
PRICES = bitpanda.Subscribe("prices-v1")


def of_orders(url: str, auth_url: str) -> pusher.Config:
    return pusher.Config(url=url, auth_url=auth_url)


def prices() -> BitpandaServer:
    return BitpandaServer(BitpandaSettings(tokens=["the-token"], rate=50.0), random.Random(1))


async def with_endpoint(nursery: trio.Nursery, handler: Handler, wall: Callable[[], float] = time.time) -> Found:
    """Subscribe to a channel that this endpoint authorises."""
    port = await serve_raw(nursery, handler)
    async with serve(PusherServer(PusherSettings(rate=50.0), random.Random(1))) as sandbox:
        return await examined(of_orders(sandbox.url, f"http://127.0.0.1:{port}/auth"), ORDERS, wall=wall)


# For a channel


async def test_an_authorisation_is_a_step_before_the_subscription() -> None:
    async with serve(PusherServer(PusherSettings(rate=50.0), random.Random(1))) as sandbox:
        auth_url = f"http://127.0.0.1:{sandbox.port}/pusher/auth"
        found = await examined(of_orders(sandbox.url, auth_url), ORDERS, asked="private-orders")
    assert verdicts(found, [Step.LOGIN, Step.TOKEN, Step.SUBSCRIBE]) == ["ok"] * 3
    assert found[Step.TOKEN].detail == f"HTTP 200 from POST {auth_url}"
    assert found[Step.TOKEN].seconds is not None
    assert found[Step.SUBSCRIBE].seconds is not None
    steps = list(found)
    assert steps.index(Step.LOGIN) < steps.index(Step.TOKEN) < steps.index(Step.SUBSCRIBE)


@pytest.mark.parametrize(
    "status, trouble",
    [
        (401, Trouble.HTTP_401),
        (403, Trouble.HTTP_403),
        (404, Trouble.HTTP_404),
        (429, Trouble.HTTP_429),
        (502, Trouble.HTTP_5XX),
        (307, Trouble.REDIRECTED),
        (422, Trouble.HTTP_OTHER),
    ],
)
async def test_an_endpoint_that_refuses_is_told_by_its_status(status: int, trouble: Trouble, nursery: trio.Nursery) -> None:
    found = await with_endpoint(nursery, Witness(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()))
    step, found_trouble, detail = failure(found)
    assert (step, found_trouble) == (Step.TOKEN, trouble)
    assert detail.startswith(f"HTTP {status} from POST http://127.0.0.1:")


async def test_an_endpoint_that_is_not_there_is_told() -> None:
    async with serve(PusherServer(PusherSettings(), random.Random(1))) as sandbox:
        found = await examined(of_orders(sandbox.url, "http://127.0.0.1:9/auth"), ORDERS)
    assert failure(found) == (Step.TOKEN, Trouble.HUNG_UP, "POST http://127.0.0.1:9/auth: connect: Connection refused")


async def test_an_endpoint_that_does_not_answer_is_given_up(nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> None:
    async def mute(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        mock_clock.autojump_threshold = 0
        await trio.sleep_forever()

    found = await with_endpoint(nursery, mute)
    assert failure(found) == (Step.TOKEN, Trouble.TIMED_OUT, "Subscribe refused: not authorised: no answer within 10 s")


async def test_the_clock_of_whoever_authorises_counts(nursery: trio.Nursery) -> None:
    body = b'{"auth":"sandbox:00"}'
    date = formatdate(time.time(), usegmt=True)
    head = f"HTTP/1.1 200 Sure\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n"
    found = await with_endpoint(nursery, Witness(head.encode() + body), wall=lambda: time.time() + 3600)
    token = found[Step.TOKEN]
    assert (token.verdict, token.trouble) == (Verdict.WARNING, Trouble.SKEWED)
    assert "ahead of theirs" in token.detail


# For the handshake


async def test_a_login_by_http_comes_first() -> None:
    machine = SatoriexServer(SatoriexSettings(tokens=None, rate=50.0), random.Random(1))
    async with serve(machine) as sandbox:
        login = satoriex.Login(email="me@here.test", password=Secret("a-password"))
        found = await examined(satoriex.Config(url=sandbox.url, login=login))
    assert next(iter(found)) is Step.TOKEN
    assert (found[Step.TOKEN].verdict, found[Step.TOKEN].detail) == (Verdict.OK, "fetched")
    assert found[Step.MESSAGE].verdict is Verdict.OK


async def test_a_login_that_is_refused_is_told_without_the_password(nursery: trio.Nursery) -> None:
    port = await serve_raw(nursery, Witness(b"HTTP/1.1 401 no a-password\r\nContent-Length: 0\r\n\r\n"))
    login = satoriex.Login(email="me@here.test", password=Secret("a-password"))
    found = await examined(satoriex.Config(url=f"ws://127.0.0.1:{port}/ws", login=login))
    assert failure(found)[:2] == (Step.TOKEN, Trouble.CREDENTIAL)
    assert "a-password" not in repr(found)


async def test_a_login_that_cannot_be_reached_is_told() -> None:
    login = satoriex.Login(email="me@here.test", password=Secret("a-password"), api_url="http://127.0.0.1:9")
    found = await examined(satoriex.Config(url="ws://127.0.0.1:9/ws", login=login))
    assert failure(found) == (Step.TOKEN, Trouble.HUNG_UP, "POST http://127.0.0.1:9/auth/login: connect: Connection refused")


async def test_a_token_that_is_given_is_no_step() -> None:
    async with serve(prices()) as sandbox:
        found = await examined(bitpanda.Config(url=sandbox.url, token=Secret("the-token")), PRICES)
    assert found[Step.TOKEN].detail == "nothing to fetch by HTTP"
    assert found[Step.MESSAGE].verdict is Verdict.OK


async def test_a_token_that_is_fetched_comes_first() -> None:
    async def source(wanted: Credential) -> Secret:
        return Secret("the-token")

    async with serve(prices()) as sandbox:
        found = await examined(bitpanda.Config(url=sandbox.url, token=source), PRICES)
    assert next(iter(found)) is Step.TOKEN
    assert (found[Step.TOKEN].verdict, found[Step.TOKEN].detail) == (Verdict.OK, "fetched")
    assert found[Step.TOKEN].seconds is not None
    assert found[Step.MESSAGE].verdict is Verdict.OK


async def test_a_fetched_token_is_not_shown_where_the_peer_repeats_it(nursery: trio.Nursery) -> None:
    async def source(wanted: Credential) -> Secret:
        return Secret("the-token")

    port = await serve_raw(nursery, Witness(b"HTTP/1.1 403 not the-token\r\n\r\n"))
    found = await examined(bitpanda.Config(url=f"ws://127.0.0.1:{port}/", token=source))
    assert failure(found) == (Step.HANDSHAKE, Trouble.HTTP_403, "HTTP 403: not ***")


@pytest.mark.parametrize(
    "error, trouble",
    [
        (AuthenticationRefused("invalid_client"), Trouble.CREDENTIAL),
        (RateLimited("Grant", 429, "slowly"), Trouble.HTTP_429),
        (ReplyTimeout("late"), Trouble.TIMED_OUT),
        (ConnectionLost("gone", sent="no"), Trouble.HUNG_UP),
        (NotReady("no source"), Trouble.MISUSED),
        (RemoteProtocolError("not JSON"), Trouble.FAILED),
    ],
)
async def test_a_token_that_does_not_come_is_told_by_the_error(error: Exception, trouble: Trouble) -> None:
    async def source(wanted: Credential) -> Secret:
        raise error

    found = await examined(bitpanda.Config(url="ws://127.0.0.1:9/", token=source))
    assert failure(found) == (Step.TOKEN, trouble, str(error))


async def test_a_source_that_never_answers_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    async def source(wanted: Credential) -> NoReturn:
        await trio.sleep_forever()
        raise AssertionError

    found = await examined(bitpanda.Config(url="ws://127.0.0.1:9/", token=source))
    assert failure(found)[:2] == (Step.TOKEN, Trouble.TIMED_OUT)
