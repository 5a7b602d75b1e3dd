from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import attrs
import pytest

from pushwire.cli.settings import collect, read_fields, read_pairs
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError


@attrs.frozen(kw_only=True)
class Part:
    share: float = 0.5


@attrs.frozen(kw_only=True)
class Settings:
    name: str = "x"
    count: int = 1
    wait: float = 1.0
    on: bool = False
    limit: int | None = 5
    mode: Literal["all", "some"] = "all"
    table: Mapping[str, int] = attrs.Factory(dict[str, int])
    part: Part = attrs.Factory(Part)
    key: str = "secret"
    tokens: tuple[Secret, ...] | None = None
    pace: Literal["slow", "fast"] | float | None = None


KNOWN = "name, count, wait, on, limit, mode, table, part.share, pace"


def read(*pairs: str) -> tuple[dict[str, object], list[str]]:
    problems: list[str] = []
    values = read_pairs(pairs, problems)
    return read_fields(Settings, values, problems, elsewhere={"key": "comes from the environment"}), problems


@pytest.mark.parametrize(
    "pair, value",
    [
        ("name=", ""),
        ("name=a=b", "a=b"),
        ("count=7", 7),
        ("wait=2", 2.0),
        ("wait=inf", math.inf),
        ("on=true", True),
        ("on=0", False),
        ("limit=3", 3),
        ("limit=none", None),
        ("mode=some", "some"),
        ('table={"base": 8453}', {"base": 8453}),
        ("part.share=0.25", Part(share=0.25)),
        ("pace=fast", "fast"),
        ("pace=0.5", 0.5),
    ],
)
def test_a_value_becomes_what_its_field_holds(pair: str, value: object) -> None:
    fields, problems = read(pair)
    assert problems == []
    assert fields == {pair.partition("=")[0].partition(".")[0]: value}


@pytest.mark.parametrize(
    "pair, problem",
    [
        ("count=1.5", "count: must be a whole number"),
        ("wait=soon", "wait: must be a number"),
        ("on=perhaps", "on: must be true or false"),
        ("limit=x", "limit: must be a whole number or none"),
        ("mode=half", "mode: must be all or some"),
        ("table=[1]", "table: must be JSON of the right shape"),
        ("table={", "table: must be JSON of the right shape"),
        ("part=1", "part: there is no such setting; there are: " + KNOWN),
        ("part.size=1", "part.size: there is no such setting; there are: part.share"),
        ("part.share=x", "part.share: must be a number"),
        ("name.first=x", "name.first: there is no such setting; there are: " + KNOWN),
        ("colour=blue", "colour: there is no such setting; there are: " + KNOWN),
        ("pace=never", "pace: must be slow or fast or a number or none"),
        ('tokens=["hunter2"]', "tokens: holds secrets, which are never an argument"),
        ("key=hunter2", "key: comes from the environment"),
        ("name", "--set needs KEY=VALUE"),
        ("=x", "--set needs KEY=VALUE"),
    ],
)
def test_what_is_wrong_is_said_without_the_value(pair: str, problem: str) -> None:
    assert read(pair)[1] == [problem]


def test_every_mistake_is_collected() -> None:
    fields, problems = read("count=x", "wait=x", "name=fine", "count=2")
    assert fields == {"name": "fine"}
    assert problems == ["count: is set twice", "count: must be a whole number", "wait: must be a number"]


def test_collect_adds_problems_and_goes_on() -> None:
    def refuse(value: int) -> int:
        raise ConfigError([f"{value} is wrong", "and more"])

    problems = ["before"]
    assert collect(problems, refuse, 3) is None
    assert problems == ["before", "3 is wrong", "and more"]
    assert collect(problems, Part, share=0.1) == Part(share=0.1)
