from __future__ import annotations

from typing import TYPE_CHECKING

import trio

import pushwire
from pushwire import gelabs
from pushwire.shell.memory import MemoryNetwork
from pushwire.testing import gelabs as build

if TYPE_CHECKING:
    # pytest wants to be the first to load a plugin.
    from pushwire.testing.plugin import GelabsSandbox

pytest_plugins = ["pushwire.testing.plugin"]


async def test_the_sandbox_pushes_to_a_client_and_takes_its_ack(gelabs_sandbox: GelabsSandbox) -> None:
    async with pushwire.connect(gelabs_sandbox.config) as stream:
        gelabs_sandbox.machine.push(
            {"chain_type": "ethereum", "chain_id": 1, "txhash": "0xfeed", "txStatus": "success"}, trio.current_time()
        )
        gelabs_sandbox.server.pump()
        async for event in stream:
            if isinstance(event, gelabs.Transaction):
                assert event.tx_hash == "0xfeed"
                await stream.ack(event)
                break
    # Leaving the block waits for the reply to the ACK.
    assert not gelabs_sandbox.machine.unacked()


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
