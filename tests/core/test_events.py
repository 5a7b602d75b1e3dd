from __future__ import annotations

import pytest

from pushwire.core.commands import Park
from pushwire.core.effects import Identity, Record
from pushwire.core.events import Malformed, Unrecognized

LONG = "x" * 10_000


@pytest.mark.parametrize(
    "shown, size",
    [
        (repr(Malformed(1.0, LONG, "not JSON")), "<10000 characters>"),
        (repr(Malformed(1.0, LONG.encode(), "not UTF-8")), "<10000 bytes>"),
        (repr(Unrecognized(1.0, LONG, "new")), "<10000 characters>"),
        (repr(Record("parked", Identity(("k",), (1,)), 5.0, "poison", LONG)), "<10000 characters>"),
        (repr(Park(Identity(("k",), (1,)), "poison", LONG)), "<10000 characters>"),
    ],
)
def test_a_payload_is_kept_whole_and_shown_by_its_size_alone(shown: str, size: str) -> None:
    assert size in shown
    assert LONG not in shown


def test_a_payload_is_kept_whole() -> None:
    assert Malformed(1.0, LONG, "not JSON").raw == LONG
