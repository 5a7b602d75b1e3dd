"""`pushwire replay`: the events of a journal, at its times, from a machine that is fed what another one was fed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import add
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from ..core.describing import Line, describe
from ..core.journal import Closed, HandleTimer, Header, Opened, Start, Step, Truncated, replay
from ..core.journal_lines import read_journal
from ..errors import PushwireError
from ..registry import load
from .advice import of_a_journal
from .logs import complain
from .output import Output, as_json, as_text
from .running import Ending

__all__ = ["Replay", "check", "warn_of_the_end"]

CHUNK: Final = 256
"""Lines printed in one go."""


@attrs.define
class Replay:
    """One run of the command."""

    journal: Path
    json: bool

    async def __call__(self, ending: Ending) -> int:
        """Print all events. Raises `JournalError` at the first line that is wrong, after what came before it, and `OSError`."""
        output = Output()
        shown = as_json if self.json else as_text
        lines: list[str] = []
        failure: PushwireError | None = None
        with open(self.journal, "rb") as file:  # noqa: ASYNC230 - nothing else runs here that it could hold up
            events = _events(file, self.journal)
            while failure is None:
                try:
                    lines.append(shown(next(events)))
                except StopIteration:
                    break
                except PushwireError as error:
                    failure = error
                if len(lines) >= CHUNK:
                    await output.write(lines)
                    lines.clear()
        await output.write(lines)
        if failure is not None:
            raise failure
        return 0


def _events(file: BinaryIO, path: Path) -> Iterator[Line]:
    provider = ""
    offset = 0.0
    with of_a_journal(path):
        for number, step in enumerate(replay(read_journal(file, load)), 1):
            match step.record:
                case Header():
                    provider = step.record.provider.name
                case Start(now, wall) | Opened(_, now, wall) | Closed(_, now, wall) | HandleTimer(now, wall):
                    offset = wall - now
                case Truncated():
                    warn_of_the_end()
                case _:
                    pass
            for event in step.events:
                yield describe(provider, event, partial(add, offset))
            check(step, number)


def warn_of_the_end() -> None:
    """The journal is cut short."""
    complain("the journal ends within a line: its writer did not come to the end")


def check(step: Step, number: int) -> None:
    """What a caller got for its own mistakes ended nothing; anything else that an input raised did."""
    if step.error is not None and not isinstance(step.error, PushwireError):
        raise PushwireError(f"line {number}: the machine fails with {type(step.error).__name__}: {step.error}")
