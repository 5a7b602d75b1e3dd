"""The page of replies names every command and every REST call of every provider."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from pushwire.core.commands import Command
from pushwire.core.http import Endpoint
from pushwire.providers import NAMES, load
from tests.typing.public import provider_package

PAGE = ast.parse(Path(__file__).with_name("replies.py").read_text(encoding="utf-8"))


def asserted(provider: str) -> set[str]:
    """What the page asserts a reply of: the types of the arguments of the provider's functions."""
    functions = [node for node in PAGE.body if isinstance(node, ast.FunctionDef) and node.name.startswith(f"{provider}_")]
    arguments = [argument.annotation for function in functions for argument in function.args.args[1:]]
    return {note.attr for note in arguments if isinstance(note, ast.Attribute)}


@pytest.mark.parametrize("provider", NAMES)
def test_every_command_and_call_has_its_reply_asserted(provider: str) -> None:
    package = provider_package(provider)
    public = {name: getattr(package, name) for name in package.__all__}
    asked = {name for name, kind in public.items() if inspect.isclass(kind) and issubclass(kind, Command | Endpoint)}
    assert asked >= set(load(provider).commands)
    assert asserted(provider) == asked
