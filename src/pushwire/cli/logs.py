"""What the library warns of while a command runs: lines on stderr, or wherever the command shows them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["complain", "leave_untold", "warnings_told"]


class _Teller(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())


@contextmanager
def warnings_told(tell: Callable[[str], None]) -> Generator[None]:
    """`tell` gets every warning that is logged while the block runs, which would else go to stderr as it is."""
    logger = logging.getLogger("pushwire")
    teller = _Teller(tell)
    logger.addHandler(teller)
    try:
        yield
    finally:
        logger.removeHandler(teller)


def complain(text: str) -> None:
    """One line on stderr, whatever characters the text holds."""
    line = "".join(character if character.isprintable() else " " for character in text)
    print(f"pushwire: {' '.join(line.split())}", file=sys.stderr)


def leave_untold(text: str) -> None:
    """Where the trouble is of our own making."""
