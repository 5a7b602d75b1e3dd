"""What the tests of hostile peers share."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import attrs
import pytest
import trio

from tests.shell.raw_server import Server
from tests.shell.sockets import Handler, serve
from tests.wire.server import TEXT, frame

from .peers import play


@attrs.frozen
class Told:
    """What a client said of itself when it had come through."""

    ends: Sequence[tuple[object, ...]]
    """Code, status and by, of each bad peer that ended."""
    friend: object
    """The code that the good peer ended with, which was dialled in the midst of the bad ones."""
    grown: int
    """Bytes."""


Victim: TypeAlias = Callable[[str, Sequence[Handler], float], Awaitable[Told]]


async def greet(server: Server) -> None:
    await server.stream.send_all(frame(TEXT, b"hello"))
    await server.stream.receive_some()


GOOD: Final = play(greet)


@pytest.fixture
def victim(nursery: trio.Nursery) -> Victim:
    """A client in a process of its own that dials these peers by this transport, all at once, for at most so many seconds."""

    async def run(transport: str, peers: Sequence[Handler], seconds: float) -> Told:
        good = await serve(nursery, GOOD)
        ports = {peer: good if peer is GOOD else await serve(nursery, peer) for peer in set(peers)}
        arguments = [transport, str(good), str(seconds), *(str(ports[peer]) for peer in peers)]
        done = await trio.run_process([sys.executable, "-m", "tests.hostile.victim", *arguments], capture_stdout=True)
        said = json.loads(done.stdout)
        return Told([(end["code"], end["status"], end["by"]) for end in said["ends"]], said["friend"], said["grown"])

    return run
