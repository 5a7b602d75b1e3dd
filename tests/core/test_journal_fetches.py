"""What a journal keeps of fetched values: enough to replay, nothing that is secret or the caller's own."""

from __future__ import annotations

import json

import pytest

from pushwire.core.effects import Done, Failed, Outcome, Token
from pushwire.core.http import Response
from pushwire.core.journal import Fulfil, RecordedError
from pushwire.core.journal_lines import read_journal
from pushwire.errors import JournalError
from pushwire.providers import load
from tests.core.journals import WALL, Recorded

TOKEN = Token(1, 7)


def read_back(outcome: Outcome) -> tuple[Outcome, str]:
    """What a replay gets, and the line it comes from."""
    recorded = Recorded()
    recorded.machine.start(0.0, WALL)
    recorded.machine.fulfil(TOKEN, outcome, 1.0)
    record = recorded.records()[-1]
    assert isinstance(record, Fulfil)
    assert record.token == TOKEN
    return record.outcome, recorded.lines[-1].decode()


def body_of(body: bytes) -> bytes:
    outcome, _ = read_back(Done(Response(201, {"set-cookie": "id=hunter2"}, body)))
    assert isinstance(outcome, Done)
    assert isinstance(outcome.value, Response)
    assert outcome.value.status == 201
    return outcome.value.body


def test_a_response_keeps_its_status_and_the_shape_of_its_body() -> None:
    body = {"auth": "key:hunter2", "more": [{"ttl": 60, "ok": True, "none": None, "rate": 1.5}, "hunter2"]}
    kept = json.loads(body_of(json.dumps(body).encode()))
    assert kept == {"auth": "***", "more": [{"ttl": 60, "ok": True, "none": None, "rate": 1.5}, "***"]}


@pytest.mark.parametrize("body", [b"hunter2", b"\xff", b"[" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b""])
def test_a_body_that_cannot_be_taken_apart_is_left_out(body: bytes) -> None:
    assert body_of(body) == b"***"


def test_headers_of_a_response_are_left_out() -> None:
    _, line = read_back(Done(Response(200, {"set-cookie": "id=hunter2"}, b"{}")))
    assert "hunter2" not in line
    assert "cookie" not in line


def test_of_a_callers_own_value_its_type_is_kept() -> None:
    outcome, line = read_back(Done(["hunter2"]))
    assert outcome == Done("list")
    assert "hunter2" not in line


def test_of_an_error_its_type_and_text_are_kept() -> None:
    outcome, _ = read_back(Failed(KeyError("no such account")))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RecordedError)
    assert outcome.error.type == "KeyError"


@pytest.mark.parametrize(
    "fields",
    ['"response":{"status":200,"body":"{}"},"value":"list"', '"value":"list","credential":"***"', '"failed":null'],
)
def test_a_line_with_another_number_of_outcomes_than_one_is_an_error(fields: str) -> None:
    line = f'{{"input":"fulfil","token":[1,7],"now":1.0,{fields}}}\n'
    with pytest.raises(JournalError, match="not exactly one outcome"):
        list(read_journal([*Recorded().lines, line.encode()], load))
