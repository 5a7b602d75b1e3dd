"""REST calls over real sockets."""

from __future__ import annotations

import logging
import traceback
from typing import Literal

import attrs
import pytest
import trio
import trio.testing

import pushwire
from pushwire.core.effects import Credential
from pushwire.core.http import Request, Response
from pushwire.core.secrets import Secret
from pushwire.errors import (
    AuthenticationRefused,
    CommandRefused,
    ConfigError,
    ConnectionLost,
    LocalProtocolError,
    NotReady,
    OutcomeUnknown,
    PushwireError,
    RemoteProtocolError,
)
from pushwire.shell.ratelimit import RateBuckets
from tests.shell.rest_fakes import PasswordGrant
from tests.shell.rest_server import LIMITS, Answer, Asked, Config, Get, Listing, Open, Order, Server, TokenOrder, hello, never
from tests.shell.sockets import client_tls, server_tls


@pytest.fixture
def server() -> Server:
    return Server(hello)


def config(server: Server, token: Secret | None = None) -> Config:
    return Config(url=server.url, token=token, limits=LIMITS)


async def test_calls_share_a_connection_and_leave_none(server: Server, nursery: trio.Nursery) -> None:
    await server.start(nursery)
    async with pushwire.open_api(config(server), keep_alive=3600.0) as api:
        assert await api.call(Open()) == b"hello"
        assert await api.call(Open("/b")) == b"hello"
        assert server.connections == 1
        assert [(asked.method, asked.target) for asked in server.asked] == [("GET", "/item"), ("GET", "/b")]
    await server.until(lambda: server.gone == 1)
    with pytest.raises(LocalProtocolError, match="closed"):
        await api.call(Open())


async def test_calls_over_tls(server: Server, nursery: trio.Nursery) -> None:
    await server.start(nursery, server_tls())
    async with pushwire.open_api(config(server), tls=client_tls()) as api:
        assert await api.call(Open()) == b"hello"


async def test_pages_are_asked_for_as_they_are_wanted(server: Server, nursery: trio.Nursery) -> None:
    async def page(asked: Asked) -> Answer:
        return 200, {}, asked.target.removeprefix("/list?page=").encode()

    server.answers = page
    await server.start(nursery)
    async with pushwire.open_api(config(server)) as api:
        pages = api.pages(Listing())
        assert await anext(pages) == 1
        assert len(server.asked) == 1
        assert [page async for page in pages] == [2, 3]
        with pytest.raises(StopAsyncIteration):
            await anext(pages)


async def test_what_the_provider_refuses_comes_with_its_code_and_trace_id(server: Server, nursery: trio.Nursery) -> None:
    async def refuse(asked: Asked) -> Answer:
        return 400, {"X-Code": "3001", "X-Trace": "abc123"}, b""

    server.answers = refuse
    await server.start(nursery)
    async with pushwire.open_api(config(server)) as api:
        for endpoint in (Open(), Order()):
            with pytest.raises(CommandRefused) as caught:
                await api.call(endpoint)
            assert (caught.value.code, caught.value.trace_id) == (3001, "abc123")
    assert len(server.asked) == 2


def test_wrong_arguments_are_named_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        pushwire.open_api(
            Config(limits=LIMITS), timeout=0, tries=0, patience=-1, max_response=0, keep_alive=0, buckets=RateBuckets({})
        )
    names = [problem.partition(":")[0] for problem in caught.value.problems]
    assert names == ["timeout", "tries", "patience", "max_response", "keep_alive", "buckets"]
    assert caught.value.problems[-1] == "buckets: no limit is called orders"


# Tokens


async def test_the_token_given_goes_before_the_configs(server: Server, nursery: trio.Nursery) -> None:
    await server.start(nursery)
    async with pushwire.open_api(config(server, Secret("of the config")), tokens=Secret("given")) as api:
        await api.call(Get())
    async with pushwire.open_api(config(server, Secret("of the config"))) as api:
        await api.call(Get())
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer given", "Bearer of the config"]


async def test_a_call_that_needs_a_token_and_has_no_source_is_not_sent(server: Server, nursery: trio.Nursery) -> None:
    await server.start(nursery)
    async with pushwire.open_api(config(server)) as api:
        with pytest.raises(NotReady, match="no source for the credential 'token'"):
            await api.call(TokenOrder())
        assert api.unsettled == []
    assert server.asked == []


async def test_a_grant_of_the_config_gives_the_tokens_and_a_refused_one_is_replaced(
    server: Server, nursery: trio.Nursery
) -> None:
    async def answers(asked: Asked) -> Answer:
        if asked.target == "/token":
            number = sum(one.target == "/token" for one in server.asked)
            return 200, {}, b'{"access": "a%d", "refresh": "r"}' % number
        return (200, {}, b"ok") if asked.headers["authorization"] == "Bearer a2" else (401, {}, b"")

    server.answers = answers
    await server.start(nursery)
    oauth = PasswordGrant(f"{server.url}/token")
    async with pushwire.open_api(Config(url=server.url, oauth=oauth, limits=LIMITS)) as api:
        assert await api.call(TokenOrder()) == b"ok"
        assert await api.call(Get()) == b"ok"
    assert [asked.target for asked in server.asked] == ["/token", "/item", "/token", "/item", "/item"]


@pytest.mark.parametrize("tokens", ["secret", "source"])
async def test_a_refused_token_that_cannot_be_replaced_is_not_tried_twice(
    server: Server, nursery: trio.Nursery, tokens: Literal["secret", "source"]
) -> None:
    async def refuse(asked: Asked) -> Answer:
        return 401, {}, b""

    async def source(wanted: Credential) -> Secret:
        return Secret("same")

    server.answers = refuse
    await server.start(nursery)
    async with pushwire.open_api(config(server), tokens=Secret("same") if tokens == "secret" else source) as api:
        with pytest.raises(AuthenticationRefused, match="token expired"):
            await api.call(Get())
    assert len(server.asked) == 1


async def test_a_call_is_repeated_with_another_token_only_once(server: Server, nursery: trio.Nursery) -> None:
    async def refuse(asked: Asked) -> Answer:
        return 401, {}, b""

    wanted: list[tuple[bool, Secret | None]] = []

    async def source(credential: Credential) -> Secret:
        wanted.append((credential.refresh, credential.refused))
        return Secret(f"t{len(wanted)}")

    server.answers = refuse
    await server.start(nursery)
    async with pushwire.open_api(config(server), tokens=source) as api:
        with pytest.raises(AuthenticationRefused):
            await api.call(Get())
        with pytest.raises(AuthenticationRefused):
            await api.call(Open())
    assert wanted == [(False, None), (True, Secret("t1"))]
    assert len(server.asked) == 3


# Outcomes


async def test_an_order_whose_reply_is_lost_is_not_made_again(server: Server, nursery: trio.Nursery) -> None:
    async def hang_up(asked: Asked) -> None:
        return None

    server.answers = hang_up
    await server.start(nursery)
    async with pushwire.open_api(config(server)) as api:
        with pytest.raises(
            OutcomeUnknown, match=r"Order may have been carried out: POST .*/item: the connection ended"
        ) as caught:
            await api.call(Order())
        assert caught.value.command == Order()
        assert isinstance(caught.value.__cause__, ConnectionLost)
        assert api.unsettled == []
    assert len(server.asked) == 1


@pytest.mark.parametrize("status, code", [(200, ""), (502, "7"), (504, "7"), (500, "")])
async def test_an_order_whose_reply_does_not_tell_is_of_unknown_outcome(
    server: Server, nursery: trio.Nursery, status: int, code: str
) -> None:
    async def answers(asked: Asked) -> Answer:
        return status, {"X-Code": code} if code else {"Content-Encoding": "br"}, b"x"

    server.answers = answers
    await server.start(nursery)
    async with pushwire.open_api(config(server)) as api:
        with pytest.raises(OutcomeUnknown) as caught:
            await api.call(Order())
        assert isinstance(caught.value.__cause__, RemoteProtocolError)
    assert len(server.asked) == 1


async def test_an_order_refused_by_a_service_that_is_away_was_refused(server: Server, nursery: trio.Nursery) -> None:
    async def answers(asked: Asked) -> Answer:
        return 503, {"X-Code": "5000"}, b""

    server.answers = answers
    await server.start(nursery)
    async with pushwire.open_api(config(server)) as api:
        with pytest.raises(CommandRefused):
            await api.call(Order())
    assert len(server.asked) == 1


async def test_an_orders_own_timeout_leaves_its_outcome_unknown(
    server: Server, nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    server.answers = never
    await server.start(nursery)
    async with pushwire.open_api(config(server), timeout=10.0) as api, trio.open_nursery() as calls:

        async def order() -> None:
            with pytest.raises(OutcomeUnknown, match="no whole response within 10 s"):
                await api.call(Order())

        calls.start_soon(order)
        await server.until(lambda: bool(server.asked))
        mock_clock.jump(10.0)
    assert api.unsettled == []


async def test_an_order_cancelled_after_it_left_is_kept_and_a_query_is_not(server: Server, nursery: trio.Nursery) -> None:
    server.answers = never
    await server.start(nursery)
    async with pushwire.open_api(config(server)) as api:
        async with trio.open_nursery() as calls:
            calls.start_soon(api.call, Order("/1"))
            calls.start_soon(api.call, Open("/2"))
            await server.until(lambda: len(server.asked) == 2)
            calls.cancel_scope.cancel()
        assert api.unsettled == [Order("/1")]
    assert api.unsettled == [Order("/1")]


async def test_an_order_cancelled_before_it_left_is_not_kept(nursery: trio.Nursery) -> None:
    begun = trio.Event()

    async def source(wanted: Credential) -> Secret:
        begun.set()
        await trio.sleep_forever()
        raise AssertionError

    async with pushwire.open_api(Config(limits=LIMITS), tokens=source) as api:
        async with trio.open_nursery() as calls:
            calls.start_soon(api.call, TokenOrder())
            await begun.wait()
            calls.cancel_scope.cancel()
        assert api.unsettled == []


async def test_an_exception_in_the_block_leaves_it_as_itself(server: Server, nursery: trio.Nursery) -> None:
    await server.start(nursery)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - it is about the block
        async with pushwire.open_api(config(server)) as api:
            await api.call(Open())
            raise ZeroDivisionError
    await server.until(lambda: server.gone == 1)


async def test_no_secret_reaches_a_log_or_an_error(
    server: Server, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(asked: Asked) -> Answer:
        return 500, {}, b"hunter2"

    caplog.set_level(logging.DEBUG)
    server.answers = refuse
    await server.start(nursery)
    async with pushwire.open_api(config(server, Secret("hunter2")), tries=1) as api:
        with pytest.raises(OutcomeUnknown) as caught:
            await api.call(TokenOrder())
    assert "hunter2" not in caplog.text
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@attrs.frozen
class Repeating(Get):
    """Tells what the provider says, as it says it."""

    def request(self, config: Config, token: Secret | None) -> Request:
        return attrs.evolve(super().request(config, token), url=Secret(f"{config.url}/item?key=k3y"))

    def decode(self, response: Response) -> bytes:
        words = response.body.decode()
        match response.status:
            case 401:
                raise AuthenticationRefused(words, status=401)
            case 500:
                raise RemoteProtocolError(words)
            case 409:
                try:
                    raise RemoteProtocolError(words)
                except RemoteProtocolError as error:
                    raise OutcomeUnknown(words, command=self) from error
            case _:
                raise CommandRefused("Repeating", words, words)


@pytest.mark.parametrize("status", [400, 401, 409, 429, 500])
async def test_no_error_repeats_a_secret_that_the_provider_repeats(server: Server, nursery: trio.Nursery, status: int) -> None:
    async def repeat(asked: Asked) -> Answer:
        url = f"{server.url}{asked.target}"
        return status, {"Retry-After": "99"}, f"{asked.headers['authorization']} is no good, nor is hunter2, at {url}".encode()

    server.answers = repeat
    await server.start(nursery)
    async with pushwire.open_api(config(server, Secret("hunter2")), tries=1) as api:
        with pytest.raises(PushwireError, match=r"\*\*\* is no good, nor is \*\*\*, at \*\*\*") as caught:
            await api.call(Repeating())
    error = caught.value
    shown = f"{''.join(traceback.format_exception(error))} {getattr(error, 'text', '')} {getattr(error, 'code', '')}"
    assert "hunter2" not in shown
    assert "k3y" not in shown
