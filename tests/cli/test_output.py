from __future__ import annotations

import json
import os
import sys

import msgspec
import pytest
import trio

from pushwire.cli.output import Output, as_json, as_text
from pushwire.core.describing import Line, describe
from pushwire.core.events import Malformed, Up

MIDNIGHT = 1_767_225_600.0
"""2026-01-01, POSIX seconds."""


def wall(at: float) -> float:
    return MIDNIGHT + at


def test_a_line_says_who_what_and_when() -> None:
    assert json.loads(as_json(describe("gelabs", Up(1.5, 3), wall))) == {
        "provider": "gelabs",
        "event": "up",
        "at": "2026-01-01T00:00:01.500Z",
        "data": {"generation": 3},
    }


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\u2066", "\n", "\r"])
def test_nothing_that_a_terminal_obeys_comes_through(character: str) -> None:
    line = describe("x", Malformed(0.0, f"a{character}[31m", "bad"), wall)
    assert character not in as_text(line)
    assert character not in as_json(line)
    assert json.loads(as_json(line))["data"]["raw"] == f"a{character}[31m"


def test_plain_lines_quote_what_is_not_one_word() -> None:
    line = describe("x", Malformed(0.0, 'a "b" c=d', "bad"), wall)
    assert as_text(line) == '2026-01-01T00:00:00.000Z x malformed raw="a \\"b\\" c=d" reason=bad'


def test_plain_lines_cut_what_is_long() -> None:
    line = describe("x", Malformed(0.0, "a" * 1000, "bad"), wall)
    assert as_text(line) == f"2026-01-01T00:00:00.000Z x malformed raw={'a' * 200}… reason=bad"


def test_plain_lines_name_the_fields_of_parts_and_no_value_twice() -> None:
    data: dict[str, object] = {
        "raw": "{}",
        "data": {"a b": 1, "to": {"x": {"y": {}}, "z": [1, 2]}, "none": None},
        "key\x1b": {"n": "1.10"},
    }
    line = Line("x", "event", "now", data)
    assert as_text(line) == 'now x event data."a b"=1 data.to.z=[2] "key\\x1b".n=1.10'


def test_what_is_nested_too_deep_for_parts_is_shown_as_json() -> None:
    line = Line("pusher", "channel_event", "2026-01-01T00:00:00.000Z", {"data": msgspec.Raw(b"[[[1]]]"), "raw": "x"})
    assert as_text(line) == "2026-01-01T00:00:00.000Z pusher channel_event data=[[[1]]] raw=x"
    assert as_json(line).endswith('"data":{"data":[[[1]]],"raw":"x"}}')


def test_other_alphabets_stay_readable() -> None:
    line = describe("x", Malformed(0.0, "Žluťoučký 円", "bad"), wall)
    assert "Žluťoučký 円" in as_text(line)
    assert "Žluťoučký 円" in as_json(line)


async def test_a_pipe_that_takes_little_at_a_time_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def write(descriptor: int, data: memoryview) -> int:
        written.append(bytes(data[:3]))
        return len(data[:3])

    shown = Output()
    monkeypatch.setattr(os, "write", write)
    await shown.write(["first", "second"])
    assert b"".join(written) == b"first\nsecond\n"
    await shown.write([])
    assert b"".join(written) == b"first\nsecond\n"


def test_without_a_standard_output_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OSError, match="there is no standard output"):
        Output()


async def test_what_several_tasks_write_at_once_stays_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    monkeypatch.setattr(sys, "stdout", os.fdopen(theirs, "w"))
    output = Output()
    came = bytearray()

    async def write(character: str) -> None:
        # More than a pipe holds.
        for _ in range(5):
            await output.write([character * 200_000])

    async with trio.lowlevel.FdStream(ours) as reader, trio.open_nursery() as nursery:
        for character in "ab":
            nursery.start_soon(write, character)
        while len(came) < 2 * 5 * 200_001:
            came += await reader.receive_some(10_000)
    sys.stdout.close()
    assert sorted(came.decode().splitlines()) == sorted(["a" * 200_000, "b" * 200_000] * 5)
