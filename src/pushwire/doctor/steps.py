"""The steps from a name to a message, and what was found at each.

What must not live here: anything that acts, and what a trouble means (`troubles`, `advice`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

__all__ = ["SKIPPED", "Chart", "Finding", "Step", "Trouble", "Verdict", "plan"]


class Step(enum.Enum):
    """What is looked at, in the order of a connection whose credential is at hand."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    CLOCK = "clock"
    HANDSHAKE = "handshake"
    LOGIN = "login"
    TOKEN = "token"
    SUBSCRIBE = "subscribe"
    MESSAGE = "message"


class Verdict(enum.Enum):
    """How a step went. `WARNING`: it went well, and something about it will not do for long, or explains a later failure."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_REACHED = "not reached"


class Trouble(enum.Enum):
    """The kinds of what can be wrong. What to do depends on the step as well: `advice`."""

    FAILED = "failed"
    TIMED_OUT = "timed_out"
    MISUSED = "misused"
    UNKNOWN_NAME = "unknown_name"
    NO_RESOLVER = "no_resolver"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    PROXY_AWAY = "proxy_away"
    PROXY_LOGIN = "proxy_login"
    PROXY_REFUSED = "proxy_refused"
    PLAIN = "plain"
    EXPIRED = "expired"
    EXPIRING = "expiring"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_NAME = "wrong_name"
    UNKNOWN_AUTHORITY = "unknown_authority"
    NO_TLS = "no_tls"
    SKEWED = "skewed"
    HTTP_401 = "http_401"
    HTTP_403 = "http_403"
    HTTP_404 = "http_404"
    HTTP_429 = "http_429"
    HTTP_5XX = "http_5xx"
    HTTP_OTHER = "http_other"
    REDIRECTED = "redirected"
    SUBPROTOCOL = "subprotocol"
    NO_WEBSOCKET = "no_websocket"
    HUNG_UP = "hung_up"
    CREDENTIAL = "credential"
    SILENT = "silent"
    UNREADABLE = "unreadable"


@attrs.frozen
class Finding:
    """What was found at one step. `seconds` is None where the step has no duration of its own; `detail` and `advice` are one line
    each, without secrets, and empty where there is nothing to say."""

    step: Step
    verdict: Verdict
    seconds: float | None = None
    detail: str = ""
    trouble: Trouble | None = None
    advice: str = ""


LONG: Final = 300
"""Characters of a detail."""

SKIPPED: Final[Mapping[Step, str]] = {
    Step.RESOLVE: "nothing to resolve here",
    Step.TLS: "ws:// has none",
    Step.CLOCK: "not told: no answer with a Date",
    Step.TOKEN: "nothing to fetch by HTTP",
}
"""Why a step that left no trace was not there to be taken."""


def plan(*, token_first: bool) -> tuple[Step, ...]:
    """All steps in their order. `token_first`: a credential is fetched before the provider is dialled, not for a subscription."""
    steps: list[Step] = [step for step in Step if step is not Step.TOKEN]
    steps.insert(0 if token_first else steps.index(Step.SUBSCRIBE), Step.TOKEN)
    return tuple(steps)


class Chart:
    """What has been found so far. Each step is concluded once, in the order of the plan; what was passed over counts as skipped,
    and after a failure nothing more is taken down.

    `advise` says what to do about a trouble, `clean` removes from a text what must not be shown, `tell` gets each finding as it
    is made. Times are seconds on one clock, given by the caller.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        advise: Callable[[Step, Trouble], str],
        clean: Callable[[str], str],
        tell: Callable[[Finding], None],
    ) -> None:
        self.current: Step | None = None
        """The step under way."""
        self.findings: list[Finding] = []
        self._left = list(steps)
        self._advise = advise
        self._clean = clean
        self._tell = tell
        self._begun: dict[Step, float] = {}

    @property
    def failed(self) -> bool:
        """Whether a step failed: nothing after it is looked at."""
        return any(finding.verdict is Verdict.FAILED for finding in self.findings)

    @property
    def done(self) -> bool:
        """Whether there is nothing more to look at."""
        return self.failed or not self._left

    @property
    def misused(self) -> bool:
        """Whether it was what the caller asked for that failed."""
        return any(finding.trouble is Trouble.MISUSED for finding in self.findings)

    def begin(self, step: Step, now: float) -> None:
        """A step begins, or goes on after another one that it needed. Ignored for one that is over."""
        if step in self._left:
            self.current = step
            self._begun[step] = now

    def conclude(
        self, step: Step, verdict: Verdict, now: float | None = None, detail: str = "", trouble: Trouble | None = None
    ) -> None:
        """A step has ended, at `now` (None: it has no duration). Ignored after a failure, and for a step concluded before."""
        if self.failed or step not in self._left:
            return
        while self._left[0] is not step:
            self._add(Finding(self._left[0], Verdict.SKIPPED, detail=SKIPPED.get(self._left[0], "")))
        begun = self._begun.get(step)
        seconds = None if now is None or begun is None else max(0.0, now - begun)
        advice = "" if trouble is None else self._advise(step, trouble)
        self._add(Finding(step, verdict, seconds, _one_line(self._clean(detail)), trouble, self._clean(advice)))

    def fail(self, step: Step, trouble: Trouble, now: float | None, detail: str) -> None:
        """A step has failed."""
        self.conclude(step, Verdict.FAILED, now, detail, trouble)

    def close(self) -> None:
        """Nothing more will be looked at."""
        while self._left:
            self._add(Finding(self._left[0], Verdict.NOT_REACHED))

    def _add(self, finding: Finding) -> None:
        self._left.remove(finding.step)
        self.findings.append(finding)
        self._tell(finding)


def _one_line(text: str) -> str:
    """Peers write part of it: nothing that ends a line, or that a terminal would obey, and not without end."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= LONG else f"{line[:LONG]}…"
