"""pysher, in its own thread, with a callback bound to a channel's event."""

from __future__ import annotations

import importlib
import logging
import threading
from typing import Any
from urllib.parse import urlsplit

from .job import Job, Watch

# The library has no types.
library: Any = importlib.import_module("pysher")


def run(job: Job, watch: Watch) -> None:
    left = job.count
    done = threading.Event()

    def seen(data: str) -> None:
        nonlocal left
        watch.start()
        left -= 1
        if left == 0:
            watch.stop()
            done.set()

    def connected(data: str) -> None:
        pusher.subscribe("rates").bind("rate", seen)

    url = urlsplit(job.url)
    pusher = library.Pusher("key", custom_host=url.hostname, port=url.port, secure=False, log_level=logging.WARNING)
    pusher.connection.bind("pusher:connection_established", connected)
    pusher.connect()
    assert done.wait(300), "it never got all"
    pusher.disconnect(1)
