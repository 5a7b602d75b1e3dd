"""The server side: one client after another gets pre-built frames as fast as it takes them. Runs in a process of its own.

One thread, plain sockets and no WebSocket library, so that the feeder is never the slower side. It always reads, so that a client
which writes its ACKs before it reads on stands still no longer than it must. With `--acks` it answers every ACK, with `--core` it
keeps to that one.
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

from .payloads import GREETINGS, REQUESTS, ack_reply, message

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CHUNK = 2**17
"""Bytes that are handed to the kernel at a time, at least; replies to ACKs go in between."""


def text_frame(text: str) -> bytes:
    """An unmasked text frame."""
    data = text.encode()
    length = bytes((len(data),)) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2)
    return b"\x81" + length + data


def chunks_of(kind: str, count: int) -> list[bytes]:
    """All messages as frames, some together."""
    chunks: list[bytes] = []
    chunk = bytearray()
    for number in range(count):
        chunk += text_frame(message(kind, number))
        if len(chunk) >= CHUNK or number == count - 1:
            chunks.append(bytes(chunk))
            chunk.clear()
    return chunks


def handshake(client: socket.socket) -> None:
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += client.recv(4096)
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    assert found is not None
    accept = base64.b64encode(hashlib.sha1(found[1] + GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    client.sendall(head + accept + b"\r\n\r\n")


def take_texts(buffer: bytearray) -> list[str]:
    """Take the whole masked text frames, under 64 KiB each, out of what a client has sent; all other frames are left out."""
    texts: list[str] = []
    at = 0
    while len(buffer) - at >= 6:
        length, start = buffer[at + 1] & 127, at + 2
        if length == 126:
            length, start = int.from_bytes(buffer[start : start + 2]), start + 2
        end = start + 4 + length
        if len(buffer) < end:
            break
        if buffer[at] & 15 == 1:
            mask = int.from_bytes(bytes(buffer[start : start + 4]) * (length // 4 + 1))
            pad = -length % 4 or 4
            body = int.from_bytes(buffer[start + 4 : end] + bytes(pad)) ^ mask
            texts.append(body.to_bytes(length + pad)[:length].decode())
        at = end
    del buffer[:at]
    return texts


def serve(client: socket.socket, kind: str, chunks: list[bytes], *, acks: bool) -> None:
    """Feed one client until it hangs up."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    handshake(client)
    buffer = bytearray()
    while REQUESTS[kind] and not take_texts(buffer):
        buffer += client.recv(4096)
    client.sendall(text_frame(GREETINGS[kind]))
    client.setblocking(False)
    waiting = iter(chunks)
    out = memoryview(b"")
    replies = bytearray()
    poll = select.poll()
    while True:
        if not out:
            out = memoryview(bytes(replies) or next(waiting, b""))
            replies.clear()
        poll.register(client, select.POLLIN | (select.POLLOUT if out else 0))
        (((_, event)),) = poll.poll()
        if event & ~select.POLLOUT:
            data = client.recv(2**18)
            if not data:
                return
            buffer += data
            for text in take_texts(buffer):
                if acks:
                    replies += text_frame(ack_reply(text.split('"', 4)[3]))
        if out and event & select.POLLOUT:
            out = out[client.send(out) :]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=list(GREETINGS))
    parser.add_argument("count", type=int)
    parser.add_argument("--acks", action="store_true")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--core", type=int)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    chunks = chunks_of(arguments.kind, arguments.count)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        for _ in range(arguments.clients):
            client, _ = server.accept()
            with client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                serve(client, arguments.kind, chunks, acks=arguments.acks)


if __name__ == "__main__":
    main()
