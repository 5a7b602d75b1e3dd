"""What pytest-trio offers to tests; the package carries no types of its own."""

from collections.abc import Callable
from typing import TypeVar

FixtureT = TypeVar("FixtureT", bound=Callable[..., object])

def trio_fixture(func: FixtureT) -> FixtureT: ...
