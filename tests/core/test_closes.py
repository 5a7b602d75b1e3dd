from __future__ import annotations

import pytest

from pushwire.core.closes import COMMON_ROWS, Action, CloseTable, Row
from pushwire.core.effects import Close

TABLE = CloseTable(
    (
        Row(4000, 4009, Action.FATAL, "wrong"),
        Row(4005, 4005, Action.AT_ONCE, "hidden by the row above"),
        Row(1012, 1012, Action.AT_ONCE, "restart"),
        Row(401, 401, Action.REFRESH, "token", http=True),
        *COMMON_ROWS,
    )
)


@pytest.mark.parametrize(
    "close, action",
    [
        (Close(code=4000), Action.FATAL),
        (Close(code=4009), Action.FATAL),
        (Close(code=4010), Action.BACK_OFF),
        (Close(code=3999), Action.BACK_OFF),
        (Close(code=1012), Action.AT_ONCE),
        (Close(status=401), Action.REFRESH),
        (Close(status=429), Action.HONOUR),
        (Close(status=500), Action.HONOUR),
        (Close(status=599), Action.HONOUR),
        (Close(status=600), Action.BACK_OFF),
        (Close(reason="reset"), Action.BACK_OFF),
    ],
)
def test_the_first_row_that_matches_counts_and_the_default_where_none_does(close: Close, action: Action) -> None:
    assert TABLE.action(close) is action


def test_a_row_above_hides_one_below() -> None:
    assert TABLE.row(Close(code=4005)) is TABLE.rows[0]


def test_a_status_never_matches_a_row_of_close_codes_nor_the_other_way() -> None:
    table = CloseTable((Row(401, 401, Action.FATAL, "code"), Row(4000, 4000, Action.FATAL, "status", http=True)))
    assert table.row(Close(status=401)) is None
    assert table.row(Close(code=4000)) is None


@pytest.mark.parametrize("close", [Close(code=4000, by="us"), Close(code=4000, by="transport")], ids=["us", "transport"])
def test_a_close_that_the_peer_did_not_make_matches_no_row_of_its_codes(close: Close) -> None:
    assert TABLE.row(close) is None
    assert TABLE.action(close) is Action.BACK_OFF


def test_the_default_is_the_tables_own() -> None:
    assert CloseTable((), default=Action.AT_ONCE).action(Close(code=1000)) is Action.AT_ONCE
