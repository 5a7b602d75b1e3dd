"""What the gate counts: the steps of the receive path by themselves, in one process, without sockets, clock or chance.

Each workload is prepared, then run over some messages. How it is counted is not decided here.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from pushwire.core.commands import Finish
from pushwire.core.effects import Committed, Dial, Done, Fetch, Handshake, Persist
from pushwire.core.machine import Machine
from pushwire.core.secrets import Secret
from pushwire.providers import bitpanda, gelabs
from pushwire.providers.bitpanda.messages import decode as decode_price
from pushwire.providers.gelabs.messages import decode as decode_push
from pushwire.shell.inbox import Inbox
from pushwire.wire.client import ClientWire

from .feeder import text_frame
from .payloads import GREETINGS, ack_reply, message

__all__ = ["READ", "REFERENCE", "WORKLOADS", "Run"]

READ: Final = 64
"""Messages of one read."""

Run: TypeAlias = Callable[[Sequence[str]], object]
"""Does the work for the messages of one read. What it returns is let go before the next."""


def _each(decode: Callable[[str], object]) -> Run:
    return lambda texts: [decode(text) for text in texts]


def _ready(kind: str, config: gelabs.Config | bitpanda.Config) -> Machine[Any]:  # of either provider's events
    """A machine that has been greeted."""
    ids = itertools.count()
    machine: Machine[Any] = config.machine(rng=random.Random(1), ids=lambda: f"id-{next(ids)}")
    machine.start(0.0, 1e9)
    for effect in machine.take_effects():
        if isinstance(effect, Persist):
            machine.fulfil(effect.token, Done(Committed()), 0.0)
        elif isinstance(effect, Fetch):
            machine.fulfil(effect.token, Done(Secret("token")), 0.0)
    machine.opened(Handshake(), 0.0, 1e9)
    if isinstance(config, bitpanda.Config):
        machine.submit(bitpanda.Subscribe("prices-v1"), 0.0)
    machine.receive([GREETINGS[kind]], 0.0)
    machine.take_effects()
    machine.take_events()
    return machine


def _receive(machine: Machine[Any]) -> Run:
    def run(texts: Sequence[str]) -> object:
        machine.receive(texts, 1.0)
        return machine.take_events()

    return run


def _pushes() -> Run:
    return _receive(_ready("push", gelabs.Config(api_key=Secret("key"))))


def _prices() -> Run:
    return _receive(_ready("price", bitpanda.Config(token=Secret("token"), url="ws://127.0.0.1/")))


def _acks() -> Run:
    """Everything but the store and the wire: delivered, finished, committed, ACKed, confirmed."""
    machine = _ready("push", gelabs.Config(api_key=Secret("key")))

    def run(texts: Sequence[str]) -> object:
        machine.receive(texts, 1.0)
        machine.submit(Finish(tuple(tx.identity for tx in machine.take_events())), 1.0)
        for effect in machine.take_effects():
            assert isinstance(effect, Persist)
            machine.fulfil(effect.token, Done(Committed()), 1.0)
        frames = [effect for effect in machine.take_effects() if isinstance(effect, str)]
        machine.receive([ack_reply(json.loads(frame)["id"]) for frame in frames], 1.0)
        return machine.take_settled()

    return run


def _frames() -> Run:
    """Cut out of the bytes of one read, whose making is counted along."""
    wire = ClientWire(Dial(1, "ws://127.0.0.1/", {}, 1 << 20))
    # As if the handshake were over: that is no part of this.
    wire.handshake = Handshake()

    def run(texts: Sequence[str]) -> object:
        wire.feed(b"".join(map(text_frame, texts)))
        return wire.take_messages()

    return run


def _inbox() -> Run:
    inbox: Inbox[str] = Inbox(1024)

    def run(texts: Sequence[str]) -> object:
        inbox.put(texts)
        return inbox.take_many_nowait(READ)

    return run


REFERENCE: Final = "json.loads of a push"
WORKLOADS: Final[dict[str, tuple[str, Callable[[], Run]]]] = {
    REFERENCE: ("push", lambda: _each(json.loads)),
    "decode a push": ("push", lambda: _each(decode_push)),
    "decode a price": ("price", lambda: _each(decode_price)),
    "machine: receive a push": ("push", _pushes),
    "machine: receive a price": ("price", _prices),
    "machine: a push and its ACK": ("push", _acks),
    "frames": ("push", _frames),
    "inbox": ("push", _inbox),
}
"""By name: the kind of its messages, and what prepares it. The machines decode, and that is counted along."""


def reads(kind: str, count: int) -> list[list[str]]:
    """The messages of so many reads."""
    return [[message(kind, number) for number in range(at, at + READ)] for at in range(0, count * READ, READ)]
