"""Compressed texts that are inflated here against `websockets` doing it: the same messages, the same failures, in any split."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from pushwire.core.effects import Close
from pushwire.wire.client import ClientWire

from .server import BINARY, CONT, PING, TEXT, accept, deflated, dial, frame

LIMIT = 3000
PACKED = 0x40


def compressing(*, scanner: bool = True, limit: int = LIMIT, own_context: bool = False) -> ClientWire:
    """Of a server that compresses; `own_context`: each message by itself."""
    wire = ClientWire(dial(max_message=limit, compression=True), scanner=scanner)
    factory = ServerPerMessageDeflateFactory(server_no_context_takeover=own_context)
    wire.feed(accept(wire, ServerProtocol(extensions=[factory])))
    return wire


class Packer:
    """Compresses messages one behind the other, in one window."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(wbits=-15)

    def __call__(self, payload: bytes) -> bytes:
        return (self._compressor.compress(payload) + self._compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_messages_of_one_window_are_read() -> None:
    pack, wire = Packer(), compressing()
    texts = [f'{{"price":"{number}.5","asset":"BTC"}}' for number in range(100)]
    wire.feed(b"".join(frame(TEXT, pack(text.encode()), rsv=PACKED) for text in texts))
    assert wire.take_messages() == texts
    assert wire.close is None


def test_they_never_reach_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, pack = compressing(), Packer()

    def refuse(data: bytes) -> None:
        raise AssertionError("these are cut out before")

    monkeypatch.setattr(wire._protocol, "receive_data", refuse)
    wire.feed(frame(TEXT, pack(b"short"), rsv=PACKED) + frame(TEXT, pack(random.randbytes(300).hex().encode()), rsv=PACKED))
    assert len(wire.take_messages()) == 2


def test_where_each_message_has_its_own_window_the_library_reads_them() -> None:
    wire = compressing(own_context=True)
    wire.feed(frame(TEXT, deflated(b"one"), rsv=PACKED) + frame(TEXT, deflated(b"two"), rsv=PACKED))
    assert wire.take_messages() == ["one", "two"]


@pytest.mark.parametrize("scanner", [True, False])
@pytest.mark.parametrize(
    "payload, close",
    [
        (b"\xff\xff\xff", Close(code=1002, reason="decompression failed", by="us")),
        (deflated(b"\xff\xfe"), Close(code=1007, reason="a text message is not UTF-8", by="us")),
        (deflated(b"x" * 101), Close(code=1009, reason="a message is over 100 bytes", by="us")),
        (deflated(b"x" * 5000), Close(code=1009, reason="frame exceeds limit of 225 bytes", by="us")),
    ],
    ids=["garbage", "not UTF-8", "too long", "far too long"],
)
def test_a_frame_that_is_wrong_ends_it_as_the_library_would(payload: bytes, close: Close, scanner: bool) -> None:
    wire, pack = compressing(scanner=scanner, limit=100), Packer()
    wire.feed(frame(TEXT, pack(b"before"), rsv=PACKED))
    # A window of its own: nothing in it points to what came before.
    wire.feed(frame(TEXT, payload, rsv=PACKED) + frame(TEXT, b"behind"))
    assert wire.take_messages() == ["before"]
    assert wire.close == close


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Frames of all kinds, most of them compressed texts, some wrong."""
    pack = Packer()
    frames: list[bytes] = []
    for kind in draw(
        st.lists(st.sampled_from(["text"] * 6 + ["plain", "binary", "parts", "ping", "long", "wrong", "bytes"]), max_size=12)
    ):
        payload = draw(st.text(max_size=60)).encode()
        match kind:
            case "text":
                frames.append(frame(TEXT, pack(payload), rsv=PACKED))
            case "plain":
                frames.append(frame(TEXT, payload))
            case "binary":
                frames.append(frame(BINARY, pack(payload), rsv=PACKED))
            case "parts":
                packed = pack(payload)
                cut = draw(st.integers(0, len(packed)))
                frames += [frame(TEXT, packed[:cut], rsv=PACKED, fin=False), frame(CONT, packed[cut:])]
            case "ping":
                frames.append(frame(PING, payload[:125]))
            case "long":
                size = draw(st.sampled_from([1400, 2050, LIMIT, LIMIT + 1, 9000]))
                frames.append(frame(TEXT, pack(random.Random(size).randbytes(size // 2).hex().encode()), rsv=PACKED))
            case "wrong":
                frames.append(frame(TEXT, pack(b"\xff" + payload), rsv=PACKED))
            case _:
                frames.append(frame(TEXT, draw(st.binary(max_size=20)), rsv=PACKED))
    return frames


@given(streams(), st.randoms(use_true_random=False))
def test_any_frames_in_any_split_are_what_the_library_makes_of_them(frames: list[bytes], rng: random.Random) -> None:
    theirs, whole, split = compressing(scanner=False), compressing(), compressing()
    data = b"".join(frames)
    theirs.feed(data)
    whole.feed(data)
    at = 0
    while at < len(data):
        size = rng.choice([1, 3, 30, 300])
        split.feed(data[at : at + size])
        at += size
    messages = theirs.take_messages()
    assert whole.take_messages() == split.take_messages() == messages
    assert whole.close == split.close == theirs.close
