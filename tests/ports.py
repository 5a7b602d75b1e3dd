"""Ports of 127.0.0.1 for servers that are processes of their own, kept for them while they are down."""

from __future__ import annotations

import socket

__all__ = ["ReservedPort"]


class ReservedPort:
    """A port that nobody else is given until `release`, whether or not its server runs.

    A socket of ours stays bound to it and never listens. Beside it a server may listen that sets SO_REUSEADDR, as PostgreSQL, Go
    and Node.js do; the system gives the port to no one who asks for any port, and to no outgoing connection, so that a client
    which dials while the server is down does not meet itself.
    """

    def __init__(self) -> None:
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.number: int = self._held.getsockname()[1]

    def release(self) -> None:
        self._held.close()
