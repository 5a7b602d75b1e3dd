"""What systemd is told, on a real socket of its kind."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing

from pushwire.relay.looking import RelayLook
from pushwire.relay.systemd import EVERY, Notifier
from tests.relay.test_looking import LOOK, STREAM


class Manager:
    """Receives what services say."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.setblocking(False)

    def heard(self) -> list[list[str]]:
        found: list[list[str]] = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@pushwire-{os.getpid()}-{tmp_path.name}"


@pytest.fixture
def manager(address: str) -> Generator[Manager]:
    made = Manager(address)
    yield made
    made.close()


def look() -> RelayLook:
    return LOOK


STATUS = "STATUS=1 of 1 streams ready, sink open, 2 events in hand"


async def test_it_says_ready_and_shows_signs_of_life_in_half_the_time(
    address: str, manager: Manager, autojump_clock: trio.testing.MockClock
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid())})
    with trio.move_on_after(9):
        await notifier.run(look)
    assert manager.heard() == [["READY=1", STATUS], ["WATCHDOG=1", STATUS], ["WATCHDOG=1", STATUS]]
    notifier.stopping()
    assert manager.heard() == [["STOPPING=1"]]


async def test_without_a_watchdog_it_says_how_it_does(
    address: str, manager: Manager, autojump_clock: trio.testing.MockClock
) -> None:
    down = attrs.evolve(LOOK, streams={"wallets": attrs.evolve(STREAM, status=None, events=0)})
    with trio.move_on_after(EVERY + 1):
        await Notifier({"NOTIFY_SOCKET": address}).run(lambda: down)
    status = "STATUS=0 of 1 streams ready, sink open, 0 events in hand"
    assert manager.heard() == [["READY=1", status], [status]]


@pytest.mark.parametrize("socket_", ["", "vsock:2:1234", "relative"])
async def test_where_nobody_asks_it_says_nothing_and_ends(socket_: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": socket_})
    await notifier.run(look)
    notifier.stopping()


async def test_who_asked_and_went_is_no_trouble(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    with trio.move_on_after(100):
        await notifier.run(look)
    notifier.stopping()


@pytest.mark.parametrize(
    "environment, every",
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_waits_for_this_process_or_not_at_all(environment: dict[str, str], every: float | None) -> None:
    assert Notifier(environment).every == every
