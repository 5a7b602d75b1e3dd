"""The fixtures as users have them: a simulated provider over sockets and in memory, and trouble when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
import trio
from trio.testing import MockClock

import pushwire
from pushwire import bitpanda, gelabs, pusher, quantcite, quickpay, satoriex
from pushwire.core.events import Down, Malformed, Stale, Up
from pushwire.errors import AuthenticationRefused, ReplyTimeout
from pushwire.sandbox import BitpandaSettings, GelabsSettings
from pushwire.shell.memory import MemoryNetwork
from pushwire.testing import gelabs as build
from pushwire.testing import quickpay as quickpay_build
from pushwire.testing.bitpanda import BTC
from tests.shell.streams import next_of

if TYPE_CHECKING:
    from pushwire.testing.other_sandboxes import Sandboxes
    from pushwire.testing.sandboxes import (
        BitpandaSandbox,
        GelabsSandbox,
        PusherSandbox,
        QuantciteSandbox,
        QuickPaySandbox,
        SatoriexSandbox,
    )

# Over sockets


async def test_gelabs_pushes_to_a_client_and_takes_its_ack(gelabs_sandbox: GelabsSandbox) -> None:
    message = gelabs_sandbox.push(tx_hash="0xfeed")
    async with pushwire.connect(gelabs_sandbox.config) as stream:
        event = await next_of(stream, gelabs.Transaction)
        assert event.tx_hash == "0xfeed"
        assert gelabs_sandbox.machine.unacked() == [message]
        await stream.ack(event)
    # Leaving the block waits for the reply to the ACK.
    assert not gelabs_sandbox.machine.unacked()
    async with pushwire.open_api(gelabs_sandbox.config) as api:
        await api.call(gelabs.ChangeAddresses("ethereum", adds=(build.ADDRESS,)))
    assert gelabs_sandbox.machine.watched()


async def test_quantcite_sends_what_is_followed(quantcite_sandbox: QuantciteSandbox) -> None:
    async with pushwire.connect(quantcite_sandbox.config) as stream:
        await stream.call(quantcite.SubscribeTransactions("bybit", transaction_types=("deposits",)))
        quantcite_sandbox.push(transaction_id="t-1")
        assert (await next_of(stream, quantcite.Transaction)).transaction_id == "t-1"


async def test_bitpanda_sends_prices(bitpanda_sandbox: BitpandaSandbox) -> None:
    async with pushwire.connect(bitpanda_sandbox.config) as stream:
        await stream.call(bitpanda.Subscribe(bitpanda.PRICES, [BTC]))
        bitpanda_sandbox.push(BTC)
        assert (await next_of(stream, bitpanda.Price)).pair == BTC


async def test_pusher_sends_on_a_channel_that_its_client_signs_for(pusher_sandbox: PusherSandbox) -> None:
    async with pushwire.connect(pusher_sandbox.config) as stream:
        await stream.call(pusher.Subscribe("private-orders"))
        pusher_sandbox.publish("private-orders", "filled", {"id": 7})
        assert (await next_of(stream, pusher.ChannelEvent)).data == {"id": 7}


async def test_quickpay_sends_typed_events(quickpay_sandbox: QuickPaySandbox) -> None:
    payment = quickpay_build.payment()
    async with pushwire.connect(quickpay_sandbox.config) as stream:
        await stream.call(quickpay.payments(quickpay_build.MERCHANT))
        quickpay_sandbox.publish(payment)
        assert (await next_of(stream, quickpay.Payment)).data == payment.data


async def test_satoriex_sends_events_of_users_and_of_markets(satoriex_sandbox: SatoriexSandbox) -> None:
    async with pushwire.connect(satoriex_sandbox.config) as stream:
        satoriex_sandbox.push("order_filled", order_id="o-1")
        assert (await next_of(stream, satoriex.OrderFilled)).order_id == "o-1"
        await stream.call(satoriex.SubscribeMarket("mkt_abc123"))
        machine = satoriex_sandbox.machine
        await satoriex_sandbox.until(lambda: any(map(machine.topics, machine.connections)))
        satoriex_sandbox.push("trade", market_id="mkt_abc123", price=4200)
        assert (await next_of(stream, satoriex.Trade)).price == 4200


# In memory, on a clock that jumps


async def test_every_provider_can_be_reached_without_a_socket(
    gelabs_sandbox: GelabsSandbox,
    quantcite_sandbox: QuantciteSandbox,
    bitpanda_sandbox: BitpandaSandbox,
    pusher_sandbox: PusherSandbox,
    quickpay_sandbox: QuickPaySandbox,
    satoriex_sandbox: SatoriexSandbox,
    autojump_clock: MockClock,
) -> None:
    async with (
        pushwire.connect(gelabs_sandbox.config, **gelabs_sandbox.in_memory),
        pushwire.connect(quantcite_sandbox.config, **quantcite_sandbox.in_memory),
        pushwire.connect(bitpanda_sandbox.config, **bitpanda_sandbox.in_memory),
        pushwire.connect(pusher_sandbox.config, **pusher_sandbox.in_memory),
        pushwire.connect(quickpay_sandbox.config, **quickpay_sandbox.in_memory) as stream,
        pushwire.connect(satoriex_sandbox.config, **satoriex_sandbox.in_memory),
    ):
        # Which asks its HTTP side for an authorisation.
        await stream.call(quickpay.payments(quickpay_build.MERCHANT))
    assert trio.current_time() < 1


async def test_a_feed_falls_silent_after_a_minute_that_takes_no_time(
    bitpanda_sandbox: BitpandaSandbox, autojump_clock: MockClock
) -> None:
    async with pushwire.connect(bitpanda_sandbox.config, **bitpanda_sandbox.in_memory) as stream:
        await stream.call(bitpanda.Subscribe(bitpanda.PRICES, [BTC]))
        async for event in stream:
            if isinstance(event, Stale):
                assert event.topic == bitpanda.Topic.of(bitpanda.PRICES, BTC)
                break
        assert trio.current_time() == pytest.approx(60.0, abs=1)


async def test_rest_goes_through_memory_as_well(gelabs_sandbox: GelabsSandbox, autojump_clock: MockClock) -> None:
    options = gelabs_sandbox.in_memory
    async with pushwire.open_api(gelabs_sandbox.config, http=options["http"], entropy=options["entropy"]) as api:
        await api.call(gelabs.ChangeAddresses("ethereum", adds=(build.ADDRESS,)))
    await options["http"].aclose()
    assert gelabs_sandbox.machine.watched()


# Trouble on demand


async def test_a_transaction_comes_again_after_a_cut(gelabs_sandbox: GelabsSandbox, autojump_clock: MockClock) -> None:
    async with pushwire.connect(gelabs_sandbox.config, **gelabs_sandbox.in_memory) as stream:
        assert gelabs_sandbox.connections == 1
        gelabs_sandbox.refuse(times=2, retry_after=3)
        gelabs_sandbox.cut()
        gelabs_sandbox.push()
        event = await next_of(stream, gelabs.Transaction)
        assert event.tx_hash == build.TX_HASH
        assert gelabs_sandbox.dials == 4
        assert trio.current_time() >= 6, "it waited as long as it was told to, twice"


async def test_a_close_in_good_order_is_told(gelabs_sandbox: GelabsSandbox, autojump_clock: MockClock) -> None:
    async with pushwire.connect(gelabs_sandbox.config, **gelabs_sandbox.in_memory) as stream:
        gelabs_sandbox.close(1012, "restart")
        down = await next_of(stream, Down)
        assert down.close is not None
        assert (down.close.code, down.close.reason) == (1012, "restart")
        assert (await next_of(stream, Up)).generation == 2


async def test_what_is_said_while_the_provider_hangs_comes_when_it_goes_on(
    gelabs_sandbox: GelabsSandbox, autojump_clock: MockClock
) -> None:
    subscribe = gelabs.Subscribe(build.ADDRESS, "ethereum")
    async with pushwire.connect(gelabs_sandbox.config, **gelabs_sandbox.in_memory) as stream:
        gelabs_sandbox.stall()
        gelabs_sandbox.push()
        with pytest.raises(ReplyTimeout):
            await stream.call(subscribe)
        gelabs_sandbox.resume()
        assert (await next_of(stream, gelabs.Transaction)).tx_hash == build.TX_HASH
        await stream.call(gelabs.Unsubscribe(build.ADDRESS))


async def test_a_close_waits_as_well_while_the_provider_hangs(
    bitpanda_sandbox: BitpandaSandbox, autojump_clock: MockClock
) -> None:
    async with pushwire.connect(bitpanda_sandbox.config, **bitpanda_sandbox.in_memory) as stream:
        await next_of(stream, Up)
        bitpanda_sandbox.stall()
        bitpanda_sandbox.machine.close_all(1001, "late", trio.current_time())
        bitpanda_sandbox.pump()
        with trio.move_on_after(5) as patience:
            await next_of(stream, Down)
        assert patience.cancelled_caught
        bitpanda_sandbox.resume()
        await next_of(stream, Down)


async def test_any_message_can_be_said(gelabs_sandbox: GelabsSandbox, autojump_clock: MockClock) -> None:
    async with pushwire.connect(gelabs_sandbox.config, **gelabs_sandbox.in_memory) as stream:
        gelabs_sandbox.say("no JSON")
        assert (await next_of(stream, Malformed)).raw == "no JSON"


async def test_faults_by_name_begin_and_end_when_they_are_told_to(
    gelabs_sandbox: GelabsSandbox, autojump_clock: MockClock
) -> None:
    async with pushwire.connect(gelabs_sandbox.config, **gelabs_sandbox.in_memory) as stream:
        gelabs_sandbox.disturb("slow:100", "duplicate:1")
        gelabs_sandbox.push(tx_hash="0x1")
        gelabs_sandbox.disturb("drop:every=2")
        assert (await next_of(stream, gelabs.Transaction)).tx_hash == "0x1"
        assert trio.current_time() < 1, "what was held back went out at once"
        gelabs_sandbox.push(tx_hash="0x2")
        gelabs_sandbox.push(tx_hash="0x3")
        await next_of(stream, Down)
        gelabs_sandbox.disturb()
        for number in range(4, 9):
            gelabs_sandbox.push(tx_hash=f"0x{number}")
        await next_of(stream, Up)
        with trio.move_on_after(60):
            await next_of(stream, Down)
            raise AssertionError("there is an end to it")
    with pytest.raises(pushwire.ConfigError, match="earthquake"):
        gelabs_sandbox.disturb("earthquake")


@pytest.mark.pushwire_sandbox(BitpandaSettings(tokens=("other",)))
@pytest.mark.pushwire_sandbox(GelabsSettings(keys=("other",)))
async def test_a_marker_gives_the_settings(gelabs_sandbox: GelabsSandbox, bitpanda_sandbox: BitpandaSandbox) -> None:
    for sandbox in (gelabs_sandbox, bitpanda_sandbox):
        with pytest.raises(AuthenticationRefused):
            async with pushwire.connect(sandbox.config):
                raise AssertionError("its key is not accepted")
    async with pushwire.connect(attrs.evolve(gelabs_sandbox.config, api_key=pushwire.Secret("other"))):
        pass


@pytest.mark.pushwire_sandbox(faults=["refuse:503,first=2,after=1"])
async def test_a_marker_gives_faults(pusher_sandbox: PusherSandbox, autojump_clock: MockClock) -> None:
    async with pushwire.connect(pusher_sandbox.config, **pusher_sandbox.in_memory):
        assert pusher_sandbox.dials == 3


# Any provider


async def test_a_sandbox_is_opened_by_its_providers_name(sandboxes: Sandboxes, autojump_clock: MockClock) -> None:
    sandbox = await sandboxes.open("gelabs", rate=10, settings=["max_messages=3"], faults=["drop:every=2"])
    kinds: list[str] = []
    async with pushwire.connect(sandbox.config, **sandbox.in_memory) as stream:
        for command in sandbox.commands:
            await stream.call(command)
        async for event in stream:
            kinds.append(type(event).__name__)
            if kinds.count("Transaction") == 3:
                break
    assert "Down" in kinds
    assert len(sandbox.simulated.sent()) == 3


async def test_a_provider_that_nobody_knows_is_refused(sandboxes: Sandboxes) -> None:
    with pytest.raises(pushwire.ConfigError, match="no sandbox for 'nobody'"):
        await sandboxes.open("nobody")


# By hand


async def test_the_memory_network_is_played_by_the_test(memory_network: MemoryNetwork, nursery: trio.Nursery) -> None:
    async def provider() -> None:
        peer = await memory_network.accept()
        peer.send(build.connected(), build.push())

    nursery.start_soon(provider)
    config = gelabs.Config(api_key=pushwire.Secret("key"))
    async with pushwire.connect(config, transport=memory_network) as stream:
        events = aiter(stream)
        assert isinstance(await anext(events), gelabs.Up)
        assert isinstance(await anext(events), gelabs.Transaction)
