"""Relays, and the engine they store in, killed at random while a provider pushes: what was sent, and what is stored in the end.

Each relay is killed (SIGKILL) at a moment drawn for it alone: while it starts, as its stream comes up, in the midst of its work,
at an ACK, while it stops, or together with the others; and is started again at once, on the same files. The engine is killed
beside that. In the end all that is left is ACKed, the relays are stopped in good order, and stored is compared with sent.

How far a run came by then depends on the machine; that nothing may be lost or doubled does not.
"""

from __future__ import annotations

import json
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import attrs
import trio

from pushwire.sandbox.server import serve
from tests.relay.engines import Engine
from tests.relay.provider import KEY, Provider, fingerprint
from tests.relay.wards import Ward, Wards, wards

__all__ = ["MOMENTS", "Campaign", "Plan", "Report"]

CONFIG: Final = """
ledger = "{ledger}"

[sink]
{sink}

[limits]
linger = 0.005

[timing]
backoff_first = 0.05
backoff_cap = 0.2

[streams.wallets]
provider = "gelabs"
subscribe = ["ethereum:0x00000000000000000000000000000000000000aa"]
settings = {{ url = "{url}", backoff_first = 0.02, backoff_cap = 0.1, resend_cap = 7200 }}
"""

MOMENTS: Final[dict[str, float]] = {"start": 25, "up": 20, "work": 30, "ack": 10, "stop": 10, "together": 5}
"""When a relay is killed, and how often."""
FRESH: Final = 0.03
"""Share of relays that are started in an interpreter of their own: slower, and the same."""
LAST: Final = 100
"""Messages that are sent once nothing is killed any more, to all relays."""


@attrs.frozen(kw_only=True)
class Plan:
    """How many kills, of relays and of the engine, at which `moments` by weight; `rate` is messages a second.

    `plant` is a bug of `planted`; after `still` seconds without any progress a run is given up."""

    kills: int
    engine_kills: int = 0
    rate: float = 150.0
    seed: int = 7
    moments: dict[str, float] = attrs.field(factory=MOMENTS.copy)
    plant: str | None = None
    still: float = 45.0


@attrs.frozen(kw_only=True)
class Report:
    """What came of a campaign. `kills` of relays are counted by their moments; at `under_way` of them messages were.

    `lost` and `double` count messages, `strange` rows that nobody sent."""

    engine: str
    seed: int
    kills: Counter[str]
    under_way: int
    engine_kills: int
    sent: int
    stored: int
    lost: int
    double: int
    strange: int
    aside: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Stored is what was sent, and each once."""
        return self.sent == self.stored > 0 and not self.lost + self.double + self.strange + self.aside

    def __str__(self) -> str:
        moments = ", ".join(f"{moment} {times}" for moment, times in sorted(self.kills.items()))
        return (
            f"{self.engine}: {self.kills.total()} kills of relays ({moments}), {self.under_way} of them with messages under way, "
            f"{self.engine_kills} of the engine; "
            f"{self.sent} sent, {self.stored} stored, {self.lost} lost, {self.double} double, {self.strange} strange, "
            f"{self.aside} set aside; {self.seconds:.0f} s, seed {self.seed}"
        )


class Campaign:
    """One engine, its relays, and a provider."""

    def __init__(self, engine: Engine, folder: Path, plan: Plan) -> None:
        self._engine = engine
        self._folder = folder
        self._plan = plan
        self._provider = Provider(plan.rate, plan.seed)
        self._relays: dict[int, Ward] = {}
        self._kills = Counter[str]()
        self._under_way = 0
        self._engine_kills = 0
        self._engine_runs = True
        self._over = False

    async def run(self) -> Report:
        """All of it. Raises `AssertionError` where a relay ends by itself, or nothing goes on."""
        began = trio.current_time()
        sys.stdout.write(f"{self._engine.name}: seed {self._plan.seed}\n")
        async with serve(self._provider) as place, wards(PUSHWIRE_GELABS_API_KEY=KEY) as warden:
            if self._engine.folder is not None:
                await warden.guard(self._engine.folder)
            async with trio.open_nursery() as watch:
                watch.start_soon(self._watch)
                async with trio.open_nursery() as nursery:
                    for number in range(self._engine.relays):
                        nursery.start_soon(self._keep_running, warden, place.url, number)
                    nursery.start_soon(self._kill_engine)
                    nursery.start_soon(self._end_well)
                watch.cancel_scope.cancel()
        report = self._compare(trio.current_time() - began)
        sys.stdout.write(f"{report}\n")
        return report

    # Relays

    @property
    def _killed_enough(self) -> bool:
        return self._kills.total() >= self._plan.kills

    async def _keep_running(self, warden: Wards, url: str, number: int) -> None:
        """One relay, started again whenever it has ended, until all is over."""
        rng = random.Random(f"{self._plan.seed} {number}")
        config = self._folder / f"relay-{number}.toml"
        ledger = self._folder / f"ledger-{number}.db"
        config.write_text(CONFIG.format(ledger=ledger, sink=self._engine.sink(), url=url), encoding="utf-8")
        while not self._over:
            fresh = self._plan.plant is None and rng.random() < FRESH
            relay = self._relays[number] = await warden.relay(config, plant=self._plan.plant, fresh=fresh)
            (moment,) = rng.choices(list(self._plan.moments), list(self._plan.moments.values()))
            await self._wait_for(moment, relay, rng, slowly=fresh)
            for victim in list(self._relays.values()) if moment == "together" else [relay]:
                self._kill(victim, moment)
            await relay.ended.wait()
            del self._relays[number]
            self._account(number, relay, await relay.status())

    async def _wait_for(self, moment: str, relay: Ward, rng: random.Random, *, slowly: bool) -> None:
        """Until that moment in the relay's life, or its end."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_at, relay.ended, nursery.cancel_scope)
            if moment == "start":
                await trio.sleep(rng.uniform(0.0, 1.0 if slowly else 0.08))
            else:
                await relay.up.wait()
            if moment == "up":
                await trio.sleep(rng.uniform(0.0, 0.01))
            elif moment in ("work", "together"):
                await trio.sleep(rng.uniform(0.0, 0.5))
            elif moment == "ack":
                await self._next_ack()
            elif moment == "stop":
                await trio.sleep(rng.uniform(0.0, 0.2))
                if not self._killed_enough:
                    relay.signal(signal.SIGTERM)
                    await trio.sleep(rng.uniform(0.0, 0.04))
            nursery.cancel_scope.cancel()

    def _kill(self, relay: Ward, moment: str) -> None:
        if relay.killed is None and not self._killed_enough:
            relay.killed = moment
            self._kills[moment] += 1
            self._under_way += bool(self._provider.unacked())
            relay.signal(signal.SIGKILL)

    def _account(self, number: int, relay: Ward, status: int) -> None:
        if status == -signal.SIGKILL and (relay.killed is not None or self._plan.plant is not None):
            return
        if relay.stopping and status == 128 + signal.SIGTERM:
            # It was quicker than the kill.
            self._kills -= Counter() if relay.killed is None else Counter([relay.killed])
            return
        raise AssertionError("\n".join([f"relay {number} ended by itself with {status}:", *relay.lines]))

    async def _next_ack(self) -> None:
        before = self._provider.acks
        await self._provider.until(lambda: self._provider.acks > before)

    # The engine

    async def _kill_engine(self) -> None:
        rng = random.Random(f"{self._plan.seed} engine")
        while self._engine_kills < self._plan.engine_kills:
            # Not before it has stored something since it was last killed.
            await self._next_ack()
            await trio.sleep(rng.uniform(0.0, 0.6))
            self._engine_runs = False
            # In a thread: commits go on up to the very moment.
            await trio.to_thread.run_sync(self._engine.kill)
            self._engine_kills += 1
            await trio.sleep(rng.uniform(0.0, 0.2))
            await trio.to_thread.run_sync(self._engine.start)
            self._engine_runs = True

    # The end

    async def _end_well(self) -> None:
        """After the last kill: some more messages for all relays, until none is left without an ACK; then stop them."""
        provider = self._provider
        await provider.until(self._quiet)
        upto = provider.generated + LAST
        await provider.until(lambda: provider.generated >= upto)
        provider.stop()
        await provider.until(lambda: not provider.unacked())
        self._over = True
        for relay in self._relays.values():
            relay.signal(signal.SIGTERM)

    def _quiet(self) -> bool:
        """Whether all kills were made, and all relays are up again."""
        relays = self._relays.values()
        return (
            self._killed_enough
            and self._engine_kills >= self._plan.engine_kills
            and self._engine_runs
            and len(relays) == self._engine.relays
            and all(relay.up.is_set() and relay.killed is None and not relay.stopping for relay in relays)
        )

    def _compare(self, seconds: float) -> Report:
        held = self._engine.held()
        rows = list(held.rows)
        stored = Counter(fingerprint(json.loads(payload)) for kind, payload in rows if kind == "transaction")
        sent = self._provider.sent
        more = stored - sent
        double = sum(times for what, times in more.items() if what in sent)
        return Report(
            engine=self._engine.name,
            seed=self._plan.seed,
            kills=self._kills,
            under_way=self._under_way,
            engine_kills=self._engine_kills,
            sent=sent.total(),
            stored=len(rows),
            lost=(sent - stored).total(),
            double=double,
            strange=more.total() - double + len(rows) - stored.total(),
            aside=held.aside,
            seconds=seconds,
        )

    # Standing still

    async def _watch(self) -> None:
        before: tuple[int, ...] = ()
        while (now := (self._kills.total(), self._engine_kills, self._provider.acks)) != before:
            before = now
            await trio.sleep(self._plan.still)
        for relay in self._relays.values():
            # Where all its threads are.
            relay.signal(signal.SIGUSR1)
        await trio.sleep(1)
        said = (
            f"nothing goes on: seed {self._plan.seed}, {self._kills.total()} kills, {self._engine_kills} of the engine, which "
            f"{'runs' if self._engine_runs else 'does not run'}; {self._provider.generated} sent, {self._provider.acks} ACKs, "
            f"{len(self._provider.unacked())} without one, {len(self._provider.connections)} connections"
        )
        lines = [said]
        for number, relay in self._relays.items():
            lines += [f"relay {number}, {'up' if relay.up.is_set() else 'not up'}:", *relay.lines]
        raise AssertionError("\n".join(lines))


async def _cancel_at(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
