"""`pushwire simulate`: a client and its sandbox in virtual time, story after story, on all the processors there are."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import secrets
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import attrs

from ..core.secrets import Secret
from ..registry import load
from ..sandbox.simulated import MADE_UP, Wanted
from ..simulation.run import Outcome, play
from ..simulation.subject import Subject
from .sandboxes import BUILDERS, simulate
from .target import target

__all__ = ["Stories", "stories", "story", "tell"]

RATE: Final = 0.25
"""Messages a second."""
URL: Final = "ws://sandbox.test"
MORE: Final = {
    "gelabs": ["ethereum:0x1234567890abcdef1234567890abcdef12345678", "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"]
}
"""What to subscribe to where the sandbox sends all the same."""
VARIANTS: Final[Mapping[str, Sequence[str]]] = {
    "quantcite": ("greeting=true", "success=short", "success=legacy"),
    "bitpanda": ("merge=replace",),
    "gelabs": ("resend_every=15", "ack_scope=key"),
    "pusher": ("data_as=object", "duplicates=consent", "garbage=silence", "subscription_counts=true", "ping_every=20"),
    "quickpay": ("broken_greeting=false", "ping_every=20"),
    "satoriex": ("spelling=top", "spelling=payload"),
}
"""What providers may do one way or the other: a third of the stories has one of these."""
CLIENTS: Final[Mapping[str, Sequence[str]]] = {"gelabs": ("resend_min=1", "settle_after=5", "mark_every=5", "ping_interval=10")}
"""Settings of the client, for half of its stories: what an hour brings to light with the defaults, minutes do with these."""
BATCH: Final = 20
"""Stories that a process is given at a time."""
SECRETS: Final[Mapping[str, Mapping[str, Secret]]] = {"pusher": {"secret": Secret("the app's own, which its clients never see")}}
"""What the sandbox checks: signatures of another socket must not do."""
TOKEN: Final = Secret("tk-never-to-be-shown")


def subject(provider: str, rng: Random) -> Subject:
    """A provider and its sandbox, ready for a story."""
    variants = VARIANTS.get(provider, ())
    varied = [rng.choice(variants)] if rng.random() < 1 / 3 and variants else []
    simulated = simulate(provider, Wanted(RATE, SECRETS.get(provider, {}), seed=rng.getrandbits(64), settings=varied))
    url = URL + simulated.machine.path
    secrets = {**dict.fromkeys(load(provider).secrets, MADE_UP), **simulated.secrets}
    settings = [*simulated.settings(url), *(CLIENTS.get(provider, ()) if rng.random() < 1 / 2 else ())]
    goal = target(provider, url=url, settings=settings, specs=simulated.specs or MORE.get(provider, ()), secrets=secrets)
    return Subject(provider, goal.config, simulated, goal.commands, TOKEN)


def story(provider: str, seed: int, *, tell: bool = False) -> Outcome:
    """One seed of one provider."""
    return play(partial(subject, provider), f"{provider} {seed}", tell=tell)


def tell(provider: str, seed: int) -> int:
    """Print one story, message by message. Returns 1 where something in it is wrong."""
    outcome = story(provider, seed, tell=True)
    sys.stdout.writelines(f"{line}\n" for line in (_shown(seed, outcome), *outcome.story))
    return 0 if outcome.violation is None else 1


@attrs.frozen
class Stories:
    """`count` stories from seed `first` on, shared among the providers. `workers` are processes."""

    providers: Sequence[str]
    first: int
    count: int
    workers: int
    json: bool = False

    def __call__(self) -> int:
        """Play them all and print what came of them. Returns 1 where something is wrong in any."""
        if not self.json:
            sys.stdout.write(f"{self.count} stories from seed {self.first}\n")
        wrong = 0
        for provider, outcomes in self._outcomes():
            counts = Counter[str]()
            for seed, outcome in enumerate(outcomes, self.first):
                counts.update(outcome.counts)
                if outcome.violation is not None:
                    wrong += 1
                    self._print_wrong(provider, seed, outcome.violation)
            self._print_counts(provider, len(outcomes), counts)
        return 1 if wrong else 0

    def _outcomes(self) -> Iterator[tuple[str, Sequence[Outcome]]]:
        share, more = divmod(self.count, len(self.providers))
        if self.workers < 2:
            for place, provider in enumerate(self.providers):
                yield provider, _play(provider, range(self.first, self.first + share + (place < more)))
            return
        # Not forked: a fork of a process with threads may stand still.
        with ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn")) as pool:
            for place, provider in enumerate(self.providers):
                seeds = range(self.first, self.first + share + (place < more))
                parts = pool.map(_play, [provider] * len(seeds), (seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)))
                yield provider, [outcome for part in parts for outcome in part]

    def _print_wrong(self, provider: str, seed: int, violation: str) -> None:
        again = f"{_this_command()} simulate {provider} --seed {seed} --trace"
        if self.json:
            print(json.dumps({"provider": provider, "seed": seed, "violation": violation, "again": again}))
        else:
            print(f"{provider}: {violation}\n  {again}")
        sys.stdout.flush()

    def _print_counts(self, provider: str, stories: int, counts: Mapping[str, int]) -> None:
        if self.json:
            print(json.dumps({"provider": provider, "stories": stories, **counts}))
        else:
            print(f"{provider}: {stories} stories, " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
        sys.stdout.flush()


def stories(provider: str | None, seed: int | None, count: int, workers: int | None, *, as_json: bool) -> Stories:
    """As the command line has it: all providers, a seed of the system's, a process for each processor, where none is given."""
    first = secrets.randbits(48) if seed is None else seed
    return Stories([provider] if provider else [*BUILDERS], first, count, workers or os.cpu_count() or 1, as_json)


def _this_command() -> str:
    """What runs this program here, wherever it is installed."""
    program = Path(sys.argv[0])
    return shlex.quote(str(program)) if program.stem == "pushwire" else f"{shlex.quote(sys.executable)} -m pushwire"


def _play(provider: str, seeds: Iterable[int]) -> list[Outcome]:
    # A story leaves little behind that is not freed by itself.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    return [story(provider, seed) for seed in seeds]


def _shown(seed: int, outcome: Outcome) -> str:
    plan = outcome.plan
    return f"seed {seed}: faults {', '.join(plan.faults) or 'none'}; delay {plan.delay:g} s; patience {plan.patience:g} s"
