"""Which small changes of a source file are tried, each one a mutant: mutmut's operators inside functions, and three of our own.

What must not live here: running tests. What is left out is left out by rule, because no test of behaviour could tell:

- what is read when the module is imported: module and class bodies, decorators, default values (they are data, or types);
- annotations, docstrings, the first argument of `cast`, what stands in `assert` and `assert_never`;
- texts for people, that is a literal with a blank in it: neither changed nor taken from an exception that is made with it;
- `strict` of `zip`, which guards against what is impossible in right code;
- `len` and `isinstance`, and functions that are an `@overload`, as mutmut does;
- a false, empty or zero literal is not replaced by None, nor None by an empty text: the type checkers refuse it;
- the name of a codec is not spelled in capitals, which is the same codec;
- what compiles to the same code as another mutant, or as the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs
import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import (
    mutation_operators,
    operator_arg_removal,
    operator_assignment,
    operator_match,
    operator_string,
)

__all__ = ["Mutant", "mutants_of"]

UNJUDGED_CALLS: Final = frozenset({"len", "isinstance", "assert_never"})

CODECS: Final = frozenset({'"utf-8"', '"ascii"', '"latin-1"'})
NOTHING: Final = frozenset({"None", "False", "0", "0.0", '""', 'b""', "()", "[]", "{}"})


@attrs.frozen
class Mutant:
    """`source` is the whole changed file, with no line moved before the change; `first` and `last` are the lines of the
    statement in which it is. `text` is the change as a person reads it, on one line, the same wherever the line stands."""

    function: str
    text: str
    source: str
    at: int
    first: int
    last: int


def mutants_of(path: Path) -> list[Mutant]:
    """All mutants of a file, in its order."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")), unsafe_skip_copy=True)
    visitor = _Visitor(wrapper.module, path.read_text(encoding="utf-8"))
    wrapper.visit(visitor)
    return visitor.found


class _Visitor(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, module: cst.Module, source: str) -> None:
        super().__init__()
        self.found: list[Mutant] = []
        self._module = module
        self._source = source
        self._lines = source.splitlines(keepends=True)
        self._offsets = [0]
        for line in self._lines:
            self._offsets.append(self._offsets[-1] + len(line))
        self._names: list[str] = []
        self._functions = 0
        self._raising = 0
        self._statements: list[cst.CSTNode] = []

    # Where we are

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            return self._enter(node)
        if isinstance(node, (cst.Annotation, cst.Assert)) or _is_docstring(node) or _is_guard(node):
            return False
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in UNJUDGED_CALLS:
            return False
        if isinstance(node, cst.Raise):
            self._raising += 1
        if isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
            self._statements.append(node)
        if self._functions:
            self._mutate(node)
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "cast":
            for argument in node.args[1:]:
                argument.visit(self)
            return False
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.Raise):
            self._raising -= 1
        if self._statements and self._statements[-1] is original_node:
            self._statements.pop()

    def _enter(self, node: cst.FunctionDef | cst.ClassDef) -> bool:
        """Goes through the body alone. False: libcst shall not go there again."""
        decorators = {self._module.code_for_node(decorator.decorator) for decorator in node.decorators}
        if "overload" not in decorators:
            function = isinstance(node, cst.FunctionDef)
            self._names.append(node.name.value)
            self._functions += function
            node.body.visit(self)
            self._functions -= function
            self._names.pop()
        return False

    # What is tried

    def _mutate(self, node: cst.CSTNode) -> None:
        for changed in self._library(node):
            self._replace(node, self._module.code_for_node(changed))
        match node:
            case cst.If(test=test) | cst.While(test=test) | cst.IfExp(test=test) | cst.CompIf(test=test):
                self._replace(test, f"(not ({self._module.code_for_node(test)}))")
            case cst.Return(value=cst.BaseExpression() as value) if _code(value) not in NOTHING:
                self._replace(value, "None")
            case cst.Expr(value=cst.Call() | cst.Await()):
                self._replace(node, "pass")
            case cst.Match(cases=cases) if len(cases) > 1:
                for case in cases:
                    self._replace(case, "")
            case _:
                pass

    def _library(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        for kind, operator in mutation_operators:
            if not isinstance(node, kind) or operator is operator_match:
                continue
            if operator is operator_string and (self._raising or _is_text(node)):
                continue
            if operator is operator_assignment and _assigns_nothing(node):
                continue
            changes: Iterable[cst.CSTNode] = operator(node)
            if operator is operator_arg_removal and isinstance(node, cst.Call):
                changes = self._arguments(node, changes)
            yield from (changed for changed in changes if not (_code(node) in CODECS and _code(changed).lower() == _code(node)))

    def _arguments(self, node: cst.Call, changes: Iterable[cst.CSTNode]) -> Iterator[cst.CSTNode]:
        """Without those that only take an exception its text, or a cast its type."""
        casts = isinstance(node.func, cst.Name) and node.func.value == "cast"
        for changed in changes:
            assert isinstance(changed, cst.Call)
            kept = {id(argument) for argument in changed.args}
            gone = [argument for argument in node.args if id(argument) not in kept]
            if self._raising and all(_is_text(argument.value) for argument in gone):
                continue
            if _is_guard(gone[0]) or (casts and gone[0] is node.args[0]):
                continue
            if len(changed.args) == len(node.args) and all(_code(argument.value) in NOTHING for argument in gone):
                continue
            yield changed

    def _replace(self, node: cst.CSTNode, after: str) -> None:
        place = self.get_metadata(PositionProvider, node)
        assert isinstance(place, CodeRange)
        start, end = self._offset(place.start.line, place.start.column), self._offset(place.end.line, place.end.column)
        if self._source[start:end] != self._module.code_for_node(node):
            after = after.strip()
        lost = self._source[start:end].count("\n") - after.count("\n")
        if not after:
            after = "\n" * lost
        source = self._source[:start] + after + self._source[end:]
        first, last = self._offset(place.start.line, 0), self._offset(place.end.line + 1, 0)
        text = f"{_flat(self._source[first:last])} -> {_flat(source[first : last + len(source) - len(self._source)])}"
        around = self.get_metadata(PositionProvider, self._statements[-1]) if self._statements else place
        assert isinstance(around, CodeRange)
        self.found.append(Mutant(".".join(self._names), text, source, place.start.line, around.start.line, around.end.line))

    def _offset(self, line: int, column: int) -> int:
        return self._offsets[line - 1] + column


def _is_docstring(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString, cst.Ellipsis))


def _is_guard(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Arg) and node.keyword is not None and node.keyword.value == "strict"


def _is_text(node: cst.CSTNode) -> bool:
    """Whether a literal is one for people."""
    match node:
        case cst.SimpleString(value=value):
            return " " in value
        case cst.FormattedString():
            return True
        case cst.ConcatenatedString(left=left, right=right):
            return _is_text(left) or _is_text(right)
        case _:
            return False


def _assigns_nothing(node: cst.CSTNode) -> bool:
    match node:
        case cst.Assign(value=value) | cst.AnnAssign(value=value):
            return value is not None and _code(value) in NOTHING
        case _:
            return False


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _flat(code: str) -> str:
    return " ".join(code.split())
