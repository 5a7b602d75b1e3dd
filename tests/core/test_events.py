from __future__ import annotations

import pytest

from pushwire.core.commands import Park
from pushwire.core.effects import Identity, Record
from pushwire.core.events import Malformed, Unrecognized

LONG = "x" * 10_000


@pytest.mark.parametrize(
    "value, size",
    [
        (Malformed(1.0, LONG, "not JSON"), "<10000 characters>"),
        (Malformed(1.0, LONG.encode(), "not UTF-8"), "<10000 bytes>"),
        (Unrecognized(1.0, LONG, "new"), "<10000 characters>"),
        (Record("parked", Identity(("k",), (1,)), 5.0, "poison", LONG), "<10000 characters>"),
        (Park(Identity(("k",), (1,)), "poison", LONG), "<10000 characters>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_payload_is_kept_whole_and_shown_by_its_size_alone(value: object, size: str) -> None:
    assert size in repr(value)
    assert LONG not in repr(value)


def test_a_payload_is_kept_whole() -> None:
    assert Malformed(1.0, LONG, "not JSON").raw == LONG
