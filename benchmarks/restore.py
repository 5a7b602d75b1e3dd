"""What it costs to restore subscriptions after a drop, each of few and each of many. Runs in a process of its own.

A machine alone, its peer's answers made up. Says, a line for each provider, the CPU time of a subscription, whether each was
asked for once, and the most that left in one second of the machine's clock, which pacing bounds.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import Close, Committed, Dial, Done, Fetch, Handshake, Persist, Ping, SecretFrame
from pushwire.core.http import Request, Response
from pushwire.core.machine import Machine, Phase
from pushwire.core.secrets import Secret
from pushwire.providers import bitpanda, gelabs, pusher, quantcite, quickpay, satoriex
from pushwire.testing import gelabs as gelabs_build
from pushwire.testing import quantcite as quantcite_build

RATE: Final = 500.0
"""Commands a second."""
BURST: Final = 10
WALL: Final = 1_745_000_000.0


@attrs.frozen
class Provider:
    """`command` subscribes to one thing, by its number; `answer` is the peer's to a frame, None: none; `named` says what a frame
    subscribes to."""

    config: Any  # of any provider
    greetings: Sequence[str]
    command: Callable[[int], AnyCommand]
    answer: Callable[[dict[str, Any]], str | None]  # JSON objects
    named: Callable[[dict[str, Any]], Sequence[str]]


def _gelabs(fields: dict[str, Any]) -> str | None:
    if fields["type"] == "ping":
        return gelabs_build.pong(fields["id"])
    return gelabs_build.message(fields["type"], {}, id=fields["id"])


def _bitpanda(fields: dict[str, Any]) -> str | None:
    return f'{{"action":"{fields["action"]}","channel":"{fields["channel"]}","status":"success"}}'


def _pusher(fields: dict[str, Any]) -> str | None:
    if fields["event"] == "pusher:ping":
        return '{"event":"pusher:pong","data":"{}"}'
    return json.dumps({"event": "pusher_internal:subscription_succeeded", "channel": fields["data"]["channel"], "data": "{}"})


def _quantcite(fields: dict[str, Any]) -> str | None:
    if "exchange" in fields:
        return f'{{"type":"transaction_response","success":true,"exchange":"{fields["exchange"]}","transactions":[]}}'
    return quantcite_build.welcome() if fields.get("type") == "authenticate" else None


HELLO: Final = '{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1.1\\",\\"activity_timeout\\":120}"}'
PACED: Final[Mapping[str, Any]] = {"send_rate": RATE, "send_burst": BURST}  # any setting
LOCAL: Final = "ws://127.0.0.1/"

PROVIDERS: Final = {
    "gelabs": Provider(
        gelabs.Config(api_key=Secret("key"), url=LOCAL, **PACED),
        [gelabs_build.connected()],
        lambda number: gelabs.Subscribe(f"0x{number:040x}", "ethereum"),
        _gelabs,
        lambda fields: [fields["data"]["address"]] if fields["type"] == "subscribe" else [],
    ),
    "bitpanda": Provider(
        bitpanda.Config(token=Secret("token"), url=LOCAL, **PACED),
        [],
        lambda number: bitpanda.Subscribe(f"channel-{number}"),
        _bitpanda,
        lambda fields: [fields["channel"]],
    ),
    "pusher": Provider(
        pusher.Config(key="key", url=LOCAL, **PACED),
        [HELLO],
        lambda number: pusher.Subscribe(f"channel-{number}"),
        _pusher,
        lambda fields: [fields["data"]["channel"]] if fields["event"] == "pusher:subscribe" else [],
    ),
    "pusher, authorised": Provider(
        pusher.Config(key="key", url=LOCAL, auth_url="http://127.0.0.1/auth", **PACED),
        [HELLO],
        lambda number: pusher.Subscribe(f"private-{number}"),
        _pusher,
        lambda fields: [fields["data"]["channel"]] if fields["event"] == "pusher:subscribe" else [],
    ),
    "quickpay": Provider(
        quickpay.Config(api_key=Secret("key"), url=LOCAL, **PACED),
        [HELLO],
        lambda number: quickpay.Subscribe(f"channel-{number}"),
        _pusher,
        lambda fields: [fields["data"]["channel"]] if fields["event"] == "pusher:subscribe" else [],
    ),
    "quantcite": Provider(
        quantcite.Config(api_key=Secret("key"), url=LOCAL, **PACED),
        [],
        lambda number: quantcite.SubscribeTransactions(f"exchange-{number}", transaction_types=("deposits",)),
        _quantcite,
        lambda fields: [fields["exchange"]] if "exchange" in fields else [],
    ),
    "satoriex": Provider(
        satoriex.Config(token=Secret("token"), url=LOCAL, **PACED),
        [],
        lambda number: satoriex.SubscribeMarket(f"market-{number}"),
        lambda fields: None,
        lambda fields: [fields["market_id"]],
    ),
}


class Session:
    """A machine of this provider and its peer. Notes what was subscribed to, and when."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        ids = iter(range(10**9))
        self._machine: Machine[Any] = provider.config.machine(rng=random.Random(1), ids=lambda: f"id-{next(ids)}")
        self.now = 0.0
        self.named: list[str] = []
        self.left: Counter[int] = Counter()
        """Commands in each second."""
        self._machine.start(self.now, WALL)
        self._settle()

    def subscribe(self, count: int) -> None:
        for number in range(count):
            self._machine.submit(self._provider.command(number), self.now)
        self._settle()

    def drop(self) -> None:
        self.named.clear()
        self.left.clear()
        self._machine.closed(Close(reason="the peer ended the stream", by="transport"), self.now, WALL + self.now)
        self._settle()

    def run(self, count: int) -> None:
        """Until so many have been subscribed to."""
        while len(self.named) < count or self._machine.status().phase is not Phase.READY:
            self.now = max(self.now, self._machine.next_deadline())
            self._machine.handle_timer(self.now, WALL + self.now)
            self._settle()

    def _settle(self) -> None:
        machine = self._machine
        while effects := machine.take_effects():
            for effect in effects:
                match effect:
                    case Dial():
                        machine.opened(Handshake(), self.now, WALL + self.now)
                        machine.receive(self._provider.greetings, self.now)
                    case str() | SecretFrame():
                        self._take(effect if isinstance(effect, str) else effect.text)
                    case Ping():
                        machine.pong(effect.payload, self.now)
                    case Fetch(what=Request()):
                        machine.fulfil(effect.token, Done(Response(200, {}, b'{"auth":"key:signature"}')), self.now)
                    case Persist():
                        machine.fulfil(effect.token, Done(Committed()), self.now)
                    case Fetch():
                        machine.fulfil(effect.token, Done(Secret("token")), self.now)
                    case _:
                        pass
            machine.next_deadline()
        machine.take_events()
        machine.take_settled()

    def _take(self, frame: str) -> None:
        fields: dict[str, Any] = json.loads(frame)
        named = self._provider.named(fields)
        self.named += named
        self.left[int(self.now)] += bool(named)
        answer = self._provider.answer(fields)
        if answer is not None:
            self._machine.receive([answer], self.now)


def measure(provider: Provider, count: int) -> dict[str, float | bool]:
    session = Session(provider)
    session.subscribe(count)
    session.run(count)
    session.drop()
    gc.collect()
    begun = time.process_time()
    session.run(count)
    restored = time.process_time() - begun
    return {
        "restored": restored / count,
        "each_once": len(session.named) == count == len(set(session.named)),
        "most_in_a_second": max(session.left.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("few", type=int)
    parser.add_argument("many", type=int)
    parser.add_argument("rounds", type=int)
    arguments = parser.parse_args()
    for name, provider in PROVIDERS.items():
        few: list[dict[str, float | bool]] = []
        many: list[dict[str, float | bool]] = []
        for _ in range(arguments.rounds):
            few.append(measure(provider, arguments.few))
            many.append(measure(provider, arguments.many))
        print(json.dumps({"row": name, "few": few, "many": many}), flush=True)


if __name__ == "__main__":
    main()
