"""What a NATS server sends: any bytes, in any split, are values or one `SinkError`; the same whichever way they are cut."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.nats_api import decoded
from pushwire.relay.sinks.nats_wire import Info, Message, Received, ServerError, Signal, WireReader
from tests.fuzz.case import Case, Raw, Tally
from tests.fuzz.mutate import JsonMutator, TextMutator
from tests.fuzz.reading import read_whole

__all__ = ["NatsWire"]

INFO: Final = (
    '{"server_name":"n1","version":"2.15.1","headers":true,"max_payload":1048576,"nonce":"xyz","tls_required":false,'
    '"tls_available":true,"auth_required":true,"connect_urls":["10.0.0.1:4222"]}'
)
STREAM: Final = (
    '{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"S","subjects":["a.>"],"retention":"limits",'
    '"storage":"file","num_replicas":3,"duplicate_window":120000000000,"max_age":0},"state":{"messages":5,"last_seq":9},'
    '"cluster":{"leader":"n1","replicas":[{"name":"n2"},{"name":"n3"}]}}'
)
ANSWERS: Final = (
    '{"stream":"S","seq":5}',
    '{"stream":"S","seq":5,"duplicate":true}',
    '{"error":{"code":503,"err_code":10077,"description":"maximum messages per subject exceeded"}}',
    STREAM,
    '{"message":{"subject":"a.b","seq":5,"hdrs":"TkFUUy8xLjANCg0K","data":"eyJhIjoxfQ=="}}',
)
HEADERS: Final = (
    b"NATS/1.0 503 No Responders\r\n\r\n",
    b"NATS/1.0\r\nNats-Msg-Id: abc\r\nNats-Sequence: 5\r\n\r\n",
    b"NATS/1.0 \xc2\xb2\r\n:\r\n\r\n",
    b"",
)
LINES: Final = (
    "PING\r\n",
    "pong\r\n",
    "+OK\r\n",
    "-ERR 'Authorization Violation'\r\n",
    "-ERR\r\n",
    "MSG a 1 5\r\nhello\r\n",
    "MSG a 1 _INBOX.x 0\r\n\r\n",
    "HMSG a 1 12 12\r\nNATS/1.0\r\n\r\n\r\n",
    "MSG a 1 999999999\r\n",
    "MSG a 1 67108864\r\n",
    "HMSG a 1 5 3\r\nabc\r\n",
    "MSG a 1 -1\r\n",
    "MSG a 1\r\n",
    "HTTP/1.1 400 Bad Request\r\n\r\n",
)
WORDS: Final = ("\r\n", "\r", "\n", " ", "\t", "MSG ", "HMSG ", "INFO ", "PING\r\n", "0", "12", "00000005", "NATS/1.0\r\n")


class NatsWire:
    """What a server says in one connection, a frame an input."""

    name: str = "nats"
    share: int = 6

    def __init__(self) -> None:
        self._infos: Final = JsonMutator([INFO], [2**64, -1, "n2"])
        self._answers: Final = JsonMutator(ANSWERS, ["AA==", "=", "é", 10_059])
        self._lines: Final = TextMutator(LINES, WORDS)

    def draw(self, rng: random.Random) -> Case:
        # Most connections would end at their first frames, were all as hostile.
        hostile = rng.random() ** 3
        frames = [self._frame(rng, hostile) for _ in range(1 + int(rng.random() * 20))]
        return Case(rng.getrandbits(32), tuple(frames))

    def change(self, rng: random.Random, case: Case) -> Case:
        inputs = list(case.inputs)
        place = int(rng.random() * len(inputs))
        inputs[place] = self._lines.change(rng, inputs[place]) if rng.random() < 0.5 else self._frame(rng, 0.5)
        return Case(case.setup, tuple(inputs))

    def _frame(self, rng: random.Random, hostile: float) -> bytes:
        kind = rng.random()
        if rng.random() < hostile:
            made = _bytes(self._lines.draw(rng))
        elif kind < 0.1:
            made = b"INFO " + _bytes(self._infos.draw(rng)).replace(b"\r\n", b"") + b" \r\n"
        elif kind < 0.3:
            made = rng.choice(LINES[:8]).encode()
        else:
            made = self._message(rng, _bytes(self._answers.draw(rng)))
        return _bytes(self._lines.rough(rng, made)) if rng.random() < hostile * 0.3 else made

    def _message(self, rng: random.Random, body: bytes) -> bytes:
        reply = b"_INBOX.x " if rng.random() < 0.2 else b""
        if rng.random() < 0.5:
            return b"MSG _INBOX.abc.1 1 %b%d\r\n%b\r\n" % (reply, len(body), body)
        head = rng.choice(HEADERS) if rng.random() < 0.7 else _bytes(self._lines.rough(rng, rng.choice(HEADERS)))
        return b"HMSG _INBOX.abc.1 1 %b%d %d\r\n%b%b\r\n" % (reply, len(head), len(head) + len(body), head, body)

    def check(self, case: Case, tally: Tally) -> None:
        rng = random.Random(case.setup)
        data = b"".join(map(_bytes, case.inputs))
        whole, problem, reader = _read([data])
        for _ in range(2):
            cut, other, second = _read(_split(data, rng))
            assert other == problem, f"in one piece: {problem}; cut: {other}"
            if problem is None:
                assert cut == whole, "other values where it is cut otherwise"
                assert reader.pending == second.pending
            else:
                # What came in the piece with the fault goes with it.
                assert whole == []
                self._look_at(cut, data)
        self._look_at(whole, data)
        outcome = "refused" if problem else "waiting" if reader.pending else "accepted"
        for raw in case.inputs:
            tally.count(raw, outcome)

    def _look_at(self, found: Sequence[Received], data: bytes) -> None:
        """What was read is what came, and can be asked for all that a sink asks."""
        for item in found:
            assert isinstance(item, Info | Message | ServerError | Signal)
            read_whole(item)
            if not isinstance(item, Message):
                continue
            assert item.headers + item.body + b"\r\n" in data, "made up"
            assert 0 <= item.status <= 999
            assert isinstance(item.header("Nats-Sequence"), str | None)
            try:
                reply = decoded(item)
            except SinkError:
                continue
            read_whole(reply)


def _read(pieces: Sequence[bytes]) -> tuple[list[Received], str | None, WireReader]:
    """What is read of the pieces, and why no more."""
    reader = WireReader()
    found: list[Received] = []
    try:
        for piece in pieces:
            found += reader.receive(piece)
    except SinkError as error:
        return found, str(error), reader
    return found, None, reader


def _split(data: bytes, rng: random.Random) -> list[bytes]:
    """In pieces of one byte, of a few, or of many."""
    most = rng.choice((1, 7, 100, 5000))
    if most < 100 and len(data) > 5000:
        most = 1000
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        size = 1 + int(rng.random() * most)
        pieces.append(data[at : at + size])
        at += size
    return pieces


def _bytes(raw: Raw) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass")
