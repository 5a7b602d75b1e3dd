"""The client side: one library takes `count` messages and says how long that took. Runs in a process of its own."""

from __future__ import annotations

import argparse
import importlib
import json
import ssl
from collections.abc import Callable

from .cases import CA, add_case
from .clients import CLIENTS
from .clients.job import Job, Watch


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=list(CLIENTS))
    parser.add_argument("port", type=int)
    add_case(parser)
    arguments = parser.parse_args()
    tls = None if arguments.tls is None else ssl.create_default_context(cafile=arguments.tls / CA)
    url = f"{'ws' if tls is None else 'wss'}://127.0.0.1:{arguments.port}/"
    job = Job(url, arguments.kind, arguments.count, arguments.acks, arguments.deflate, tls)
    run: Callable[[Job, Watch], None] = importlib.import_module(f".clients.{CLIENTS[arguments.client]}", __package__).run
    watch = Watch()
    run(job, watch)
    print(json.dumps({"wall": watch.taken[0], "cpu": watch.taken[1]}))


if __name__ == "__main__":
    main()
