"""A real soketi on 127.0.0.1: an open-source Pusher server, written by others, so that we do not only agree with ourselves."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import attrs
import trio

from tests.ports import ReservedPort

__all__ = ["APP", "KEY", "SECRET", "USERS", "App", "Soketi", "running"]


@attrs.frozen
class App:
    """An app on the server. With `users` it drops connections on which no user has signed in after 30 s."""

    id: str
    key: str
    secret: str
    users: bool = False

    def settings(self) -> dict[str, object]:
        return {
            "id": self.id,
            "key": self.key,
            "secret": self.secret,
            "enabled": True,
            "enableClientMessages": True,
            "maxClientEventsPerSecond": 10,
            "enableUserAuthentication": self.users,
            "webhooks": [],
        }


KEY: Final = "278d425bdf160c739803"
SECRET: Final = "7ad3773142a6692b25b8"
"""Key and secret are those of the published examples."""
APP: Final = App("1001", KEY, SECRET)
USERS: Final = App("1002", "users", "the users' secret", users=True)
READY_WITHIN: Final = 60
"""Seconds. It takes less than one."""


class Soketi:
    """One server, which may be ended and started again on the same port."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._settings = folder / "soketi.json"
        self._process: trio.Process | None = None
        self._ports = (ReservedPort(), ReservedPort(), ReservedPort())
        self.port, metrics, cluster = (port.number for port in self._ports)
        self.url = f"ws://127.0.0.1:{self.port}"
        settings: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "metrics.host": "127.0.0.1",
            "metrics.port": metrics,
            # Left alone it looks for others like it by broadcast.
            "cluster.address": "127.0.0.1",
            "cluster.unicast": "127.0.0.1",
            "cluster.port": cluster,  # of UDP: the reservation only keeps it from the other soketis
            "shutdownGracePeriod": 100,
            "appManager.array.apps": [app.settings() for app in (APP, USERS)],
        }
        self._settings.write_text(json.dumps(settings), encoding="utf-8")

    async def start(self) -> None:
        """Returns when it serves."""
        command = ["node", str(self._program), "start", f"--config={self._settings}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SOKETI_")}
        environment["NODE_NO_WARNINGS"] = "1"
        self._process = process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None
        said = b""
        with trio.fail_after(READY_WITHIN):
            while b"is up and running" not in said:
                chunk = await process.stdout.receive_some()
                assert chunk, f"soketi ended: {said.decode()}"
                said += chunk
        assert await trio.to_thread.run_sync(self._send, "GET", "/") == (200, "OK")

    async def stop(self, *, kill: bool = False) -> None:
        """End it: in good order, which its clients are told of, or at once, which they are not."""
        process, self._process = self._process, None
        if process is not None:
            if kill:
                process.kill()
            else:
                process.terminate()
            await process.wait()
            assert process.stdout is not None
            await process.stdout.aclose()

    def remove(self) -> None:
        """Give up its ports."""
        for port in self._ports:
            port.release()

    async def restart(self, *, kill: bool = False) -> None:
        await self.stop(kill=kill)
        await self.start()

    async def publish(self, channel: str, event: str, data: str, app: App = APP) -> None:
        """Send an event to all that are subscribed, as the owner of the app does: by the signed HTTP API."""
        body = json.dumps({"name": event, "channels": [channel], "data": data})
        assert await trio.to_thread.run_sync(self._ask, "POST", "/events", body, app) == (200, '{"ok":true}')

    async def channels(self) -> dict[str, Any]:  # JSON
        """The occupied channels, as the server sees them."""
        status, text = await trio.to_thread.run_sync(self._ask, "GET", "/channels")
        assert status == 200, text
        channels: dict[str, Any] = json.loads(text)["channels"]  # JSON
        return channels

    def _ask(self, method: str, path: str, body: str = "", app: App = APP) -> tuple[int, str]:
        path = f"/apps/{app.id}{path}"
        # The server compares the timestamp with nothing.
        query = {"auth_key": app.key, "auth_timestamp": "0", "auth_version": "1.0"}
        if body:
            query["body_md5"] = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        to_sign = f"{method}\n{path}\n{urlencode(sorted(query.items()))}"
        query["auth_signature"] = hmac.new(app.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        return self._send(method, f"{path}?{urlencode(query)}", body)

    def _send(self, method: str, target: str, body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, body or None, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@asynccontextmanager
async def running(program: Path, folder: Path) -> AsyncGenerator[Soketi, None]:
    """A soketi that serves while the block runs; `folder` is for its settings."""
    soketi = Soketi(program, folder)
    try:
        await soketi.start()
        yield soketi
    finally:
        with trio.CancelScope(shield=True):
            await soketi.stop(kill=True)
        soketi.remove()
