"""How pushwire is checked: `nox` runs everything quick, `nox -s NAME` one session, `nox -l` lists them.

What lives here: which tool runs over what, in a fresh environment each. What must not: settings of the tools (pyproject.toml).
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "venv"
nox.options.download_python = "never"
nox.options.reuse_existing_virtualenvs = False
nox.options.error_on_external_run = True
nox.options.stop_on_first_error = True  # so that what failed is said last
nox.options.sessions = ["tests", "types", "lint", "arch"]

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
SUPPORTED = ("3.11", "3.12", "3.13")
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PORTABLE = ("tests/core", "tests/wire", "tests/providers")
"""What must behave the same on every interpreter: the parts that decide."""
PARALLEL = ("--numprocesses=auto", "--maxprocesses=4", "--dist=worksteal")
"""Tests share no port, file or server; one that stands still for a server leaves its core to another."""
PURE = "src/pushwire/core/*,src/pushwire/providers/*"
"""What must be covered whole."""
UNCOUNTED = "hypothesis or fuzz or slow"
"""Tests that count for no coverage: what they alone reach is reached by luck, or in passing. Counted, they take twice as long."""


def _works(python: str, version: str) -> bool:
    """Whether `python` starts, is `version` and can make environments. A pyenv shim exists without any of that."""
    program = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return answer.stdout.strip() == version


def _find(version: str) -> str | None:
    """A working interpreter of `version`: on PATH, else among pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    on_path = shutil.which(f"python{version}")
    candidates = [on_path] if on_path else []
    candidates += sorted((str(path) for path in pyenv.glob(f"{version}.*/bin/python{version}")), reverse=True)
    return next((python for python in candidates if _works(python, version)), None)


def _interpreters() -> list[object]:
    """The interpreter that runs nox first, then every other supported one that is present."""
    others = ((version, _find(version)) for version in SUPPORTED if version != HERE)
    return [nox.param(sys.executable, id=HERE), *(nox.param(python, id=version) for version, python in others if python)]


def _install(session: nox.Session, *groups: str, extras: str = "cli,proxy,testing") -> None:
    session.install("-e", f".[{extras}]", *nox.project.dependency_groups(PYPROJECT, *groups))


def _services(session: nox.Session) -> None:
    """Programs that are not Python's, soketi for one, are installed beside the environments, once for all sessions."""
    if "PUSHWIRE_SERVICES" not in os.environ:
        session.env["PUSHWIRE_SERVICES"] = str(Path(session.virtualenv.location).parent / "services")


@nox.session
@nox.parametrize("python", _interpreters())
def tests(session: nox.Session) -> None:
    """The whole suite, with coverage; on interpreters other than nox's own: core, wire, providers. Takes pytest arguments."""
    _install(session, "tests")
    if session.python != sys.executable:
        session.run("pytest", *PARALLEL, *(session.posargs or PORTABLE))
        return
    _services(session)
    if session.posargs:
        session.run("pytest", *PARALLEL, "--cov", *session.posargs)
        return
    # tests/typing needs the type checkers: it runs with them, in `types`.
    everything = ("pytest", *PARALLEL, "--ignore=tests/typing")
    session.run(*everything, "-m", f"not ({UNCOUNTED})", "--cov", "--cov-report=")
    session.run("coverage", "report")
    session.run("coverage", "report", f"--include={PURE}", "--fail-under=100")
    session.run(*everything, "-m", UNCOUNTED)


@nox.session
def types(session: nox.Session) -> None:
    """mypy and pyright, both strict; every public name typed; the file of misuses rejected by both."""
    _install(session, "types", "bench")
    session.env["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"  # or it asks the network whether there is a newer one
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "pushwire", "--ignoreexternal")
    session.run("pytest", "tests/typing")
    session.run("python", "tests/typing/check_misuse.py", "tests/typing/misuse.py")


@nox.session
def lint(session: nox.Session) -> None:
    """ruff's rules and its formatting, and that the news fragments make a changelog."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)


@nox.session
def arch(session: nox.Session) -> None:
    """Who may import whom, what a pure module may touch, and what importing a provider may load."""
    _install(session, "arch")
    session.run("lint-imports", "--no-cache")
    session.run("pytest", "tests/test_architecture.py", "tests/test_import_cost.py")


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks, about half an hour. `-- --smoke` only shows that they run; `-- growth` is one of the parts; `-- --write`
    puts the figures into the docs."""
    _install(session, "bench")
    if "--smoke" not in session.posargs:
        # Each by itself: one that does not install here is left out, by name.
        for peer in nox.project.dependency_groups(PYPROJECT, "peers"):
            session.run("python", "-m", "pip", "install", "--quiet", peer, success_codes=[0, 1])
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def gate(session: nox.Session) -> None:
    """Does a message cost more than it did? Instructions are counted, never time. `nox -s gate -- --write` keeps the figures."""
    _install(session, "bench")
    session.run("python", "-m", "benchmarks.gate", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Check the pages, build the site into `docs/_build`; `tests/docs` runs their code. `nox -s docs -- --write` draws what is
    drawn."""
    _install(session, "tests", "docs", extras="cli,proxy,testing,nats,postgres")
    session.run("python", "docs/build.py", *session.posargs)
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "docs", "docs/_build")


@nox.session
def package(session: nox.Session) -> None:
    """Wheel and sdist are built and agree on the version; each is installed alone in a fresh environment, and each extra is there
    for what it is for."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "package"))
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--no-isolation", "--outdir", folder, silent=True)
    session.run("python", "tests/packaging/check_package.py", folder)


@nox.session
def fuzz(session: nox.Session) -> None:
    """A million inputs to all that reads what strangers wrote, then the property tests with many more examples; all drawn anew
    each time. Takes pytest arguments. `-- --inputs N` is the first alone, with the options of `python -m tests.fuzz`, and
    `-- --guided TARGET` one target led by coverage, with libFuzzer's options, until it is interrupted."""
    if "--guided" in session.posargs:
        _install(session, "tests", "fuzz")
        session.run("python", "-m", "tests.fuzz.guided", *(word for word in session.posargs if word != "--guided"))
        return
    _install(session, "tests")
    alone = "--inputs" in session.posargs
    session.run("python", "-m", "tests.fuzz", *(session.posargs if alone else ["--inputs", "1000000"]))
    if not alone:
        session.run("pytest", "-m", "fuzz or hypothesis", "--hypothesis-profile=fuzz", *session.posargs)


@nox.session
def sim(session: nox.Session) -> None:
    """Clients and their sandboxes in virtual time, all providers in turn, on all processors: other stories each time, unless
    PUSHWIRE_SEED is set. `nox -s sim -- N` plays N of them, else 4,000; a story that fails says how to play it again."""
    _install(session)
    seed = os.environ.get("PUSHWIRE_SEED", str(random.randrange(1 << 32)))
    session.run("pushwire", "simulate", "--seed", seed, "--runs", *(session.posargs or ["4000"]))


@nox.session
def mutants(session: nox.Session) -> None:
    """Small faults, put into the parts that decide one at a time: whether the tests notice. Takes modules (`core/acks`) and the
    options of `python -m tests.mutants`; all of it is some hours of one core."""
    _install(session, "mutants")
    session.run("pytest", "tests/mutants/check_driver.py")
    session.run("python", "-m", "tests.mutants", *session.posargs)
    if not session.posargs:
        session.run("python", "-m", "tests.mutants", "--providers", "--budget=1")


@nox.session
def soak(session: nox.Session) -> None:
    """Minutes of real time against real servers, which no virtual time can stand for; the proofs at their large figures. Takes
    pytest arguments."""
    _install(session, "tests")
    _services(session)
    # These tests do stand still, for longer than any other may.
    session.run("pytest", "-o", "faulthandler_timeout=900", "tests/soketi/soak.py", *session.posargs)
    large = {"PUSHWIRE_POWER_LOSS_IMAGES": "1000000"}
    session.run("pytest", "-o", "faulthandler_timeout=7200", "tests/powerloss", *session.posargs, env=large)
    # Other moments each time, unless a run is to be repeated; -rP shows them, and the figures.
    seed = os.environ.get("PUSHWIRE_SEED", str(random.randrange(1 << 32)))
    kills = {"PUSHWIRE_KILLS": "2000", "PUSHWIRE_ENGINE_KILLS": "500", "PUSHWIRE_SEED": seed}
    kill_test = "tests/relay/test_relay_kill.py"
    session.run("pytest", "-rP", "-o", "faulthandler_timeout=7200", kill_test, *session.posargs, env=kills)
