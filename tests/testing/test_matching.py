"""Which messages are as expected, where others differ, and how they are shown."""

from __future__ import annotations

import doctest
from decimal import Decimal

import pytest

from pushwire.core.secrets import Secret
from pushwire.testing import matching
from pushwire.testing.matching import LONGEST, Veil, differences, outgoing
from pushwire.testing.steps import Expected, Message


@pytest.mark.parametrize(
    "expected, came",
    [
        ("as it is", "as it is"),
        (b"\x00", b"\x00"),
        ({}, "{}"),
        ({"a": 1}, '{"a":1,"b":2}'),
        ({"a": {"b": [1, {"c": None}]}}, '{"a":{"b":[1,{"c":null,"d":0}],"e":1}}'),
        ({"a": 1.5, "b": Decimal("2.50"), "c": 3}, '{"a":1.50,"b":2.5,"c":3.0}'),
        ({"a": True}, b'{"a":true}'),
        ({"a": "$x", "b": "$x"}, '{"a":[1],"b":[1]}'),
        ({"a": "$_", "b": "$_"}, '{"a":1,"b":2}'),
        ({"a": "$$x"}, '{"a":"$x"}'),
        ({"a": "$"}, '{"a":"$"}'),
        ({"a": "Bearer *** end"}, '{"a":"Bearer any\\nthing end"}'),
        ("key=***", "key=hidden"),
        # JSON in a text, as Pusher has it.
        ({"data": {"channel": "x"}, "list": [1]}, '{"data":"{\\"channel\\":\\"x\\"}","list":"[1]"}'),
        ([1, "$_"], "[1,2]"),
        (str.isdigit, "7"),
    ],
)
def test_a_message_is_as_expected(expected: Expected, came: str | bytes) -> None:
    assert differences(expected, came, {}) == []


@pytest.mark.parametrize(
    "expected, came, where",
    [
        ("as it is", "as it is not", ""),
        ("text", b"text", ""),
        ({"a": 1}, "no JSON", ""),
        ({"a": 1}, "[" * 100_000, ""),
        ({"a": 1}, "[]", ""),
        ([1], "{}", ""),
        ([1], "[1,2]", ""),
        ([1, [2]], "[1,[3]]", "[1][0]"),
        ({"a": 1}, '{"a":true}', "a"),
        ({"a": True}, '{"a":1}', "a"),
        ({"a": None}, '{"a":0}', "a"),
        ({"a": {"b": 1}}, '{"a":"text"}', "a"),
        ({"a": {"b": 1}}, '{"a":{}}', "a.b"),
        ({"a": "$x", "b": "$x"}, '{"a":1,"b":2}', "b"),
        ({"a": "x ***"}, '{"a":"y 1"}', "a"),
        ({"a": "x"}, '{"a":1}', "a"),
        (str.isdigit, "x", ""),
    ],
)
def test_a_message_is_another(expected: Expected, came: str | bytes, where: str) -> None:
    names: dict[str, object] = {}
    ((at, *_),) = differences(expected, came, names)
    assert (at, names) == (where, {}), "names are learned of what is as expected alone"


def test_what_was_named_once_is_the_same_from_then_on() -> None:
    names: dict[str, object] = {}
    assert not differences({"id": "$id"}, '{"id":"a-1"}', names)
    assert names == {"id": "a-1"}
    assert differences({"id": "$id"}, '{"id":"a-2"}', names) == [("id", '"a-1" ($id)', "a-2")]


@pytest.mark.parametrize(
    "message, text",
    [
        ("$id as it is", "$id as it is"),
        (b"\x00", b"\x00"),
        ({"id": "$id", "more": ["$id", "$$id", 1, None]}, '{"id":{"n":1},"more":[{"n":1},"$id",1,null]}'),
        ({"amount": Decimal("1.50")}, '{"amount":1.50}'),
        (str.upper, "LAST"),
    ],
)
def test_what_is_sent_has_what_was_named(message: Message, text: str | bytes) -> None:
    assert outgoing(message, {"id": {"n": 1}}, "last") == text


def test_a_name_of_nothing_is_an_error() -> None:
    with pytest.raises(KeyError):
        outgoing({"id": "$id"}, {}, "")


@pytest.mark.parametrize(
    "message, shown",
    [
        ("a known word", "a *** word"),
        (b"\xff known", "'\\\\xff ***'"),
        ('{"api_key": 1, "data": "{\\"auth\\":\\"x\\"}"}', '{"api_key": "***", "data": "{\\"auth\\": \\"***\\"}"}'),
        ({"list": [{"token": "t", "other": "known"}], "n": Decimal(1)}, '{"list": [{"token": "***", "other": "***"}], "n": "1"}'),
        (7, "7"),
        (len, "len"),
        ("x" * 1000, "x" * LONGEST + "... (1000 characters)"),
    ],
)
def test_what_is_shown_has_no_secrets(message: object, shown: str) -> None:
    assert Veil([Secret("known")])(message) == shown


def test_the_examples_hold() -> None:
    assert doctest.testmod(matching).failed == 0


def test_secrets_are_learned() -> None:
    veil = Veil()
    veil.learn(["late", ""])
    assert veil("too late") == "too ***"
    assert veil.difference("a.b", '"late"', "early") == 'a.b: "***" was expected, early came'
    assert veil.difference("a.token", '"x"', "y") == "a.token: another was expected"
    assert veil.difference("", "JSON", "x") == "the message: JSON was expected, x came"
