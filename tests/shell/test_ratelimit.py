"""Waiting for a place in rate-limited buckets, in virtual time."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from pushwire.core.ratelimit import RateLimit
from pushwire.errors import LocalProtocolError
from pushwire.shell.http import Passage
from pushwire.shell.ratelimit import RateBuckets

Clock = trio.testing.MockClock


async def call(buckets: RateBuckets, log: list[tuple[str, float]], name: str, *names: str, lasts: float = 1.0) -> None:
    passage = Passage()
    async with buckets.turn(names, passage):
        log.append((name, trio.current_time()))
        passage.left = True
        await trio.sleep(lasts)


async def test_calls_go_in_order_as_the_limit_lets_them(autojump_clock: Clock) -> None:
    buckets, log = RateBuckets({"orders": RateLimit(2, 60)}), list[tuple[str, float]]()
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(call, buckets, log, str(number), "orders")
            await trio.testing.wait_all_tasks_blocked()
    assert log == [("0", 0.0), ("1", 0.0), ("2", 61.0), ("3", 61.0), ("4", 122.0)]


async def test_a_cancelled_waiter_gives_its_place_back(autojump_clock: Clock) -> None:
    buckets, log = RateBuckets({"orders": RateLimit(1, 60)}), list[tuple[str, float]]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, buckets, log, "first", "orders")
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as waiting:
            waiting.start_soon(call, buckets, log, "cancelled", "orders")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(call, buckets, log, "last", "orders")
            await trio.sleep(30.0)
            waiting.cancel_scope.cancel()
    assert log == [("first", 0.0), ("last", 61.0)]


async def test_a_waiter_who_is_cancelled_in_its_moment_gives_its_place_to_the_next(autojump_clock: Clock) -> None:
    buckets, log = RateBuckets({"orders": RateLimit(1, 60)}), list[tuple[str, float]]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, buckets, log, "first", "orders")
        await trio.testing.wait_all_tasks_blocked()
        with trio.CancelScope(deadline=61.0):
            async with trio.open_nursery() as waiting:
                waiting.start_soon(call, buckets, log, "cancelled", "orders")
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(call, buckets, log, "last", "orders")
    assert log == [("first", 0.0), ("last", 61.0)]


async def test_a_call_whose_bytes_never_left_does_not_count(autojump_clock: Clock) -> None:
    buckets = RateBuckets({"orders": RateLimit(1, 60)})
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with buckets.turn(["orders"], Passage()):
                raise ZeroDivisionError
    assert trio.current_time() == 0.0


async def test_who_waits_in_one_bucket_is_not_held_up_by_who_waits_in_another(autojump_clock: Clock) -> None:
    buckets = RateBuckets({"orders": RateLimit(1, 60), "markets": RateLimit(1, 10)})
    log = list[tuple[str, float]]()
    async with trio.open_nursery() as nursery:
        for name in ("orders", "orders", "markets", "markets"):
            nursery.start_soon(call, buckets, log, name, name)
            await trio.testing.wait_all_tasks_blocked()
    assert log == [("orders", 0.0), ("markets", 0.0), ("markets", 11.0), ("orders", 61.0)]


async def test_a_closed_bucket_holds_its_calls(autojump_clock: Clock) -> None:
    buckets, log = RateBuckets({"orders": RateLimit(9, 60)}), list[tuple[str, float]]()
    buckets.close(["orders"], 5.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, buckets, log, "first", "orders")
        await trio.sleep(1.0)
        buckets.close(["orders"], 7.0)
    assert log == [("first", 8.0)]


async def test_a_name_without_a_limit_is_refused() -> None:
    buckets = RateBuckets({"orders": RateLimit(1, 60)})
    assert buckets.names == {"orders"}
    with pytest.raises(LocalProtocolError, match="no rate limit is called markets"):
        async with buckets.turn(["markets"], Passage()):
            raise AssertionError
