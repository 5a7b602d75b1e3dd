"""What the fields of commands may hold."""

from __future__ import annotations

import attrs
import pytest

from pushwire.core.fields import LARGEST, optional_text, some_text, whole
from pushwire.errors import LocalProtocolError


@attrs.frozen
class Ask:
    name: str = attrs.field(validator=some_text)
    note: str | None = attrs.field(default=None, validator=optional_text)
    limit: int = attrs.field(default=1, validator=whole(1, 100))
    id: int = attrs.field(default=0, validator=whole(0))


def test_a_text_is_taken() -> None:
    assert Ask("é", "n") == Ask("é", note="n")
    assert Ask("a").note is None


@pytest.mark.parametrize("wrong", ["", None, 5, b"a"])
def test_what_is_no_text_is_refused_by_the_names_of_command_and_field(wrong: object) -> None:
    with pytest.raises(LocalProtocolError, match="Ask: name must be a non-empty string"):
        Ask(wrong)  # type: ignore[arg-type]  # what an untyped caller does
    with pytest.raises(LocalProtocolError, match="Ask: note"):
        Ask("a", "")


def test_what_cannot_be_written_is_refused_before_it_is_sent() -> None:
    with pytest.raises(LocalProtocolError, match="cannot be written as UTF-8"):
        Ask("\ud800")


@pytest.mark.parametrize("limit", [1, 100])
def test_a_whole_number_within_its_bounds_is_taken(limit: int) -> None:
    assert Ask("a", limit=limit, id=LARGEST).limit == limit


@pytest.mark.parametrize("wrong", [0, 101, -1, 1.0, True, "1", None])
def test_what_is_no_whole_number_within_its_bounds_is_refused(wrong: object) -> None:
    with pytest.raises(LocalProtocolError, match="Ask: limit must be a whole number from 1 to 100"):
        Ask("a", limit=wrong)  # type: ignore[arg-type]  # what an untyped caller does
    with pytest.raises(LocalProtocolError, match=f"Ask: id must be a whole number from 0 to {LARGEST}"):
        Ask("a", id=LARGEST + 1)
