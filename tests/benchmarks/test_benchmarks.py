"""What the figures rest on: the feeder's frames, the stamps of latencies, the plot, and the places in the page."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks.feeder import Deflated, text_frame, unmasked
from benchmarks.paced import frames_of, sent_at, stamp
from benchmarks.payloads import SIZES, message
from benchmarks.plot import Bar, Group, plot
from benchmarks.report import END, PAGE, TABLES
from pushwire.wire.client import ClientWire
from tests.wire.server import compressing, opened

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("kind", list(SIZES))
def test_all_messages_of_a_kind_are_of_its_size_and_differ(kind: str) -> None:
    messages = [message(kind, number) for number in (0, 1, 499)]
    assert {len(text) for text in messages} == {SIZES[kind]}
    assert len({*messages}) == 3


def test_the_feeders_frames_are_read_as_they_are_meant() -> None:
    texts = [message(kind, number) for number in range(3) for kind in SIZES]
    plain, packed, deflated = opened(), compressing(), Deflated()
    plain.feed(b"".join(map(text_frame, texts)))
    packed.feed(b"".join(map(deflated.frame, texts)))
    assert plain.take_messages() == packed.take_messages() == texts


@pytest.mark.parametrize("size", [0, 1, 4, 125, 126, 711])
def test_the_feeder_reads_what_a_client_sends(size: int) -> None:
    wire: ClientWire = opened()
    wire.send_text("x" * size)
    wire.send_ping(b"?")
    sent = wire.data_to_send()
    buffer = bytearray(sent + sent[:3])
    assert unmasked(buffer) == [(0x81, b"x" * size), (0x89, b"?")]
    assert bytes(buffer) == sent[:3], "what has not come whole stays"


def test_a_stamp_says_the_nanosecond() -> None:
    assert sent_at(stamp(123_456_789_012_345).decode()) == 123_456_789_012_345


@pytest.mark.parametrize("kind", ["push", "price"])
def test_a_stamped_frame_is_a_message_with_the_time_in_it(kind: str) -> None:
    (frame,), at = frames_of(kind, 1)
    frame[at : at + len(stamp(0))] = stamp(5)
    wire = opened()
    wire.feed(bytes(frame))
    (text,) = wire.take_messages()
    assert isinstance(text, str)
    assert stamp(5).decode() in text


def test_the_plot_is_valid_and_has_a_bar_for_each_figure() -> None:
    drawn = plot("a <title>", [Group("one & two", [Bar("a", 3.3), Bar("b", 0.37), Bar("c", 0.01)]), Group("none", [])])
    root = ElementTree.fromstring(drawn)
    bars = root.findall(f"{SVG}rect")
    assert [bar.get("class") for bar in bars] == ["better", "worse", "worse"]
    assert all(float(bar.get("width", "0")) > 0 for bar in bars)
    assert "prefers-color-scheme: dark" in drawn
    assert "one & two" in [text.text for text in root.findall(f"{SVG}text")]


def test_the_page_has_a_place_for_each_table() -> None:
    page = Path(PAGE).read_text(encoding="utf-8")
    for part in TABLES:
        assert END in page.partition(f"<!-- figures: {part} -->")[2], part
