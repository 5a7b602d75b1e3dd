"""What to do about an error that ends a command: the half of its line that the error itself cannot know.

Here is what a command alone knows: its files, its variables, which of several connections it was. What is wrong between a
provider's name and its messages, `doctor.advice` says; what to do about an event of a running stream, `core.cures`. An error
keeps its type, which the status follows from; only its text grows.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from ..core.provider import Provider
from ..doctor.advice import Subject, advise
from ..doctor.habits import STRANGER
from ..doctor.steps import Step, Trouble
from ..doctor.troubles import of_error, of_status
from ..errors import AuthenticationRefused, JournalError, NotReady, PushwireError
from ..registry import load

__all__ = ["FILES", "misspelled", "of_a_journal", "of_a_provider", "of_a_subscription", "of_one_among_several"]

FILES: Final[Mapping[int, str]] = {
    errno.ENOENT: "check the path",
    errno.EACCES: "check who may read and write it",
    errno.EPERM: "check who may read and write it",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "check the path",
    errno.ENOSPC: "make room, then start it again",
    errno.EMFILE: "allow more open files (ulimit -n)",
}
"""By the numbers of the system's errors."""


@contextmanager
def of_a_provider(name: str) -> Generator[None]:
    """For what a connection to this provider ends with."""
    try:
        yield
    except NotReady as error:
        _tell(error, f"{error}; `pushwire doctor {name}`, with the same options, says at which step and what to do")
        raise
    except AuthenticationRefused as error:
        login = (Step.LOGIN, Trouble.CREDENTIAL)
        step, trouble = login if error.status is None else (Step.HANDSHAKE, of_status(error.status))
        _tell(error, f"{error}; {_advice(name, step, trouble)}")
        raise


@contextmanager
def of_a_subscription(name: str) -> Generator[None]:
    """For what this provider has against a subscription."""
    try:
        yield
    except PushwireError as error:
        trouble = of_error(error)
        # Some of it is not about the subscription, and is told of further out.
        if trouble is not Trouble.FAILED and not isinstance(error, AuthenticationRefused | NotReady):
            _tell(error, f"{error}; {_advice(name, Step.SUBSCRIBE, trouble)}")
        raise


@contextmanager
def of_one_among_several(name: str) -> Generator[None]:
    """For what the connection of this name ends with."""
    try:
        yield
    except PushwireError as error:
        _tell(error, f"{name}: {error}")
        raise


def _tell(error: PushwireError, text: str) -> None:
    error.args = (text,)


def _advice(name: str, step: Step, trouble: Trouble) -> str:
    variables = " and ".join(_variables_set(load(name))) or "the provider's page"
    return advise(step, trouble, Subject(name, variables, STRANGER.silence))


def _variables_set(provider: Provider) -> Sequence[str]:
    """Where the credentials of this run came from."""
    variables = (*provider.secrets.values(), *provider.optional_secrets.values())
    return [name for variable in variables for name in (variable, f"{variable}_FILE") if os.environ.get(name)][:2]


@contextmanager
def of_a_journal(path: Path) -> Generator[None]:
    """For what is wrong with the file at `path`."""
    try:
        yield
    except JournalError as error:
        told = f"is {path} what `--journal` wrote?" if error.line == 1 else "what came before that line was read"
        raise PushwireError(f"{error}; {told}") from None


def misspelled(provider: Provider) -> Sequence[str]:
    """Environment variables that look as if they were meant for this provider, and that nothing reads: what to do about each."""
    variables = (*provider.secrets.values(), *provider.optional_secrets.values())
    known = {name for variable in variables for name in (variable, f"{variable}_FILE")}
    prefix = f"PUSHWIRE_{provider.name.upper()}"
    found = sorted(name for name in os.environ if name.startswith(prefix) and name not in known)
    return [f"{name} is set, but nothing reads it: did you mean {_nearest(name, known)}?" for name in found if known]


def _nearest(name: str, known: set[str]) -> str:
    return get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]
