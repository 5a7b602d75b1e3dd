"""What is taken from JSON, and what is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import attrs
import cattrs
import pytest

from pushwire.core.secrets import Secret
from pushwire.core.strict import is_named_tuple, read_json, strict_converter


class Point(NamedTuple):
    x: int
    name: str


@pytest.mark.parametrize(
    "kind, value, expected",
    [
        (str, "1", "1"),
        (int, 10**30, 10**30),
        (bool, False, False),
        (float, 3, 3.0),
        (float, -0.5, -0.5),
        (float, "inf", math.inf),
        (float, "-inf", -math.inf),
        (tuple[int, ...], [], ()),
        (tuple[int, ...], [1, 2, 3], (1, 2, 3)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (Point, [1, "a"], Point(1, "a")),
        (Secret | Callable[[], Secret], "hush", Secret("hush")),
        (str | Secret, "hush", Secret("hush")),
        (Secret | Callable[[], Secret] | None, None, None),
        (Literal["a", "b"], "b", "b"),
    ],
)
def test_what_is_written_as_what_it_is_is_taken(kind: Any, value: object, expected: object) -> None:
    result: object = strict_converter().structure(value, kind)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    "kind, value",
    [
        (str, 1),
        (int, "1"),
        (int, 1.0),
        (int, True),
        (bool, 1),
        (bool, "true"),
        (float, True),
        (float, "1.5"),
        (float, "nan"),
        (float, None),
        (float, math.inf),
        (float, 10**400),
        (tuple[str, ...], "ab"),
        (tuple[str, ...], {"a": 1}),
        (tuple[str, ...], ["a", 1]),
        (tuple[int, str], [1]),
        (tuple[int, str], [1, "a", "b"]),
        (Point, {"x": 1, "name": "a"}),
        (Point, [1, 2]),
        (Secret, 7),
        (Secret, ""),
        (Secret | Callable[[], Secret], 7),
        (Secret | Callable[[], Secret], None),
        (Literal["a", "b"], "c"),
        (Literal["a", "b"], []),
        (Literal[1], True),
    ],
)
def test_nothing_is_converted_to_what_it_is_not(kind: Any, value: object) -> None:
    with pytest.raises((TypeError, ValueError, cattrs.BaseValidationError)):
        strict_converter().structure(value, kind)


@pytest.mark.parametrize("kind, problem", [(tuple[str, ...], "not a list"), (tuple[int, str], "not a list of 2")])
def test_what_is_no_list_is_told_so(kind: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=f"^{problem}$"):
        strict_converter().structure({"a": 1}, kind)


def test_a_number_beyond_all_bounds_is_told_so() -> None:
    with pytest.raises(ValueError, match=r"^a number without bounds$"):
        strict_converter().structure(10**400, float)


def test_a_named_tuple_is_known_by_its_class() -> None:
    assert is_named_tuple(Point)
    assert not is_named_tuple(Point(1, "a"))
    assert not is_named_tuple(tuple)


def test_a_secret_is_read_from_a_text() -> None:
    assert strict_converter().structure("hush", Secret) == Secret("hush")


def test_json_is_read() -> None:
    assert read_json('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "-Infinity", "[" * 100_000, "1" * 5_000])
def test_what_is_no_json_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whoever reads the text says what it was
        read_json(text)


def test_what_is_not_listed_is_told_what_is() -> None:
    listed: Any = Literal["a", 2]
    with pytest.raises(ValueError, match=r"^must be a or 2$"):
        strict_converter().structure("b", listed)


@attrs.frozen
class Named:
    x: int


def test_a_field_that_is_not_known_is_refused() -> None:
    assert strict_converter().structure({"x": 1}, Named) == Named(1)
    with pytest.raises(cattrs.ClassValidationError):
        strict_converter().structure({"x": 1, "y": 2}, Named)
