"""`pushwire replay --plot`: a journal as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
import trio

from ..core.journal import Truncated, replay
from ..core.journal_lines import read_journal
from ..errors import ConfigError, PushwireError
from ..plot import Course, draw
from ..registry import load
from .advice import of_a_journal
from .output import Output
from .replay import check, warn_of_the_end
from .running import Ending

__all__ = ["Draw"]

CHUNK: Final = 256
"""Steps without a look at whether it is to end."""


@attrs.define
class Draw:
    """One run of the command. `plot` is the SVG's path; a file that is there is written anew."""

    journal: Path
    plot: Path

    async def __call__(self, ending: Ending) -> int:
        """Draw all of it. Raises `JournalError` at the first line that is wrong, when what came before it is drawn, and
        `OSError`; and `ConfigError` where the plot would overwrite what is no drawing, the journal for instance."""
        if not _may_be_replaced(self.plot):
            raise ConfigError([f"--plot: {self.plot} holds something else than an SVG; name another file"])
        course = Course()
        failure = await self._follow(course)
        if failure is not None and not course.provider:
            raise failure
        with open(self.plot, "w", encoding="utf-8", newline="\n") as file:  # noqa: ASYNC230 - nothing else runs here
            file.write(draw(course))
        await Output().write([f"{self.plot}: {course.provider}; {course.summary}"])
        if failure is not None:
            raise failure
        return 0

    async def _follow(self, course: Course) -> PushwireError | None:
        """Returns what is wrong with the journal from some line on."""
        with open(self.journal, "rb") as file:  # noqa: ASYNC230 - as above
            try:
                with of_a_journal(self.journal):
                    for number, step in enumerate(replay(read_journal(file, load)), 1):
                        course.add(step)
                        if isinstance(step.record, Truncated):
                            warn_of_the_end()
                        check(step, number)
                        if number % CHUNK == 0:
                            await trio.lowlevel.checkpoint()
            except PushwireError as error:
                return error
        return None


def _may_be_replaced(path: Path) -> bool:
    """Whether nothing of worth is there."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        return file.read(4) in (b"", b"<svg")
