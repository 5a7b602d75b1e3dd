from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from pushwire.core.effects import Close
from pushwire.core.events import Gap, Malformed
from pushwire.core.journal import Step, Truncated
from pushwire.core.machine import Phase
from pushwire.plot import Course, draw
from pushwire.plot.style import PHASES
from tests.plot.steps import BEGIN, NOON, closed, course, opened, receive, start, step, timer
from tests.plot.test_course import push

SVG = "{http://www.w3.org/2000/svg}"


def drawn(followed: Course) -> ElementTree.Element:
    return ElementTree.fromstring(draw(followed))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def bars(root: ElementTree.Element) -> Iterator[tuple[str, str, float, float]]:
    """The class of each bar, what it says, its left and its right."""
    for rect in root.iter(f"{SVG}rect"):
        title = rect.find(f"{SVG}title")
        if title is not None:
            left, width = float(rect.attrib["x"]), float(rect.attrib["width"])
            yield rect.attrib["class"], title.text or "", left, round(left + width, 1)


def session() -> Course:
    return course(
        step(start(), Phase.DIALLING),
        step(opened(1.0), Phase.AUTHENTICATING, effects=["p-1 hello"]),
        step(receive(2.0, "p-1 welcome"), Phase.READY),
        step(timer(3.0), Phase.READY, effects=["ping"]),
        step(receive(3.5, "pong"), Phase.READY, answered=3.0),
        step(receive(4.0, "{}", "{}"), Phase.READY, events=[push(4.0, 3.9), push(4.0, 3.0)], answered=3.0),
        step(closed(5.0), Phase.BACKING_OFF, answered=3.0),
        step(opened(8.0), Phase.READY, answered=3.0),
        step(
            timer(10.0), Phase.READY, events=[Gap(BEGIN + 10, NOON + 4.0, NOON + 8.0), Malformed(BEGIN, "", "bad")], answered=3.0
        ),
    )


def test_the_whole_of_a_session() -> None:
    root = drawn(session())
    assert list(bars(root)) == [
        ("under-way", "dialling, 12:00:00.000, 1 s", 170.0, 247.0),
        ("under-way", "authenticating, 12:00:01.000, 1 s", 247.0, 324.0),
        ("good", "ready, 12:00:02.000, 3 s", 324.0, 555.0),
        ("good", "ready, 12:00:08.000, 2 s", 786.0, 940.0),
        ("waiting", "backing off, 12:00:05.000, 3 s", 555.0, 786.0),
        ("bad", "12:00:05.000: close 1006 by peer: gone", 555.0, 556.5),
        ("bad", "2026-01-01T12:00:04.000Z to 2026-01-01T12:00:08.000Z, 4 s", 478.0, 786.0),
        ("bad", "12:00:10.000: malformed: bad", 938.5, 940.0),
    ]
    shown = texts(root)
    assert shown[:2] == ["gelabs, 2026-01-01T12:00:00.000Z, 10 s", "2 connections; 4 messages in, 2 out; 1 gap of 4 s"]
    for label in (
        *("dialling", "authenticating", "ready", "backing off", "closes", "gaps", "trouble"),
        *("messages a second, by 250 ms", "in, upwards", "out, downwards", "how long it took"),
        *("ping to its answer", "ACK, command to its reply", "provider's time to arrival"),
        *("12:00:00", "12:00:02", "12:00:10", "time of day, UTC", "100 ms", "1 s"),
    ):
        assert shown.count(label) == 1, label


def test_messages_go_up_and_down_from_one_line() -> None:
    paths = {path.attrib["class"]: path.attrib["d"] for path in drawn(session()).iter(f"{SVG}path")}
    received, sent = paths["one sharp"], paths["two sharp"]
    # Columns of a quarter of a second, 77 to a second: where they begin, their base, their end.
    column = r"M([\d.]+),([\d.]+)V([\d.]+)H([\d.]+)V[\d.]+Z"
    ups = [tuple(map(float, found)) for found in re.findall(column, received)]
    downs = [tuple(map(float, found)) for found in re.findall(column, sent)]
    assert [left for left, *_ in ups] == [324.0, 439.5, 478.0]
    assert [left for left, *_ in downs] == [247.0, 401.0]
    assert len({base for _, base, *_ in (*ups, *downs)}) == 1
    assert all(top < base for _, base, top, _ in ups)
    assert all(bottom > base for _, base, bottom, _ in downs)
    # Two messages are drawn twice as high as one.
    heights = [base - top for _, base, top, _ in ups]
    assert heights[2] == pytest.approx(2 * heights[0], abs=0.2)


def test_a_gap_shades_all_that_is_drawn() -> None:
    root = drawn(session())
    (shade,) = (rect for rect in root.iter(f"{SVG}rect") if rect.get("class") == "bad shade")
    assert (float(shade.attrib["x"]), float(shade.attrib["width"])) == (478.0, 308.0)
    assert float(shade.attrib["height"]) > 300


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_is_drawn_in_its_colour(phase: Phase) -> None:
    root = drawn(course(step(start(), phase), step(timer(1.0), phase)))
    assert next(bars(root)) == (PHASES[phase], f"{phase.value}, 12:00:00.000, 1 s", 170.0, 940.0)
    assert phase.value in texts(root)


@pytest.mark.parametrize(
    "followed",
    [
        Course(),
        course(),
        course(Step(Truncated())),
        course(step(start(), Phase.DIALLING)),
        course(step(receive(0.0))),
        course(step(start(1e300), Phase.READY), step(timer(1e308), Phase.READY, events=[Gap(0.0, -1e308, 1e308)])),
    ],
    ids=["nothing", "a header", "cut short", "one input", "no wall clock", "no such time"],
)
def test_whatever_there_is_can_be_drawn(followed: Course) -> None:
    root = drawn(followed)
    assert "nothing was timed" in texts(root)
    for _, _, left, right in bars(root):
        assert 170.0 <= left < right <= 940.0
    assert "nan" not in draw(followed)
    assert "inf," not in draw(followed)


def test_the_same_course_is_the_same_text() -> None:
    assert draw(session()) == draw(session())


@pytest.mark.parametrize(
    "hostile", ["</title><script>alert(1)</script>", "\x00\x1b[31m\u202e\ud800\ufffe\r\n", "]]>&amp;\"'<!--"]
)
def test_what_a_peer_says_is_text_and_nothing_else(hostile: str) -> None:
    followed = course(
        step(start()),
        step(closed(1.0, Close(1008, hostile)), Phase.BACKING_OFF),
        step(timer(2.0), events=[Malformed(BEGIN, hostile, hostile)]),
    )
    text = draw(followed)
    assert "<script" not in text
    assert text.encode()
    told = [title for _, title, _, _ in bars(ElementTree.fromstring(text))]
    clean = "".join(character if character.isprintable() else "\ufffd" for character in hostile)
    assert f"12:00:01.000: close 1008 by peer: {clean}" in told
    assert f"12:00:02.000: malformed: {clean}" in told


def test_what_lies_close_together_is_one_that_says_so() -> None:
    followed = course(step(start()), step(closed(1.0)), step(closed(1.0, Close(1011, "again"))), step(timer(2.0)))
    assert "12:00:01.000: close 1006 by peer: gone (and 1 more)" in [title for _, title, _, _ in bars(drawn(followed))]


@pytest.mark.slow
def test_the_drawing_of_a_long_journal_is_no_larger_than_that_of_a_short_one() -> None:
    followed = course(step(start()))
    for number in range(20_000):
        at = number * 7.0
        followed.add(step(opened(at), Phase.AUTHENTICATING, effects=[f"p-{number}"]))
        followed.add(step(receive(at + 1, f"p-{number}"), events=[Gap(0.0, NOON + at, NOON + at + 1), push(at, at - 1)]))
        followed.add(step(timer(at + 3), Phase.READY, events=[Malformed(0.0, "", "bad " * 100)]))
        followed.add(step(closed(at + 4, Close(reason="r" * 500)), Phase.BACKING_OFF))
    text = draw(followed)
    assert len(text) < 500_000
    for _, _, left, right in bars(ElementTree.fromstring(text)):
        assert 170.0 <= left < right <= 940.0
