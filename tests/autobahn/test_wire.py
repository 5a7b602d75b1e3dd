"""Autobahn's cases against the wire, without a socket."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from websockets.frames import Opcode

from pushwire.core.effects import Close
from pushwire.wire.client import ClientWire
from tests.wire.server import accept, dial, frame, read_frames

from .cases import CLOSE_1000, Case, close_payloads
from .table import CASES, COUNTS

_OCTETWISE = 10_000
"""Bytes. Longer cases are not also fed one byte at a time."""


def opened(case: Case, *, scanner: bool) -> ClientWire:
    wire = ClientWire(dial(max_message=1_000_000, compression=case.extensions is not None), scanner=scanner)
    response = accept(wire)
    if case.extensions is not None:
        response = response[:-2] + f"Sec-WebSocket-Extensions: {case.extensions}\r\n\r\n".encode()
    wire.feed(response)
    assert wire.handshake is not None
    return wire


def play(case: Case, pieces: tuple[bytes, ...], *, scanner: bool) -> None:
    """Feed the wire; what it delivers, answers and how it ends must be what the row says."""
    wire = opened(case, scanner=scanner)
    for piece in (*pieces, CLOSE_1000):
        wire.feed(piece)
    assert tuple(wire.take_messages()) == case.delivers
    assert isinstance(wire.close, Close)
    assert (wire.close.code, wire.close.by) == (case.ends, case.by)
    answers = read_frames(wire.data_to_send())
    assert tuple(payload for opcode, payload in answers if opcode is Opcode.PONG) == case.answers
    opcode, payload = answers[-1]
    assert opcode is Opcode.CLOSE
    assert payload[:2] in close_payloads(case)
    assert len(answers) == len(case.answers) + 1


@pytest.mark.parametrize("scanner", [True, False], ids=["scanner", "plain"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_wire_does_what_the_row_says(case: Case, scanner: bool) -> None:
    play(case, case.sends, scanner=scanner)
    whole = b"".join(case.sends)
    play(case, (whole,), scanner=scanner)
    if len(whole) < _OCTETWISE:
        play(case, tuple(whole[at : at + 1] for at in range(len(whole))), scanner=scanner)


def test_each_case_stands_in_the_table_once() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


def test_the_page_has_the_counts_of_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "proofs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+)\.\* \|.*\| (\d+) \|$", page, re.MULTILINE)
    assert {group: int(count) for group, count in rows} == COUNTS


def test_a_wire_that_did_otherwise_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        play(Case("0", (frame(1, b"a"),), ("b",)), (frame(1, b"a"),), scanner=True)
