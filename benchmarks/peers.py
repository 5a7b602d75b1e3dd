"""The client side: one library takes `count` messages and says how long that took. Runs in a process of its own.

Each peer is used as its documentation shows, with `json.loads`, since that is what its users write; none of them reconnects,
checks or remembers anything. picows with msgspec is the limit: frames cut by compiled code, decoded into the types that pushwire
decodes into, and no protocol at all. pushwire runs with all it has: typed validation, ledger, liveness, bounded inbox.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Coroutine

import picows
import trio
import trio.lowlevel
import trio_websocket
from websockets.asyncio.client import connect as asyncio_connect
from websockets.trio.client import connect as trio_connect

import pushwire
from pushwire import bitpanda, gelabs
from pushwire.providers.bitpanda.messages import decode as decode_price
from pushwire.providers.gelabs.messages import decode as decode_push

from .payloads import REQUESTS


class Watch:
    """Measures from the first message to the last."""

    def __init__(self) -> None:
        self.started: tuple[float, float] | None = None
        self.taken: tuple[float, float] = (0.0, 0.0)

    def start(self) -> None:
        if self.started is None:
            self.started = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        assert self.started is not None
        self.taken = (time.perf_counter() - self.started[0], time.process_time() - self.started[1])


def ack(number: int, push: dict[str, dict[str, object]]) -> str:
    data = {"chain_type": push["data"]["chain_type"], "chain_id": push["data"].get("chain_id"), "txHash": push["data"]["txhash"]}
    return json.dumps({"id": str(number), "type": "transactionACK", "data": data})


async def pushwire_client(url: str, kind: str, count: int, watch: Watch, *, acks: bool) -> None:
    await (pushwire_push(url, count, watch, acks=acks) if kind == "push" else pushwire_price(url, count, watch))


async def pushwire_price(url: str, count: int, watch: Watch) -> None:
    config = bitpanda.Config(token=pushwire.Secret("token"), url=url)
    left = count
    async with pushwire.connect(config) as stream:
        await stream.call(bitpanda.Subscribe("prices-v1"))
        async for batch in stream.batches(256):
            watch.start()
            left -= sum(isinstance(event, bitpanda.Price) for event in batch)
            if left == 0:
                break
        watch.stop()


async def pushwire_push(url: str, count: int, watch: Watch, *, acks: bool) -> None:
    config = gelabs.Config(api_key=pushwire.Secret("key"), url=url)
    left = count
    async with pushwire.connect(config, store=pushwire.MemoryStore()) as stream:
        async for batch in stream.batches(256):
            watch.start()
            transactions = [event for event in batch if isinstance(event, gelabs.Transaction)]
            left -= len(transactions)
            if acks:
                await stream.ack(*transactions)
            if left == 0:
                break
        if acks:
            await confirmed(stream, count)
        watch.stop()


async def confirmed(stream: pushwire.Stream[gelabs.Event], count: int) -> None:
    """Return when the provider has confirmed all ACKs. Nothing tells when that is, so this looks whenever others have run."""
    while stream.status.session.acks_confirmed < count:
        await trio.lowlevel.checkpoint()


async def trio_websocket_client(url: str, kind: str, count: int, watch: Watch, *, acks: bool) -> None:
    # The feeder never answers the closing handshake.
    with contextlib.suppress(trio_websocket.DisconnectionTimeout):
        await trio_websocket_messages(url, kind, count, watch, acks=acks)


async def trio_websocket_messages(url: str, kind: str, count: int, watch: Watch, *, acks: bool) -> None:
    async with trio_websocket.open_websocket_url(url, disconnect_timeout=0.1) as connection:
        await take(connection.get_message, connection.send_message, kind, count, watch, acks=acks)


async def websockets_trio_client(url: str, kind: str, count: int, watch: Watch, *, acks: bool) -> None:
    async with trio_connect(url, compression=None, max_queue=1024, close_timeout=0.1) as connection:
        await take(connection.recv, connection.send, kind, count, watch, acks=acks)


async def take(
    receive: Callable[[], Awaitable[str | bytes]],
    send: Callable[[str], Awaitable[None]],
    kind: str,
    count: int,
    watch: Watch,
    *,
    acks: bool,
) -> None:
    """What is done on either connection of trio's."""
    if REQUESTS[kind]:
        await send(REQUESTS[kind])
    json.loads(await receive())
    left, replies = count, count if acks else 0
    while left or replies:
        message = json.loads(await receive())
        watch.start()
        if acks and message["type"] != "transaction":
            replies -= 1
            continue
        left -= 1
        if acks:
            await send(ack(left, message))
    watch.stop()


async def websockets_client(url: str, kind: str, count: int, watch: Watch, *, acks: bool) -> None:
    async with asyncio_connect(url, compression=None, max_queue=1024, close_timeout=0.1) as connection:
        if REQUESTS[kind]:
            await connection.send(REQUESTS[kind])
        json.loads(await connection.recv())
        left, replies = count, count if acks else 0
        number = 0
        async for text in connection:
            watch.start()
            message = json.loads(text)
            if acks and message["type"] != "transaction":
                replies -= 1
            else:
                left -= 1
                if acks:
                    number += 1
                    await connection.send(ack(number, message))
            if left == 0 and replies == 0:
                break
        watch.stop()


class Limit(picows.WSListener):
    """Decodes what comes, and keeps none of it."""

    def __init__(self, kind: str, count: int, watch: Watch) -> None:
        self._request = REQUESTS[kind]
        self._decode: Callable[[str], object] = decode_push if kind == "push" else decode_price
        self._left = count
        self._watch = watch
        self._greeted = False

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        if self._request:
            transport.send(picows.WSMsgType.TEXT, self._request.encode())

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if not self._greeted:
            self._greeted = True
            return
        self._decode(frame.get_payload_as_utf8_text())
        self._watch.start()
        self._left -= 1
        if self._left == 0:
            self._watch.stop()
            transport.disconnect(graceful=False)


async def picows_client(url: str, kind: str, count: int, watch: Watch, *, acks: bool) -> None:
    assert not acks, "the limit only reads"
    listener = Limit(kind, count, watch)
    # Its `**kwargs` have no type.
    transport, _ = await picows.ws_connect(lambda: listener, url, read_buffer_init_size=262144)  # pyright: ignore[reportUnknownMemberType]
    await transport.wait_disconnected()


def run_trio(client: Callable[..., object]) -> Callable[[str, str, int, Watch, bool], None]:
    async def main(url: str, kind: str, count: int, watch: Watch, acks: bool) -> None:
        await client(url, kind, count, watch, acks=acks)  # type: ignore[misc]  # the clients above, all of one shape

    return lambda url, kind, count, watch, acks: trio.run(main, url, kind, count, watch, acks)


def run_asyncio(client: Callable[..., Coroutine[object, object, None]]) -> Callable[[str, str, int, Watch, bool], None]:
    return lambda url, kind, count, watch, acks: asyncio.run(client(url, kind, count, watch, acks=acks))


CLIENTS: dict[str, Callable[[str, str, int, Watch, bool], None]] = {
    "pushwire": run_trio(pushwire_client),
    "trio-websocket + json.loads": run_trio(trio_websocket_client),
    "websockets.asyncio + json.loads": run_asyncio(websockets_client),
    "websockets.trio + json.loads": run_trio(websockets_trio_client),
    "picows + msgspec": run_asyncio(picows_client),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=list(CLIENTS))
    parser.add_argument("kind", choices=list(REQUESTS))
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--acks", action="store_true")
    arguments = parser.parse_args()
    watch = Watch()
    CLIENTS[arguments.client](f"ws://127.0.0.1:{arguments.port}/", arguments.kind, arguments.count, watch, arguments.acks)
    print(json.dumps({"wall": watch.taken[0], "cpu": watch.taken[1]}))


if __name__ == "__main__":
    main()
