"""A machine with hands, for measures that need neither sockets nor a real clock: what it asks for is done at once.

Its clock goes on with the messages, so many a second, so that what is kept for a time is let go in time.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from pushwire.core.commands import Finish
from pushwire.core.effects import (
    Close,
    Committed,
    Done,
    Effect,
    Fetch,
    Handshake,
    Identity,
    Persist,
    Ping,
    Restored,
    SecretFrame,
)
from pushwire.core.machine import Machine
from pushwire.core.secrets import Secret
from pushwire.providers import bitpanda, gelabs, quantcite

from .payloads import GREETINGS, ack_reply, message

__all__ = ["Driven", "gelabs_driven", "gelabs_identity", "prices_driven", "quantcite_driven"]

RATE = 10_000.0
"""Messages a second, by the machine's clock."""
WALL = 1_745_000_000.0
WELCOME = '{"type":"welcome","authenticated":true,"message":"hello"}'

Frames = list[str]


class Driven:
    """One machine, ready. `answer` gives the peer's answer to a frame, None: there is none."""

    def __init__(self, machine: Machine[Any], answer: Callable[[str], str | None]) -> None:  # of any provider's events
        self.machine = machine
        self.now = 0.0
        self._answer = answer
        self._frames: Frames = []
        machine.start(self.now, WALL)
        self._obey()

    def open(self, *greetings: str) -> None:
        """The dial that was asked for succeeds."""
        self.machine.opened(Handshake(), self.now, WALL + self.now)
        self.receive(greetings)

    def drop(self) -> None:
        """The connection ends, and the next dial is asked for."""
        self.machine.closed(Close(reason="the peer ended the stream", by="transport"), self.now, WALL + self.now)
        self._obey()
        self._wait()

    def receive(self, texts: Sequence[str]) -> Sequence[Any]:
        """What one read brought. Returns the events."""
        machine = self.machine
        if texts:
            machine.receive(texts, self.now)
        self._obey()
        self.now += len(texts) / RATE
        if machine.next_deadline() <= self.now:
            self._wait()
        return machine.take_events()

    def acked(self, events: Sequence[Any]) -> None:
        """Settle these transactions: booked, durable, ACKed, confirmed."""
        self.machine.submit(Finish(tuple(tx.identity for tx in events)), self.now)
        self._obey()
        self.machine.take_settled()

    def _wait(self) -> None:
        """Until nothing is due."""
        machine = self.machine
        while (due := machine.next_deadline()) <= self.now:
            machine.handle_timer(max(self.now, due), WALL + self.now)
            self._obey()

    def _obey(self) -> None:
        machine = self.machine
        while effects := machine.take_effects():
            answers = [answer for effect in effects if (answer := self._done(effect)) is not None]
            if answers:
                machine.receive(answers, self.now)

    def _done(self, effect: Effect) -> str | None:
        match effect:
            case str():
                return self._answer(effect)
            case SecretFrame():
                return self._answer(effect.text)
            case Ping():
                self.machine.pong(effect.payload, self.now)
            case Persist():
                self.machine.fulfil(effect.token, Done(Committed()), self.now)
            case Fetch():
                self.machine.fulfil(effect.token, Done(Secret("token")), self.now)
            case _:
                pass
        return None


def _gelabs_answer(frame: str) -> str | None:
    ack_id = frame.split('"', 4)[3]
    if '"transactionACK"' in frame:
        return ack_reply(ack_id)
    return f'{{"id":"{ack_id}","type":"{json.loads(frame)["type"].replace("ping", "pong")}","code":0,"msg":"success"}}'


def _bitpanda_answer(frame: str) -> str | None:
    return f'{{"action":"subscribe","channel":"{json.loads(frame)["channel"]}","status":"success"}}'


def _quantcite_answer(frame: str) -> str | None:
    fields = json.loads(frame)
    if fields.get("action") == "subscribe_transactions":
        return f'{{"type":"transaction_response","success":true,"exchange":"{fields["exchange"]}","transactions":[]}}'
    return WELCOME if fields.get("type") == "authenticate" else '{"type":"pong"}'


def _ids() -> Callable[[], str]:
    counter = itertools.count()
    return lambda: f"id-{next(counter)}"


def gelabs_driven(*, remember: int, finished: Sequence[Identity] = (), **settings: Any) -> Driven:  # the config checks them
    """A gelabs machine that has finished these in its last run, and remembers so many."""
    config = gelabs.Config(api_key=Secret("key"), remember=remember, **settings)
    restored = Restored(dict.fromkeys(finished, WALL - 1.0), mark=WALL - 1.0)
    driven = Driven(config.machine(rng=random.Random(1), ids=_ids(), restored=restored), _gelabs_answer)
    driven.open(GREETINGS["push"])
    return driven


def gelabs_identity(number: int) -> Identity:
    """What the ledger knows push `number` by."""
    tx = json.loads(message("push", number))["data"]
    return Identity((tx["chain_type"], tx["chain_id"], tx["txhash"]), (tx["txStatus"], tx["height"], tx["is_reorg_resend"]))


def prices_driven(**settings: Any) -> Driven:  # as above
    """A Bitpanda machine that has subscribed to prices."""
    config = bitpanda.Config(token=Secret("token"), url="ws://127.0.0.1/", **settings)
    driven = Driven(config.machine(rng=random.Random(1), ids=_ids()), _bitpanda_answer)
    driven.open()
    driven.machine.submit(bitpanda.Subscribe("prices-v1"), driven.now)
    driven.receive(())
    return driven


def quantcite_driven(**settings: Any) -> Driven:  # as above
    """A QuantCite machine that has subscribed to the deposits of an exchange."""
    config = quantcite.Config(api_key=Secret("key"), **settings)
    driven = Driven(config.machine(rng=random.Random(1), ids=_ids()), _quantcite_answer)
    driven.open()
    driven.machine.submit(quantcite.SubscribeTransactions("bybit", transaction_types=("deposits",)), driven.now)
    driven.receive(())
    return driven
