"""Programs from npm for the tests: installed once, outside the repository.

What lives here: the installation, and the reasons for which there is none. What must not: anything of one program.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

__all__ = ["Missing", "installed", "needed"]

HOME: Final = "PUSHWIRE_SERVICES"
"""The environment variable that names the folder to install into; else it is one among the user's caches."""
REQUIRED: Final = "PUSHWIRE_REQUIRE_SERVICES"
"""Set where a program that is missing is a failure and no reason to skip."""
INSTALL_WITHIN: Final = 240
"""Seconds."""
OPTIONS: Final = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--omit-lockfile-registry-resolved")
"""No package runs anything while it is installed, and none has to: what soketi needs comes built."""


class Missing(Exception):
    """The program cannot be had here, for the reason that is the message."""


def needed(package: Path) -> Path:
    """The folder of `installed`; the test is skipped with the reason where there is none, or fails where it must not be."""
    try:
        return installed(package)
    except Missing as missing:
        reason = f"{package.name}: {missing}"
    if os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(reason)


def installed(package: Path) -> Path:
    """Where the packages are that `package`, a folder with `package.json` and `package-lock.json`, names. Raises `Missing`.

    What is not there yet is put together aside and moved into place, so that a run that is cut short, or goes on beside ours,
    does no harm.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed")
    files = [package / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
    home = Path(os.environ.get(HOME) or Path.home() / ".cache" / "pushwire-services")
    done = home / f"{package.name}-{digest}"
    if done.exists():
        return done
    home.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f"{done.name}-", dir=home))
    try:
        for file in files:
            shutil.copy(file, aside)
        _install(aside)
        try:
            aside.rename(done)
        except OSError:
            if not done.exists():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return done


def _install(folder: Path) -> None:
    try:
        npm = subprocess.run(
            ["npm", "install", *OPTIONS], cwd=folder, capture_output=True, text=True, timeout=INSTALL_WITHIN, check=False
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"npm did not install it within {INSTALL_WITHIN} s") from None
    if npm.returncode != 0:
        raise Missing(f"npm could not install it: {npm.stderr.strip()[-500:]}")
