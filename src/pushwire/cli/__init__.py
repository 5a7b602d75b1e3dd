"""The command line: `pushwire demo | tail | doctor | relay | sandbox | simulate | replay | completion`.

Here is what holds for every command: how it ends. Whatever goes wrong is one line on stderr and a status, never a traceback.
The status is 1 for what failed, 2 for what was asked for wrongly (usage, settings, credentials), 128 plus a signal's number.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Final, cast

from ..errors import AuthenticationRefused, LocalProtocolError, PushwireError
from .logs import complain

__all__ = ["main"]

FAILED: Final = 1
MISUSED: Final = 2
BROKEN_PIPE: Final = 128 + 13
"""As of a program that SIGPIPE ended: whoever read us has enough, which is no error."""

EXTRA: Final = frozenset({"cyclopts", "rich"})
"""What the extra `cli` brings."""
INSTALL: Final = "pip install 'pushwire["
"""What an error says that knows which extra is missing."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is what follows the program's name. Returns the process's exit status."""
    try:
        status = _run(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else FAILED
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a line
        status = _report(_bare(error))
    if status == BROKEN_PIPE:
        _discard_stdout()
    return status


def _run(argv: Sequence[str] | None) -> int:
    from .app import run_command

    return run_command(sys.argv[1:] if argv is None else argv)


def _report(error: BaseException) -> int:
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    missing = _missing(error) if isinstance(error, ImportError) else None
    if missing is not None:
        return _ended(missing, FAILED)
    if isinstance(error, LocalProtocolError | AuthenticationRefused):
        return _ended(str(error), MISUSED)
    if isinstance(error, PushwireError):
        return _ended(str(error), FAILED)
    if isinstance(error, OSError):
        return _ended(_told(error), FAILED)
    where = traceback.extract_tb(error.__traceback__)
    at = f" at {os.path.basename(where[-1].filename)}:{where[-1].lineno}" if where else ""
    return _ended(f"unexpected {type(error).__name__}{at}: {error}", FAILED)


def _missing(error: ImportError) -> str | None:
    """What to install, where that is all that is wrong."""
    name = (error.name or "").partition(".")[0]
    if name in EXTRA:
        return "the command line needs more packages: pip install 'pushwire[cli]'"
    if INSTALL in str(error):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and name != __name__.partition(".")[0]:
        return f"the package {name} is not installed: pip install --upgrade 'pushwire[cli]'"
    return None


def _told(error: OSError) -> str:
    from .advice import FILES

    what = error.strerror or type(error).__name__
    if not error.filename:
        return what
    cure = FILES.get(error.errno or 0)
    return f"{error.filename}: {what}" + (f"; {cure}" if cure else "")


def _ended(text: str, status: int) -> int:
    complain(text)
    return status


def _bare(error: Exception) -> Exception:
    """The error itself, out of the groups that a nursery may have wrapped it in; of several the first."""
    if isinstance(error, ExceptionGroup):
        return _bare(cast("ExceptionGroup[Exception]", error).exceptions[0])
    return error


def _discard_stdout() -> None:
    """What is still buffered has no reader; the interpreter would complain about it on its way out."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
