"""Builds and checks the documentation: `python docs/build.py [--write]`.

- draws the state diagrams from the transition tables into `state-machines.md` and a journal into `session.svg`, and lists the
  settings of the sandboxes in `sandbox-settings.md` and what the doctor advises in `doctor-advice.md` (with `--write`; else a
  stale file is an error);
- checks that every link to a file leads somewhere, that every test named in a table exists (`tests/…/test_x.py::test_y`), and
  that `observing.md` has the words of the warnings.

The code of the pages is run by `tests/docs`.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, get_type_hints

import attrs

from pushwire import sandbox
from pushwire.cli.sandboxes import BUILDERS, simulate
from pushwire.cli.settings import holds_secrets, spelled
from pushwire.core.closes import CloseTable
from pushwire.core.cures import CURES, slow_consumer
from pushwire.core.fallback import FALLBACK
from pushwire.core.gate import GATE
from pushwire.core.holds import HOLD
from pushwire.core.journal import replay
from pushwire.core.journal_lines import read_journal
from pushwire.core.ledger import ENTRY
from pushwire.core.transitions import SESSION
from pushwire.doctor.advice import ADVICE, Subject, advise
from pushwire.errors import ConfigError
from pushwire.plot import Course, draw
from pushwire.providers import NAMES, load
from pushwire.sandbox.simulated import Wanted

DOCS: Final = Path(__file__).parent
ROOT: Final = DOCS.parent
INTRODUCTION: Final = """\
Drawn from the tables the code runs on, by `python docs/build.py --write`. What a state does not list is refused by name; a test
enumerates every pair."""
SETTINGS: Final = """\
What `pushwire sandbox PROVIDER --set NAME=VALUE` takes ([the command line](command-line.md)), and in Python the settings classes
of `pushwire.sandbox`, which this is drawn from by `python docs/build.py --write`. A list or a table is given whole, as JSON."""
TROUBLES: Final = """\
What `pushwire doctor PROVIDER` ([its page](doctor.md)) says of each thing that it can find wrong, drawn from its table by
`python docs/build.py --write`. HOST, PORT and PROVIDER are those examined."""
ANYBODY: Final = Subject(
    "PROVIDER", "the provider's environment variables", "what the provider's page says", "HOST", 0, "the endpoint"
)


def diagrams() -> str:
    """`state-machines.md`."""
    parts = [
        "# State machines",
        INTRODUCTION,
        "## The session, shared by all providers",
        f"```mermaid\n{SESSION.mermaid()}\n```",
        "## One version of a message in the ACK ledger",
        f"```mermaid\n{ENTRY.mermaid()}\n```",
        '## A delivery that is held: `ack="on_receipt"`',
        f"```mermaid\n{HOLD.mermaid()}\n```",
        "## The hydration gate",
        f"```mermaid\n{GATE.mermaid()}\n```",
        "## A query of the fallback poll",
        f"```mermaid\n{FALLBACK.mermaid()}\n```",
    ]
    providers = [load(name) for name in NAMES]
    for provider in providers:
        for title, table in provider.tables.items():
            parts += (f"## {provider.name}: {title}", f"```mermaid\n{table.mermaid()}\n```")
    parts.append("## Close tables")
    for provider in providers:
        parts += (f"### {provider.name}", closes(provider.closes))
    return "\n\n".join(parts) + "\n"


def closes(table: CloseTable) -> str:
    """A close table as Markdown."""
    lines = ["| the end | what follows | why |", "|---|---|---|"]
    for row in table.rows:
        numbers = str(row.first) if row.first == row.last else f"{row.first}-{row.last}"
        lines.append(f"| {'HTTP' if row.http else 'close'} {numbers} | {row.action.value} | {row.why} |")
    lines.append(f"| anything else | {table.default.value} | |")
    return "\n".join(lines)


class Setting(NamedTuple):
    """One of a sandbox's. `hint` is its type, `default` as it is written."""

    name: str
    hint: object
    default: str
    docstring: str


def sandbox_settings() -> str:
    """`sandbox-settings.md`."""
    parts = ["# Settings of the sandboxes", SETTINGS]
    for provider in BUILDERS:
        (title,) = (title for title in sandbox.__all__ if title.lower() == f"{provider}settings")
        rows: list[Sequence[str]] = []
        for name, hint, default, docstring in settings_of(getattr(sandbox, title)):
            elsewhere = name == "rate" or holds_secrets(hint)
            rows.append((f"`{name}`", refusal(provider, name) if elsewhere else spelled(hint), default, docstring))
        parts += (f"## {provider}", table(("setting", "value", "default", "what it does"), rows))
    return "\n\n".join(parts) + "\n"


def settings_of(kind: type[attrs.AttrsInstance], prefix: str = "") -> Iterator[Setting]:
    """The fields of an attrs class, in the place of a nested class its fields."""
    hints, docstrings = get_type_hints(kind), dict[str, str]()
    for base in reversed(kind.__mro__[:-1]):
        docstrings |= docstrings_of(base)
    for field in attrs.fields(kind):
        hint: object = hints[field.name]
        name = prefix + (field.alias or field.name)
        if isinstance(hint, type) and attrs.has(hint):
            yield from settings_of(hint, f"{name}.")
        else:
            yield Setting(name, hint, written(field.default), docstrings[field.name])


def docstrings_of(kind: type) -> dict[str, str]:
    """What stands below the fields of a class."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            found[field.target.id] = " ".join(ast.literal_eval(below.value).split())
    return found


def refusal(provider: str, field: str) -> str:
    """What the command line says of a field that is not for `--set`."""
    try:
        simulate(provider, Wanted(rate=0.0, settings=[f"{field}=x"]))
    except ConfigError as error:
        return next(problem for problem in error.problems if problem.startswith(f"{field}: ")).partition(": ")[2]
    raise AssertionError(f"{provider}: {field} can be set")


def written(default: object) -> str:
    if default is None or default is attrs.NOTHING:
        return "none"
    return json.dumps(default) if isinstance(default, bool | tuple) else str(default)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as Markdown."""
    lines = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in (head, ["---"] * len(head), *rows))
    return "\n".join(f"| {line} |" for line in lines)


def troubles() -> str:
    """`doctor-advice.md`."""
    parts = ["# What the doctor advises", TROUBLES]
    for step, rows in ADVICE.items():
        found = [(f"`{trouble.value}`", advise(step, trouble, ANYBODY).replace("port 0", "port PORT")) for trouble in rows]
        parts += (f"## {step.value}", table(("trouble", "what to do"), found))
    return "\n\n".join(parts).replace("HOST:0", "HOST:PORT") + "\n"


def session() -> str:
    """`session.svg`."""
    course = Course()
    with (DOCS / "session.journal").open("rb") as file:
        for step in replay(read_journal(file, load)):
            course.add(step)
    return draw(course)


def broken_links(page: Path) -> list[str]:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return [f"{page.name}: {link} leads nowhere" for link in links if not (page.parent / link).exists()]


def missing_tests() -> list[str]:
    table = (DOCS / "crash-table.md").read_text(encoding="utf-8")
    tests = (ROOT / "tests" / "shell" / "test_crash_table.py").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\d+\w+)`", table)
    missing = [f"crash-table.md: {name} does not exist" for name in named if f"def {name}(" not in tests]
    for page in sorted(DOCS.glob("*.md")):
        for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text(encoding="utf-8")):
            file = ROOT / path
            if not file.exists() or f"def {name}(" not in file.read_text(encoding="utf-8"):
                missing.append(f"{page.name}: {path}::{name} does not exist")
    return missing


def other_cures() -> list[str]:
    """What a warning says to do is on the page in its own words."""
    page = (DOCS / "observing.md").read_text(encoding="utf-8")
    cures = {kind.__name__: cure for kind, cure in CURES.items()} | {"slow_consumer": slow_consumer(0).cure}
    return [f"observing.md: says otherwise what to do about {name}: {cure}" for name, cure in cures.items() if cure not in page]


def main() -> int:
    problems: list[str] = []
    drawn = {
        "state-machines.md": diagrams(),
        "sandbox-settings.md": sandbox_settings(),
        "doctor-advice.md": troubles(),
        "session.svg": session(),
    }
    for name, text in drawn.items():
        page = DOCS / name
        if "--write" in sys.argv[1:]:
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            problems.append(f"{name} is stale: run `python docs/build.py --write`")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(DOCS.glob("*.md"))):
        problems += broken_links(path)
    problems += missing_tests()
    problems += other_cures()
    print("\n".join(problems) or "the documentation is current and its links lead somewhere")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
