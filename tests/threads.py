"""Which threads are left."""

from __future__ import annotations

import threading

__all__ = ["threads_at_work"]


def threads_at_work() -> set[threading.Thread]:
    """All but trio's idle workers: those wait for other work, and each ends by itself when it likes."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("Trio thread")}
