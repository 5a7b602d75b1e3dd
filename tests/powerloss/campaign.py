"""Images by the thousand, judged. A tally says by which command each bad one is made again."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, cast

import attrs

from tests.powerloss.disk import Acked, Disk, Event, Image, images
from tests.powerloss.judges import FILES, JUDGES, Verdict
from tests.powerloss.vfs import recording
from tests.powerloss.workloads import Plan, run

__all__ = ["Case", "Tally", "folder", "judge", "look", "record"]

SHARED_MEMORY: Final = Path("/dev/shm")
SHOWN: Final = 5
ON_TIME: Final = Plan()


@attrs.frozen
class Case:
    """What is recorded: a workload, how it is run, and after how many events it is killed and begun anew, if it is."""

    workload: str
    plan: Plan = ON_TIME
    killed_at: int | None = None

    def __str__(self) -> str:
        told = "early" if self.plan.tells_early else "on-time"
        return f"{self.workload} {self.plan.synchronous} {told} {'-' if self.killed_at is None else self.killed_at}"

    @classmethod
    def parse(cls, workload: str, synchronous: str, told: str, killed_at: str) -> Case:
        plan = Plan(cast("Literal['FULL', 'NORMAL', 'OFF']", synchronous), tells_early=told == "early")
        return cls(workload, plan, None if killed_at == "-" else int(killed_at))


@attrs.frozen
class Tally:
    """What became of the images of one case: how many of each kind, and the seeds."""

    case: Case
    seeds: dict[Verdict, list[int]] = attrs.field(factory=lambda: {"whole": [], "lost": [], "corrupt": []})

    @property
    def bad(self) -> int:
        return len(self.seeds["lost"]) + len(self.seeds["corrupt"])

    def __str__(self) -> str:
        counts = ", ".join(f"{len(seeds)} {verdict}" for verdict, seeds in self.seeds.items())
        again = " ".join(map(str, sorted(self.seeds["lost"] + self.seeds["corrupt"])[:SHOWN]))
        return f"{self.case}: {counts}" + (f"; again: python -m tests.powerloss.campaign {self.case} {again}" if again else "")


@contextmanager
def folder() -> Generator[Path]:
    """An empty one, in memory where that can be: what these files go through is written in the log, not their own disk's."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as made:
        yield Path(made)


def record(case: Case) -> list[Event]:
    """Everything that the case asks of its disk; killed, and begun anew, with both runs in one log."""
    if case.killed_at is None:
        return _recorded(case, ())
    return _recorded(case, _recorded(attrs.evolve(case, killed_at=None), ())[: case.killed_at])


def _recorded(case: Case, before: Sequence[Event]) -> list[Event]:
    log, disk = list(before), Disk()
    for event in before:
        disk.step(event)
    with folder() as place, recording(log):
        _put(place, disk.seen())
        run(case.workload, place / FILES[case.workload], case.plan, lambda numbers: log.append(Acked(tuple(numbers))))
    return log


def judge(case: Case, log: Sequence[Event], seeds: Iterable[int]) -> Tally:
    """What becomes of one image for each seed, of moments after the kill."""
    tally = Tally(case)
    with folder() as place:
        for seed, disk, image in images(log, seeds, case.killed_at or 0):
            tally.seeds[_judged(case.workload, place / "image", image, disk.acked)].append(seed)
    return tally


def look(case: Case, log: Sequence[Event]) -> Verdict:
    """What is there after the log, with the power on: after a kill, say."""
    disk = Disk()
    for event in log:
        disk.step(event)
    with folder() as place:
        return _judged(case.workload, place / "image", disk.seen(), disk.acked)


def _judged(name: str, place: Path, image: Image, acked: set[int]) -> Verdict:
    place.mkdir()
    try:
        _put(place, image)
        return JUDGES[name](place / FILES[name], acked)
    finally:
        shutil.rmtree(place)


def _put(place: Path, image: Image) -> None:
    for name, content in image.items():
        (place / name).write_bytes(content)


def main(*arguments: str) -> None:
    case = Case.parse(*arguments[:4])
    print(judge(case, record(case), map(int, arguments[4:])))  # noqa: T201 - it is a program


if __name__ == "__main__":
    main(*sys.argv[1:])
