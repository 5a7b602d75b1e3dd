"""Texts that leave: what `websockets` would write, but for the mask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from pushwire.wire.client import ClientWire
from pushwire.wire.sending import LONGEST
from tests.wire.server import accept, dial

LENGTHS = (0, 1, 125, 126, 127, LONGEST, LONGEST + 1)


def sent(
    texts: list[str], *, scanner: bool = True, compression: bool = False, together: bool = False
) -> tuple[bytes, list[object]]:
    """The bytes that leave for these texts, and the frames that a server reads in them."""
    wire = ClientWire(dial(compression=compression, max_message=1 << 20), scanner=scanner)
    server = ServerProtocol(max_size=1 << 20)
    wire.feed(accept(wire, server))
    for part in [texts] if together else [[text] for text in texts]:
        wire.send_text(*part)
    assert wire.backlog == len(texts)
    data = wire.data_to_send()
    server.receive_data(data)
    assert server.parser_exc is None
    return data, list(server.events_received())


def unmasked(data: bytes, texts: list[str]) -> list[bytes]:
    """The heads of the frames; what is masked has been compared by a server."""
    heads: list[bytes] = []
    for text in texts:
        length = len(text.encode())
        size = 2 if length <= 125 else 4 if length <= LONGEST else 10
        heads.append(data[:size])
        data = data[size + 4 + length :]
    assert not data
    return heads


@given(st.lists(st.text(max_size=200) | st.sampled_from(LENGTHS).map("x".__mul__), max_size=80))
def test_a_server_reads_the_same_frames_as_of_websockets_alone(texts: list[str]) -> None:
    data, frames = sent(texts)
    plain, expected = sent(texts, scanner=False)
    assert frames == expected == [Frame(Opcode.TEXT, text.encode()) for text in texts]
    assert unmasked(data, texts) == unmasked(plain, texts)


@given(st.lists(st.text(max_size=200) | st.sampled_from(LENGTHS).map("x".__mul__), max_size=80), st.booleans(), st.booleans())
def test_texts_that_leave_together_are_the_frames_of_one_after_the_other(
    texts: list[str], scanner: bool, compression: bool
) -> None:
    _, alone = sent(texts, scanner=scanner, compression=compression)
    _, frames = sent(texts, scanner=scanner, compression=compression, together=True)
    assert frames == alone


@pytest.mark.parametrize("together", [False, True])
def test_no_two_frames_have_the_same_mask(together: bool) -> None:
    data, _ = sent(["same"] * 200, together=together)
    masks = {data[at + 2 : at + 6] for at in range(0, len(data), 10)}
    assert len(masks) >= 199  # by chance, once in 200,000 runs, two are


@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_is_written_in_the_fewest_bytes(length: int) -> None:
    data, _ = sent(["x" * length])
    assert len(data) - length - 4 == (2 if length <= 125 else 4 if length <= LONGEST else 10)
