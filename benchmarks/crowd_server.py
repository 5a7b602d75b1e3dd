"""The server side of `benchmarks.crowd`: greets whoever comes, answers pings, and says nothing else. In a process of its own."""

from __future__ import annotations

import selectors
import socket

from .feeder import accepted, text_frame, unmasked
from .payloads import GREETINGS

PING, PONG = 9, 0x8A


class Guest:
    """One client's end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.open = False

    def take(self, data: bytes) -> bytes:
        """What came. Returns the answer."""
        self.buffer += data
        answer = b""
        if not self.open and b"\r\n\r\n" in self.buffer:
            answer, self.open = accepted(bytes(self.buffer)) + text_frame(GREETINGS["push"]), True
            self.buffer.clear()
        frames = unmasked(self.buffer) if self.open else []
        for first, body in frames:
            if first & 15 == PING:
                answer += bytes((PONG, len(body))) + body
            elif b'"ping"' in body:
                answer += text_frame(body.decode().replace('"ping"', '"pong"'))
        return answer


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server, selectors.DefaultSelector() as selector:
        print(server.getsockname()[1], flush=True)
        selector.register(server, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is server:
                    sock, _ = server.accept()
                    selector.register(sock, selectors.EVENT_READ, Guest(sock))
                    continue
                guest: Guest = key.data
                try:
                    data = guest.sock.recv(65536)
                    guest.sock.sendall(guest.take(data))
                except OSError:
                    data = b""
                if not data:
                    selector.unregister(guest.sock)
                    guest.sock.close()


if __name__ == "__main__":
    main()
