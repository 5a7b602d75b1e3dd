"""Bugs to be planted into a relay before it starts: what the kill test must find, or it proves nothing.

Each is applied within the relay's own process; it is given the folder of the relay's file.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import trio

from pushwire.core.provider import ProviderConfig
from pushwire.relay import identity, run
from pushwire.relay.effects import Settle
from pushwire.relay.entries import Answer, Entry, Outcome
from pushwire.relay.sinks import nats_message, sqlite_file
from pushwire.relay.sinks.sqlite import SqliteSink

__all__ = ["PLANTED"]


def _ack_before_commit(_folder: Path) -> None:
    """The sink says "stored" at once, and stores when it is closed: a relay that ends in good order loses nothing."""
    write, close = SqliteSink.write, SqliteSink.close
    early: list[Sequence[Entry]] = []

    async def promise(self: SqliteSink, batch: Sequence[Entry]) -> Sequence[Answer]:
        early.append(batch)
        return [Outcome.STORED] * len(batch)

    async def keep(self: SqliteSink) -> None:
        while early:
            await write(self, early.pop(0))
        await close(self)

    SqliteSink.write, SqliteSink.close = promise, keep  # type: ignore[method-assign]  # that is the bug


def _never_stored(_folder: Path) -> None:
    async def hang(self: SqliteSink, batch: Sequence[Entry]) -> Sequence[Answer]:
        await trio.sleep_forever()

    SqliteSink.write = hang  # type: ignore[method-assign]  # that is the bug


def _changed(change: Callable[[Entry], Entry]) -> None:
    """Hand on other entries than those that are made of the events."""
    made = identity.entry_of

    def make(stream: str, config: ProviderConfig, event: object, wall_of: Callable[[float], float]) -> Entry:
        return change(made(stream, config, event, wall_of))

    setattr(run, "entry_of", make)  # noqa: B010 - it is imported there, and no part of what that module exports


def _time_in_key(_folder: Path) -> None:
    _changed(lambda entry: msgspec.structs.replace(entry, key=f"{entry.key}:{entry.at}"))


def _time_in_payload(_folder: Path) -> None:
    _changed(lambda entry: msgspec.structs.replace(entry, digest=f"{entry.digest}{entry.at}"))


def _without_unique(statements: Sequence[str], kind: str) -> tuple[str, ...]:
    """What makes the tables, without the one unique column of that type."""
    changed = tuple(statement.replace(f"{kind} UNIQUE", kind) for statement in statements)
    # A bug that is not there would prove nothing.
    assert sum(map(str.__ne__, statements, changed)) == 1
    return changed


def _postgres_without_dedupe(_folder: Path) -> None:
    """The table has no unique identity, so that nothing conflicts."""
    from pushwire.relay.sinks import postgres_table

    setattr(postgres_table, "_TABLES", _without_unique(postgres_table._TABLES, "BYTEA"))  # noqa: B010 - it is final; that is the bug


def _nats_without_dedupe(_folder: Path) -> None:
    """No message has the id that another of the same event has."""
    made = nats_message.message_id
    numbers = itertools.count()

    def always_new(key: str) -> str:
        return f"{made(key)}.{os.getpid()}.{next(numbers)}"

    nats_message.message_id = always_new


def _sqlite_without_dedupe(folder: Path) -> None:
    """The table has no unique key; and the first relay is killed after the sink's commit, before the ledger knows of it."""
    setattr(sqlite_file, "_SCHEMA", _without_unique(sqlite_file._SCHEMA, "BLOB"))  # noqa: B010 - it is final; that is the bug
    killed = folder / "killed"
    settle = run.Relay._settle

    async def die_first(self: run.Relay, effect: Settle) -> None:
        if not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        await settle(self, effect)

    run.Relay._settle = die_first  # type: ignore[method-assign]  # that is the kill


PLANTED: Final[Mapping[str, Callable[[Path], None]]] = {
    "ack before commit": _ack_before_commit,
    "never stored": _never_stored,
    "time in key": _time_in_key,
    "time in payload": _time_in_payload,
    "postgres without dedupe": _postgres_without_dedupe,
    "nats without dedupe": _nats_without_dedupe,
    "sqlite without dedupe": _sqlite_without_dedupe,
}
