"""The check of callers' arguments: one error for all that is wrong."""

from __future__ import annotations

from ..errors import ConfigError

__all__ = ["check_arguments"]


def check_arguments(**verdicts: str | None) -> None:
    """Raise one `ConfigError` that names every wrong argument; a verdict says what is wrong with one, None: nothing."""
    problems = [f"{name}: {problem}" for name, problem in verdicts.items() if problem is not None]
    if problems:
        raise ConfigError(problems)
