"""A `match` over a provider's events that leaves one out is an error, in both type checkers; one that has all is none."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_origin

import pytest

from pushwire.providers import NAMES
from tests.typing.check_misuse import CHECKERS, MARK, compare, expected_lines
from tests.typing.public import provider_package

HEAD = f"""\
from typing import assert_never

from pushwire import {", ".join(NAMES)}
"""


def members(provider: str) -> list[str]:
    """The classes of the provider's `Event`, by their names."""
    return [(get_origin(member) or member).__name__ for member in get_args(provider_package(provider).Event)]


def matching(provider: str, cases: list[str], mark: str, name: str) -> str:
    """A function that knows these cases and no others."""
    known = " | ".join(f"{provider}.{case}()" for case in cases)
    return f"""

def {name}(event: {provider}.Event) -> None:
    match event:
        case {known}:
            pass
        case _:
            assert_never(event){mark}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For each provider a function with all of its events, and one without each of them."""
    text = HEAD
    for provider in NAMES:
        events = members(provider)
        text += matching(provider, events, "", f"{provider}_whole")
        for left_out in events:
            rest = [event for event in events if event != left_out]
            text += matching(provider, rest, f"  {MARK}", f"{provider}_without_{left_out}")
    file = tmp_path_factory.mktemp("exhaustive") / "page.py"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("provider", NAMES)
def test_every_event_of_a_provider_has_a_public_name(provider: str) -> None:
    assert set(members(provider)) <= set(provider_package(provider).__all__)


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_missing_case_is_an_error_and_a_whole_match_is_none(page: Path, checker: str) -> None:
    expected = expected_lines(page.read_text(encoding="utf-8"))
    assert len(expected) == sum(len(members(provider)) for provider in NAMES)
    assert compare(expected, CHECKERS[checker](page)) == []
