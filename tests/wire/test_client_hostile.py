"""Peers that break the rules: limits, bombs, garbage."""

from __future__ import annotations

import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode

from pushwire.core.effects import Close
from pushwire.wire.client import ClientWire, most_fragments

from .server import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    compressing,
    deflated,
    dial,
    frame,
    opened,
    read_frames,
)


class TestLimits:
    def test_a_message_of_exactly_the_limit_is_fine(self) -> None:
        wire = opened(dial(max_message=100))
        wire.feed(frame(TEXT, b"x" * 100) + frame(BINARY, b"x" * 100))
        wire.feed(frame(TEXT, b"x" * 60, fin=False) + frame(CONT, b"x" * 40))
        assert [len(message) for message in wire.take_messages()] == [100, 100, 100]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    @pytest.mark.parametrize("size", [101, 126, 1000, 70000])
    def test_a_longer_frame_ends_the_connection_with_1009_at_its_header(self, opcode: int, size: int) -> None:
        wire = opened(dial(max_message=100))
        data = frame(opcode, b"x" * size)
        wire.feed(data[: len(data) - size])
        assert wire.close == Close(code=1009, reason="a message is over 100 bytes", by="us")
        assert read_frames(wire.data_to_send())[0][0] is Opcode.CLOSE

    @pytest.mark.parametrize("sizes", [(100, 1), (60, 41), (1, 100), (50, 25, 26), (100, 0, 1), (1, 1000)])
    def test_fragments_that_are_too_long_together_end_it_with_1009(self, sizes: tuple[int, ...]) -> None:
        wire = opened(dial(max_message=100))
        wire.feed(frame(TEXT, b"x" * sizes[0], fin=False))
        for size in sizes[1:]:
            wire.feed(frame(CONT, b"x" * size, fin=False))
        assert wire.close == Close(code=1009, reason="a message is over 100 bytes", by="us")

    def test_a_ping_between_fragments_does_not_count(self) -> None:
        wire = opened(dial(max_message=100))
        wire.feed(frame(TEXT, b"x" * 99, fin=False) + frame(PING, b"p" * 125) + frame(CONT, b"x"))
        assert wire.take_messages() == ["x" * 100]

    def test_a_limit_below_that_of_control_frames_leaves_them_alone(self) -> None:
        wire = opened(dial(max_message=10))
        wire.feed(frame(PONG, b"p" * 125) + frame(TEXT, b"x" * 10))
        assert wire.take_pongs() == [b"p" * 125]
        assert wire.take_messages() == ["x" * 10]
        wire.feed(frame(TEXT, b"x" * 11))
        assert wire.close is not None
        assert wire.close.code == 1009

    def test_a_compressed_message_of_exactly_the_limit_is_fine_even_when_compression_made_it_longer(self) -> None:
        payload = random.Random(1).randbytes(100_000)
        wire = compressing(max_message=100_000)
        packed = deflated(payload)
        assert len(packed) > 100_000
        wire.feed(frame(BINARY, packed, rsv=0x40))
        assert wire.take_messages() == [payload]

    @pytest.mark.parametrize("size", [101, 110, 1_000_000])
    def test_a_compressed_message_over_the_limit_ends_it_with_1009(self, size: int) -> None:
        wire = compressing(max_message=100)
        wire.feed(frame(TEXT, deflated(b"x" * size), rsv=0x40))
        assert wire.take_messages() == []
        assert wire.close is not None
        assert (wire.close.code, wire.close.by) == (1009, "us")

    def test_a_bomb_is_never_unpacked_beyond_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        unpacked: list[int] = []
        real = zlib.decompressobj

        class Watched:
            def __init__(self, wbits: int) -> None:
                self._inner = real(wbits=wbits)

            def decompress(self, data: bytes, max_length: int = 0) -> bytes:
                result = self._inner.decompress(data, max_length)
                unpacked.append(len(result))
                return result

            @property
            def unconsumed_tail(self) -> bytes:
                return self._inner.unconsumed_tail

        monkeypatch.setattr("websockets.extensions.permessage_deflate.zlib.decompressobj", Watched)
        wire = compressing(max_message=10_000)
        bomb = deflated(b"\0" * 8_000_000)
        assert len(bomb) < 10_000
        wire.feed(frame(BINARY, bomb, rsv=0x40))
        assert wire.close is not None
        assert wire.close.code == 1009
        assert sum(unpacked) < 11_000

    def test_a_bomb_in_fragments_stops_at_the_limit(self) -> None:
        wire = compressing(max_message=10_000)
        bomb = deflated(b"\0" * 8_000_000)
        wire.feed(frame(BINARY, bomb[:10], fin=False, rsv=0x40))
        for at in range(10, len(bomb), 10):
            wire.feed(frame(CONT, bomb[at : at + 10], fin=False))
            assert len(wire._partial) <= 10_000 + 10_000 // 1024 + 125
        assert wire.close is not None
        assert wire.close.code == 1009

    def test_fragments_cost_no_more_than_what_they_hold_however_small_and_many(self) -> None:
        wire = opened(dial(max_message=100_000))
        tracemalloc.start()
        try:
            wire.feed(frame(TEXT, b"", fin=False))
            for _ in range(8):
                wire.feed(frame(CONT, b"", fin=False) * 100 + frame(CONT, b"xy", fin=False) * 200)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert wire.close is None
        assert held < 20_000
        wire.feed(frame(CONT))
        assert wire.take_messages() == ["xy" * 1600]

    @pytest.mark.parametrize("limit", [10, 100_000])
    @pytest.mark.parametrize("last", [True, False])
    def test_more_fragments_than_a_message_of_the_limit_needs_end_it_with_1009(self, limit: int, last: bool) -> None:
        wire = opened(dial(max_message=limit))
        most = most_fragments(limit)
        for _ in range(2):  # each message counts for itself
            wire.feed(frame(TEXT, b"a", fin=False) + frame(CONT, fin=False) * (most - 2) + frame(CONT, b"b"))
        assert wire.take_messages() == ["ab", "ab"]
        wire.feed(frame(TEXT, b"a", fin=False) + frame(CONT, fin=False) * (most - 1))
        assert wire.close is None
        wire.feed(frame(CONT, fin=last))
        assert wire.take_messages() == []
        assert wire.close == Close(code=1009, reason=f"a message in over {most} fragments", by="us")


class TestCompression:
    def test_compressed_and_plain_messages_are_read(self) -> None:
        wire = compressing()
        wire.feed(frame(TEXT, deflated(b"packed"), rsv=0x40) + frame(TEXT, b"plain"))
        assert wire.take_messages() == ["packed", "plain"]

    def test_what_is_sent_is_compressed(self) -> None:
        wire = compressing()
        wire.send_text("x" * 500)
        assert len(wire.data_to_send()) < 100

    def test_it_is_offered_only_when_asked_for(self) -> None:
        assert b"permessage-deflate" in ClientWire(dial(compression=True)).request()
        assert b"permessage-deflate" not in ClientWire(dial()).request()

    def test_garbage_instead_of_compressed_data_is_a_protocol_error(self) -> None:
        wire = compressing()
        wire.feed(frame(TEXT, b"\xff\xff\xff", rsv=0x40))
        assert wire.close == Close(code=1002, reason="decompression failed", by="us")


class TestProtocolErrors:
    @pytest.mark.parametrize(
        "data,reason",
        [
            (frame(TEXT, b"x", masked=True), "incorrect masking"),
            (frame(TEXT, b"x", rsv=0x40), "reserved bits must be 0"),
            (frame(TEXT, b"x", rsv=0x20), "reserved bits must be 0"),
            (frame(3, b"x"), "invalid opcode"),
            (frame(11, b"x"), "invalid opcode"),
            (frame(PING, b"x", fin=False), "fragmented control frame"),
            (frame(PING, b"x" * 126), "control frame too long"),
            (frame(CLOSE, b"x" * 1000), "control frame too long"),
            (frame(CONT, b"x"), "unexpected continuation frame"),
            (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), "expected a continuation frame"),
            (frame(CLOSE, b"x"), "close frame too short"),
            (frame(CLOSE, b"\x03\xed"), "invalid status code"),
        ],
    )
    def test_each_ends_the_connection_with_1002_and_says_why(self, data: bytes, reason: str) -> None:
        wire = opened()
        wire.feed(data)
        assert wire.close == Close(code=1002, reason=reason, by="us")
        assert read_frames(wire.data_to_send())[-1] == (Opcode.CLOSE, b"\x03\xea" + reason.encode())

    def test_what_came_before_is_kept_and_what_comes_after_is_ignored(self) -> None:
        wire = opened()
        wire.feed(frame(TEXT, b"before") + frame(3) + frame(TEXT, b"after"))
        wire.feed(frame(TEXT, b"later"))
        wire.feed_eof()
        assert wire.take_messages() == ["before"]
        assert wire.close == Close(code=1002, reason="invalid opcode", by="us")

    def test_an_exception_inside_the_library_is_a_lost_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wire = opened()

        def broken(data: bytes) -> None:
            raise AssertionError("a bug")

        monkeypatch.setattr(wire._protocol, "receive_data", broken)
        wire.feed(frame(PING, b"x"))
        assert wire.close == Close(reason="WebSocket protocol failed: AssertionError", by="transport")


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_any_bytes_instead_of_a_handshake_are_survived(chunks: list[bytes]) -> None:
    wire = ClientWire(dial())
    wire.request()
    for chunk in chunks:
        wire.feed(chunk)
    wire.feed(b"HTTP/1.1 101 X\r\n")
    for chunk in chunks:
        wire.feed(chunk)
    wire.feed_eof()
    assert wire.close is not None


FRAMES = st.builds(
    frame,
    st.sampled_from([CONT, TEXT, TEXT, BINARY, CLOSE, PING, PONG, 3, 15]),
    st.one_of(st.binary(max_size=130), st.text(max_size=40).map(str.encode), st.binary(max_size=20).map(deflated)),
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 0x40, 0x10]),
    masked=st.sampled_from([False] * 9 + [True]),
)


@given(st.lists(st.one_of(FRAMES, st.binary(max_size=20)), max_size=12), st.booleans(), st.randoms(use_true_random=False))
def test_any_bytes_after_the_handshake_are_survived_however_they_are_split(
    parts: list[bytes], compression: bool, rng: random.Random
) -> None:
    make = compressing if compression else opened
    whole, split = make(), make()
    data = b"".join(parts)
    whole.feed(data)
    at = 0
    while at < len(data):
        size = rng.randint(1, 40)
        split.feed(data[at : at + size])
        at += size
    whole.feed_eof()
    split.feed_eof()
    assert whole.take_messages() == split.take_messages()
    assert whole.take_pongs() == split.take_pongs()
    assert whole.close == split.close
    assert whole.close is not None


@given(
    st.lists(
        st.one_of(
            st.text(max_size=200).map(lambda text: [frame(TEXT, text.encode())]),
            st.binary(max_size=200).map(lambda data: [frame(BINARY, data)]),
            st.binary(max_size=125).map(lambda data: [frame(PING, data)]),
            st.lists(st.text(max_size=20), min_size=2, max_size=4).map(
                lambda texts: [
                    frame(CONT if at else TEXT, text.encode(), fin=at == len(texts) - 1) for at, text in enumerate(texts)
                ]
            ),
        ),
        max_size=10,
    )
)
def test_valid_frames_read_as_the_library_reads_them(messages: list[list[bytes]]) -> None:
    """The frames that are cut out here, against `websockets` alone."""
    data = b"".join(part for parts in messages for part in parts)
    ours, theirs = opened(dial(max_message=10_000)), opened(dial(max_message=10_000))
    ours.feed(data)
    theirs._protocol.receive_data(data)
    for event in theirs._protocol.events_received():
        theirs._data(event)  # type: ignore[arg-type]  # frames alone come after the handshake
    assert ours.take_messages() == theirs.take_messages()
    assert ours.close is None
