from __future__ import annotations

import pytest

from pushwire.core.secrets import Secret
from pushwire.core.tokens import Tokens

HELD = Tokens(Secret("hunter2"), issued=1000.0, expires=1600.0, refresh=Secret("hunter2"))


@pytest.mark.parametrize(
    "wall, fresh, alive",
    [(1000.0, True, True), (1479.9, True, True), (1480.0, False, True), (1599.9, False, True), (1600.0, False, False)],
)
def test_a_token_is_fresh_for_four_fifths_of_its_life(wall: float, fresh: bool, alive: bool) -> None:
    assert (HELD.fresh(wall), HELD.alive(wall)) == (fresh, alive)


def test_a_token_of_unknown_lifetime_stays_fresh() -> None:
    tokens = Tokens(Secret("a"), issued=0.0)
    assert tokens.fresh(10.0**9)
    assert tokens.alive(10.0**9)


def test_tokens_show_no_secret() -> None:
    assert "hunter2" not in repr(HELD)
