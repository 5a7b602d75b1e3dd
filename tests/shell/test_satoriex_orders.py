"""An order of SatoriEx is sent once: whatever becomes of the answer, nobody places it again."""

from __future__ import annotations

import pytest
import trio
import trio.testing

import pushwire
from pushwire import satoriex
from tests.shell.rest_server import Answer, Asked, Server, never

ORDER = satoriex.PlaceOrder(
    market_id="mkt_abc123", outcome_id="yes", side=satoriex.Side.BUY, price=satoriex.Bps(4200), quantity=10
)


async def hang_up(asked: Asked) -> Answer | None:
    return None


def failing(status: int, body: bytes) -> Answer:
    return status, {"Content-Type": "application/json"}, body


FAILURES = [
    failing(500, b'{"code":50000,"msg":"internal error","data":null,"trace_id":"abc123def456"}'),
    failing(500, b'{"code":9999,"msg":"internal error","data":null}'),
    failing(502, b"<html>"),
    failing(504, b'{"code":5007,"msg":"of the gateway"}'),
    failing(202, b'{"code":0,"data":'),
]


def config(server: Server) -> satoriex.Config:
    return satoriex.Config(token=pushwire.Secret("do-not-show-this"), api_url=f"{server.url}/api/v1")


async def unknown(api: pushwire.Api[satoriex.Config]) -> None:
    with pytest.raises(pushwire.OutcomeUnknown) as caught:
        await api.call(ORDER)
    assert caught.value.command == ORDER
    assert "do-not-show-this" not in f"{caught.value} {caught.value.__cause__!r}"


@pytest.fixture
async def server(nursery: trio.Nursery) -> Server:
    server = Server(hang_up)
    await server.start(nursery)
    return server


async def test_where_the_reply_is_lost_its_outcome_is_unknown(server: Server) -> None:
    async with pushwire.open_api(config(server)) as api:
        await unknown(api)
    assert [asked.target for asked in server.asked] == ["/api/v1/orders"]


@pytest.mark.parametrize("failure", FAILURES)
async def test_where_the_reply_does_not_tell_as_well(server: Server, failure: Answer) -> None:
    async def answers(asked: Asked) -> Answer:
        return failure

    server.answers = answers
    async with pushwire.open_api(config(server)) as api:
        await unknown(api)
    assert len(server.asked) == 1


async def test_where_the_calls_own_time_runs_out_too(server: Server, mock_clock: trio.testing.MockClock) -> None:
    server.answers = never
    async with pushwire.open_api(config(server), timeout=10.0) as api, trio.open_nursery() as calls:
        calls.start_soon(unknown, api)
        await server.until(lambda: bool(server.asked))
        mock_clock.jump(10.0)
    assert len(server.asked) == 1
    assert api.unsettled == []


async def test_one_that_was_cancelled_after_it_left_is_kept_and_a_cancellation_is_not(server: Server) -> None:
    server.answers = never
    async with pushwire.open_api(config(server)) as api, trio.open_nursery() as calls:
        calls.start_soon(api.call, ORDER)
        calls.start_soon(api.call, satoriex.CancelOrder("ord_1"))
        await server.until(lambda: len(server.asked) == 2)
        calls.cancel_scope.cancel()
    assert api.unsettled == [ORDER]
