"""The relay's pages, on a real socket."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from pushwire.core.effects import Close
from pushwire.core.events import Down
from pushwire.errors import ConfigError
from pushwire.relay.entries import Outcome
from pushwire.relay.looking import RelayLook
from pushwire.relay.serving import CONNECTIONS, MAX_HEAD, HttpSettings, open_listeners, pages, serve_pages
from pushwire.relay.tally import RelayTally
from tests.relay.test_looking import LOOK, STREAM, look


class Shown:
    """Pages of a relay that is made up."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.look = LOOK
        self.tally = RelayTally(["wallets"], lambda: 0.0)

    async def raw(self, request: bytes) -> bytes:
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            await stream.send_all(request)
            return b"".join([data async for data in stream])

    async def get(self, path: str, accept: str = "*/*", method: str = "GET") -> tuple[int, str, str]:
        """Status, content type and body."""
        answer = await self.raw(f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
        head, _, body = answer.decode().partition("\r\n\r\n")
        kind = next(line for line in head.splitlines() if line.startswith("content-type:"))
        return int(head.split()[1]), kind.partition(": ")[2], body


@asynccontextmanager
async def shown() -> AsyncGenerator[Shown]:
    (listener,) = await open_listeners(HttpSettings(listen="127.0.0.1:0"))
    relay = Shown(listener.socket.getsockname()[1])

    def seen() -> RelayLook:
        return relay.look

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_pages, [listener], pages(seen, relay.tally, 60.0), HttpSettings().within)
        yield relay
        nursery.cancel_scope.cancel()


async def test_metrics_say_what_became_of_events_and_where_the_sink_stands() -> None:
    async with shown() as relay:
        relay.tally.wrote("wallets", [Outcome.STORED, Outcome.DUPLICATE], 2, 0.003)
        relay.tally.streams["wallets"].saw([Down(1.0, "cut", Close(status=503))])
        relay.look = look(at=100.0, away_since=93.0)
        status, kind, body = await relay.get("/metrics")
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    samples = [sample for family in text_string_to_metric_families(body) for sample in family.samples]
    found = {(sample.name, tuple(sample.labels.values())): sample.value for sample in samples}
    assert found["pushwire_relay_outcomes_total", ("duplicate", "wallets")] == 1
    assert found["pushwire_relay_outcomes_total", ("refused", "wallets")] == 0
    assert found["pushwire_relay_sink_write_seconds_bucket", ("0.005",)] == 1
    assert found["pushwire_relay_sink_write_seconds_sum", ()] == 0.003
    assert found["pushwire_relay_sink_away_seconds", ()] == 7
    assert found["pushwire_relay_sink_state", ("open",)] == 1
    assert found["pushwire_relay_held_events", ("wallets",)] == STREAM.events
    assert found["pushwire_relay_oldest_unsettled_seconds", ("wallets",)] == 0.5
    assert found["pushwire_stream_info", ("gelabs", "wallets")] == 1
    assert found["pushwire_stream_downs_total", ("http", "503", "wallets")] == 1
    assert found["process_open_fds", ()] > 0
    assert {"pushwire_build_info", "pushwire_relay_taking", "pushwire_relay_sink_backoffs_total"} <= {name for name, _ in found}


async def test_who_asks_for_openmetrics_gets_it() -> None:
    async with shown() as relay:
        status, kind, body = await relay.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert (status, kind.partition(";")[0]) == (200, "application/openmetrics-text")
    assert body.endswith("\n# EOF\n")
    assert "\n# TYPE pushwire_relay_outcomes counter\n" in body


async def test_health_is_503_with_the_reasons_where_something_is_away() -> None:
    async with shown() as relay:
        relay.look = attrs.evolve(LOOK, streams={"wallets": attrs.evolve(STREAM, oldest=None)})
        assert (await relay.get("/health"))[0] == 200
        relay.look = look(away_since=1.0)
        status, kind, body = await relay.get("/health")
        assert (status, kind, json.loads(body)["problems"]) == (503, "application/json", ["sink: not open for 99 s: cut"])
        assert (await relay.get("/live"))[0] == 200


async def test_head_has_no_body_and_nothing_else_is_answered() -> None:
    async with shown() as relay:
        assert await relay.get("/health", method="HEAD") == (200, "application/json", "")
        assert (await relay.get("/health", method="DELETE"))[0] == 405
        assert (await relay.get("/"))[0] == 404
        assert (await relay.get("/metrics/../etc"))[0] == 404


@pytest.mark.parametrize("request_", [b"\x16\x03\x01" * 99, b"GET /live HTTP/1.1\r\nx: " + b"y" * (2 * MAX_HEAD)])
async def test_nonsense_and_a_head_without_end_are_refused_and_the_next_is_answered(request_: bytes) -> None:
    async with shown() as relay:
        answer = b""
        # What is left unread makes the end of the connection an abrupt one.
        with contextlib.suppress(trio.BrokenResourceError):
            answer = await relay.raw(request_)
        assert not answer or answer.startswith(b"HTTP/1.1 4")
        assert (await relay.get("/live"))[0] == 200


async def test_a_client_that_says_nothing_is_let_go_in_time(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.01
    async with shown() as relay, await trio.open_tcp_stream("127.0.0.1", relay.port) as stream:
        before = trio.current_time()
        assert await stream.receive_some() == b""
        assert trio.current_time() - before == pytest.approx(HttpSettings().within)


async def test_where_one_more_connection_comes_than_there_may_be_the_oldest_is_let_go() -> None:
    async with shown() as relay, contextlib.AsyncExitStack() as clients:
        idle = [
            await clients.enter_async_context(await trio.open_tcp_stream("127.0.0.1", relay.port)) for _ in range(CONNECTIONS)
        ]
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert (await relay.get("/live"))[0] == 200
        assert await idle[0].receive_some() == b""
        for stream in idle[1:]:
            await stream.send_all(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")


async def test_a_page_that_cannot_be_made_does_not_end_the_relay(caplog: pytest.LogCaptureFixture) -> None:
    async with shown() as relay:
        relay.look = None  # type: ignore[assignment] # a fault of ours
        assert await relay.raw(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        assert (await relay.get("/live"))[0] == 200
    assert "page failed" in caplog.text


@pytest.mark.parametrize("listen", ["9100", ":9100", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", 9100])
def test_where_to_listen_is_an_address_and_a_port(listen: object) -> None:
    with pytest.raises(ConfigError, match="listen: must be an address and a port"):
        HttpSettings(listen=listen)  # type: ignore[arg-type] # on purpose


def test_it_listens_on_the_machine_itself_unless_told_otherwise() -> None:
    assert (HttpSettings().host, HttpSettings().port) == ("127.0.0.1", 9100)
    assert HttpSettings(listen="[::1]:0").host == "::1"
    with pytest.raises(ConfigError, match="grace"):
        HttpSettings(grace=-1)
