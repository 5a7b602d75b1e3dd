"""What importing a provider costs, against trio and the decoder: CPU time of fresh processes, less that of an empty one.

All in turn, several rounds, so that a drift of the machine hits all alike; the least of each counts, since whatever else happens
in a process can only add. Everybody has their bytecode, as installed packages have it: whoever runs this from a source tree, or
where Python is told to write none, would measure Python's compiler. And what of other providers was loaded: nothing may be.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Final

from pushwire.providers import NAMES

__all__ = ["row"]

NOTHING: Final = "pass"
REFERENCE: Final = "import trio, msgspec"
CONNECT: Final = "import pushwire; pushwire.connect"
BUILT_ON: Final = {"quickpay": {"pusher"}}
"""Whose providers are part of whose."""
LOADED: Final = "import sys; print(*(name.split('.')[2] for name in sys.modules if name.startswith('pushwire.providers.')))"


def cpu(statement: str, bytecode: str) -> float:
    """Seconds of one process, which keeps its bytecode in this folder."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, "-c", statement], env={**env, "PYTHONPYCACHEPREFIX": bytecode})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, statement
    return used.ru_utime + used.ru_stime


def strangers(provider: str) -> set[str]:
    """Providers that importing this one has loaded beside it."""
    done = subprocess.run(
        [sys.executable, "-c", f"from pushwire import {provider}; {LOADED}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split()) & set(NAMES) - {provider} - BUILT_ON.get(provider, set())


def row(rounds: int) -> Mapping[str, object]:
    statements = {name: f"from pushwire import {name}; {name}.Config" for name in NAMES}
    with_connect = {f"{name}, connect": f"{statement}; {CONNECT}" for name, statement in statements.items()}
    every = {"nothing": NOTHING, "trio and msgspec": REFERENCE, **statements, **with_connect}
    taken: dict[str, list[float]] = {name: [] for name in every}
    with tempfile.TemporaryDirectory() as bytecode:
        for statement in every.values():
            cpu(statement, bytecode)  # writes it
        for _ in range(rounds):
            for name, statement in every.items():
                taken[name].append(cpu(statement, bytecode))
    least = {name: min(seconds) - min(taken["nothing"]) for name, seconds in taken.items()}
    reference = least["trio and msgspec"]
    return {
        "rounds": rounds,
        "times_trio_and_msgspec": {name: least[name] / reference for name in statements},
        "with_connect": {name: least[f"{name}, connect"] / reference for name in statements},
        "strangers": {name: sorted(strangers(name)) for name in statements},
        "milliseconds": {name: seconds * 1e3 for name, seconds in least.items()},
    }
