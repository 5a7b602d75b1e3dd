"""What a provider need not say: the defaults."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import pytest

from pushwire.core.commands import AnyCommand
from pushwire.core.dialect import Dialect
from pushwire.core.http import Response
from pushwire.errors import CommandRefused, LocalProtocolError
from tests.core.toy import Foreign, Look, Named, Sub


class Plain(Dialect[str]):
    name = "plain"
    commands = (Named,)

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[str], granted: Response | None
    ) -> tuple[str | None, str | None]:
        return None, None

    def restore(self, topics: Sequence[str]) -> Sequence[AnyCommand]:
        return [Sub(topic) for topic in topics]


def test_a_command_is_asked_for_without_further_ado() -> None:
    dialect = Plain()
    dialect.check(Look(), ())
    assert dialect.authorisation(Look(), str, 0.0) is None
    assert dialect.limit(Look()) is None
    assert dialect.lane(Look()) is None
    assert dialect.repeated(Sub("a")) is None


def test_a_command_takes_nothing_away() -> None:
    dialect = Plain()
    assert dialect.given_up(Look(), ["a"]) == ()
    assert dialect.undone(Look(), ["a"]) == ()


def test_a_topic_is_expected_to_have_data_and_needs_no_unsubscribe() -> None:
    dialect = Plain()
    assert dialect.expects_data("a")
    assert dialect.release(["a"], ["b"]) == ()


def test_a_refusal_is_about_all_topics() -> None:
    assert Plain().blamed(("a", "b"), CommandRefused("Sub", 7, "no")) == ("a", "b")


def test_another_providers_command_is_refused_by_name() -> None:
    with pytest.raises(LocalProtocolError, match="Foreign is not a plain command"):
        Plain().check(Foreign(), ())
