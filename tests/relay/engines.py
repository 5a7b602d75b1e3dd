"""What relays store in, as the kill test sees it: how to name it in a relay's file, how to kill it, and what it holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Protocol

import attrs

from tests.relay.nats_server import NatsServer, needed_nats
from tests.stores.postgres_server import PostgresServer, needed_server

__all__ = ["Engine", "Held", "JsonlFile", "Nats", "Postgres", "SqliteFile"]


@attrs.frozen
class Held:
    """What an engine holds: the payload of each row with its kind, in order, and how many were set aside."""

    rows: Iterable[tuple[str, str]]
    aside: int


class Engine(Protocol):
    """One engine. `relays`: how many may share it. `folder`: where it runs as a process of its own, None where it does not."""

    name: str
    relays: int
    folder: Path | None

    def sink(self) -> str:
        """`[sink]` of a relay's file, without that line."""
        ...

    def kill(self) -> None:
        """SIGKILL to all its processes. Returns when they are dead."""
        ...

    def start(self) -> None:
        """Start it on the same files. Returns when it can be used."""
        ...

    def held(self) -> Held:
        """What it holds, when no relay runs."""
        ...

    def remove(self) -> None:
        """End it and delete what it holds."""
        ...


class _File:
    """Within the relay: whoever kills the relay kills it."""

    folder: Path | None = None
    relays = 1

    def __init__(self, path: Path) -> None:
        self.path = path

    def kill(self) -> None:
        raise NotImplementedError

    start = kill

    def remove(self) -> None:
        """It is in the test's own folder."""


class SqliteFile(_File):
    """An SQLite file."""

    name = "sqlite"

    def sink(self) -> str:
        return f'kind = "sqlite"\npath = "{self.path}"'

    def held(self) -> Held:
        with closing(sqlite3.connect(self.path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            (aside,) = db.execute("SELECT count(*) FROM events_quarantine").fetchone()
            return Held(db.execute("SELECT kind, payload FROM events ORDER BY seq").fetchall(), aside)


class JsonlFile(_File):
    """A file of JSON lines, and those that were put aside when it became large."""

    name = "jsonl"

    def sink(self) -> str:
        return f'kind = "jsonl"\npath = "{self.path}"'

    def held(self) -> Held:
        lines = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
        aside = self.path.with_name(f"{self.path.stem}.quarantine.jsonl")
        return Held(
            [(line["kind"], json.dumps(line["payload"])) for line in lines],
            len(aside.read_text(encoding="utf-8").splitlines()) if aside.exists() else 0,
        )


class Postgres:
    """A PostgreSQL server of its own."""

    name = "postgres"
    relays = 2

    def __init__(self) -> None:
        self._server: PostgresServer = needed_server()
        self.folder: Path | None = self._server.folder
        self.kill = self._server.kill
        self.start = self._server.start
        self.remove = self._server.remove

    def sink(self) -> str:
        return f'kind = "postgres"\nconninfo = "{self._server.dsn}"\nactive_active = true'

    def held(self) -> Held:
        ((aside,),) = self._server.execute("SELECT count(*) FROM pushwire_events_quarantine")
        rows = self._server.execute("SELECT kind, payload FROM pushwire_events ORDER BY seq")
        return Held([(str(kind), str(payload)) for kind, payload in rows], int(aside))


class Nats:
    """A NATS server of its own, with JetStream, which syncs each message."""

    name = "nats"
    relays = 2

    def __init__(self) -> None:
        self._server: NatsServer = needed_nats()
        self.folder: Path | None = self._server.folder
        self.kill = self._server.kill
        self.start = self._server.start
        self.remove = self._server.remove

    def sink(self) -> str:
        return f"""kind = "nats"
servers = ["{self._server.url}"]
monitor = ["{self._server.monitor}"]
stream = "EVENTS"
active_active = true
create = true
replicas = 1
accept = ["fewer-replicas"]"""

    def held(self) -> Held:
        rows = [(held.headers["Pushwire-Kind"], held.data) for held in self._server.held("EVENTS")]
        return Held(rows, len(self._server.held("EVENTS_quarantine")))
