"""What a shell completes: the scripts are given to the shells that are here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from pushwire.providers import NAMES
from pushwire.sandbox import FAULTS
from tests.cli.program import environment, outcome

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which there is a `pushwire`."""
    program = tmp_path / "bin" / "pushwire"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pushwire "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


def completed(path: str, *words: str) -> set[str]:
    """What bash offers for the last of `words`, where TAB is pressed behind them."""
    line = " ".join(f'"{word}"' for word in ("pushwire", *words))
    program = f"""
        source <(pushwire completion bash)
        complete -p pushwire >/dev/null || exit 1
        COMP_WORDS=({line})
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _pushwire
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", program], env=environment(PATH=path), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_completes_commands(path: str) -> None:
    assert {"tail", "demo", "doctor", "relay", "sandbox", "simulate", "replay", "completion"} <= completed(path, "")
    assert completed(path, "ta") == {"tail"}


def test_bash_completes_options(path: str) -> None:
    assert {"--url", "--subscribe", "--journal", "--plain", "--json"} <= completed(path, "tail", "gelabs", "--")
    assert completed(path, "replay", "x", "--pl") == {"--plot"}


def test_bash_completes_providers(path: str) -> None:
    assert completed(path, "tail", "") >= set(NAMES)
    assert completed(path, "tail", "gelabs", "bit") == {"bitpanda"}
    assert completed(path, "sandbox", "ge") == {"gelabs"}
    assert completed(path, "demo", "--provider", "qu") == {"quantcite", "quickpay"}


def test_bash_completes_faults_and_shells(path: str) -> None:
    assert completed(path, "sandbox", "gelabs", "--fault", "") == set(FAULTS)
    assert completed(path, "completion", "") == set(SHELLS)


def test_bash_completes_files(path: str, tmp_path: Path) -> None:
    (tmp_path / "one.journal").touch()
    assert completed(path, "replay", f"{tmp_path}/one") == {f"{tmp_path}/one.journal"}


@pytest.mark.parametrize("shell", SHELLS)
async def test_every_script_knows_every_command(shell: str) -> None:
    status, script, complaint = await outcome("completion", shell)
    assert (status, complaint) == (0, "")
    for command in ("tail", "demo", "doctor", "relay", "sandbox", "simulate", "replay"):
        assert command in script
    if shutil.which(shell) is not None:
        checked = await trio.run_process([shell, "-n"], stdin=script.encode(), capture_stderr=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, b"")


async def test_another_shell_is_one_line() -> None:
    status, printed, complaint = await outcome("completion", "tcsh")
    assert (status, printed) == (2, "")
    assert len(complaint.splitlines()) == 1
    assert "tcsh" in complaint
    for shell in SHELLS:
        assert shell in complaint
