from __future__ import annotations

import pytest

from pushwire.core.effects import Close, Committed, Identity, Resends, Restored


@pytest.mark.parametrize(
    "close, story",
    [
        (Close(code=1000), "close 1000 by peer"),
        (Close(code=1011, reason="no pong", by="us"), "close 1011 by us: no pong"),
        (Close(status=503), "HTTP 503"),
        (Close(status=429, reason="slow down", retry_after=7.0), "HTTP 429: slow down"),
        (Close(reason="reset", by="transport"), "connection lost: reset"),
        (Close(), "connection lost"),
    ],
)
def test_a_close_tells_its_story_in_a_line(close: Close, story: str) -> None:
    assert str(close) == story


def test_what_is_not_said_was_empty() -> None:
    assert Committed().failed == {}
    assert (Restored().finished, Restored().delivered, Restored().mark) == ({}, {}, None)


def test_versions_of_a_key_are_different_deliveries() -> None:
    assert Identity(("eth", 1), ("pending",)) != Identity(("eth", 1), ("success",))
    assert len({Identity(("k",), (1,)), Identity(("k",), (1,)), Identity(("k",), (2,))}) == 2


def test_an_identity_unpacks_and_sorts_by_its_key_then_its_version() -> None:
    key, version = Identity(("k", 1), ("v",))
    assert (key, version) == (("k", 1), ("v",))
    a1, a2, b1 = Identity(("a",), (1,)), Identity(("a",), (2,)), Identity(("b",), (1,))
    assert sorted([b1, a2, a1]) == [a1, a2, b1]
    assert repr(a1) == "Identity(key=('a',), version=(1,))"


def test_an_identity_is_the_same_text_everywhere_and_none_where_it_is_empty() -> None:
    assert Identity(("eth", 1), ("ok", None, False)).text == '[["eth",1],["ok",null,false]]'
    assert Identity((), ("ok",)).text is None
    assert Identity(("half \ud800",), ()).text == '[["half \\ud800"],[]]'


def test_what_may_be_sent_again_reaches_back_from_the_mark_and_not_beyond_what_is_ever_sent() -> None:
    resends = Resends(before_mark=30.0, ever=1000.0)
    assert resends.since(mark=5000.0, now=5100.0) == 4970.0
    assert resends.since(mark=100.0, now=5100.0) == 4100.0
