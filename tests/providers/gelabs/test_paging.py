"""Following a query page by page: it ends, says why, and never asks the same twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.http import Response
from pushwire.providers import gelabs
from tests.providers.gelabs import samples

Row = dict[str, Any]  # JSON
Query = gelabs.QueryTransfers | gelabs.QueryMultiChain

TEMPLATE: Row = json.loads(samples.QUERY_REPLY)["data"][0]
QUERY = gelabs.QueryTransfers("0x1234...", limit=2)
MULTI = gelabs.QueryMultiChain([gelabs.AddressGroup("ethereum", 1, ["0x1234..."])], limit=2)


def row(id: object = None, **fields: object) -> Row:
    return {**TEMPLATE, **({} if id is None else {"id": id}), **fields}


def page(query: Query, *rows: object) -> gelabs.Page:
    return query.decode(Response(200, {}, json.dumps({"code": 1, "msg": "success", "data": rows}).encode()))


def follow(query: Query, answer: Callable[[int | None], list[object]]) -> tuple[list[int | None], gelabs.Page]:
    """The ids asked with, and the last page, of a provider that answers so."""
    asked: list[int | None] = []
    following: Query | None = query
    last = page(query)
    while following is not None:
        asked.append(following.id)
        last = page(following, *answer(following.id))
        following = following.next_page(last)
    return asked, last


@pytest.mark.parametrize("query", [QUERY, MULTI], ids=lambda query: query.name)
def test_the_next_call_goes_on_from_the_id_of_the_last_row(query: Query) -> None:
    first = page(query, row(9), row(7))
    assert (first.next, first.end) == (7, None)
    following = query.next_page(first)
    assert following is not None
    assert type(following) is type(query)
    assert json.loads(following.content()) == {**json.loads(query.content()), "id": 7}


@pytest.mark.parametrize("rows", [[], [row(9)]])
def test_fewer_rows_than_asked_for_are_the_last(rows: list[object]) -> None:
    last = page(QUERY, *rows)
    assert (last.next, last.end) == (None, "complete")
    assert QUERY.next_page(last) is None


@pytest.mark.parametrize("id", [None, True, -1, 2**63, 1.5, "", "x", "-3", "1" * 20, [], {}])
def test_without_a_usable_id_there_is_one_page_which_says_so(id: object) -> None:
    only = page(QUERY, row(9), row(id))
    assert (only.next, only.end) == (None, "cursor_missing")
    assert QUERY.next_page(only) is None


def test_the_documents_own_sample_has_no_id() -> None:
    one = gelabs.QueryTransfers("0x1234...", limit=1)
    assert one.decode(Response(200, {}, samples.QUERY_REPLY)).end == "cursor_missing"


def test_an_id_may_be_a_text_of_digits() -> None:
    assert page(QUERY, row("9"), row("7")).next == 7


@pytest.mark.parametrize("last", [5, "text", None, []])
def test_a_last_row_that_is_no_object_has_no_id(last: object) -> None:
    assert page(QUERY, row(9), last).end == "cursor_missing"


def test_a_malformed_last_row_may_still_lead_on() -> None:
    bad = page(QUERY, row(9), row(7, amount="NaN"))
    assert (bad.next, bad.end) == (7, None)


def test_more_rows_than_asked_for_lead_on() -> None:
    assert page(QUERY, row(9), row(8), row(7)).next == 7


def test_a_provider_that_repeats_its_last_id_is_not_asked_again() -> None:
    asked, last = follow(QUERY, lambda _: [row(9), row(7)])
    assert asked == [None, 7]
    assert (last.next, last.end) == (None, "cursor_repeated")
    assert len(last.transactions()) == 2


def test_ids_that_lead_in_a_circle_are_not_followed_round() -> None:
    circle: dict[int | None, int] = {None: 3, 3: 2, 2: 1, 1: 3}
    asked, last = follow(QUERY, lambda id: [row(9), row(circle[id])])
    assert asked == [None, 3, 2, 1]
    assert last.end == "cursor_repeated"


def test_a_whole_history_is_read_once() -> None:
    def answer(before: int | None) -> list[object]:
        newest = 7 if before is None else before - 1
        return [row(id) for id in range(newest, max(newest - 2, 0), -1)]

    asked, last = follow(QUERY, answer)
    assert asked == [None, 6, 4, 2]
    assert last.end == "complete"


def test_where_rows_have_their_id_can_be_changed() -> None:
    class Renamed(gelabs.QueryTransfers):
        cursor_field = "db_id"

    assert page(Renamed("0x1", limit=1), row(9, db_id=4)).next == 4


def test_what_was_asked_before_is_no_part_of_a_query() -> None:
    following = QUERY.next_page(page(QUERY, row(9), row(7)))
    assert following == gelabs.QueryTransfers("0x1234...", limit=2, id=7)
    assert "asked" not in repr(following)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_no_provider_makes_us_ask_the_same_twice(ids: list[int]) -> None:
    answers = iter(ids)
    asked, last = follow(QUERY, lambda _: [row(9), row(next(answers, 0))])
    assert len(asked) == len(set(asked))
    assert last.next is None
