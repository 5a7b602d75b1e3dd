"""The server side: one client after another gets pre-built frames as fast as it takes them. Runs in a process of its own.

One thread, plain sockets and no WebSocket library, so that the feeder is never the slower side. It always reads, so that a client
which writes its ACKs before it reads on stands still no longer than it must. With `--acks` it answers every ACK, with `--core` it
keeps to that one. `paced` is the feeder of latencies.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import os
import re
import select
import socket
import ssl
import zlib
from pathlib import Path

from .payloads import GREETINGS, HELLOS, REQUESTS, ack_reply, message

__all__ = ["SERVER", "Peer", "accepted", "greet", "text_frame", "unmasked"]

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CHUNK = 2**17
"""Bytes that are handed to the kernel at a time, at least; replies to ACKs go in between."""
SERVER = "server.pem"
"""Key and certificate, in the folder that `--tls` names."""


def text_frame(text: str) -> bytes:
    """An unmasked text frame."""
    data = text.encode()
    length = bytes((len(data),)) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2)
    return b"\x81" + length + data


class Deflated:
    """A stream of compressed text frames."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(wbits=-15)

    def frame(self, text: str) -> bytes:
        """The next one (RFC 7692, 7.2.1: without the four bytes that end every flush)."""
        data = (self._compressor.compress(text.encode()) + self._compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        length = bytes((len(data),)) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2)
        return b"\xc1" + length + data


def chunks_of(kind: str, count: int, *, deflate: bool) -> list[bytes]:
    """All messages as frames, some together. Compressed ones are right for a connection that has had no compressed one yet."""
    frame = Deflated().frame if deflate else text_frame
    chunks: list[bytes] = []
    chunk = bytearray()
    for number in range(count):
        chunk += frame(message(kind, number))
        if len(chunk) >= CHUNK or number == count - 1:
            chunks.append(bytes(chunk))
            chunk.clear()
    return chunks


def accepted(request: bytes, more: str = "") -> bytes:
    """The answer to an opening handshake, with more headers."""
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    assert found is not None
    key = base64.b64encode(hashlib.sha1(found[1] + GUID).digest()).decode()
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return f"{head}Sec-WebSocket-Accept: {key}\r\n{more}\r\n".encode()


def unmasked(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Take the whole masked frames, under 64 KiB each, out of what a client has sent: first byte and body of each."""
    frames: list[tuple[int, bytes]] = []
    at = 0
    while len(buffer) - at >= 6:
        first, length, start = buffer[at], buffer[at + 1] & 127, at + 2
        if length == 126:
            length, start = int.from_bytes(buffer[start : start + 2]), start + 2
        end = start + 4 + length
        if len(buffer) < end:
            break
        mask = int.from_bytes(bytes(buffer[start : start + 4]) * (length // 4 + 1))
        pad = -length % 4 or 4
        body = int.from_bytes(buffer[start + 4 : end] + bytes(pad)) ^ mask
        frames.append((first, body.to_bytes(length + pad)[:length]))
        at = end
    del buffer[:at]
    return frames


class Peer:
    """A client's end of a connection, shaken hands."""

    def __init__(self, sock: socket.socket, *, deflate: bool = False) -> None:
        self.sock = sock
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(wbits=-15)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += sock.recv(4096)
        assert not deflate or b"permessage-deflate" in request, "the client did not offer it"
        sock.sendall(accepted(request, "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""))

    def receive(self) -> list[str] | None:
        """The texts that have come; None: it has hung up."""
        try:
            data = self.sock.recv(2**18)
        except (BlockingIOError, ssl.SSLWantReadError):
            return []
        if not data:
            return None
        self._buffer += data
        return self._take_texts()

    def send(self, data: memoryview) -> int:
        """Returns how much of it has left, or will."""
        try:
            return self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0

    def _take_texts(self) -> list[str]:
        return [self._text(first, body) for first, body in unmasked(self._buffer) if first & 15 == 1]

    def _text(self, first: int, body: bytes) -> str:
        return (self._inflate.decompress(body + b"\0\0\xff\xff") if first & 64 else body).decode()


def greet(peer: Peer, kind: str) -> None:
    """All that comes before the first message: what the server says unasked, what is asked for, and the answer."""
    if HELLOS[kind]:
        peer.sock.sendall(text_frame(HELLOS[kind]))
    while REQUESTS[kind]:
        texts = peer.receive()
        assert texts is not None, "it hung up before it asked"
        if any('subscribe"' in text for text in texts):
            break
    peer.sock.sendall(text_frame(GREETINGS[kind]))
    peer.sock.setblocking(False)


def serve(peer: Peer, chunks: list[bytes], *, acks: bool) -> None:
    """Feed one client until it hangs up."""
    waiting = iter(chunks)
    out = memoryview(b"")
    replies = bytearray()
    poll = select.poll()
    while True:
        if not out:
            out = memoryview(bytes(replies) or next(waiting, b""))
            replies.clear()
        poll.register(peer.sock, select.POLLIN | (select.POLLOUT if out else 0))
        (((_, event)),) = poll.poll()
        if event & ~select.POLLOUT:
            texts = peer.receive()
            if texts is None:
                return
            if acks:
                replies += b"".join(text_frame(ack_reply(text.split('"', 4)[3])) for text in texts)
        if out and event & select.POLLOUT:
            out = out[peer.send(out) :]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=list(GREETINGS))
    parser.add_argument("count", type=int)
    parser.add_argument("--acks", action="store_true")
    parser.add_argument("--tls", type=Path, help=f"a folder with {SERVER}")
    parser.add_argument("--deflate", action="store_true")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--core", type=int)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    context = None
    if arguments.tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments.tls / SERVER)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        # While the client starts.
        chunks = chunks_of(arguments.kind, arguments.count, deflate=arguments.deflate)
        for _ in range(arguments.clients):
            client, _ = server.accept()
            with client, contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                sock = client if context is None else context.wrap_socket(client, server_side=True)
                peer = Peer(sock, deflate=arguments.deflate)
                greet(peer, arguments.kind)
                serve(peer, chunks, acks=arguments.acks)
                if sock is not client:
                    sock.close()


if __name__ == "__main__":
    main()
