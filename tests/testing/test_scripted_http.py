"""What a scripted peer answers by HTTP, over a socket and in memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

import pytest
from trio.testing import MockClock

import pushwire
from pushwire import bitpanda, pusher
from pushwire.core.http import Request
from pushwire.errors import LocalProtocolError, PushwireError
from pushwire.shell.connect import StreamConfig
from pushwire.testing import pusher as build
from pushwire.testing.scripted import Accept, Expect, Playing, Respond, ScriptedPeer, ScriptFailed, Send, Step
from pushwire.testing.steps import Json

EventT = TypeVar("EventT")

AUTH = "POST /pusher/auth"
AUTHORISED = {"auth": f"{build.APP_KEY}:5abf"}
SUBSCRIBED: tuple[Step, ...] = (
    Expect({"event": "pusher:subscribe", "data": {"channel": "private-a", "auth": AUTHORISED["auth"]}}),
    Send(build.subscribed("private-a")),
)
GREETING: tuple[Step, ...] = (Accept(), Send(build.established()))


def config(peer: Playing) -> pusher.Config:
    host = peer.url.replace("ws:", "http:").rstrip("/")
    return pusher.Config(url=f"{peer.url}app/{build.APP_KEY}", auth_url=f"{host}/pusher/auth", backoff_first=0.01)


def connect(
    peer: Playing, config: StreamConfig[EventT], *, on_socket: bool = False, journal: Path | None = None
) -> AbstractAsyncContextManager[pushwire.Stream[EventT]]:
    """A client of the peer."""
    if on_socket:
        return pushwire.connect(config, journal=journal)
    return pushwire.connect(config, journal=journal, **peer.in_memory)


async def subscribe(peer: Playing, *, on_socket: bool = False, journal: Path | None = None) -> None:
    """What a client does that the scripts below are about."""
    async with connect(peer, config(peer), on_socket=on_socket, journal=journal) as stream:
        await stream.call(pusher.Subscribe("private-a"))


@pytest.mark.parametrize("on_socket", [False, True])
async def test_a_channel_is_authorised_by_what_the_script_answers(on_socket: bool) -> None:
    async with ScriptedPeer([Respond(AUTH, AUTHORISED), *GREETING, *SUBSCRIBED]).play() as peer:
        await subscribe(peer, on_socket=on_socket)
    (asked,) = peer.requests
    assert (asked.method, asked.path, asked.body) == ("POST", "/pusher/auth", b"socket_id=1234.1234&channel_name=private-a")


async def test_a_function_makes_the_answer_of_the_requests_body(autojump_clock: MockClock) -> None:
    def sign(body: str | bytes) -> str:
        assert body == b"socket_id=1234.1234&channel_name=private-a"
        return '{"auth":"278d425bdf160c739803:5abf"}'

    async with ScriptedPeer([Respond(AUTH, sign), *GREETING, *SUBSCRIBED]).play() as peer:
        await subscribe(peer)


@pytest.mark.parametrize("on_socket", [False, True])
async def test_a_token_is_there_before_the_client_dials(on_socket: bool) -> None:
    token: dict[str, Json] = {"access_token": "one", "token_type": "Bearer", "expires_in": 600}
    async with ScriptedPeer([Respond("POST /oauth/token", token), Accept()]).play() as peer:
        url = f"{peer.url.replace('ws:', 'http:')}oauth/token"
        grant = bitpanda.ClientCredentials(token_url=url, client_id="partner", client_secret=pushwire.Secret("hidden"))
        keeper = pushwire.TokenKeeper(grant) if on_socket else pushwire.TokenKeeper(grant, http=peer.in_memory["http"])
        async with connect(peer, bitpanda.Config(url=peer.url, token=keeper), on_socket=on_socket):
            assert [request.path for request in peer.requests] == ["/oauth/token"]
            assert "hidden" not in repr(peer.requests)


async def test_several_answers_are_given_in_turn_and_the_last_again_and_again(autojump_clock: MockClock) -> None:
    steps = [
        Respond("GET /a", {"n": 1}, status=503, retry_after=2.5),
        Respond("GET /a", {"n": 2}),
        Respond("GET /b", b"\xff"),
        Respond("GET /c", status=204),
    ]
    async with ScriptedPeer(steps).play() as peer:
        http = peer.in_memory["http"]
        first, second, third = [await http.send(Request("GET", "http://any/a?x=1")) for _ in range(3)]
        assert (first.status, first.body, first.retry_after) == (503, b'{"n":1}', 3.0)
        assert second.headers["content-type"] == "application/json"
        assert (second.status, second.body, third.body) == (200, b'{"n":2}', b'{"n":2}')
        assert (await http.send(Request("GET", "http://any/b"))).body == b"\xff"
        assert (await http.send(Request("GET", "http://any/c"))).status == 204


async def test_what_is_not_in_the_script_is_not_found_and_a_failure_says_so(autojump_clock: MockClock) -> None:
    async def client(peer: Playing) -> None:
        with pytest.raises(PushwireError):
            await subscribe(peer)

    with pytest.raises(ScriptFailed) as caught:
        async with ScriptedPeer([Respond("GET /pusher/auth"), *GREETING, *SUBSCRIBED]).play() as peer:
            await client(peer)
    assert "asked for by HTTP, and no Respond is for it: POST /pusher/auth" in str(caught.value)
    assert "Respond(GET /pusher/auth, null, 200)" in str(caught.value)


async def test_what_was_named_is_in_the_answer(autojump_clock: MockClock) -> None:
    named = Expect({"event": "pusher:subscribe", "data": {"channel": "$channel"}})
    steps = [*GREETING, named, Send(build.subscribed("a")), Respond("GET /last", {"channel": "$channel"})]
    async with ScriptedPeer(steps).play() as peer, connect(peer, config(peer)) as stream:
        await stream.call(pusher.Subscribe("a"))
        assert (await peer.in_memory["http"].send(Request("GET", "http://any/last"))).body == b'{"channel":"a"}'


async def test_a_name_of_nothing_fails_the_script(autojump_clock: MockClock) -> None:
    with pytest.raises(ScriptFailed, match=r"nothing that came was named \$id, for the answer to GET /a"):
        async with ScriptedPeer([Respond("GET /a", {"id": "$id"})]).play() as peer:
            assert (await peer.in_memory["http"].send(Request("GET", "http://any/a"))).status == 500


async def test_no_failure_shows_what_an_answer_keeps_secret(autojump_clock: MockClock) -> None:
    steps = [Respond("POST /token", {"access_token": "hidden"}), Accept()]
    request = Request("POST", "http://any/nothing", {"Authorization": pushwire.Secret("Bearer also-hidden")})
    with pytest.raises(ScriptFailed) as caught:
        async with ScriptedPeer(steps).play() as peer:
            await peer.in_memory["http"].send(request)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("request_line", ["/token", "POST", "post /token", "POST token", "GET /a?x=1"])
def test_a_request_is_a_method_and_a_path(request_line: str) -> None:
    with pytest.raises(LocalProtocolError, match="a method and a path"):
        Respond(request_line)


@pytest.mark.parametrize("step", [lambda: Expect("x"), lambda: Send("x")])
def test_a_script_still_begins_with_a_dial(step: Callable[[], Step]) -> None:
    with pytest.raises(LocalProtocolError, match="must begin with Accept, Refuse or Drop"):
        ScriptedPeer([Respond("GET /a"), step()])


async def test_what_a_journal_was_answered_by_http_is_answered_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    journal = tmp_path / "journal"
    script = ScriptedPeer([Respond(AUTH, status=503), Respond(AUTH, AUTHORISED), *GREETING, *SUBSCRIBED])
    async with script.play() as peer, connect(peer, config(peer), journal=journal) as stream:
        with pytest.raises(PushwireError):
            await stream.call(pusher.Subscribe("private-a"))
        await stream.call(pusher.Subscribe("private-a"))
    again = ScriptedPeer.from_journal(journal)
    again.save(tmp_path / "script")
    async with ScriptedPeer.load(tmp_path / "script").play() as peer, connect(peer, config(peer)) as stream:
        with pytest.raises(PushwireError):
            await stream.call(pusher.Subscribe("private-a"))
        await stream.call(pusher.Subscribe("private-a"))
        assert [request.path for request in peer.requests] == ["/pusher/auth", "/pusher/auth"]
