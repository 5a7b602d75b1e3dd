"""The scanner against `websockets` without it: the same bytes, in any split, are the same messages and the same failures."""

from __future__ import annotations

import random
from types import ModuleType
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from pushwire.core import plain, speedups
from pushwire.core.effects import Close
from pushwire.wire.client import ClientWire

from .server import BINARY, CLOSE, CONT, PING, PONG, TEXT, accept, deflated, dial, frame, opened

LIMIT = 5000


class Alone:
    """`ClientProtocol` by itself, with no code of ours but the joining of fragments."""

    def __init__(self) -> None:
        self.protocol = ClientProtocol(parse_uri("ws://example.test/"), state=OPEN, max_size=LIMIT)
        self.messages: list[str | bytes] = []
        self.pongs: list[bytes] = []
        self.code: int | None = None
        self._parts: list[bytes] = []
        self._text = False

    def feed(self, data: bytes) -> None:
        if self.code is not None:
            return
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            assert isinstance(event, Frame)
            if not self._is_taken(event):
                self.code = int(CloseCode.INVALID_DATA)
                return
        if self.protocol.close_rcvd is not None:
            self.code = int(self.protocol.close_rcvd.code)
        elif self.protocol.close_sent is not None:
            self.code = int(self.protocol.close_sent.code)

    def _is_taken(self, event: Frame) -> bool:
        if event.opcode is Opcode.PONG:
            self.pongs.append(bytes(event.data))
        if event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return True
        if event.opcode is not Opcode.CONT:
            self._text = event.opcode is Opcode.TEXT
        self._parts.append(bytes(event.data))
        if event.fin:
            whole, self._parts = b"".join(self._parts), []
            try:
                self.messages.append(whole.decode() if self._text else whole)
            except UnicodeDecodeError:
                return False
        return True


def is_ended(wire: ClientWire) -> int | None:
    return None if wire.close is None else wire.close.code


def opened_with(*, scanner: bool) -> ClientWire:
    wire = ClientWire(dial(max_message=LIMIT), scanner=scanner)
    wire.feed(accept(wire))
    return wire


def pieces(data: bytes, rng: random.Random) -> list[bytes]:
    """The data cut anywhere: into bytes, into halves, or not at all."""
    most = rng.choice([1, 4, 40, 400, 10_000])
    found: list[bytes] = []
    while data:
        size = rng.randint(1, most)
        found.append(data[:size])
        data = data[size:]
    return found


PAYLOADS = st.one_of(
    st.binary(max_size=130),
    st.text(max_size=60).map(str.encode),
    st.integers(0, 700).map(lambda size: b"x" * size),
    st.binary(max_size=20).map(deflated),
)
FRAMES = st.builds(
    frame,
    st.sampled_from([TEXT] * 6 + [CONT, BINARY, CLOSE, PING, PONG, 3, 15]),
    PAYLOADS,
    fin=st.sampled_from([True] * 5 + [False]),
    rsv=st.sampled_from([0] * 8 + [0x40, 0x10]),
    masked=st.sampled_from([False] * 15 + [True]),
)
PLAIN = st.builds(frame, st.just(TEXT), st.text(max_size=200).map(str.encode))
# Lengths in more bytes than they need, which `websockets` accepts; and of frames that may never come.
LONG = st.sampled_from(
    [b"\x81\x7e\x00\x03abc", b"\x81\x7f" + bytes(7) + b"\x03abc", b"\x81\x7e\x20\x00", b"\x81\x7f\xff", b"\x81"]
)


@pytest.mark.fuzz
@pytest.mark.parametrize("twin", [speedups, plain], ids=["as installed", "in Python"])
@given(st.lists(st.one_of(PLAIN, FRAMES, LONG, st.binary(max_size=6)), max_size=14), st.randoms(use_true_random=False))
def test_any_bytes_in_any_split_are_what_websockets_alone_makes_of_them(
    twin: ModuleType, parts: list[bytes], rng: random.Random
) -> None:
    with mock.patch.multiple("pushwire.wire.client", Messages=twin.Messages, take_texts=twin.take_texts):
        alone, scanning, plodding = Alone(), opened_with(scanner=True), opened_with(scanner=False)
        data = b"".join(parts)
        alone.feed(data)
        for reader in (scanning, plodding):
            for piece in pieces(data, rng):
                reader.feed(piece)
    for reader in (scanning, plodding):
        assert reader.take_messages() == alone.messages
        assert reader.take_pongs() == alone.pongs
        assert is_ended(reader) == alone.code
    assert scanning.close == plodding.close
    assert scanning.data_to_send()[:2] == plodding.data_to_send()[:2]


def test_without_the_scanner_every_frame_goes_through_websockets(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = opened_with(scanner=False)
    frames: list[bytes] = []
    monkeypatch.setattr(wire, "_forward", frames.append)
    wire.feed(frame(TEXT, b"one") + frame(TEXT, b"two"))
    assert frames == [frame(TEXT, b"one"), frame(TEXT, b"two")]


def test_a_plain_text_is_taken_by_the_scanner_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = opened(dial(max_message=LIMIT))
    left: list[bytes] = []
    monkeypatch.setattr(wire, "_forward", left.append)
    others = [frame(BINARY, b"two"), frame(PING, b"p"), frame(TEXT, b"half", fin=False), frame(TEXT, b"z", rsv=0x40)]
    wire.feed(frame(TEXT, b"one") + others[0] + others[1] + frame(TEXT, b"three") + others[2] + others[3])
    assert wire.take_messages() == ["one", "three"]
    assert left == others


def test_a_text_in_the_midst_of_a_fragmented_message_is_the_failure_it_is() -> None:
    wire = opened()
    wire.feed(frame(TEXT, b"half", fin=False) + frame(TEXT, b"whole"))
    assert wire.take_messages() == []
    assert wire.close == Close(code=1002, reason="expected a continuation frame", by="us")
