"""Lines that are a journal, and lines that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.effects import Committed, Done, Failed, Ticket
from pushwire.core.journal import Fulfil, Header, Heard, RecordedError, Start, Stop, Truncated
from pushwire.core.journal_lines import CORE_COMMANDS, INPUTS, read_journal
from pushwire.core.journal_writer import Encoder
from pushwire.core.secrets import Secret
from pushwire.errors import JournalError, StoreError
from pushwire.providers import load
from tests.core.journals import header

FIRST = Encoder(load("gelabs")).header(header()).encode() + b"\n"
STOP = b'{"input":"stop","now":1.5}\n'


def read(*lines: bytes) -> list[object]:
    return list(read_journal(lines, load))


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def refusal(*lines: bytes) -> JournalError:
    with pytest.raises(JournalError) as caught:
        read(*lines)
    return caught.value


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The header, after a change of its JSON."""
    value = json.loads(FIRST)
    change(value)
    return line(**value)


def test_the_header_is_read_back_with_placeholders_for_its_secrets() -> None:
    (first,) = read(FIRST)
    assert isinstance(first, Header)
    assert first.provider is load("gelabs")
    assert first.config == type(first.config)(**{**vars_of(header().config), "api_key": Secret("***")})
    assert (first.seed, first.prefix, first.restored, first.library) == (7, "id", header().restored, "1.2.3")


def vars_of(config: Any) -> dict[str, Any]:  # any config
    return {name: getattr(config, name) for name in json.loads(FIRST)["config"]}


def test_a_field_that_an_older_version_did_not_have_takes_its_default() -> None:
    (first,) = read(changed(lambda value: value["config"].pop("settle_after")))
    assert isinstance(first, Header)
    assert first.config == read_config()


def read_config() -> object:
    (first,) = read(FIRST)
    assert isinstance(first, Header)
    return first.config


@pytest.mark.parametrize("end", [b'{"input":"st', b"{", b"", b"\x00\x00", b'{"input":"receive","messages":["\xc3'])
def test_a_last_line_that_is_cut_short_ends_the_journal_with_a_flag(end: bytes) -> None:
    assert read(FIRST, STOP, end)[1:] == [Stop(1.5), Truncated()]


def test_a_last_line_without_its_end_counts_when_it_is_whole() -> None:
    assert read(FIRST, STOP.rstrip())[1:] == [Stop(1.5)]


def test_a_line_that_is_cut_short_elsewhere_is_an_error() -> None:
    assert str(refusal(FIRST, b'{"input":"st', STOP)) == "journal line 2: not a JSON object"
    assert refusal(FIRST, STOP, b'{"input":"st\n').line == 3


def test_an_empty_journal_is_an_error() -> None:
    assert str(refusal()) == "journal line 1: the journal is empty"


@pytest.mark.parametrize(
    "first, reason",
    [
        (b"", "not a JSON object"),
        (FIRST[:-9], "not a JSON object"),
        (b"[]\n", "not a JSON object"),
        (STOP, "not the header of a journal in format 1"),
        (changed(lambda value: value.update(journal=2)), "not the header of a journal in format 1"),
        (changed(lambda value: value.update(provider="nobody")), "there is no provider 'nobody'"),
        (changed(lambda value: value.update(seed="7")), "seed"),
        (changed(lambda value: value.pop("prefix")), "required field missing @ $.prefix"),
        (changed(lambda value: value.update(more=1)), "more"),
        (changed(lambda value: value["config"].update(speed=1)), "speed"),
        (changed(lambda value: value["config"].update(reply_timeout=-1)), "reply_timeout: must be a positive number of seconds"),
        (changed(lambda value: value.update(config=[])), "config"),
        (changed(lambda value: value["restored"].update(finished=[[[["a"]], 1]])), "finished"),
        (changed(lambda value: value["restored"].update(finished=[[[["a"], [[]]], 1]])), "finished"),
        (changed(lambda value: value["restored"].update(mark=True)), "mark"),
    ],
)
def test_a_wrong_header_is_an_error_of_line_1(first: bytes, reason: str) -> None:
    error = refusal(first, STOP)
    assert error.line == 1
    assert reason in error.reason


@pytest.mark.parametrize(
    "second, reason",
    [
        (b"\n", "not a JSON object"),
        (b"\xff\n", "not a JSON object"),
        (b'{"input":"stop","now":NaN}\n', "not a JSON object"),
        (line(), "there is no such input"),
        (line(input=1, now=1.0), "there is no such input"),
        (line(input="jump", now=1.0), "there is no such input"),
        (line(input=["stop"], now=1.0), "there is no such input"),
        (line(input="stop"), "required field missing @ $.now"),
        (line(input="stop", now="1.0"), "$.now"),
        (line(input="stop", now=10**400), "expected float @ $.now"),
        (line(input="stop", now="inf"), "a time without bounds"),
        (line(input="start", now=1.0, wall="-inf"), "a time without bounds"),
        (line(input="stop", now=1.0, wall=1.0), "wall"),
        (line(input="reading", now=1.0, on=1), "$.on"),
        (line(input="receive", now=1.0, messages="abc"), "$.messages"),
        (line(input="receive", now=1.0, messages=[1]), "$.messages"),
        (line(input="receive", now=1.0, messages=[{"base64": "???"}]), "$.messages"),
        (line(input="pong", now=1.0, payload="abc"), "$.payload"),
        (line(input="abandon", now=1.0, ticket=1), "$.ticket"),
        (line(input="closed", now=1.0, wall=1.0, close={"by": "nobody"}), "$.close"),
        (line(input="submit", now=1.0, command="Buy", fields={}), "gelabs has no such command"),
        (line(input="submit", now=1.0, command="Subscribe", fields=[]), "$.fields"),
        (line(input="submit", now=1.0, command="Subscribe", fields={"address": "", "chain_type": "a"}), "non-empty string"),
        (line(input="submit", now=1.0, command="Subscribe", fields={"address": "a"}), "chain_type"),
        (line(input="fulfil", now=1.0, token=[0, 1]), "not exactly one outcome"),
        (line(input="fulfil", now=1.0, token=[0, 1], committed=[], credential="***"), "not exactly one outcome"),
        (line(input="fulfil", now=1.0, token=[0], committed=[]), "$.token"),
        (line(input="fulfil", now=1.0, token=[0, 1], credential=""), "secret"),
    ],
)
def test_a_wrong_line_is_an_error_that_names_it(second: bytes, reason: str) -> None:
    error = refusal(FIRST, second, STOP)
    assert error.line == 2
    assert reason in error.reason


def test_records_before_a_wrong_line_are_given_first() -> None:
    records = read_journal([FIRST, STOP, b"{}\n"], load)
    assert [type(next(records)), type(next(records))] == [Header, Stop]
    with pytest.raises(JournalError, match="line 3"):
        next(records)


def test_outcomes_are_read_back() -> None:
    failed = {"type": "StoreError", "text": "gone", "outcome": "unknown"}
    other = {"type": "KeyError", "text": "'row'"}
    _, credential, store, committed = read(
        FIRST,
        line(input="fulfil", now=1.0, token=[0, 1], credential="***"),
        line(input="fulfil", now=1.0, token=[0, 2], failed=failed),
        line(input="fulfil", now=1.0, token=[0, 3], committed=[[[4], other]]),
    )
    assert isinstance(credential, Fulfil)
    assert credential.outcome == Done(Secret("***"))
    assert isinstance(store, Fulfil)
    assert isinstance(store.outcome, Failed)
    assert isinstance(store.outcome.error, StoreError)
    assert (str(store.outcome.error), store.outcome.error.outcome) == ("gone", "unknown")
    assert isinstance(committed, Fulfil)
    assert isinstance(committed.outcome, Done)
    assert isinstance(committed.outcome.value, Committed)
    error = committed.outcome.value.failed[Ticket(4)]
    assert isinstance(error, RecordedError)
    assert (error.type, str(error)) == ("KeyError", "'row'")


def test_lines_may_come_from_a_file(tmp_path: Any) -> None:
    file = tmp_path / "journal"
    file.write_bytes(FIRST + line(input="start", now=0, wall=1) + line(input="heard", now=2))
    with file.open("rb") as lines:
        assert list(read_journal(lines, load))[1:] == [Start(0.0, 1.0), Heard(2.0)]


# Whatever the lines are: records, or one JournalError

PARTS = ("wall", "messages", "payload", "on", "close", "handshake", "ticket", "token", "command", "fields", "committed", "failed")
names = st.sampled_from([*PARTS, "base64", "reason", "type", "text"]) | st.text()
values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*INPUTS, *CORE_COMMANDS, "inf"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
inputs = st.fixed_dictionaries(
    {"input": st.sampled_from([*INPUTS]), "now": st.floats(0, 9) | values}, optional=dict.fromkeys(PARTS, values)
)


def as_line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


any_lines = st.lists(st.one_of(st.binary(), st.builds(as_line, values), st.builds(as_line, inputs)), max_size=4)


@given(any_lines, st.booleans())
def test_any_lines_are_records_or_a_journal_error(lines: list[bytes], headed: bool) -> None:
    given_lines = [FIRST, *lines] if headed else lines
    problem = None
    try:
        read(*given_lines)
    except JournalError as error:
        problem = error
    assert problem is None or 1 <= problem.line <= max(1, len(given_lines))


@given(st.data())
def test_any_change_of_a_header_gives_a_header_or_a_journal_error(data: st.DataObject) -> None:
    value = json.loads(FIRST)
    place = data.draw(st.sampled_from([value, value["config"], value["restored"]]))
    place[data.draw(st.sampled_from([*place]))] = data.draw(values)
    problem = None
    try:
        (first,) = read(line(**value))
        assert isinstance(first, Header)
    except JournalError as error:
        problem = error
    assert problem is None or problem.line == 1
