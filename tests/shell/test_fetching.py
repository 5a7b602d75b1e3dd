"""Where streams get what their machines ask for: HTTP responses, and credentials by their config."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection
from typing import ClassVar

import attrs
import pytest
import trio
import trio.testing

import pushwire
from pushwire.core.commands import AnyCommand
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Credential, Restored, SecretFrame, Snapshot
from pushwire.core.http import Request, Response
from pushwire.core.secrets import Secret
from pushwire.core.tokens import Grant, TokenSource
from pushwire.errors import CommandRefused, ConnectionLost, NotReady
from pushwire.shell.credentials import Credentials
from pushwire.shell.fetching import Fetcher
from pushwire.shell.http import Passage
from pushwire.shell.memory import MemoryNetwork, Peer
from pushwire.shell.tokens import TokenKeeper
from tests.core.toy import Rules, Sub, ToyDialect
from tests.shell.rest_fakes import TOKEN, FakeHttp, Issuer, PasswordGrant
from tests.shell.rest_server import Answer, Asked, Server

Clock = trio.testing.MockClock


@attrs.define
class Authorised(ToyDialect):
    """Subscriptions need an authorisation from `url`, which stands in their frames."""

    url: str

    def authorisation(self, command: AnyCommand, new_id: Callable[[], str], now: float) -> Request | None:
        return Request("POST", self.url, {}, b"socket=1") if isinstance(command, Sub) else None

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[str], granted: Response | None
    ) -> tuple[str | None, str | SecretFrame | None]:
        slot, frame = super().encode(command, new_id, desired, granted)
        return slot, frame if granted is None else f"{frame} {granted.body.decode()}"


@attrs.frozen(kw_only=True)
class ToyConfig(ConnectionConfig):
    namespace: str = "toy"
    url: str = "http://auth.invalid"
    token: TokenSource | Secret | None = attrs.field(factory=lambda: Secret("fixed"))
    oauth: Grant | None = None

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> Guarded:
        return Guarded(self, rng)

    def credential(self, name: str) -> Secret | TokenSource | None:
        return self.token if name == "token" else None

    def grant(self) -> Grant | None:
        return self.oauth


class Guarded(Rules):
    credentials: ClassVar[tuple[str, ...]] = ("token",)

    def __init__(self, config: ToyConfig, rng: random.Random) -> None:
        ids = map(str, itertools.count(1))
        super().__init__(config, Authorised(config.url), rng=rng, ids=lambda: next(ids))


async def greeted(network: MemoryNetwork) -> tuple[Peer, str]:
    """The next connection, accepted, and what the toy sent first on it."""
    peer = await network.accept()
    frame = await peer.receive()
    peer.send("hello")
    return peer, frame


async def subscribed(config: ToyConfig, http: FakeHttp | None) -> tuple[str, str]:
    """What the toy sends when it subscribes, and the reply."""
    network, replies = MemoryNetwork(), list[str]()
    async with pushwire.connect(config, transport=network, ready_within=None, http=http) as stream:
        peer, _ = await greeted(network)

        async def call() -> None:
            replies.append(await stream.call(Sub("prices")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            frame = await peer.receive()
            peer.send(f"ok {frame.split()[1]} done")
    return frame, replies[0]


async def test_a_machine_gets_its_http_requests_answered_over_a_connection_that_ends_with_the_stream(
    nursery: trio.Nursery,
) -> None:
    async def grant(asked: Asked) -> Answer:
        return 200, {}, b"signed-" + asked.body

    server = Server(grant)
    await server.start(nursery)
    frame, _ = await subscribed(ToyConfig(url=server.url), None)
    assert frame == "sub 1 prices signed-socket=1"
    await server.until(lambda: server.gone == 1)


async def test_a_client_of_the_callers_is_used_and_left_open() -> None:
    async def grant(request: Request, passage: Passage) -> Response:
        return Response(200, {}, b"signed")

    http = FakeHttp(grant)
    assert await subscribed(ToyConfig(), http) == ("sub 1 prices signed", "done")
    assert not http.closed


async def test_what_goes_wrong_with_a_request_is_the_machines_to_judge() -> None:
    async def lost(request: Request, passage: Passage) -> Response:
        raise ConnectionLost("connect: refused", sent="no")

    network = MemoryNetwork()
    async with pushwire.connect(ToyConfig(), transport=network, ready_within=None, http=FakeHttp(lost)) as stream:
        await greeted(network)
        with pytest.raises(CommandRefused, match="not authorised: connect: refused"):
            await stream.call(Sub("prices"))


async def test_a_stream_takes_its_credential_from_the_config() -> None:
    network = MemoryNetwork()
    async with pushwire.connect(ToyConfig(), transport=network, ready_within=None):
        assert (await greeted(network))[1] == "auth fixed"
    async with pushwire.connect(ToyConfig(), transport=network, ready_within=None, credential=Secret("given")):
        assert (await greeted(network))[1] == "auth given"


async def test_a_stream_gets_its_tokens_by_the_grant_of_the_config_and_replaces_a_refused_one(
    autojump_clock: Clock,
) -> None:
    network, http = MemoryNetwork(), FakeHttp(Issuer())
    config = ToyConfig(token=None, oauth=PasswordGrant())
    async with pushwire.connect(config, transport=network, ready_within=None, http=http):
        peer = await network.accept()
        assert await peer.receive() == "auth a1"
        peer.close(4001, "expired")
        assert (await greeted(network))[1] == "auth a2"
    assert [request.body for request in http.sent] == [b"password", b"refresh r1"]


async def test_a_keeper_may_be_shared_by_streams_and_apis(autojump_clock: Clock) -> None:
    network, http = MemoryNetwork(), FakeHttp(Issuer())
    keeper = TokenKeeper(PasswordGrant(), http=http, wall=trio.current_time)
    for _ in range(2):
        async with pushwire.connect(ToyConfig(), transport=network, ready_within=None, credential=keeper):
            assert (await greeted(network))[1] == "auth a1"
    async with pushwire.open_api(ToyConfig(), tokens=keeper):
        assert await keeper(TOKEN) == Secret("a1")
    assert len(http.sent) == 1


# The parts


async def test_a_refresh_names_the_credential_given_last() -> None:
    asked: list[tuple[str, Secret | None]] = []

    async def source(wanted: Credential) -> Secret:
        asked.append((wanted.name, wanted.refused))
        return Secret(f"{wanted.name}{len(asked)}")

    credentials = Credentials(ToyConfig(token=None), source, FakeHttp(Issuer()))
    for name in ("token", "cookie"):
        await credentials(Credential(name))
    await credentials(Credential("token", refresh=True))
    await credentials(Credential("token", refresh=True, refused=Secret("mine")))
    assert asked == [("token", None), ("cookie", None), ("token", Secret("token1")), ("token", Secret("mine"))]
    await credentials.aclose()


async def test_what_has_no_source_is_told_by_its_name() -> None:
    http = FakeHttp(Issuer())
    credentials = Credentials(ToyConfig(oauth=PasswordGrant()), None, http)
    with pytest.raises(NotReady, match="no source for the credential 'cookie'"):
        await credentials(Credential("cookie"))
    with pytest.raises(NotReady, match="no source for the credential 'token'"):
        await Credentials(object(), None, http)(TOKEN)
    with pytest.raises(NotReady, match="no source for a snapshot"):
        await Fetcher(credentials=credentials, http=http)(Snapshot())
