"""REST calls, cancelled at every moment: what never left was not carried out, what may have been stands in `unsettled`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import h11
import pytest
import trio
import trio.testing

from pushwire.core.http import Request, Response
from pushwire.core.ratelimit import RateLimit
from pushwire.core.secrets import Secret
from pushwire.core.tokens import Tokens
from pushwire.shell import http_pool
from pushwire.shell.api import Api, open_api
from pushwire.shell.dialer import tcp_socket
from pushwire.shell.http import HttpClient, Passage
from pushwire.shell.tokens import TokenKeeper
from tests.shell.checkpoints import Attempt, Cancelled, Figures, Returned, at_every_moment, standing, tasks
from tests.shell.lines import Handler, Lines
from tests.shell.provider import Wall
from tests.shell.rest_fakes import TOKEN, FakeHttp, Issuer, PasswordGrant
from tests.shell.rest_server import Answer, Asked, Config, Get, Listing, Open, Order, Server, hello
from tests.shell.sockets import serve

Called = Callable[[Api[Config]], Awaitable[object]]


@attrs.define
class Shop:
    """A server behind lines, and an `Api` that leads there."""

    server: Server
    lines: Lines
    api: Api[Config]


class Idle:
    """The socket of a line whose server says nothing unasked."""

    def is_readable(self) -> bool:
        return False


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is kept for the next call, as a connection with a socket is."""

    def found(stream: trio.abc.Stream) -> object:
        return tcp_socket(stream) or Idle()

    monkeypatch.setattr(http_pool, "tcp_socket", found)


def handler(server: Server) -> Handler:
    async def serve(stream: trio.abc.Stream) -> None:
        with contextlib.suppress(h11.RemoteProtocolError):  # half a request
            await server._serve(stream)

    return serve


@asynccontextmanager
async def shop(
    answers: Callable[[Asked], Awaitable[Answer | None]] = hello, *, secure: bool = False, **settings: Any
) -> AsyncGenerator[Shop]:
    """One that is deserted in the end."""
    async with trio.open_nursery() as nursery:
        server = Server(answers)
        lines = Lines(nursery, handler(server), secure)
        client = HttpClient()
        client._dialer = lines.dialer()
        config = Config(url=f"{'https' if secure else 'http'}://127.0.0.1", **settings)
        async with open_api(config, http=client, entropy=Wall().entropy()) as api:
            yield Shop(server, lines, api)
        await client.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert not lines.left_open, "a connection is left open"
        assert server.gone == server.connections
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("secure", [False, True])
def test_a_call_that_may_be_repeated(secure: bool) -> None:
    async def life(attempt: Attempt) -> None:
        async with shop(secure=secure) as its:
            outcome = await attempt.run(lambda: its.api.call(Open()), reconnects=True)
            assert its.lines.left_open == isinstance(outcome, Returned), "a connection nobody can use again is open"
            assert len(its.server.asked) <= 1
            assert await its.api.call(Open()) == b"hello"
            assert its.api.unsettled == []

    assert at_every_moment(life).cancelled > 10


def test_a_call_that_may_not_be_repeated() -> None:
    async def life(attempt: Attempt) -> None:
        async with shop(limits={"orders": RateLimit(1, 60.0)}) as its:
            outcome = await attempt.run(lambda: its.api.call(Order()), reconnects=True)
            carried_out = len(its.server.asked)
            if isinstance(outcome, Cancelled):
                assert its.api.unsettled in ([], [Order()])
                assert its.api.unsettled or not carried_out, "nobody is told of an order that was carried out"
            else:
                assert its.api.unsettled == []
            # What may have left has used up the rate; what has not has given its place back.
            begun = trio.current_time()
            assert await its.api.call(Order()) == b"hello"
            left = isinstance(outcome, Returned) or bool(its.api.unsettled)
            assert trio.current_time() - begun == (60 if left else 0), "not as many places were used as calls left"
            assert len(its.server.asked) == carried_out + 1

    assert at_every_moment(life).cancelled > 10


def test_a_call_that_waits_for_the_rate_of_others() -> None:
    async def life(attempt: Attempt) -> None:
        async with shop(limits={"orders": RateLimit(1, 60.0)}) as its:
            await its.api.call(Order())
            outcome = await attempt.run(lambda: its.api.call(Order()), reconnects=True)
            begun = trio.current_time()
            await its.api.call(Order())
            left = isinstance(outcome, Returned) or bool(its.api.unsettled)
            assert trio.current_time() == (120 if left else max(begun, 60.0))

    assert at_every_moment(life).cancelled > 10


def test_a_call_that_is_made_again() -> None:
    async def life(attempt: Attempt) -> None:
        answers: list[Answer | None] = [(503, {}, b""), None, (429, {"Retry-After": "2"}, b"")]

        async def trouble(asked: Asked) -> Answer | None:
            return answers.pop(0) if answers else (200, {}, b"hello")

        async with shop(trouble) as its:
            await attempt.run(lambda: its.api.call(Open()), reconnects=True)
            asked = len(its.server.asked)
            await trio.sleep(100)
            assert len(its.server.asked) == asked, "what was given up is tried again"
            answers.clear()
            assert await its.api.call(Open()) == b"hello"

    assert at_every_moment(life).cancelled > 10


def test_a_page_of_several() -> None:
    async def page(asked: Asked) -> Answer:
        return 200, {}, asked.target[-1].encode()

    async def life(attempt: Attempt) -> None:
        async with shop(page) as its:
            pages = its.api.pages(Listing())
            assert await anext(pages) == 1
            outcome = await attempt.run(pages.__anext__, reconnects=True)
            got = [outcome.value] if isinstance(outcome, Returned) else []
            assert [*got, *[number async for number in pages]] == [2, 3]

    assert at_every_moment(life).cancelled > 10


def test_leaving_with_a_connection_that_is_kept() -> None:
    async def life(attempt: Attempt) -> None:
        async with trio.open_nursery() as nursery:
            server = Server(hello)
            lines = Lines(nursery, handler(server))
            client = HttpClient()
            client._dialer = lines.dialer()
            with attempt.watching():
                async with open_api(Config(url="http://127.0.0.1"), http=client) as api:
                    await api.call(Open())
                    attempt.begin()
                await client.aclose()
            await client.aclose()
            assert not lines.left_open
            nursery.cancel_scope.cancel()

    assert at_every_moment(life).moments >= 1


def test_over_a_socket_that_is_kept_for_the_next_call() -> None:
    async def life(attempt: Attempt) -> None:
        async with trio.open_nursery() as nursery:
            server = Server(hello)
            server.url = f"http://127.0.0.1:{await serve(nursery, handler(server))}"
            async with open_api(Config(url=server.url, limits={"orders": RateLimit(100, 60.0)}), entropy=Wall().entropy()) as api:
                await api.call(Open())
                outcome = await attempt.run(lambda: api.call(Order()), reconnects=True)
                if isinstance(outcome, Cancelled):
                    assert api.unsettled or len(server.asked) == 1
                assert await api.call(Open()) == b"hello"
            nursery.cancel_scope.cancel()

    assert at_every_moment(life, clock=standing, exact=False).cancelled > 1


# Tokens


class Shelf:
    """A store of tokens that takes its time."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None
        self.saving = 0

    async def load(self) -> Tokens | None:
        await trio.sleep(1)
        return self.tokens

    async def save(self, tokens: Tokens) -> None:
        self.saving += 1
        await trio.sleep(1)
        self.tokens = tokens
        self.saving -= 1


@attrs.define
class Strict(Issuer):
    """Takes a second, and each refresh token once."""

    used: list[bytes] = attrs.Factory(list[bytes])

    async def __call__(self, request: Request, passage: Passage) -> Response:
        passage.left = False
        await trio.sleep(1)
        passage.left = True
        assert request.body == b"password" or request.body not in self.used, "a refresh token is used twice"
        self.used.append(request.body)
        await trio.sleep(1)
        return await Issuer.__call__(self, request, passage)


def keeping(work: Callable[[Attempt, TokenKeeper, Strict, Shelf, Wall], Awaitable[None]]) -> Figures:
    async def life(attempt: Attempt) -> None:
        issuer, shelf, wall = Strict(), Shelf(), Wall()
        keeper = TokenKeeper(PasswordGrant(), store=shelf, http=FakeHttp(issuer), wall=lambda: wall.at)
        await work(attempt, keeper, issuer, shelf, wall)
        assert keeper._step is None, "a renewal goes on"
        assert not shelf.saving
        # What is in use is what was stored.
        token = await keeper(TOKEN)
        assert shelf.tokens is not None
        assert shelf.tokens.access == token

    return at_every_moment(life)


def test_a_token_that_is_fetched_stored_and_renewed() -> None:
    async def renewed(attempt: Attempt, keeper: TokenKeeper, issuer: Strict, shelf: Shelf, wall: Wall) -> None:
        assert await keeper(TOKEN) == Secret("a1")
        wall.at += 1000
        outcome = await attempt.run(lambda: keeper(TOKEN), reconnects=True)
        # One that may have used up its refresh token goes on without its caller, and is stored.
        await trio.sleep(10)
        assert issuer.given == len(issuer.used), "a renewal came to nothing"
        assert await keeper(TOKEN) == Secret("a2")
        assert issuer.given == 2
        assert isinstance(outcome, Cancelled) or outcome == Returned(Secret("a2"))

    assert keeping(renewed).cancelled > 3


def test_one_of_two_who_wait_for_a_token() -> None:
    async def both(attempt: Attempt, keeper: TokenKeeper, issuer: Strict, shelf: Shelf, wall: Wall) -> None:
        got: list[Secret] = []

        async def other() -> None:
            got.append(await keeper(TOKEN))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            await attempt.run(lambda: keeper(TOKEN), reconnects=True)
        assert got == [Secret("a1")]
        assert issuer.given == 1

    assert keeping(both).cancelled > 3


def test_a_call_that_fetches_its_token_first() -> None:
    async def life(attempt: Attempt) -> None:
        issuer = Strict()
        async with trio.open_nursery() as nursery:
            keeper = TokenKeeper(PasswordGrant(), http=FakeHttp(issuer))
            async with shop(token=keeper) as its:
                await attempt.run(lambda: its.api.call(Get()), reconnects=True)
                assert await its.api.call(Get()) == b"hello"
                assert its.server.asked[-1].headers["authorization"] == f"Bearer a{issuer.given}"
                assert issuer.given <= 2
            nursery.cancel_scope.cancel()

    assert at_every_moment(life).cancelled > 10


def test_leaving_with_a_renewal_that_nobody_waits_for() -> None:
    async def life(attempt: Attempt) -> None:
        http = FakeHttp(Strict())
        with attempt.watching():
            async with open_api(Config(oauth=PasswordGrant()), http=http, entropy=Wall().entropy()) as api:
                with trio.move_on_after(1.5):  # its request has left: it goes on
                    await api.call(Get())
                assert tasks()["pushwire.shell.tokens.TokenKeeper._run"] == 1
                attempt.begin()
        assert "pushwire.shell.tokens.TokenKeeper._run" not in tasks()

    assert at_every_moment(life).moments >= 1
