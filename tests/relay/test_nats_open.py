"""Opening the NATS sink at real servers: what is checked, what is refused, and how one logs in."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from pathlib import Path

import pytest
import trio

from pushwire.core.secrets import Secret
from pushwire.relay.entries import Outcome
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.nats import NatsSink
from pushwire.relay.sinks.nats_login import Login
from tests.relay import nats_operator
from tests.relay.kit import entry
from tests.relay.nats_kit import ASIDE, STREAM, opened, sink_to, sockets, wipe
from tests.relay.nats_server import NatsServer, needed_nats
from tests.relay.test_nats_wire import CREDS, PUBLIC, SEED
from tests.shell.sockets import AUTHORITY, client_tls

DAY = 86_400
NANO = 10**9


@pytest.fixture(scope="module")
def running() -> Generator[NatsServer]:
    server = needed_nats("server_name: n1")
    yield server
    server.remove()


@pytest.fixture
def server(running: NatsServer) -> NatsServer:
    """One that runs, and has no streams."""
    wipe(running)
    return running


async def fails(sink: NatsSink) -> str:
    """What opening it says; nothing is left open."""
    before = sockets(), trio.lowlevel.current_statistics().tasks_living
    with pytest.raises(SinkError) as caught:
        await sink.open()
    assert (sockets(), trio.lowlevel.current_statistics().tasks_living) == before
    return str(caught.value)


def made(server: NatsServer, name: str, **config: object) -> None:
    answer = server.request(f"$JS.API.STREAM.CREATE.{name}", {"name": name, "num_replicas": 1, "storage": "file", **config})
    assert "error" not in answer, answer


async def test_streams_that_are_missing_are_made_so_that_nothing_goes_away(server: NatsServer) -> None:
    async with opened(server, horizon=DAY + 30.0):
        pass
    for name, subject in ((STREAM, "pushwire.*"), (ASIDE, f"pushwire_quarantine.{STREAM}")):
        config = server.request(f"$JS.API.STREAM.INFO.{name}")["config"]
        assert (config["subjects"], config["storage"], config["retention"], config["discard"]) == (
            [subject],
            "file",
            "limits",
            "new",
        )
        assert config["duplicate_window"] == (DAY + 30) * NANO
        assert (config["max_age"], config["max_msgs"], config["max_bytes"]) == (0, -1, -1)


async def test_what_it_holds_to_is_said(server: NatsServer) -> None:
    async with opened(server, accept=["fewer-replicas", "short-window"]) as sink:
        await sink.write([entry(1)])
        lines = list(await sink.check())
    assert {line.partition(": ")[0] for line in lines} == {f"NATS 127.0.0.1:{server.port}"}
    assert [line.partition(": ")[2] for line in lines] == [
        f"stream {STREAM}: 1 messages, the last has seq 1",
        f"stream {STREAM}: a PubAck means that it is in a file of one server",
        f"stream {STREAM}: what comes again within 3600 s is stored once",
        f"stream {ASIDE}: 0 messages, the last has seq 0",
        f"stream {ASIDE}: a PubAck means that it is in a file of one server",
        f"stream {ASIDE}: what comes again within 3600 s is stored once",
        "sync_interval is always: it is on the disk before the PubAck",
        "accepted: what is stored may be lost with the disk of one server",
        ("accepted: what a provider sends again, or is under way in an outage, after the duplicate window is stored twice"),
    ]


async def test_streams_that_are_missing_are_named_where_they_are_not_to_be_made(server: NatsServer) -> None:
    said = await fails(sink_to(server, create=False))
    assert said.endswith(
        f"there is no stream {STREAM} (create = true makes it); there is no stream {ASIDE} (create = true makes it)"
    )


async def test_streams_that_will_not_do_are_refused_with_all_that_is_wrong_of_both(server: NatsServer) -> None:
    made(server, STREAM, subjects=["other.>"], storage="memory", retention="interest", duplicate_window=120 * NANO)
    made(server, ASIDE, subjects=["more.>"], duplicate_window=DAY * NANO)
    said = await fails(sink_to(server, replicas=3, monitors=["http://127.0.0.1:1", server.monitor + "/x"]))
    for part in (
        f"stream {STREAM}: storage is memory",
        f"stream {STREAM}: it does not take the subject pushwire.*, only other.>",
        f"stream {STREAM}: num_replicas is 1, wanted are 3",
        f"stream {STREAM}: duplicate_window is 120 s, and what comes again within 3600 s must be known",
        f"stream {STREAM}: retention is interest",
        f"stream {ASIDE}: it does not take the subject pushwire_quarantine.{STREAM}, only more.>",
        "monitor: http://127.0.0.1:1: ",
        f"monitor: {server.monitor}/x: HTTP 404",
        "server n1 holds the streams, and no monitor is its own",
    ):
        assert part in said, (part, said)


async def test_a_stream_whose_subjects_are_anothers_cannot_be_made(server: NatsServer) -> None:
    made(server, "OTHER", subjects=["pushwire.>"])
    assert "stream EVENTS cannot be made: subjects overlap with an existing stream (10065)" in await fails(sink_to(server))


async def test_replicas_that_no_cluster_is_there_for_cannot_be_made(server: NatsServer) -> None:
    assert "replicas > 1 not supported" in await fails(sink_to(server, replicas=3))


async def test_a_server_that_does_not_sync_is_refused_unless_that_is_accepted() -> None:
    server = needed_nats("server_name: n2", jetstream="")
    try:
        assert "server n2: sync_interval is not always" in await fails(sink_to(server))
        weaker = ["fewer-replicas", "page-cache"]
        for monitors in ([server.monitor], []):
            async with opened(server, accept=weaker, monitors=monitors) as sink:
                assert any("not certain that it is on the disk" in line for line in await sink.check())
    finally:
        server.remove()


async def test_a_monitor_that_is_no_servers_is_said(server: NatsServer) -> None:
    async def other(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, other, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        with pytest.raises(SinkError, match=f"monitor: {url}: is no monitoring port of NATS"):
            await sink_to(server, monitors=[url]).open()
        nursery.cancel_scope.cancel()


# Logging in


async def stores(server: NatsServer, login: Login | None, tls: ssl.SSLContext | None = None, url: str | None = None) -> None:
    sink = sink_to(server, url, login=login, tls=tls)
    await sink.open()
    try:
        assert await sink.write([entry(1)]) in ([Outcome.STORED], [Outcome.DUPLICATE])
    finally:
        await sink.close()


async def test_by_password_token_or_key_and_no_secret_is_in_a_repr_or_an_error() -> None:
    logins = {
        "user: relay, password: hunter2": (
            Login(user="relay", password=Secret("hunter2")),
            Login(user="relay", password=Secret("hunter3")),
        ),
        "token: hunter2": (Login(token=Secret("hunter2")), Login(token=Secret("hunter3"))),
        f"users: [{{nkey: {PUBLIC}}}]": (
            Login(nkey=Secret(SEED)),
            Login(nkey=Secret("SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y")),
        ),
    }
    for authorization, (right, wrong) in logins.items():
        server = needed_nats(f"authorization {{ {authorization} }}")
        try:
            await stores(server, right)
            for login in (wrong, None):
                sink = sink_to(server, login=login)
                said = repr(sink) + await fails(sink)
                assert "Authorization Violation" in said
                assert "hunter" not in said
                assert SEED not in said
        finally:
            server.remove()


async def test_by_a_credentials_file() -> None:
    server = needed_nats(nats_operator.SETTINGS)
    try:
        await stores(server, Login(creds=Secret(nats_operator.CREDS)))
        said = await fails(sink_to(server, login=Login(creds=Secret(CREDS))))
        assert "Authorization Violation" in said
        assert "eyJ" not in said
    finally:
        server.remove()


async def test_what_may_not_be_published_is_said_at_once() -> None:
    user = '{user: a, password: b, permissions: {publish: {deny: "pushwire.*"}}}'
    server = needed_nats(f"authorization {{ users: [{user}] }}")
    try:
        async with opened(server, login=Login(user="a", password=Secret("b"))) as sink:
            with pytest.raises(SinkError, match='Permissions Violation for Publish to "pushwire'):
                await sink.write([entry(1)])
    finally:
        server.remove()


async def test_with_tls_where_the_server_or_the_url_wants_it(tmp_path: Path) -> None:
    issued = AUTHORITY.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    pem = tmp_path / "server.pem"
    for more in ("", "\nallow_non_tls: true"):
        server = needed_nats(f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}{more}', "sync_interval: always")
        try:
            await stores(server, None, client_tls(), f"tls://127.0.0.1:{server.port}")
            if not more:
                await stores(server, None, client_tls())
            assert "certificate verify failed" in await fails(sink_to(server, f"tls://127.0.0.1:{server.port}"))
        finally:
            server.remove()
    plain = needed_nats()
    try:
        assert "it offers no TLS" in await fails(sink_to(plain, f"tls://127.0.0.1:{plain.port}", tls=client_tls()))
    finally:
        plain.remove()
