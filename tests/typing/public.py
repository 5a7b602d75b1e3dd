"""What a user writes down: the names that `pushwire` and its providers export, and where they are defined."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pushwire
from pushwire.providers import NAMES

__all__ = ["exported", "provider_package", "types_in"]


def provider_package(provider: str) -> ModuleType:
    """Where a provider's own names are exported."""
    return importlib.import_module(f"pushwire.providers.{provider}")


def exported() -> Iterator[type | object]:
    """Every class and function that has a public name, and what its classes derive from as far as it is ours; each once."""
    found: dict[object, None] = {}
    for package in (pushwire, *map(provider_package, NAMES)):
        for name in package.__all__:
            thing: object = getattr(package, name)
            if inspect.isclass(thing):
                found |= dict.fromkeys(base for base in thing.__mro__ if base.__module__.startswith("pushwire."))
            elif inspect.isfunction(thing):
                found[thing] = None
    yield from found


def types_in(thing: object) -> Iterator[tuple[str, ast.expr]]:
    """What a class or function says of its types: the place, and the type."""
    module, name = thing.__module__, getattr(thing, "__qualname__", "")
    nodes = [node for node in _tree(module).body if getattr(node, "name", None) == name]
    yield from _of_body(nodes, f"{module}.")


def _of_body(nodes: list[ast.stmt], place: str) -> Iterator[tuple[str, ast.expr]]:
    overloaded = {node.name for node in nodes if isinstance(node, ast.FunctionDef) and _is_overload(node)}
    for node in nodes:
        if isinstance(node, ast.ClassDef) and _public(node.name):
            yield from _of_body(node.body, f"{place}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _public(node.name):
            if node.name in overloaded and not (isinstance(node, ast.FunctionDef) and _is_overload(node)):
                continue  # who calls it sees the overloads alone
            arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
            types = [argument.annotation for argument in arguments if argument is not None]
            yield from ((f"{place}{node.name}", type_) for type_ in (*types, node.returns) if type_ is not None)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _public(node.target.id):
            yield f"{place}{node.target.id}", node.annotation


def _public(name: str) -> bool:
    return not name.startswith("_") or name.startswith("__")


def _is_overload(node: ast.FunctionDef) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list)


@cache
def _tree(module: str) -> ast.Module:
    file = importlib.import_module(module).__file__
    assert file is not None
    return ast.parse(Path(file).read_text(encoding="utf-8"))
