"""The feeder of latencies: one client gets messages at a steady rate, each with the time of its sending. In a process of its own.

It never waits for the client: what the kernel does not take is kept here and sent when it does, with the time at which its turn
was, so that a client that stands still is late for every message that came due meanwhile (no coordinated omission). Between two
messages it sleeps, and for the last 0.3 ms it spins. Where the machine itself keeps it from its turn, the time is that of
its turn all the same: it is not the client that was late. How late that was it says in the end, in seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import select
import socket
import statistics
import time
from typing import Final

from .feeder import Peer, greet, text_frame
from .payloads import GREETINGS, message

__all__ = ["sent_at"]

SPIN: Final = 300_000
"""Nanoseconds: a sleep of the system's may be longer than asked for by about that."""
EPOCH: Final = 10**9
"""Seconds that are added, so that all times have the same number of digits."""
PLACES: Final = {"push": ('"id":"', '"'), "price": ('"BP":"', '"')}
"""Between which texts the time goes: into a field that a typed event has, and that may hold it."""


def stamp(now: int) -> bytes:
    """A time of the monotonic clock, in nanoseconds, as seconds with nine decimals."""
    return b"%010d.%09d" % (EPOCH + now // 10**9, now % 10**9)


def sent_at(text: str) -> int:
    """The time of a stamp."""
    return int(text.replace(".", "")) - EPOCH * 10**9


def frames_of(kind: str, count: int) -> tuple[list[bytearray], int]:
    """All messages as frames, with room for the time, and where that begins in each."""
    before, after = PLACES[kind]
    frames: list[bytearray] = []
    for number in range(count):
        head, _, rest = message(kind, number).partition(before)
        frames.append(bytearray(text_frame(f"{head}{before}{stamp(0).decode()}{after}{rest.partition(after)[2]}")))
    at = frames[0].index(stamp(0))
    return frames, at


def feed(peer: Peer, frames: list[bytearray], at: int, rate: int) -> list[int]:
    """Send each when it is due. Returns by how much each was late here, in nanoseconds."""
    clock, period, end = time.monotonic_ns, 10**9 // rate, at + len(stamp(0))
    kept = bytearray()
    late: list[int] = []
    start = clock() + 10**8
    for number, frame in enumerate(frames):
        due = start + number * period
        while (now := clock()) < due:
            if kept:
                del kept[: peer.send(memoryview(bytes(kept)))]
            elif due - now > SPIN and select.select([peer.sock], [], [], (due - now - SPIN) / 1e9)[0]:
                peer.receive()
        late.append(now - due)
        frame[at:end] = stamp(now)
        if kept:
            kept += frame
        else:
            kept += memoryview(frame)[peer.send(memoryview(frame)) :]
    peer.sock.setblocking(True)
    peer.sock.sendall(kept)
    return late


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=list(GREETINGS))
    parser.add_argument("count", type=int)
    parser.add_argument("rate", type=int, help="messages a second")
    arguments = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        # While the client starts.
        frames, at = frames_of(arguments.kind, arguments.count)
        client, _ = server.accept()
        with client:
            peer = Peer(client)
            greet(peer, arguments.kind)
            late = feed(peer, frames, at, arguments.rate)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while peer.receive() is not None:
                    pass
    print(json.dumps({"p99": statistics.quantiles(late, n=100)[98] / 1e9}), flush=True)


if __name__ == "__main__":
    main()
