"""The client against the sandbox, over real sockets: the stream and its auth endpoint on one port."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

import pushwire
from pushwire.core.events import Gap
from pushwire.core.secrets import Secret
from pushwire.errors import CommandRefused
from pushwire.providers import quickpay
from pushwire.sandbox import QuickPayServer, QuickPaySettings
from pushwire.sandbox.server import SandboxServer, serve
from pushwire.testing import quickpay as build
from tests.providers.quickpay.harness import API_KEY

PATIENCE = 60
"""Seconds until a test that waits in vain is given up."""
PAYMENTS = quickpay.payments(build.MERCHANT)


@asynccontextmanager
async def served(**settings: Any) -> AsyncGenerator[tuple[QuickPayServer, SandboxServer], None]:  # any setting
    """A sandbox that lets in one merchant alone."""
    wanted = QuickPaySettings(secret="the app's", api_keys=(API_KEY,), public_key=build.keys().public, **settings)
    machine = QuickPayServer(wanted, random.Random(1))
    async with serve(machine) as server:
        with trio.fail_after(PATIENCE):
            yield machine, server


def config(server: SandboxServer, keys: str = "merchant") -> quickpay.Config:
    return quickpay.Config(
        api_key=Secret(API_KEY),
        private_key=build.keys(keys).private,
        url=f"ws://127.0.0.1:{server.port}",
        api_url=f"http://127.0.0.1:{server.port}",
        backoff_first=0.1,
        backoff_cap=0.2,
    )


Own = quickpay.Payment | quickpay.ExchangeRate | quickpay.Kyc | quickpay.Notification


async def first(stream: pushwire.Stream[quickpay.Event], count: int) -> list[Own]:
    """The first events of QuickPay's own."""
    found: list[Own] = []
    async for event in stream:
        if isinstance(event, Own):
            found.append(event)
        if len(found) == count:
            break
    return found


async def test_payments_rates_and_notifications_arrive_typed() -> None:
    async with served() as (machine, server), pushwire.connect(config(server)) as stream:
        for command in (PAYMENTS, quickpay.merchant(build.MERCHANT), quickpay.notifications(build.MERCHANT)):
            assert (await stream.call(command)).channel == command.channel
        sent: list[Own] = [build.payment(), build.exchange_rate(), build.kyc(), build.notification({"text": "hello"})]
        for event in sent:
            machine.publish(event.channel or "", event.name, build.plain(event.data), trio.current_time())
        server.pump()
        got = await first(stream, 4)
        assert [(type(event), event.data) for event in got] == [(type(event), event.data) for event in sent]
        assert (machine.desk.granted, machine.desk.refusals) == (3, [])


async def test_the_test_stream_needs_neither_key_nor_token() -> None:
    async with served(rate=50.0) as (machine, server):
        plain = quickpay.Config(api_key=Secret(API_KEY), url=f"ws://127.0.0.1:{server.port}")
        async with pushwire.connect(plain) as stream:
            await stream.call(quickpay.Subscribe(quickpay.TEST_CHANNEL))
            (event,) = await first(stream, 1)
            assert (type(event), event.channel) == (quickpay.ExchangeRate, quickpay.TEST_CHANNEL)
        assert machine.desk.granted == 0


async def test_a_strangers_key_is_refused() -> None:
    async with served() as (machine, server):
        async with pushwire.connect(config(server, "somebody else")) as stream:
            with pytest.raises(CommandRefused, match="HTTP 401"):
                await stream.call(PAYMENTS)
        assert machine.desk.refusals == ["the token is not the merchant's"]


async def test_a_forbidden_channel_is_refused() -> None:
    async with served(forbidden=(PAYMENTS.channel,)) as (_, server), pushwire.connect(config(server)) as stream:
        with pytest.raises(CommandRefused, match="HTTP 403"):
            await stream.call(PAYMENTS)


async def test_through_cuts_nothing_comes_twice_and_what_is_missed_lies_in_a_gap() -> None:
    async with served(rate=200.0, max_messages=400, drop_every=100) as (machine, server):
        got: list[str] = []
        gaps: list[Gap] = []
        async with pushwire.connect(config(server)) as stream:
            await stream.call(PAYMENTS)
            async for event in stream:
                if isinstance(event, quickpay.Payment):
                    got.append(event.event_id or "")
                elif isinstance(event, Gap):
                    gaps.append(event)
                    # The last of all is followed by a cut.
                    if machine.done and event.until >= machine.sent[-1].at:
                        break
        sent = {f"evt_{one.serial:06d}": one.at for one in machine.sent}
        assert len(got) == len(set(got))
        assert set(got) <= set(sent)
        missed = [at for name, at in sent.items() if name not in got]
        assert all(any(gap.since <= at <= gap.until for gap in gaps) for at in missed)
        assert (len(sent), machine.desk.refusals) == (400, [])
