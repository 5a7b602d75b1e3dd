"""`ScriptedPeer`: a provider that plays a script of one's own, on a real socket and in memory at once::

    steps = [
        Accept(),
        Send({"type": "connected", "code": 0}),
        Expect({"type": "subscribe", "id": "$id"}),
        Send({"type": "subscribe", "id": "$id", "code": 0}),
        Drop(),
        Accept(),
    ]
    async with ScriptedPeer(steps).play() as peer:
        async with connect(attrs.evolve(config, url=peer.url)) as stream: ...

What the steps mean stands in `steps`; how they are kept in files, in `transcripts`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import attrs
import trio

from ..core.http import HttpCall
from ..core.secrets import Secret
from ..sandbox.server import SandboxServer, listen
from .in_memory import InMemory, in_memory, wall_clock
from .matching import Veil
from .script_machine import ScriptFailed, ScriptMachine
from .stalling import StallingServer
from .steps import Accept, Answer, Close, Drop, Expect, Gone, Mark, Refuse, Respond, Send, Stall, Step, Until, Wait
from .transcripts import from_journal, load, save

__all__ = [
    "Accept",
    "Answer",
    "Close",
    "Drop",
    "Expect",
    "Gone",
    "Mark",
    "Playing",
    "Refuse",
    "Respond",
    "ScriptFailed",
    "ScriptedPeer",
    "Send",
    "Stall",
    "Step",
    "Until",
    "Wait",
]

PATIENCE: Final = 5.0
"""Seconds that what is on its way has, when the test is over, to reach the script."""


@attrs.frozen
class Playing:
    """A script that is being played."""

    url: str
    """Of the socket, on 127.0.0.1."""
    in_memory: InMemory
    """Arguments for `connect`, in place of the socket."""
    _machine: ScriptMachine
    _server: SandboxServer
    _changed: trio.lowlevel.ParkingLot

    @property
    def finished(self) -> bool:
        """Whether all steps were played."""
        return self._machine.finished

    @property
    def requests(self) -> Sequence[HttpCall]:
        """What the client has asked for by HTTP so far, answered or not."""
        return tuple(self._machine.requests)

    def allow(self, name: str) -> None:
        """Let the script go on that waits at `Until(name)`, or will."""
        self._machine.allow(name, trio.current_time())
        self._server.pump()

    async def played(self) -> None:
        """Wait until all steps were played."""
        while not self._machine.finished:
            await self._changed.park()

    async def reached(self, name: str) -> None:
        """Wait until the script has come to `Mark(name)`."""
        while name not in self._machine.marks:
            await self._changed.park()


class ScriptedPeer:
    """A peer that plays `steps`. What is a secret among what it sends and gets, `secrets` say: they are shown in no failure; nor
    are the credentials of a handshake, nor fields whose name tells of a secret."""

    def __init__(self, steps: Iterable[Step], *, secrets: Iterable[Secret] = (), lines: Sequence[int] | None = None) -> None:
        self.steps: Final = tuple(steps)
        self._secrets = tuple(secrets)
        self._lines = lines
        ScriptMachine(self.steps, Veil())  # which refuses a script that cannot be played

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, secrets: Iterable[Secret] = ()) -> ScriptedPeer:
        """The script in a file that `save` wrote, or a person (`transcripts`). Failures name its lines.

        Raises `OSError`, and `JournalError` naming the first line that is wrong.
        """
        steps, lines = load(path)
        return cls(steps, secrets=secrets, lines=lines)

    @classmethod
    def from_journal(cls, path: str | os.PathLike[str]) -> ScriptedPeer:
        """The provider as a journal has recorded it (`connect(journal=...)`, `pushwire tail --journal`): what it sent and when,
        and what it was sent meanwhile, which is expected again. Ids that the client counts are names, secrets anything.

        Raises `OSError`, and `JournalError` naming the first line that is wrong.
        """
        return cls(from_journal(path))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the script into a file. Raises `OSError`, and `LocalProtocolError` where a function decides a step."""
        save(self.steps, path)

    @asynccontextmanager
    async def play(self, *, whole: bool = True) -> AsyncGenerator[Playing]:
        """Play the script while the block runs.

        Raises `ScriptFailed`, the block being cancelled, as soon as the client does otherwise, and where the block ends before
        the script does, unless `whole` is false. What the block raises itself is given a note of where the script stood.
        """
        wall = wall_clock()
        machine = ScriptMachine(self.steps, Veil(self._secrets), self._lines)
        server = StallingServer(machine, wall=wall)
        changed = trio.lowlevel.ParkingLot()
        error: Exception | None = None
        async with listen(server):
            try:
                with trio.CancelScope() as block:

                    def noticed() -> None:
                        server.gate(machine.stalled)
                        changed.unpark_all()
                        if machine.failure is not None:
                            block.cancel()

                    machine.noticed = noticed
                    yield Playing(server.url, in_memory(server, wall), machine, server, changed)
            except Exception as raised:  # noqa: BLE001 - raised again below, unless the script says why it came
                error = raised
            if error is None and machine.failure is None:
                await _settle(machine, server, changed)
            if machine.failure is not None:
                raise machine.failure from error
            if error is not None:
                error.add_note(machine.where())
                raise error
            if whole and not machine.finished:
                raise machine.unfinished()


async def _settle(machine: ScriptMachine, server: SandboxServer, changed: trio.lowlevel.ParkingLot) -> None:
    """Let what is on its way arrive, as long as a client is there from whom it could come."""
    with trio.move_on_after(PATIENCE):
        while server.connections and not machine.finished and machine.failure is None:
            await changed.park()
