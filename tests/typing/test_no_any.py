"""No `Any` in what a user meets: every exported class and function, and what its classes derive from."""

from __future__ import annotations

import ast

from tests.typing.public import exported, types_in

GIVEN_BY_US = "pushwire.shell.stream.Stream.__init__"
"""`connect` makes streams; what they are made from is no business of who reads them."""


def with_any(thing: object) -> list[str]:
    """The places of it that say `Any`."""
    return [
        place
        for place, type_ in types_in(thing)
        if any(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(type_))
    ]


def test_no_public_name_is_typed_any() -> None:
    assert sorted({place for thing in exported() for place in with_any(thing)}) == [GIVEN_BY_US]
