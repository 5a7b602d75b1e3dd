"""Nothing outlives a test that starts relays, however it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest
import trio

from tests.relay.wards import ROOT, wards

PATIENCE: Final = 60
CONFIG: Final = """
ledger = "{folder}/ledger.db"
[sink]
kind = "sqlite"
path = "{folder}/events.db"
[streams.wallets]
provider = "gelabs"
settings = {{ url = "ws://127.0.0.1:9" }}
"""


async def hold(folder: Path) -> None:
    """As a test does: a relay, and an engine in a folder of its own. It tells their numbers, and waits to be killed."""
    async with wards(PUSHWIRE_GELABS_API_KEY="sk-test") as warden:
        await warden.guard(folder)
        engine = await trio.lowlevel.open_process(["sleep", "1000"], cwd=folder)
        (folder / "relay.toml").write_text(CONFIG.format(folder=folder), encoding="utf-8")
        relays = [await warden.relay(folder / "relay.toml"), await warden.relay(folder / "relay.toml", fresh=True)]
        print(engine.pid, *(relay.pid for relay in relays), flush=True)  # noqa: T201 - for the test that reads it
        await trio.sleep_forever()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_the_test_is_killed_its_relays_and_engines_die_and_their_folder_goes(number: signal.Signals) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pushwire-wards-"))
    command = [sys.executable, "-m", "tests.relay.test_wards", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        handles = [os.pidfd_open(int(pid)) for pid in process.stdout.readline().split()]
        assert len(handles) == 3
        process.send_signal(number)
        # It is the warden's as well, which closes it when all is done.
        assert process.stdout.read() == ""
    for handle in handles:
        assert select.select([handle], [], [], PATIENCE)[0]
        os.close(handle)
    assert not folder.exists()


if __name__ == "__main__":
    trio.run(hold, Path(sys.argv[1]))
