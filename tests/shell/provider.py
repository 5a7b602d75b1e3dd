"""A gelabs provider of a few lines behind the in-memory transport: it pushes, resends what is not ACKed, loses what it must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import trio

from pushwire import Secret, gelabs
from pushwire.shell.entropy import Entropy
from pushwire.shell.memory import MemoryNetwork, Peer
from pushwire.testing.gelabs import connected, push

CONFIG = gelabs.Config(api_key=Secret("sk-test"))


def tx_hash(number: int) -> str:
    return f"0x{number:064x}"


def success(command_id: str, kind: str) -> str:
    """A reply without data."""
    return msgspec.json.encode({"id": command_id, "type": kind, "code": 0, "msg": "success"}).decode()


class Provider:
    """Serves every connection of one network. `run` is started in the test's nursery."""

    def __init__(self, network: MemoryNetwork | None = None) -> None:
        self.network = network or MemoryNetwork()
        self.peers: list[Peer] = []
        self.owed: dict[str, str] = {}
        """What was pushed and not ACKed: message by hash."""
        self.acks: list[str] = []
        """The hashes ACKed, as they came."""
        self.kinds: list[str] = []
        """The types of all messages that came."""
        self.lose_acks = False
        self.answer = True
        self.last_id = ""
        """The id of the last message that came."""
        self.refuse: int | None = None
        """The status every dial is refused with."""
        self.on_message: Callable[[dict[str, Any]], None] = lambda message: None
        self.changed = trio.lowlevel.ParkingLot()

    def push(self, number: int, **fields: Any) -> None:
        """Push a transaction on the live connection, if there is one, and owe it until it is ACKed."""
        text = push(tx_hash=tx_hash(number), **fields)
        self.owed[tx_hash(number)] = text
        if self.peers:
            self.peers[-1].send(text)

    def reply(self, command_id: str, kind: str) -> None:
        """Answer a command on the live connection."""
        self.peers[-1].send(success(command_id, kind))

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                peer = await self.network.dialled()
                if self.refuse is None:
                    peer.open()
                    nursery.start_soon(self._serve, peer)
                else:
                    peer.refuse(self.refuse)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a message of the client makes the condition true."""
        while not condition():
            await self.changed.park()

    async def received(self, kind: str, times: int = 1) -> None:
        """Wait until the client has sent so many messages of this kind."""
        await self.until(lambda: self.kinds.count(kind) >= times)

    async def _serve(self, peer: Peer) -> None:
        self.peers.append(peer)
        peer.send(connected(), *self.owed.values())
        while True:
            try:
                text = await peer.receive()
            except trio.EndOfChannel:
                break
            self._on(peer, msgspec.json.decode(text))
            self.changed.unpark_all()
        if peer in self.peers:
            self.peers.remove(peer)
        self.changed.unpark_all()

    def _on(self, peer: Peer, message: dict[str, Any]) -> None:
        self.on_message(message)
        kind = message["type"]
        self.kinds.append(kind)
        if kind == "transactionACK":
            if self.lose_acks:
                return
            self.acks.append(message["data"]["txHash"])
            self.owed.pop(message["data"]["txHash"], None)
        self.last_id = message["id"]
        if self.answer:
            peer.send(success(message["id"], "pong" if kind == "ping" else kind))


class Wall:
    """A wall clock that a test sets."""

    def __init__(self, at: float = 1_745_000_000.0) -> None:
        self.at = at

    def entropy(self) -> Entropy:
        return Entropy(seed=1, prefix="id", wall=lambda: self.at)
