"""The server side: one client after another gets pre-built frames as fast as it takes them. Runs in a process of its own.

Blocking sockets and no WebSocket library, so that the feeder is never the slower side. With `--acks` it answers every ACK, with
`--core` it keeps to that one.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import socket
import struct
import threading

from .payloads import GREETING, message

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CHUNK = 256
"""Frames written at a time."""


def frame(text: str) -> bytes:
    """An unmasked text frame."""
    data = text.encode()
    head = struct.pack("!BB", 0x81, len(data)) if len(data) < 126 else struct.pack("!BBH", 0x81, 126, len(data))
    return head + data


def handshake(client: socket.socket) -> None:
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += client.recv(4096)
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    assert found is not None
    accept = base64.b64encode(hashlib.sha1(found[1] + GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    client.sendall(head + accept + b"\r\n\r\n")


def answer_acks(client: socket.socket, writing: threading.Lock) -> None:
    """Reply to every masked text frame under 64 KiB with the id it holds, until the client closes."""
    buffer = bytearray()
    while True:
        try:
            data = client.recv(2**18)
        except OSError:
            return
        if not data:
            return
        buffer += data
        out: list[bytes] = []
        at = 0
        while len(buffer) - at >= 8:
            length, start = buffer[at + 1] & 127, at + 2
            if length == 126:
                length, start = int.from_bytes(buffer[start : start + 2]), start + 2
            end = start + 4 + length
            if len(buffer) < end:
                break
            if buffer[at] & 15 == 1:
                mask = int.from_bytes(bytes(buffer[start : start + 4]) * (length // 4 + 1))
                pad = -length % 4 or 4
                body = (int.from_bytes(buffer[start + 4 : end] + bytes(pad)) ^ mask).to_bytes(length + pad)[:length]
                ack_id = body.split(b'"', 4)[3].decode()
                out.append(
                    frame(f'{{"id":"{ack_id}","type":"transactionACK","code":0,"data":{{"txHash":"0x0"}},"msg":"success"}}')
                )
            at = end
        del buffer[:at]
        try:
            with writing:
                client.sendall(b"".join(out))
        except OSError:
            return


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("count", type=int)
    parser.add_argument("--acks", action="store_true")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--core", type=int)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    numbers = range(arguments.count)
    chunks = [b"".join(frame(message(arguments.kind, number)) for number in numbers[at : at + CHUNK]) for at in numbers[::CHUNK]]
    writing = threading.Lock()
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        for _ in range(arguments.clients):
            client, _ = server.accept()
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                handshake(client)
                reader = threading.Thread(target=answer_acks, args=(client, writing))
                if arguments.acks:
                    reader.start()
                client.sendall(frame(GREETING))
                for chunk in chunks:
                    with writing:
                        client.sendall(chunk)
                if arguments.acks:
                    reader.join()
                while client.recv(2**16):
                    pass


if __name__ == "__main__":
    main()
