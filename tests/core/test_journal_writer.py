"""What a line holds, and what it never holds."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import attrs
import pytest

from pushwire.core.commands import Command, Finish, Park
from pushwire.core.effects import (
    Close,
    Committed,
    Credential,
    Done,
    Failed,
    Handshake,
    Identity,
    Outcome,
    Restored,
    Ticket,
    Token,
)
from pushwire.core.journal import Closed, Foreign, Fulfil, Header, Heard, Input, Opened, Pong, Receive, Submit
from pushwire.core.journal_lines import read_journal
from pushwire.core.journal_writer import Encoder
from pushwire.core.secrets import Secret
from pushwire.errors import StoreError
from pushwire.providers import bitpanda, gelabs, load
from tests.core.journals import KEY, header

SPELLINGS = (KEY, json.dumps(KEY)[1:-1], json.dumps(KEY)[1:-1].replace("/", r"\/"), quote(KEY, safe=""), quote(KEY))


def encoder() -> Encoder:
    """One that has met the key."""
    made = Encoder(load("gelabs"))
    made.header(header())
    return made


def written(record: Input) -> dict[str, Any]:  # a JSON object
    line = encoder().input(record)
    assert "\n" not in line
    value: dict[str, Any] = json.loads(line)
    return value


def read_back(record: Input) -> object:
    made = Encoder(load("gelabs"))
    lines = [made.header(header()).encode() + b"\n", made.input(record).encode() + b"\n"]
    _, again = read_journal(lines, load)
    return again


def test_an_input_is_named_after_its_method_and_holds_its_arguments() -> None:
    assert written(Heard(1.5)) == {"input": "heard", "now": 1.5}
    assert written(Receive(('{"é": 1}', b"\x00\xff"), 2.0)) == {
        "input": "receive",
        "now": 2.0,
        "messages": ['{"é": 1}', {"base64": "AP8="}],
    }
    assert written(Submit(gelabs.Subscribe("0xA", "base"), 3.0)) == {
        "input": "submit",
        "now": 3.0,
        "command": "Subscribe",
        "fields": {"address": "0xA", "chain_type": "base"},
    }
    assert written(Fulfil(Token(2, 7), Done(Committed()), 4.0)) == {
        "input": "fulfil",
        "token": [2, 7],
        "now": 4.0,
        "committed": [],
    }


def test_the_header_holds_what_the_machine_was_built_from() -> None:
    rows = Restored({Identity(("base", None, "0xa"), ("success", True)): 1.5}, {}, 2.5)
    line = json.loads(Encoder(load("gelabs")).header(header(seed=2**80, restored=rows)))
    assert (line["journal"], line["library"], line["provider"]) == (1, "1.2.3", "gelabs")
    assert (line["seed"], line["prefix"]) == (2**80, "id")
    assert line["config"]["api_key"] == "***"
    assert line["config"]["send_rate"] == "inf"
    finished = [[["base", None, "0xa"], ["success", True]], 1.5]
    assert line["restored"] == {"finished": [finished], "delivered": [], "mark": 2.5, "held": []}


IDENTITY = Identity(("base", 8453, "0xa"), ("pending", None, False))


@pytest.mark.parametrize(
    "record",
    [
        Receive(("", "\ud800 lone", "line\n\u2028separator", b"", b"\xed\xa0\x80"), 0.1),
        Opened(Handshake(101, {"server": "nginx"}, "v1"), 0.0, 1e9),
        Closed(Close(1001, "bye", by="us"), 5e-324, -1.5),
        Closed(Close(status=503, retry_after=1.5), 0.0, 0.0),
        Pong(b"\x80", 0.0),
        Submit(Finish((IDENTITY, IDENTITY)), 0.0),
        Submit(Park(IDENTITY, "poison", '{"a": 1}'), 0.0),
        Submit(gelabs.GetTransaction("base", 2**62, message_id="m"), 0.0),
        Submit(gelabs.Unsubscribe("0xa"), 0.0),
        Fulfil(Token(0, 1), Done(Committed()), 0.0),
    ],
)
def test_what_was_written_is_read_back(record: Input) -> None:
    assert read_back(record) == record


def test_a_command_of_another_provider_is_kept_by_its_name_alone() -> None:
    class Subscribe(Command[object, None]):
        """Of the same name."""

    assert read_back(Submit(Subscribe(), 1.0)) == Submit(Foreign("Subscribe"), 1.0)


@pytest.mark.parametrize(
    "error, expected",
    [
        (StoreError("full"), {"type": "StoreError", "text": "full", "outcome": "not_stored"}),
        (StoreError("gone", outcome="unknown"), {"type": "StoreError", "text": "gone", "outcome": "unknown"}),
        (KeyError("row"), {"type": "KeyError", "text": "'row'"}),
    ],
)
def test_an_exception_is_its_type_and_text(error: Exception, expected: dict[str, str]) -> None:
    assert written(Fulfil(Token(0, 1), Failed(error), 0.0))["failed"] == expected
    done = Done(Committed({Ticket(4): error}))
    assert written(Fulfil(Token(0, 1), done, 0.0))["committed"] == [[[4], expected]]


# Secrets


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_key_is_left_out_wherever_a_text_may_hold_it(spelling: str) -> None:
    identity = Identity(("base", 1, spelling), (spelling,))
    made = Encoder(load("gelabs"))
    restored = Restored({identity: 1.0}, {identity: 1.0}, 1.0)
    lines = [made.header(header(prefix=spelling, restored=restored))]
    outcomes: list[Outcome] = [Failed(OSError(spelling)), Done(Committed({Ticket(1): ValueError(spelling)}))]
    records: list[Input] = [
        Receive((f"x{spelling}y",), 0.0),
        Opened(Handshake(headers={"x-echo": spelling, spelling: "x"}, subprotocol=spelling), 0.0, 0.0),
        Closed(Close(1008, f"bad key {spelling}"), 0.0, 0.0),
        Submit(gelabs.Subscribe(spelling, spelling), 0.0),
        Submit(Finish((identity,)), 0.0),
        Submit(Park(identity, spelling, spelling), 0.0),
        *(Fulfil(Token(0, 1), outcome, 0.0) for outcome in outcomes),
    ]
    lines += map(made.input, records)
    for line in lines:
        assert "***" in line
        for hidden in (*SPELLINGS, *(json.dumps(text)[1:-1] for text in SPELLINGS)):
            assert hidden not in line


def test_the_key_is_left_out_of_bytes() -> None:
    line = Pong(b"\xff" + KEY.encode() + b"\xff", 0.0)
    assert written(line)["payload"] == {"base64": "/yoqKv8="}
    assert written(Receive((b"\xff" + KEY.encode(),), 0.0))["messages"] == [{"base64": "/yoqKg=="}]


def test_a_secret_that_cannot_be_encoded_is_left_out_all_the_same() -> None:
    made = Encoder(load("gelabs"))
    made.header(header(config=gelabs.Config(api_key=Secret("key\udcff"))))
    assert json.loads(made.input(Receive(("a key\udcff",), 0.0)))["messages"] == ["a ***"]


def test_a_fetched_credential_is_left_out_of_what_comes_after_it() -> None:
    made = encoder()
    assert json.loads(made.input(Fulfil(Token(1, 2), Done(Secret("tok-1")), 0.0)))["credential"] == "***"
    assert json.loads(made.input(Fulfil(Token(1, 3), Done(Secret("tok-2")), 0.0)))["credential"] == "***"
    assert json.loads(made.input(Receive(("tok-1 tok-2",), 0.0)))["messages"] == ["*** ***"]


def test_a_secret_in_a_command_is_left_out_of_its_other_fields_too() -> None:
    @attrs.frozen
    class Login(Command[object, None]):
        """Its text comes before its secret."""

        text: str
        token: Secret

    provider = attrs.evolve(load("gelabs"), commands={"Login": Login})
    line = Encoder(provider).input(Submit(Login("say tok", Secret("tok")), 0.0))
    assert json.loads(line)["fields"] == {"text": "say ***", "token": "***"}


def test_a_source_of_secrets_is_left_out_and_replayed_as_a_secret() -> None:
    async def source(wanted: Credential) -> Secret:
        return Secret("tok")

    lines: list[bytes] = []
    for token in (source, Secret("tok")):
        config = bitpanda.Config(url="wss://tok.example/", token=token, headers={"X-Partner": Secret("hush"), "X-Plain": "seen"})
        made = Encoder(load("bitpanda"))
        line = made.header(Header(load("bitpanda"), config, 7, "id", Restored(), "1.2.3"))
        assert json.loads(line)["config"]["token"] == "***"
        assert json.loads(line)["config"]["headers"] == {"X-Partner": "***", "X-Plain": "seen"}
        lines.append(line.encode() + b"\n")
    assert b"tok.example" in lines[0]
    assert b"***.example" in lines[1]
    (again,) = read_journal(lines[:1], load)
    assert isinstance(again, Header)
    assert isinstance(again.config, bitpanda.Config)
    assert again.config.token == Secret("***")


def test_what_a_caller_put_where_it_does_not_belong_is_shown_without_the_key() -> None:
    class Odd:
        def __repr__(self) -> str:
            return f"<odd {KEY}>"

    identity: Any = (Odd(), "\ud800")
    for wrong in (Finish((identity,)), Finish((Identity((identity[0],), ()),))):
        assert "<odd ***>" in encoder().input(Submit(wrong, 0.0))
