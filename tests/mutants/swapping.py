"""Puts a mutant's code into the functions of a process in which everything is imported already.

What must not live here: what is mutated, and how it is judged.
"""

from __future__ import annotations

import ast
import functools
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Final

__all__ = ["Swapper", "forgetting", "shape"]

type_of: Final = type
_CACHED: Final = type_of(functools.cache(int))


class Swapper:
    """Knows every function object whose code came from `paths`. Made once all modules and tests are imported."""

    def __init__(self, paths: list[Path]) -> None:
        files = {str(path) for path in paths}
        self._functions: dict[tuple[str, str, int], list[FunctionType]] = {}
        self._forget = forgetting(paths)
        for thing in gc.get_objects():
            if type_of(thing) is FunctionType and thing.__code__.co_filename in files:
                self._functions.setdefault(_key(thing.__code__), []).append(thing)

    def swap(self, path: Path, source: str, original: str, function: str, line: int) -> bool:
        """Replace what differs. False: there is no such function here, or the new code cannot take its place."""
        old = _outermost(compile(original, str(path), "exec"), function, line)
        tree = ast.parse(source, str(path))
        new = _outermost(compile(tree, str(path), "exec"), function, line)
        if old is None or new is None:
            return False
        if new.co_freevars != old.co_freevars:
            # The change took the only use of a variable from around; a use that never runs keeps the closure as it is.
            _mention(tree, old, [name for name in old.co_freevars if name not in new.co_freevars])
            new = _outermost(compile(tree, str(path), "exec"), function, line)
        if new is None or new.co_freevars != old.co_freevars:
            return False
        found = self._functions.get(_key(old), [])
        for each in found:
            each.__code__ = new
        inner = {(code.co_qualname, code.co_firstlineno): code for code in _within(new)}
        for code in _within(old):
            replacement = inner.get((code.co_qualname, code.co_firstlineno))
            if replacement is not None and replacement.co_freevars == code.co_freevars:
                for each in self._functions.get(_key(code), []):
                    each.__code__ = replacement
        self._forget()
        return bool(found)


def forgetting(paths: list[Path]) -> Callable[[], None]:
    """Empties what `functools.cache` keeps of the functions of `paths`: what was made before a change, or by another test, says
    nothing about it. Made once all modules and tests are imported."""
    files = {str(path) for path in paths}
    caches = [thing for thing in gc.get_objects() if type_of(thing) is _CACHED and _file(thing) in files]

    def forget() -> None:
        for each in caches:
            each.cache_clear()

    return forget


def _file(cached: functools._lru_cache_wrapper[object]) -> str | None:
    code = getattr(cached.__wrapped__, "__code__", None)
    return code.co_filename if isinstance(code, CodeType) else None


def shape(source: str, path: Path, function: str, line: int) -> object:
    """What a function compiles to, without where its lines stand; None if it does not compile or is not there."""
    try:
        code = _outermost(compile(source, str(path), "exec"), function, line)
    except (SyntaxError, ValueError):
        return None
    return _shape(code) if code else None


def _shape(code: CodeType) -> object:
    consts: tuple[object, ...] = code.co_consts
    constants = [_shape(each) if isinstance(each, CodeType) else (type(each).__name__, repr(each)) for each in consts]
    return (
        code.co_code,
        tuple(constants),
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_exceptiontable,
        code.co_flags,
    )


def _outermost(module: CodeType, function: str, line: int) -> CodeType | None:
    """The function of the module or of a class in it, in which `function` is and the line."""
    candidates = [
        code
        for code in _outer(module)
        if code.co_firstlineno <= line and (function == code.co_qualname or function.startswith(f"{code.co_qualname}."))
    ]
    return max(candidates, key=lambda code: code.co_firstlineno, default=None)


def _outer(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            if each.co_flags & 0x02:  # CO_NEWLOCALS: a function, not the body of a class
                yield each
            else:
                yield from _outer(each)


def _within(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _within(each)


def _mention(tree: ast.Module, code: CodeType, names: list[str]) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == code.co_name:
            lines = {node.lineno, *(decorator.lineno for decorator in node.decorator_list)}
            if code.co_firstlineno in lines:
                uses = [ast.Expr(ast.Name(name, ast.Load())) for name in names]
                never = ast.If(ast.Constant(value=False), list[ast.stmt](uses), [])
                node.body.insert(1 if ast.get_docstring(node) is not None else 0, never)
    ast.fix_missing_locations(tree)


def _key(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno
