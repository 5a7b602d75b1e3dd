"""Faults by name: their table, and how `NAME[:ARG]` is read.

ARG is a list of options with commas between them; the first may leave out its name: `drop:4`, `drop:every=500`,
`mute:5,every=30`, `refuse:503,first=3`. The defaults leave a client enough time to make progress.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from ..errors import ConfigError
from .fault_layers import AcceptThenClose, Drop, Duplicate, Garbage, Mute, Refusing, Reorder, Slow

if TYPE_CHECKING:
    from .base import ServerMachine

__all__ = ["FAULTS", "Fault", "FaultKind", "Option", "parse_fault", "parse_faults", "with_faults"]


@attrs.frozen
class Option:
    """A number that a fault takes; `low` itself is excluded, `high` is not. None as default: not set."""

    default: float | None
    low: float = 0.0
    high: float = math.inf
    whole: bool = False

    def problem(self, value: float) -> str | None:
        if not (self.low < value <= self.high and value < math.inf) or (self.whole and value != int(value)):
            kind = "a whole number" if self.whole else "a number"
            limit = f" and at most {self.high:g}" if self.high < math.inf else ""
            return f"must be {kind} above {self.low:g}{limit}"
        return None


Values: TypeAlias = Mapping[str, float | None]


@attrs.frozen
class FaultKind:
    """What a fault does and takes. The first of `options` is the one whose name may be left out."""

    syntax: str
    description: str
    options: Mapping[str, Option]
    build: Callable[[ServerMachine, random.Random, Values], ServerMachine]
    required: str | None = None
    never_both: tuple[str, ...] = ()


@attrs.frozen
class Fault:
    """One fault, with the options that were given."""

    name: str
    options: Values = attrs.Factory(dict[str, float | None])


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _number(values: Values, name: str) -> float:
    value = values[name]
    assert value is not None  # its option has a default, or is required
    return value


def _drop(inner: ServerMachine, rng: random.Random, values: Values) -> ServerMachine:
    every, seconds = _whole(values["every"]), values["seconds"]
    return Drop(inner, rng, seconds=4.0 if every is None and seconds is None else seconds, every=every)


def _refuse(inner: ServerMachine, rng: random.Random, values: Values) -> ServerMachine:
    status, share, after = int(_number(values, "status")), values["share"], values["after"]
    passing = status == 429 or status >= 500
    return Refusing(
        inner,
        rng,
        status=status,
        # A refusal that says "later" must end one day; one that says "never" need not.
        share=(0.3 if passing else 1.0) if share is None else share,
        first=_whole(values["first"]),
        after=1.0 if after is None and status in {429, 503} else after,
    )


SHARE: Final = Option(0.1, high=1)

FAULTS: Final[Mapping[str, FaultKind]] = {
    "drop": FaultKind(
        "drop[:SECONDS|every=N]",
        "cut each TCP connection after about SECONDS (4), or after N new pushes",
        {"seconds": Option(None), "every": Option(None, whole=True)},
        _drop,
        never_both=("seconds", "every"),
    ),
    "mute": FaultKind(
        "mute[:SECONDS,every=SECONDS]",
        "hang for SECONDS (5) about every 30: commands stay unanswered, pushes come late",
        {"seconds": Option(5.0), "every": Option(30.0)},
        lambda inner, rng, v: Mute(inner, rng, seconds=_number(v, "seconds"), every=_number(v, "every")),
    ),
    "accept-then-close": FaultKind(
        "accept-then-close[:CODE,share=S]",
        "complete a share S (0.3) of the handshakes and close at once with CODE (1011)",
        {"code": Option(1011, low=999, high=4999, whole=True), "share": Option(0.3, high=1)},
        lambda inner, rng, v: AcceptThenClose(inner, rng, code=int(_number(v, "code")), share=_number(v, "share")),
    ),
    "duplicate": FaultKind(
        "duplicate[:SHARE]",
        "send a SHARE (0.1) of the pushes twice",
        {"share": SHARE},
        lambda inner, rng, v: Duplicate(inner, rng, share=_number(v, "share")),
    ),
    "reorder": FaultKind(
        "reorder[:SHARE]",
        "swap a SHARE (0.1) of the pushes with the next one",
        {"share": SHARE},
        lambda inner, rng, v: Reorder(inner, rng, share=_number(v, "share")),
    ),
    "garbage": FaultKind(
        "garbage[:SHARE]",
        "send nonsense after a SHARE (0.1) of the messages: malformed, cut short, wrong types, unknown kinds, binary",
        {"share": SHARE},
        lambda inner, rng, v: Garbage(inner, rng, share=_number(v, "share")),
    ),
    "slow": FaultKind(
        "slow[:SECONDS]",
        "send everything SECONDS (0.2) late",
        {"seconds": Option(0.2)},
        lambda inner, rng, v: Slow(inner, rng, seconds=_number(v, "seconds")),
    ),
    "refuse": FaultKind(
        "refuse:STATUS[,share=S|first=N][,after=SECONDS]",
        "refuse a share S (0.3 for 429 and 5xx, else all) or the first N handshakes with STATUS; 429, 503 have Retry-After",
        {
            "status": Option(None, low=399, high=599, whole=True),
            "share": Option(None, high=1),
            "first": Option(None, whole=True),
            "after": Option(None),
        },
        _refuse,
        required="status",
        never_both=("share", "first"),
    ),
}
"""Every fault by its name."""

UNSENDABLE: Final = frozenset({1005, 1006, 1015})
"""Close codes that RFC 6455, 7.4.1 forbids in a close frame."""


def parse_fault(text: str) -> Fault:
    """Read `NAME[:ARG]`. Raises `ConfigError` that says all that is wrong with it."""
    name, colon, argument = text.partition(":")
    kind = FAULTS.get(name)
    if kind is None:
        raise ConfigError([f"fault {name!r} is unknown; there are: {', '.join(FAULTS)}"])
    problems: list[str] = []
    values: dict[str, float | None] = {}
    for position, part in enumerate(argument.split(",") if colon else ()):
        _read_option(part.strip(), position, kind, values, problems)
    if kind.required is not None and kind.required not in values and not problems:
        problems.append(f"{kind.required} is missing")
    if len(kind.never_both) == sum(name in values for name in kind.never_both) > 0:
        problems.append(f"takes {' or '.join(kind.never_both)}, not both")
    if problems:
        raise ConfigError([f"fault {text!r}: {'; '.join(problems)} (use {kind.syntax})"])
    return Fault(name, values)


def _read_option(part: str, position: int, kind: FaultKind, values: dict[str, float | None], problems: list[str]) -> None:
    label, equals, number = part.partition("=")
    if not equals:
        label, number = (next(iter(kind.options)) if position == 0 else ""), part
    option = kind.options.get(label.strip())
    if option is None or label in values:
        problems.append(f"{part!r} is not an option")
        return
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    problem = option.problem(value)
    if problem is None and label == "code" and value in UNSENDABLE:
        problem = "must be a close code that may be sent"
    if problem is not None:
        problems.append(f"{label} {problem}")
    else:
        values[label] = value


def parse_faults(texts: Iterable[str]) -> list[Fault]:
    """Read several. Raises one `ConfigError` for all that are wrong."""
    faults: list[Fault] = []
    problems: list[str] = []
    for text in texts:
        try:
            faults.append(parse_fault(text))
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return faults


def with_faults(machine: ServerMachine, faults: Iterable[Fault | str], rng: random.Random) -> ServerMachine:
    """Wrap `machine` in the faults, the first one innermost; each draws from a `Random` of its own. Raises `ConfigError`."""
    given = list(faults)
    parsed = iter(parse_faults(fault for fault in given if isinstance(fault, str)))
    for fault in given:
        fault = next(parsed) if isinstance(fault, str) else fault
        kind = FAULTS[fault.name]
        values = {name: fault.options.get(name, option.default) for name, option in kind.options.items()}
        machine = kind.build(machine, random.Random(rng.getrandbits(64)), values)
    return machine
