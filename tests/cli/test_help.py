"""The help is static text, so that it comes at once: here it is compared with what the providers say of themselves."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from pushwire.cli.app import EPILOGUE, PROVIDERS, SPECS
from pushwire.cli.sandboxes import BUILDERS
from pushwire.cli.tally import Summary
from pushwire.providers import NAMES, load
from pushwire.sandbox import FAULTS
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


# The page

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
TOLD = PAGE.replace("\\|", "|")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_tells_of_a_provider_what_it_says_itself(name: str) -> None:
    (row,) = (line for line in TOLD.splitlines() if line.startswith(f"| [`{name}`]({name}.md) |"))
    provider = load(name)
    assert f"| `{provider.spec}` |" in row
    assert set(re.findall(r"PUSHWIRE_\w+", row)) == {*provider.secrets.values(), *provider.optional_secrets.values()}
    _, example, _ = row.split(" | ", 3)[1:]
    assert provider.parse_spec(example.strip("`")).topics


@pytest.mark.parametrize("command", ["demo", "tail", "doctor", "sandbox", "relay", "replay"])
async def test_the_page_tells_of_every_option_there_is(command: str) -> None:
    _, shown, _ = await outcome(command, "--help", COLUMNS="200")
    (section,) = re.findall(rf"^## pushwire {command}\b.*?(?=^## )", TOLD, re.MULTILINE | re.DOTALL)
    options = set(re.findall(r"(?<=[ │])--[a-z]+", shown.partition("Parameters")[2]))
    assert options
    assert options == set(re.findall(r"^\| `(--[a-z]+)", section, re.MULTILINE))


def test_the_page_tells_of_every_fault_and_count() -> None:
    for fault in FAULTS.values():
        assert f"| `{fault.syntax}` |" in TOLD
    for field in attrs.fields(Summary):
        assert f"| `{field.name}` |" in TOLD
