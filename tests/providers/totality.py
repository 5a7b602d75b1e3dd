"""What a stranger may send, be it no message at all, nearly one, or anything; and what must then be true of every machine."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any, Final, TypeAlias, cast

from hypothesis import settings
from hypothesis import strategies as st

from pushwire.core.events import Malformed
from tests.providers.harness import Client

Json: TypeAlias = Any

NO_MESSAGES: Final[Sequence[str | bytes]] = (
    "",
    " ",
    "{",
    "nonsense",
    "null",
    "[]",
    "5",
    '"text"',
    "[" * 100_000,
    '{"a":' * 100_000,
    "\ud800",
    b"",
    b"\xff",
    b"\xef\xbb\xbf{}",
    b"\x00" * 100,
)
"""Whatever the provider."""

LONG: Final = settings(max_examples=max(500, settings().max_examples))
"""For tests that look for trouble in long conversations."""


def is_malformed(client: Client[Any], raw: str | bytes) -> None:
    """It is told of, as it came, and nothing else comes of it."""
    client.receive(raw)
    malformed = client.the_event(Malformed)
    assert malformed.raw == raw
    assert malformed.reason
    assert client.hangups == []


def hides_what_was_not_understood(client: Client[Any], unknown: str) -> None:
    """The repr of what is no message, and of one of an `unknown` kind that holds the word, shows their sizes alone."""
    assert "hunter2" in unknown
    client.receive('{"secret":"hunter2"', b'{"secret":"hunter2"', unknown)
    shown = repr(client.take_events())
    assert "hunter2" not in shown
    assert "<19 characters>" in shown
    assert "<19 bytes>" in shown


def values(*special: object) -> st.SearchStrategy[Json]:
    """Any JSON; `special` are values that matter to the provider."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["", *special])
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    )


def mutated(messages: Sequence[Json], given: st.SearchStrategy[Json]) -> st.SearchStrategy[str]:
    """One of these messages with a few of its values replaced or removed, at any depth, or with fields of the others added."""
    names = st.sampled_from(sorted({name for message in messages for name in message}))

    @st.composite
    def mutate(draw: st.DrawFn) -> str:
        message = copy.deepcopy(draw(st.sampled_from(messages)))
        for _ in range(draw(st.integers(0, 3))):
            change = draw(st.sampled_from(["replace", "remove", "add"]))
            found = _paths(message)
            if change == "add" or not found:
                message[draw(names)] = draw(given)
                continue
            *way, last = draw(st.sampled_from(found))
            holder = message
            for step in way:
                holder = holder[step]
            if change == "replace":
                holder[last] = draw(given)
            else:
                del holder[last]
        return json.dumps(message)

    return mutate()


def corrupted(messages: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """The bytes of a message with some changed, left out or put in."""

    @st.composite
    def corrupt(draw: st.DrawFn) -> bytes:
        raw = bytearray(draw(messages).encode())
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(raw)))
            raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
        return bytes(raw)

    return corrupt()


def anything(messages: st.SearchStrategy[str], given: st.SearchStrategy[Json], *fields: str) -> st.SearchStrategy[str | bytes]:
    """These messages, whole and corrupted, any JSON, objects of these fields, any text and any bytes."""
    return st.one_of(
        st.text(),
        st.text(alphabet=st.characters(codec=None)),
        st.binary(),
        given.map(json.dumps),
        st.dictionaries(st.sampled_from(fields), given).map(json.dumps),
        messages,
        corrupted(messages),
    )


def _paths(value: Json, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where in a JSON value something can be changed."""
    found = [at] if at else []
    if isinstance(value, dict):
        for name, child in cast("dict[str, Json]", value).items():
            found += _paths(child, (*at, name))
    elif isinstance(value, list):
        for place, child in enumerate(cast("list[object]", value)):
            found += _paths(child, (*at, place))
    return found
