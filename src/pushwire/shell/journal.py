"""Where a journal meets a file: the machine is wrapped, every input is written down before it takes effect."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ..core.effects import Restored
from ..core.machine import Machine
from .entropy import Entropy

EventT = TypeVar("EventT")


@contextmanager
def open_journal(
    path: str | os.PathLike[str] | None, config: Any, machine: Machine[EventT], entropy: Entropy, restored: Restored
) -> Iterator[Machine[EventT]]:
    yield machine
