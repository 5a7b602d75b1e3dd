"""`pushwire demo`: sandbox and client in one process over a real socket, with faults, and a summary of what came through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from random import Random
from typing import TYPE_CHECKING, Final

import attrs
import trio

from ..core.acks import AckConfig
from ..core.describing import describe, encode
from ..registry import load
from ..sandbox.server import serve
from ..sandbox.simulated import MADE_UP, Simulated, Wanted
from ..shell.connect import connect
from ..shell.stream import Stream
from .feed import consume, wall_clock
from .logs import leave_untold, warnings_told
from .output import Output, as_json, as_text
from .running import Ending
from .sandboxes import BUILDERS, simulate
from .tally import Summary, Tally
from .target import target

if TYPE_CHECKING:
    from .live import Watch

__all__ = ["Demo", "Show"]

RATE: Final = 40.0
"""Messages a second."""

FAULTS: Final = ("drop:2", "reorder")
TWICE: Final = "duplicate"
"""A fault for providers whose messages can be told apart."""

IMPATIENT: Final = (
    "backoff_first=0.1",
    "backoff_cap=1",
    "stable_after=5",
    "ping_interval=2",
    "pong_timeout=2",
    "connect_timeout=5",
)
"""A client that reconnects faster than is polite to a real provider: there is no time to wait."""

DRAIN: Final = 10.0
"""Seconds that what was sent may take to arrive, after the generator has stopped."""

LOOK_AGAIN: Final = 0.05
"""Seconds."""


@attrs.define(eq=False)
class Show:
    """One provider in the demo. `watch` shows it in the live view, where there is one."""

    provider: str
    simulated: Simulated
    tally: Tally
    stream: Stream[object] | None = None
    watch: Watch | None = None

    async def play(self, over: trio.Event, output: Output, json: bool) -> None:
        """Run sandbox and client until `over`, then until all has arrived."""
        async with serve(self.simulated.machine) as server:
            simulated = self.simulated
            secrets = {**dict.fromkeys(load(self.provider).secrets, MADE_UP), **simulated.secrets}
            settings = (*IMPATIENT, *simulated.settings(server.url))
            goal = target(self.provider, url=server.url, settings=settings, specs=simulated.specs, secrets=secrets)

            async def show(batch: Sequence[object]) -> Sequence[object]:
                self.tally.add(batch)
                if self.watch is not None:
                    self.watch.keep(batch)
                else:
                    wall = wall_clock()
                    lines = (describe(self.provider, event, wall) for event in batch)
                    await output.write(map(as_json if json else as_text, lines))
                return batch

            observer = None if self.watch is None else self.watch.tally
            async with connect(goal.config, observer=observer) as stream, trio.open_nursery() as nursery:
                self.stream = stream
                nursery.start_soon(consume, stream, goal.config, show)
                for command in goal.commands:
                    await stream.call(command)
                await over.wait()
                self.simulated.stop()
                await self._drain()
                stream.stop()

    async def _drain(self) -> None:
        with trio.move_on_after(DRAIN):
            # Looked at again and again, since the sandbox's book says nothing when it changes.
            while self.simulated.unacked() or not self.tally.accounts_for(self.simulated.sent()):  # noqa: ASYNC110 - see above
                await trio.sleep(LOOK_AGAIN)

    def summary(self) -> Summary:
        """Of a show that was played."""
        assert self.stream is not None
        return self.tally.summary(self.simulated.sent(), self.stream.status.session)


@attrs.define
class Demo:
    """One run of the command. `providers`: all, if none is named. `live`: in a view, not as lines."""

    providers: Sequence[str] | None
    seconds: float
    json: bool
    live: bool = False

    async def __call__(self, ending: Ending) -> int:
        """Returns 1 where a message was lost or came twice. Raises `ConfigError` for an unknown provider."""
        names = list(dict.fromkeys(self.providers or BUILDERS))
        shows = [_show(name) for name in names]
        output = Output()
        over = trio.Event()
        ending.gently = over.set
        ending.after(self.seconds, over.set)
        # What would be warned of is what the demo does to its own connections.
        with warnings_told(leave_untold):
            async with self._view(shows), trio.open_nursery() as nursery:
                for show in shows:
                    nursery.start_soon(show.play, over, output, self.json)
        return await self._sum_up({show.provider: show.summary() for show in shows}, output)

    def _view(self, shows: Sequence[Show]) -> AbstractAsyncContextManager[None]:
        if not self.live:
            return nullcontext()
        from .live import Watch, live_view

        watches: list[Watch] = []
        for show in shows:
            show.watch = Watch(show.provider, acks=issubclass(load(show.provider).config, AckConfig))
            watches.append(show.watch)
        return live_view("pushwire demo", watches)

    async def _sum_up(self, summaries: Mapping[str, Summary], output: Output) -> int:
        total = Summary.total(summaries.values())
        if self.json:
            by_name = {name: attrs.asdict(summary) for name, summary in summaries.items()}
            await output.write([encode({**attrs.asdict(total), "providers": by_name})])
        else:
            await output.write(f"{name}: {_spelled(summary)}" for name, summary in summaries.items())
        return 0 if total.clean else 1


def _show(provider: str) -> Show:
    simulated = simulate(provider, Wanted(RATE))
    faults = (*FAULTS, TWICE) if simulated.distinct else FAULTS
    return Show(provider, simulated.disturbed(faults, Random()), Tally(simulated.key))


def _spelled(summary: Summary) -> str:
    return ", ".join(f"{name.replace('_', ' ').replace('acks', 'ACKs')} {count}" for name, count in attrs.asdict(summary).items())
