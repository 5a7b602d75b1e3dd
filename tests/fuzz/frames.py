"""The frame layer: any bytes, in any split, become messages, pongs and an end; the same whichever way they are cut."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from typing import Final

from pushwire.core.effects import Dial
from pushwire.core.secrets import Secret
from pushwire.wire.client import ClientWire
from tests.fuzz.case import Case, Raw, Tally
from tests.fuzz.corpus import said_by
from tests.fuzz.mutate import TextMutator
from tests.wire.server import BINARY, CLOSE, CONT, PING, PONG, TEXT, deflated, frame

__all__ = ["Frames"]

KEY: Final = "wire-do-not-show-this"
LIMITS: Final = (100, 5000, 70_000)
"""Bytes of the largest message."""
OPCODES: Final = (TEXT,) * 8 + (CONT, CONT, CONT, BINARY, CLOSE, PING, PONG, 3, 11, 15)
HEADS: Final = (
    b"\x81\x7e\x00\x03abc",
    b"\x81\x7f" + bytes(7) + b"\x03abc",
    b"\x81\x7f\xff",
    b"\x88\x02\x03\xe8",
    b"\x88\x01\x03",
    b"\x00\x00",
)
ACCEPTED: Final = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
)
REFUSED: Final = ("401 No", "503 Busy", "302 There")
WORDS: Final = ("\r\n", ": ", "HTTP/1.0 ", "Retry-After: 1e9", "Transfer-Encoding: chunked", KEY)
DEFLATE: Final = (
    "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n",
)
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Frames:
    """A connection of the wire. Where the first input is text, it answers the handshake, `{accept}` being the right key."""

    name: str = "frames"
    share: int = 20

    def __init__(self) -> None:
        self._texts: Final = TextMutator(said_by("gelabs"), [])
        heads = [ACCEPTED + "\r\n", *(ACCEPTED + extension + "\r\n" for extension in DEFLATE)]
        heads += [f"HTTP/1.1 {status}\r\nRetry-After: 5\r\nContent-Length: 3\r\n\r\nno!" for status in REFUSED]
        self._heads: Final = TextMutator(heads, WORDS)

    def draw(self, rng: random.Random) -> Case:
        # Most connections would end at their first frames, were all as hostile.
        hostile = rng.random() ** 3
        inputs: list[Raw] = []
        for _ in range(1 + int(rng.random() * 20)):
            if rng.random() < hostile:
                inputs.append(self._frame(rng))
            else:
                inputs += self._good(rng)
        if rng.random() < 0.2:
            head = self._heads.draw(rng)
            inputs.insert(0, head if isinstance(head, str) else head.decode("latin-1"))
        return Case(rng.getrandbits(32), tuple(inputs))

    def change(self, rng: random.Random, case: Case) -> Case:
        inputs = list(case.inputs)
        place = int(rng.random() * len(inputs))
        changed = self._texts.change(rng, inputs[place])
        inputs[place] = changed if isinstance(inputs[place], str) or isinstance(changed, bytes) else _bytes(changed)
        if rng.random() < 0.3:
            inputs.insert(place + 1, self._frame(rng))
        return Case(case.setup, tuple(inputs))

    def _good(self, rng: random.Random) -> list[bytes]:
        """A message as it should be, whole or in fragments, or a control frame."""
        text = self._texts.pick(rng).encode()
        kind = rng.random()
        if kind < 0.6:
            return [frame(TEXT, text)]
        if kind < 0.75:
            return [frame(rng.choice((PING, PONG)), rng.randbytes(int(rng.random() * 126)))]
        if kind < 0.85:
            return [frame(TEXT, deflated(text), rsv=0x40)]
        parts = [text[at : at + 40] for at in range(0, 160, 40)]
        frames = [frame(CONT if place else TEXT, part, fin=place == len(parts) - 1) for place, part in enumerate(parts)]
        return [*frames[:2], frame(PING, b"between"), *frames[2:]]

    def _frame(self, rng: random.Random) -> bytes:
        kind = rng.random()
        if kind < 0.05:
            return rng.choice(HEADS)
        if kind < 0.08:
            return rng.randbytes(int(rng.random() * 20))
        if kind < 0.45:
            return frame(TEXT, self._texts.pick(rng).encode())
        payload = _bytes(self._texts.draw(rng)) if kind < 0.8 else rng.randbytes(int(rng.random() * 130))
        opcode = rng.choice(OPCODES)
        if opcode >= CLOSE and rng.random() < 0.8:
            payload = payload[: int(rng.random() * 126)]
        squeezed = rng.random() < 0.2
        made = frame(
            opcode,
            deflated(payload[:10_000]) if squeezed else payload,
            fin=rng.random() < 0.8,
            rsv=0x40 if squeezed else rng.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x20)),
            masked=rng.random() < 0.02,
        )
        return made if rng.random() < 0.9 else _bytes(self._texts.rough(rng, made))

    def check(self, case: Case, tally: Tally) -> None:
        rng = random.Random(case.setup)
        limit = rng.choice(LIMITS)
        compression = rng.random() < 0.5
        head, frames = ACCEPTED + (rng.choice(DEFLATE) if compression else "") + "\r\n", case.inputs
        if isinstance(frames[0], str):
            head, frames = frames[0], frames[1:]
        data = b"".join(map(_bytes, frames))
        dial = Dial(1, "ws://example.test/feed", {"X-API-Key": Secret(KEY)}, limit, compression)
        wires = [_opened(dial, head, rng, scanner=scanner) for scanner in (True, False)]
        for wire in wires:
            _feed(wire, data, rng)
        first, second = wires
        messages = first.take_messages()
        assert messages == second.take_messages(), "the scanner makes other messages of it"
        assert first.take_pongs() == second.take_pongs()
        if first.handshake is not None:
            assert first.close == second.close, f"{first.close} and {second.close}"
        else:
            # Each has a key of its own, which a refusal may repeat.
            ends = [None if wire.close is None else (wire.close.code, wire.close.status) for wire in wires]
            assert ends[0] == ends[1], f"{first.close} and {second.close}"
        for message in messages:
            assert len(message if isinstance(message, bytes) else message.encode()) <= limit, "over the limit"
        if first.close is not None:
            assert KEY not in first.close.reason, first.close
            # What is shown of a peer's words ends no line and is obeyed by no terminal.
            assert not re.search(r"[\x00-\x1f\x7f-\x9f]", first.close.reason), first.close
        outcome = "refused" if first.handshake is None else "open" if first.close is None else "ended"
        _end(first)
        for raw in case.inputs:
            tally.count(raw, outcome)


def _opened(dial: Dial, head: str, rng: random.Random, *, scanner: bool) -> ClientWire:
    wire = ClientWire(dial, scanner=scanner)
    request = wire.request().decode()
    (key,) = re.findall(r"Sec-WebSocket-Key: (.*)\r\n", request)
    accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
    _feed(wire, head.replace("{accept}", accept).encode("latin-1", errors="replace"), rng)
    return wire


def _feed(wire: ClientWire, data: bytes, rng: random.Random) -> None:
    """The bytes in pieces: of one, of a few, of many, or all at once."""
    most = rng.choice((1, 7, 100, 5000, 10**6, 10**6))
    at = 0
    if most == 1 and len(data) > 3000:
        most = 100
    while at < len(data):
        size = 1 + int(rng.random() * most)
        wire.feed(data[at : at + size])
        at += size
        assert isinstance(wire.data_to_send(), bytes)


def _end(wire: ClientWire) -> None:
    """All that may still be done to it is harmless."""
    wire.send_text("late")
    wire.send_ping(b"p")
    wire.send_close(1000, "bye")
    wire.feed_eof()
    assert wire.close is not None
    assert KEY not in repr(wire)


def _bytes(raw: Raw) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass")
