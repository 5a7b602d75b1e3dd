"""Relays as real processes, and the engines they store in, killed at random: stored = sent, 0 lost, 0 double.

PUSHWIRE_KILLS asks for more kills of relays, PUSHWIRE_ENGINE_KILLS for more of each engine that is a process of its own,
PUSHWIRE_SEED for other moments. What is planted shows that the harness finds what it looks for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import pytest

from tests.relay.campaign import Campaign, Plan
from tests.relay.engines import Engine, JsonlFile, Nats, Postgres, SqliteFile

KILLS: Final = int(os.environ.get("PUSHWIRE_KILLS", "100"))
ENGINE_KILLS: Final = int(os.environ.get("PUSHWIRE_ENGINE_KILLS", "20"))
SEED: Final = int(os.environ.get("PUSHWIRE_SEED", "7"))

ENGINES: Final[dict[str, Callable[[Path], Engine]]] = {
    "sqlite": lambda folder: SqliteFile(folder / "events.sqlite"),
    "jsonl": lambda folder: JsonlFile(folder / "events.jsonl"),
    "postgres": lambda folder: Postgres(),
    "nats": lambda folder: Nats(),
}
SERVERS: Final = ("postgres", "nats")

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Engine]:
    made = ENGINES[request.param](tmp_path)
    yield made
    made.remove()


@pytest.mark.parametrize("engine", ["sqlite", *SERVERS], indirect=True)
async def test_killed_at_random_all_that_was_sent_is_stored_once(engine: Engine, tmp_path: Path) -> None:
    plan = Plan(kills=KILLS, engine_kills=ENGINE_KILLS if engine.name in SERVERS else 0, seed=SEED)
    report = await Campaign(engine, tmp_path, plan).run()
    assert report.clean, str(report)
    assert report.kills.total() >= KILLS


@pytest.mark.parametrize("engine", ["jsonl"], indirect=True)
async def test_a_file_of_lines_is_written_on_where_a_kill_has_left_it(engine: Engine, tmp_path: Path) -> None:
    report = await Campaign(engine, tmp_path, Plan(kills=KILLS // 5, seed=SEED)).run()
    assert report.clean, str(report)
