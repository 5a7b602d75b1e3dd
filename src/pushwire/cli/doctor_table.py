"""The doctor's table on a terminal: a row for each step as it ends."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..doctor.steps import Finding, Verdict
from .doctor import elapsed

__all__ = ["DoctorTable"]

STYLES: Final[Mapping[Verdict, str]] = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.FAILED: "bold red",
    Verdict.SKIPPED: "dim",
    Verdict.NOT_REACHED: "dim",
}


class DoctorTable:
    """A table that grows while the block runs. `console` None: standard output."""

    def __init__(self, provider: str, console: Console | None = None) -> None:
        self._table = Table("step", "verdict", "time", "what was found", title=provider, title_justify="left")
        self._table.columns[2].justify = "right"
        # Rich's own refreshing would be a thread.
        self._live = Live(self._table, auto_refresh=False, console=console)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def add(self, finding: Finding) -> None:
        """Show one more. What peers wrote is text and no markup."""
        style = STYLES[finding.verdict]
        found = Text(finding.detail)
        if finding.advice:
            found.append("\n" if finding.detail else "").append(f"→ {finding.advice}", style=style)
        self._table.add_row(finding.step.value, Text(finding.verdict.value, style=style), elapsed(finding), found)
        self._live.refresh()
