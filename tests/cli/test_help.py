"""The help is static text, so that it comes at once: here it is compared with what the providers say of themselves."""

from __future__ import annotations

import re

import pytest

from pushwire.cli.app import EPILOGUE, PROVIDERS, SPECS
from pushwire.cli.sandboxes import BUILDERS
from pushwire.providers import NAMES, load
from tests.cli.program import outcome


def line_of(text: str, name: str) -> str:
    """What a list says of a provider."""
    (found,) = (line for line in text.splitlines() if re.match(rf"- {name}\b", line))
    return found


def test_every_provider_is_named_in_one_order() -> None:
    assert list(BUILDERS) == re.findall(r"\w+", PROVIDERS.replace(" or ", " "))
    assert set(BUILDERS) == set(NAMES)
    for text in (EPILOGUE, SPECS):
        assert re.findall(r"^- (\w+)", text, re.MULTILINE) == list(BUILDERS)


@pytest.mark.parametrize("name", NAMES)
def test_the_variables_are_those_that_a_provider_reads(name: str) -> None:
    provider = load(name)
    variables = {**provider.secrets, **provider.optional_secrets}
    assert set(re.findall(r"PUSHWIRE_\w+", line_of(EPILOGUE, name))) == set(variables.values())
    for field, variable in variables.items():
        assert variable == f"PUSHWIRE_{name}_{field}".upper()


@pytest.mark.parametrize("name", NAMES)
def test_the_form_of_a_spec_is_the_one_that_a_provider_reads(name: str) -> None:
    assert line_of(SPECS, name) == f"- {name}: {load(name).spec}"


async def test_all_of_it_is_shown() -> None:
    _, shown, _ = await outcome("--help", COLUMNS="200")
    for name in NAMES:
        assert line_of(EPILOGUE, name).removeprefix("- ") in shown
    _, shown, _ = await outcome("tail", "--help", COLUMNS="200")
    assert PROVIDERS in shown
    for name in NAMES:
        assert line_of(SPECS, name).removeprefix("- ") in shown
