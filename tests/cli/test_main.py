from __future__ import annotations

import subprocess
import sys

import pytest

from pushwire import cli
from pushwire.errors import StoreError
from tests.cli.program import outcome


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_without_the_extra_it_says_how_to_get_it(missing: str) -> None:
    done = run_python(f"import sys; sys.modules[{missing!r}] = None; from pushwire.cli import main; sys.exit(main(['--help']))")
    assert done.returncode == 1
    assert done.stderr == "pushwire: the command line needs more packages: pip install 'pushwire[cli]'\n"
    assert done.stdout == ""


def test_importing_it_loads_nothing_heavy() -> None:
    done = run_python(
        "import sys, pushwire.cli; print([name for name in ('trio', 'cyclopts', 'rich', 'cattrs', 'ssl') if name in sys.modules])"
    )
    assert done.stdout == "[]\n"


async def test_help_names_the_commands() -> None:
    status, printed, _ = await outcome("--help")
    assert status == 0
    for command in ("demo", "tail", "sandbox", "replay"):
        assert command in printed
    assert "PUSHWIRE_GELABS_API_KEY" in printed


async def test_it_knows_its_version() -> None:
    status, printed, complaint = await outcome("--version")
    assert (status, complaint) == (0, "")
    assert printed.strip()


@pytest.mark.parametrize(
    "error, line",
    [
        (StoreError("disk full\nand more \x1b[31m"), "pushwire: disk full and more [31m\n"),
        (FileNotFoundError(2, "No such file or directory", "x"), "pushwire: x: No such file or directory; check the path\n"),
        (OSError(5, "Input/output error"), "pushwire: Input/output error\n"),
        (OSError(5, "Input/output error", "x"), "pushwire: x: Input/output error\n"),
        (ExceptionGroup("several", [ExceptionGroup("one", [StoreError("first")]), KeyError("second")]), "pushwire: first\n"),
    ],
)
def test_an_error_is_one_line(
    error: Exception, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(argv: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main([]) == 1
    assert capsys.readouterr().err == line


def test_a_fault_of_ours_says_where_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(argv: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main([]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("pushwire: unexpected KeyError at test_main.py:")
    assert len(shown.splitlines()) == 1


def test_ctrl_c_before_anything_runs_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(argv: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)
    assert cli.main([]) == 130
