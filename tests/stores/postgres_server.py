"""A real PostgreSQL server for the tests: made, started, killed and removed here.

It needs `initdb` and `postgres`, on PATH or where Debian puts them; it listens on a Unix socket in its own folder alone.
"""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

__all__ = ["PostgresServer", "needed_server"]

REQUIRED: Final = "PUSHWIRE_REQUIRE_SERVICES"
"""Set where a server that is missing is a failure and no reason to skip."""
READY: Final = "database system is ready to accept"
WITHIN: Final = 60
"""Seconds to start or stop."""
SETTINGS: Final = ("listen_addresses=", "shared_buffers=16MB", "max_connections=40", "logging_collector=off", "autovacuum=off")


def needed_server() -> PostgresServer:
    """A server that runs; the test is skipped with the reason where there is none, or fails where it must not be."""
    programs = _programs()
    if programs is not None:
        return PostgresServer(programs)
    reason = "PostgreSQL: initdb and postgres are not installed"
    if os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(reason)


def _programs() -> Path | None:
    """The folder with the newest server there is."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(4), reverse=True)
    return next((path for path in found if (path / "initdb").exists() and (path / "postgres").exists()), None)


class PostgresServer:
    """One cluster, in a folder of its own. `dsn` names its only role and database."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Not pytest's folder: its parents are closed to other users, and the path of a socket may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="pushwire-postgres-"))
        self._as_user: dict[str, Any] = {}  # options of `subprocess`, of several types
        if os.geteuid() == 0:
            # It refuses to run as root.
            nobody = pwd.getpwnam("postgres" if _is_user("postgres") else "nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self.dsn = f"host={self.folder} dbname=postgres user=tester"
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.settings: tuple[str, ...] = ()
        try:
            self._run("initdb", "-D", "data", "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
            self.start()
        except BaseException:
            self.remove()
            raise

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=WITHIN, **self._as_user)

    def start(self) -> None:
        """Start it, recovered from whatever befell it. Returns when it takes connections."""
        options = [part for setting in (*SETTINGS, *self.settings) for part in ("-c", setting)]
        self._process = subprocess.Popen(
            [str(self._programs / "postgres"), "-D", "data", "-k", str(self.folder), *options],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"LC_ALL": "C"},
            **self._as_user,
        )
        ready = threading.Event()
        self._reader = threading.Thread(target=_read, args=(self._process, ready), daemon=True)
        self._reader.start()
        if not ready.wait(WITHIN) or self._process.poll() is not None:
            raise RuntimeError("PostgreSQL did not start")

    def kill(self) -> None:
        """SIGKILL to the server and all its children. Returns when they are dead."""
        assert self._process is not None
        postmaster = self._process.pid
        # It must not start others meanwhile.
        os.kill(postmaster, signal.SIGSTOP)
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text(encoding="ascii").split()
        handles = [os.pidfd_open(int(child)) for child in children]
        for handle in handles:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        self._process.kill()
        self._ended()
        for handle in handles:
            select.select([handle], [], [], WITHIN)
            os.close(handle)

    def stop(self) -> None:
        """Shut it down fast: connections are ended, what is committed is on the disk."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._ended()

    def _ended(self) -> None:
        assert self._process is not None
        assert self._reader is not None
        self._process.wait(WITHIN)
        self._reader.join(WITHIN)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None

    def remove(self) -> None:
        """Kill it and delete all of it."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement returns, on a connection of its own, committed."""
        with psycopg.connect(self.dsn, autocommit=True) as db:
            cursor = db.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


def _read(process: subprocess.Popen[str], ready: threading.Event) -> None:
    """Drain what the server says, so that it is never held up."""
    assert process.stderr is not None
    for line in process.stderr:
        if READY in line:
            ready.set()
    ready.set()


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
