"""What hostile peers can make a client hold: at most 16 MiB more than good ones do, measured in a process of its own."""

from __future__ import annotations

from typing import Final

import pytest

from .conftest import GOOD, Victim
from .table import AT_THE_DIAL, FLOODS, ONCE_OPEN, Row
from .victim import CONNECTORS

BOUND: Final = 16 * 2**20
"""Bytes."""
CROWD: Final = 1_000
LONG: Final = 600.0
"""Seconds, after which something is wrong."""

MUCH: Final = [row for row in AT_THE_DIAL + ONCE_OPEN if any(word in row.name for word in ("without end", "bomb", "fragments"))]
MANY: Final = [
    row for row in AT_THE_DIAL + ONCE_OPEN if not (row in MUCH or row.tls or row.secure or row.name == "a frame of 4 EiB")
]
"""Those that want no more of us than a connection does. What a thousand may hold in messages is a thousand times the limit."""


@pytest.mark.parametrize("transport", CONNECTORS)
@pytest.mark.parametrize("row", MUCH, ids=lambda row: row.name)
async def test_a_peer_that_sends_too_much_is_ended_before_it_costs_16_mib(row: Row, transport: str, victim: Victim) -> None:
    told = await victim(transport, [row.peer], LONG)
    assert told.ends == [outcome(row, transport)]
    assert told.grown <= BOUND


@pytest.mark.parametrize("transport", CONNECTORS)
@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_costs_at_most_16_mib_and_the_good_ones_beside_it_get_their_turn(
    flood: str, transport: str, victim: Victim
) -> None:
    told = await victim(transport, [FLOODS[flood]], 1.0)
    assert told.ends == []
    assert told.friend == 1000
    assert told.grown <= BOUND


@pytest.mark.slow
@pytest.mark.parametrize("transport", CONNECTORS)
async def test_a_thousand_at_once_end_each_for_its_own_fault_and_cost_no_more_than_good_ones(
    transport: str, victim: Victim
) -> None:
    rows = [MANY[number % len(MANY)] for number in range(CROWD)]
    told = await victim(transport, [row.peer for row in rows], LONG)
    assert sorted(told.ends, key=repr) == sorted((outcome(row, transport) for row in rows), key=repr)
    assert told.friend == 1000
    good = await victim(transport, [GOOD] * CROWD, LONG)
    assert good.ends == [(1000, None, "us")] * CROWD
    assert told.grown <= good.grown + BOUND


def outcome(row: Row, transport: str) -> tuple[object, ...]:
    close = row.expected(transport)
    return close.code, close.status, close.by
