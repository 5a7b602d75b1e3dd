"""The pure parts are pure: `core`, `providers`, the sandbox's machines and the relay's loop import, call and define nothing that
does I/O, reads a clock or draws randomness of its own.

Who may import whom inside the package is import-linter's part (pyproject.toml); here it is about the world outside.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

SRC: Final = Path(__file__).parent.parent / "src"

STDLIB: Final = frozenset(
    {
        "__future__",
        "abc",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "itertools",
        "json",
        "math",
        "operator",
        "random",
        "re",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
        "unicodedata",
        "urllib.parse",
    }
)
LIBRARIES: Final = frozenset({"attr", "attrs", "cattrs", "cryptography", "jwt", "msgspec", "nacl"})
RELAY_MACHINE: Final = ("effects", "entries", "identity", "lanes", "link", "loop")
"""The parts of the relay that are pure."""
OURS: Final = (
    "pushwire.core",
    "pushwire.errors",
    "pushwire.lazy",
    "pushwire.providers",
    "pushwire.sandbox",
    *(f"pushwire.relay.{name}" for name in RELAY_MACHINE),
)

SIMULATION: Final = frozenset({"logging", "pushwire.simulation", "pushwire.stores.memory", "pushwire.wire", "websockets"})
"""What a simulation is built from beside the machines: both ends' bytes, and a store."""
EXCEPTIONS: Final = {
    "pushwire/core/secrets.py": frozenset({"os", "pathlib"}),
    "pushwire/core/speedups.py": frozenset({"os", "pushwire.core._speedups"}),
    "pushwire/providers/pusher/config.py": frozenset({"pushwire.version"}),
}
"""`Secret.env` and `Secret.file` read a credential while a config is built, before any machine exists; what is compiled is known
once it is imported; and when Pusher's config builds a credential, it looks up the version that the URL has to name."""

FORBIDDEN_CALLS: Final = frozenset({"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"})
CLOCK_READERS: Final = frozenset({"now", "today", "utcnow"})
SANDBOX_SHELL: Final = frozenset({"__init__.py", "http.py", "server.py"})
"""The parts of the sandbox that are not machines: the trio server around them, and what it exports."""


class Impurities(ast.NodeVisitor):
    """Collects, as `line: what`, everything in a module that a pure one may not have."""

    def __init__(self, path: str) -> None:
        self.package = path.removesuffix(".py").split("/")[:-1]
        self.allowed = STDLIB | LIBRARIES | EXCEPTIONS.get(path, frozenset())
        if path.startswith("pushwire/simulation/"):
            self.allowed |= SIMULATION
        self.found: list[str] = []
        self._random_modules: set[str] = set()
        self._random_classes: set[str] = set()
        self._datetime_modules: set[str] = set()
        self._datetime_classes: set[str] = set()

    def _report(self, node: ast.expr | ast.stmt, what: str) -> None:
        self.found.append(f"{node.lineno}: {what}")

    def _is_allowed(self, module: str) -> bool:
        parts = module.split(".")
        prefixes = {".".join(parts[: n + 1]) for n in range(len(parts))}
        return not prefixes.isdisjoint(self.allowed) or not prefixes.isdisjoint(OURS)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if not self._is_allowed(alias.name):
                self._report(node, f"imports {alias.name}")
            known_as = alias.asname or alias.name
            if alias.name == "random":
                self._random_modules.add(known_as)
            elif alias.name == "datetime":
                self._datetime_modules.add(known_as)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            base = self.package[: len(self.package) - node.level + 1]
            module = ".".join([*base, module] if module else base)
        for alias in node.names:
            whole = f"{module}.{alias.name}"
            if module == "random" and alias.name == "Random":
                self._random_classes.add(alias.asname or alias.name)
            elif module == "datetime" and alias.name in {"date", "datetime"}:
                self._datetime_classes.add(alias.asname or alias.name)
            elif module == "random" or not (self._is_allowed(module) or self._is_allowed(whole)):
                self._report(node, f"imports {whole}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id in self._random_modules and node.attr != "Random":
            self._report(node, f"uses random.{node.attr}")
        if node.attr in CLOCK_READERS and self._is_datetime_class(owner):
            self._report(node, f"reads the clock with {node.attr}")
        self.generic_visit(node)

    def _is_datetime_class(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self._datetime_classes
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self._datetime_modules

    def _is_random_class(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self._random_classes
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self._random_modules

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            self._report(node, f"calls {node.func.id}")
        if self._is_random_class(node.func) and not node.args:
            self._report(node, "seeds a Random from the system")
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._report(node, f"defines async {node.name}")
        self.generic_visit(node)


def impurities(source: str, path: str = "pushwire/core/planted.py") -> list[str]:
    visitor = Impurities(path)
    visitor.visit(ast.parse(source))
    return visitor.found


def pure_modules() -> list[str]:
    package = SRC / "pushwire"
    machines = [path for path in (package / "sandbox").rglob("*.py") if path.name not in SANDBOX_SHELL]
    relay = [package / "relay" / f"{name}.py" for name in RELAY_MACHINE]
    simulation = (package / "simulation").rglob("*.py")
    paths = [*(package / "core").rglob("*.py"), *(package / "providers").rglob("*.py"), *machines, *relay, *simulation]
    return sorted(path.relative_to(SRC).as_posix() for path in paths)


@pytest.mark.parametrize("path", pure_modules())
def test_a_pure_module_has_no_io_clock_or_entropy(path: str) -> None:
    assert impurities((SRC / path).read_text(encoding="utf-8"), path) == []


def test_the_pure_modules_are_found() -> None:
    found = pure_modules()
    assert "pushwire/core/machine.py" in found
    assert set(EXCEPTIONS) <= set(found)


@pytest.mark.parametrize(
    "source",
    [
        "import trio",
        "import time",
        "import os.path",
        "import secrets",
        "import logging",
        "import threading, json",
        "import urllib.request",
        "import uuid as ids",
        "from time import monotonic",
        "from asyncio import Queue",
        "from os import environ",
        "from pathlib import Path",
        "from urllib import request",
        "from pushwire import connect",
        "from pushwire.shell.driver import Driver",
        "from ..shell import transport",
        "from ..wire.client import Client",
        "from .. import stores",
        "from ..relay.run import Relay",
        "def late():\n    import socket",
        "if TYPE_CHECKING:\n    import ssl",
        "from random import choice",
        "from random import SystemRandom",
        "import random\nrandom.random()",
        "import random\npick = random.choice",
        "import random as chance\nchance.shuffle([])",
        "import random\nrandom.SystemRandom()",
        "import random\nrandom.Random()",
        "from random import Random as R\nR()",
        "import datetime\ndatetime.datetime.now()",
        "import datetime as dt\ndt.date.today()",
        "from datetime import UTC, datetime\ndatetime.now(UTC)",
        "from datetime import datetime\ndatetime.utcnow",
        "open('ledger')",
        "print('x')",
        "input()",
        "exec('x')",
        "eval('x')",
        "compile('x', '', 'exec')",
        "__import__('socket')",
        "breakpoint()",
        "async def f() -> None: ...",
        "class C:\n    async def f(self) -> None: ...",
    ],
)
def test_a_planted_impurity_is_caught(source: str) -> None:
    assert impurities(source)


@pytest.mark.parametrize(
    "source",
    [
        "import random\ndef f(r: random.Random) -> float:\n    return r.random()",
        "import random\nrandom.Random(7)",
        "from random import Random\nRandom(7)",
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
        "from urllib.parse import urlsplit",
        "import collections.abc",
        "from ..errors import StoreError",
        "from .. import errors",
        "from . import effects",
        "from pushwire.core.effects import Dial",
        "self.now = now",
        "self.open()",
    ],
)
def test_what_a_pure_module_needs_is_allowed(source: str) -> None:
    assert impurities(source) == []


def test_an_exception_holds_for_its_own_module_alone() -> None:
    assert impurities("import os", "pushwire/core/secrets.py") == []
    assert impurities("import time", "pushwire/core/secrets.py")
    assert impurities("import os", "pushwire/providers/secrets.py")
