"""Shell blocks of the pages, command by command: whether each is one that exists, with options that it has.

What is checked without being run: pushwire's commands are parsed as `pushwire` parses them, with providers, SPECs, settings and
faults; pip's extras, nox's sessions and files of the clone must exist. A program that nobody here knows is an error.
"""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise, takewhile
from typing import Any, Final

from packaging.requirements import Requirement

from pushwire.cli.app import app
from pushwire.cli.target import apart
from pushwire.core.provider import Provider, config_from_settings
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, PushwireError
from pushwire.providers import NAMES, load
from pushwire.sandbox.faults import parse_faults
from tests.docs.pages import DOCS, PAGES, ROOT, Block

__all__ = ["PROGRAMS", "problems", "written"]

BETWEEN: Final = frozenset({"&&", ";", "&", "|"})
TEMPLATE: Final = "..."
"""In place of a value that is the reader's own."""
SHARED: Final = {f"PUSHWIRE_{name}" for name in ("PROXY", "POSTGRES_PASSWORD", "SEED", "REQUIRE_SERVICES", "SERVICES")}
"""Environment variables that belong to no provider."""
TAUGHT: Final = "tides"
"""The provider that `adding-a-provider.md` builds."""


def written(block: Block) -> Iterator[list[str]]:
    """The commands of a block, word by word. In `console` they follow a `$`, what else stands there they have printed."""
    for line in block.text.splitlines():
        if block.language == "console" and not line.startswith("$ "):
            continue
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="&;|")
        lexer.whitespace_split = True
        for between, words in groupby(lexer, key=BETWEEN.__contains__):
            if not between:
                # Where the output goes is the shell's.
                yield list(takewhile(lambda word: word != ">", words))


def problems(words: Sequence[str]) -> list[str]:
    """What is wrong with a command."""
    assigned = [word for word in words if re.match(r"[A-Z_]+=", word)]
    program, *arguments = [word for word in words if word not in assigned] or ["export"]
    known = PROGRAMS.get(re.sub(r"(?<=[a-z])[\d.]+$", "", program.rpartition("/")[2]))
    if known is None:
        return [f"{program}: nobody checks this program"]
    return [*_variables(assigned), *known(arguments)]


def _variables(assigned: Sequence[str]) -> list[str]:
    providers = [load(name) for name in NAMES]
    known = SHARED.union(*(provider.secrets.values() for provider in providers))
    known = known.union(*(provider.optional_secrets.values() for provider in providers))
    names = [word.partition("=")[0].removesuffix("_FILE") for word in assigned]
    return [f"{name}: is read by nobody" for name in names if name.startswith("PUSHWIRE_") and name not in known]


def _pushwire(arguments: Sequence[str]) -> list[str]:
    try:
        command, bound, _ = app.parse_args(list(arguments), print_error=False, exit_on_error=False)
    except Exception as error:  # noqa: BLE001 - cyclopts' own, of several kinds: each is what a user would see
        return [f"pushwire {shlex.join(arguments)}: {error}"]
    given: Mapping[str, Any] = {**bound.arguments}  # of each option's own type
    try:
        return _provider(command.__name__, given)
    except PushwireError as error:
        return [f"pushwire {shlex.join(arguments)}: {error}"]


def _provider(command: str, given: Mapping[str, Any]) -> list[str]:  # as above
    """What the parser leaves to the command."""
    parse_faults(given.get("fault") or ())
    match given:
        case {"providers": [*several]}:
            named = several
        case {"provider": str(one)}:
            named = [one]
        case _:
            return []
    if TAUGHT in named:
        return []
    subscribed = given.get("subscribe") or ()
    specs: Sequence[str] = (subscribed,) if isinstance(subscribed, str) else subscribed
    problems: list[str] = []
    for asked in apart(named, given.get("settings") or (), specs, problems):
        provider = load(asked.provider)
        for spec in asked.specs:
            provider.parse_spec(spec)
        if command != "sandbox":
            problems += _config(provider, asked.settings, given.get("url"))
    return problems


def _config(provider: Provider, pairs: Sequence[str], url: str | None) -> list[str]:
    given = [pair.partition("=") for pair in (*pairs, f"url={url or TEMPLATE}")]
    wanted = {name: value for name, _, value in given if TEMPLATE not in value}
    try:
        config_from_settings(provider, wanted, dict.fromkeys(provider.secrets, Secret("any")))
    except ConfigError as error:
        # Some providers have no URL of their own.
        return [problem for problem in error.problems if not problem.startswith("url: is needed")]
    return []


def _pip(arguments: Sequence[str]) -> list[str]:
    if arguments[0] != "install":
        return [f"pip {arguments[0]}: nobody checks this"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = [re.sub(r"^\.(?=\[|$)", "pushwire", word) for word in arguments[1:] if not word.startswith("-")]
    groups = [after for word, after in pairwise(arguments) if word == "--group"]
    missing = [group for group in groups if group not in project["dependency-groups"]]
    asked = [Requirement(word) for word in wanted if word not in groups]
    missing += [extra for one in asked if one.name == "pushwire" for extra in one.extras if extra not in extras]
    return [f"pip: there is no {name!r} to install" for name in missing]


def _nox(arguments: Sequence[str]) -> list[str]:
    noxfile = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    sessions = {node.name for node in noxfile.body if isinstance(node, ast.FunctionDef)}
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    asked = [after for word, after in pairwise(own) if word in {"-s", "--session"}]
    return [f"nox: there is no session {name}" for name in asked if name not in sessions]


def _python(arguments: Sequence[str]) -> list[str]:
    match list(arguments):
        case ["-c", program]:
            ast.parse(program)
        case ["-m", "venv", _] | ["-m", "pushwire"]:
            pass
        case ["-m", module, *_]:
            path = ROOT / module.replace(".", "/")
            return [] if path.with_suffix(".py").exists() or path.is_dir() else [f"python -m {module}: there is none"]
        case [file, *_]:
            named = any(f"`{file}`" in page.read_text(encoding="utf-8") for page in PAGES)
            return [] if named or (ROOT / file).exists() else [f"python {file}: there is none"]
        case _:
            return ["python: of itself it does nothing"]
    return []


def _files(arguments: Sequence[str]) -> list[str]:
    """Files of the clone must be there."""
    return [f"{word}: is not there" for word in arguments if word.startswith("docs/") and not (ROOT / word).exists()]


def _unit(arguments: Sequence[str]) -> list[str]:
    units = [word.rpartition("@")[0] for word in arguments if "@" in word]
    return [f"{unit}@: there is no such unit" for unit in units if not (DOCS / "deploy" / f"{unit}@.service").exists()]


def _as_it_is(arguments: Sequence[str]) -> list[str]:
    """A word of the shell's own."""
    return []


PROGRAMS: Final[Mapping[str, Callable[[Sequence[str]], list[str]]]] = {
    "pushwire": _pushwire,
    "pip": _pip,
    "nox": _nox,
    "python": _python,
    "pytest": lambda arguments: [f"{word}: is not there" for word in arguments if not (ROOT / word).exists()],
    "podman": _files,
    "install": _files,
    "systemctl": _unit,
    **dict.fromkeys(("export", ".", "sleep", "kill", "echo"), _as_it_is),
}
"""By their names, a version at the end left out."""
