"""Checks what is published: a wheel and an sdist, each installed alone in a fresh environment.

    python tests/packaging/check_package.py FOLDER

Both must be of one version, import, say that version, and have what is compiled, for which there must be a C compiler; what needs
an extra must name it where it is missing, and work where it is there and no other is. Needs a package index, as any installation
does.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from packaging.utils import parse_sdist_filename, parse_wheel_filename

LAST: Final = "cli"
"""The extra that is left there, for `python -m pushwire`."""
SEED: Final = "SUA" + "A" * 53 + "EQ"
"""A user's key as NATS spells one, of zeros."""

NEEDS: Final = {
    "metrics": "import pushwire.shell.prometheus, pushwire.relay.prometheus",
    "nats": f"from pushwire import Secret; from pushwire.relay.sinks.nats_login import Login; Login(nkey=Secret('{SEED}'))",
    "postgres": "import pushwire.stores.postgres, pushwire.relay.sinks.postgres",
    "proxy": "from pushwire.shell.dialer import Dialer; Dialer(proxy='http://localhost:1')",
    "pusher": (
        "from pushwire import Secret, pusher; from pushwire.providers.pusher.encryption import available; "
        "available() or exit('pushwire[pusher]')"
    ),
    "quickpay": (
        "from pushwire import ConfigError, Secret, quickpay\n"
        "try: quickpay.Config(api_key=Secret('k'), private_key=Secret('no key'))\n"
        "except ConfigError as error: exit(str(error) if 'pushwire[' in str(error) else 0)"
    ),
    "testing": (
        "try: import pushwire.testing.plugin, hypothesis\n"
        "except ModuleNotFoundError as error: exit(f'pushwire[testing]: {error.name}')"
    ),
    "zstd": "from pushwire.relay.sinks.jsonl_file import load_zstd; load_zstd()",
    LAST: "from pushwire.cli import main; raise SystemExit(main(['--version']))",
}
"""Of each extra a program that needs it."""

LISTED: Final = "import importlib.metadata as m; print(*{d.name for d in m.distributions()})"
STATED: Final = "import pushwire; print(pushwire.__version__)"
COMPILED: Final = "from pushwire.core.speedups import COMPILED; raise SystemExit(not COMPILED)"
EXTRAS: Final = "import importlib.metadata as m; print(*m.metadata('pushwire').get_all('Provides-Extra'))"


class Environment:
    """A fresh one, with pip in it."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self._folder = folder
        self._python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it, away from the clone, whose `src` must not be found."""
        return subprocess.run(
            [str(self._python), "-I", *arguments], cwd=self._folder, capture_output=True, text=True, check=False
        )

    def pip(self, *arguments: str) -> str:
        done = self.python("-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def packages(self) -> set[str]:
        return set(self.python("-c", LISTED).stdout.split())


def version_of(package: Path) -> str:
    """By its name."""
    return str(parse_wheel_filename(package.name)[1] if package.suffix == ".whl" else parse_sdist_filename(package.name)[1])


def versions(wheel: Path, sdist: Path) -> list[str]:
    """What is wrong with the two files."""
    of_wheel, of_sdist = version_of(wheel), version_of(sdist)
    problems = [] if of_wheel == of_sdist else [f"the wheel is {of_wheel}, the sdist {of_sdist}"]
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    if "pushwire/py.typed" not in names:
        problems.append("the wheel has no py.typed: type checkers would not look at it")
    strangers = {name.split("/")[0] for name in names} - {"pushwire", f"pushwire-{of_wheel}.dist-info"}
    return problems + [f"the wheel brings {name} along" for name in sorted(strangers)]


def installed(package: Path, folder: Path) -> tuple[Environment, list[str]]:
    """An environment with nothing but the package, and what is wrong with it."""
    environment = Environment(folder)
    failed = environment.pip("install", str(package))
    if failed:
        return environment, [f"{package.name} cannot be installed: {failed}"]
    stated = environment.python("-c", STATED)
    right = stated.stdout.strip() == version_of(package)
    problems = [] if right else [f"{package.name}: pushwire.__version__ is {stated.stdout}{stated.stderr}"]
    compiled = environment.python("-c", COMPILED)
    problems += [f"{package.name}: what should be compiled is not: {compiled.stderr}"] if compiled.returncode else []
    unproven = set(environment.python("-c", EXTRAS).stdout.split()) ^ set(NEEDS)
    problems += [f"{package.name}: {extra}: is an extra here or in this program alone" for extra in sorted(unproven)]
    return environment, problems


def without(environment: Environment, extra: str) -> list[str]:
    """What is wrong where the extra is missing."""
    done = environment.python("-c", NEEDS[extra])
    if done.returncode == 0:
        return ["is not needed for what it is said to be for"]
    named = f"pushwire[{extra}]" in done.stdout + done.stderr
    return [] if named else [f"where it is missing, that is not said: {done.stdout}{done.stderr}"]


def with_it(environment: Environment, wheel: Path, extra: str) -> list[str]:
    """What is wrong where the extra is there. It is gone again afterwards, unless it is the last."""
    before = environment.packages()
    failed = environment.pip("install", "--no-compile", f"{wheel}[{extra}]")
    if failed:
        return [f"{extra} cannot be installed: {failed}"]
    try:
        done = environment.python("-c", NEEDS[extra])
        return [] if done.returncode == 0 else [f"{extra} is installed, and yet: {done.stdout}{done.stderr}"]
    finally:
        if extra != LAST:
            environment.pip("uninstall", "--yes", *(environment.packages() - before))


def check_wheel(wheel: Path, folder: Path) -> list[str]:
    environment, problems = installed(wheel, folder)
    problems += [f"{extra}: {problem}" for extra in NEEDS for problem in without(environment, extra)]
    problems += [] if problems else [problem for extra in NEEDS for problem in with_it(environment, wheel, extra)]
    stated = environment.python("-m", "pushwire", "--version")
    right = stated.stdout.strip() == version_of(wheel)
    return problems if right else [*problems, f"`python -m pushwire --version` says {stated.stdout}{stated.stderr}"]


def check(folder: Path) -> list[str]:
    """Everything wrong with the one wheel and the one sdist in `folder`."""
    wheels, sdists = list(folder.glob("*.whl")), list(folder.glob("*.tar.gz"))
    if len(wheels) != 1 or len(sdists) != 1:
        return [f"{folder}: {len(wheels)} wheels and {len(sdists)} sdists, there must be one of each"]
    problems = versions(wheels[0], sdists[0])
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor() as pool:
        of_wheel = pool.submit(check_wheel, wheels[0].resolve(), Path(place, "wheel"))
        of_sdist = pool.submit(installed, sdists[0].resolve(), Path(place, "sdist"))
        return problems + of_wheel.result() + of_sdist.result()[1]


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print(*found or ["wheel and sdist install, and each extra does what it is for"], sep="\n")
    sys.exit(1 if found else 0)
