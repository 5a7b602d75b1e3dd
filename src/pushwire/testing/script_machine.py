"""A script (`steps`) as a server machine: pure, so that it plays over sockets and in memory, in real time and on a `MockClock`.

`sandbox.base` has the contract. A client that does otherwise than the script says ends it: `failure` then tells where it stood,
what was expected and what came, without secrets.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ..core.http import HttpCall, Response
from ..errors import LocalProtocolError
from ..sandbox.base import Accept as Accepted
from ..sandbox.base import CloseConn, ConnectRequest, Cut, SendTo, ServerEffect
from ..sandbox.base import Refuse as Refused
from .matching import Veil, differences, outgoing
from .steps import Accept, Answer, Close, Drop, Expect, Gone, Mark, Message, Refuse, Respond, Send, Stall, Step, Until, Wait

__all__ = ["ScriptFailed", "ScriptMachine"]

AWAY: Final = Refused(503, "the script has it that nobody is there")

AROUND: Final = 3
"""Steps before and after the present one that are shown."""

_CREDENTIAL: Final = re.compile(r"auth|key|token|cookie|secret|signature", re.IGNORECASE)
"""Names of headers and query parameters whose values are not shown."""


class ScriptFailed(AssertionError):
    """The client did not do what the script says. `step` is the number of the step it stood at, from 1."""

    def __init__(self, text: str, step: int) -> None:
        super().__init__(text)
        self.step = step


class ScriptMachine:
    """Plays the steps once. Raises `LocalProtocolError` for a script that begins with what needs a connection."""

    path = "/"

    def __init__(self, steps: Sequence[Step], veil: Veil, lines: Sequence[int] | None = None) -> None:
        self._steps = steps
        self._lines = lines
        self._veil = veil
        self._at = 0
        self._conn: int | None = None
        self._inbox: deque[str | bytes] = deque()
        self._last: str | bytes = ""
        self._names: dict[str, object] = {}
        self._answers: list[Answer] = []
        self._responses: dict[str, deque[Respond]] = {}
        self._unanswered: dict[str, None] = {}
        self.requests: Final[list[HttpCall]] = []
        """What came by HTTP."""
        self._due: float | None = None
        self._allowed: set[str] = set()
        self._effects: list[ServerEffect] = []
        self.marks: Final[set[str]] = set()
        self.failure: ScriptFailed | None = None
        self.stalled: bool = False
        """Whether nothing may be read; the driver sees to it."""
        self.noticed: Callable[[], None] = _nothing
        """Is called when something may have changed."""
        needs = [step for step in steps if not isinstance(step, Answer | Respond | Until | Mark | Wait)][:1]
        if needs and not isinstance(needs[0], Accept | Refuse | Drop):
            raise LocalProtocolError(f"a script must begin with Accept, Refuse or Drop, not with {type(needs[0]).__name__}")

    @property
    def finished(self) -> bool:
        """Whether all steps were played."""
        return self._at >= len(self._steps)

    def allow(self, name: str, now: float) -> None:
        """`Until(name)` has waited long enough."""
        self._allowed.add(name)
        self._play(now)

    # The driver's side

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accepted | Refused:
        self._learn(request)
        step = None if self.finished else self._steps[self._at]
        answer = self._greet(conn, step)
        self._play(now)
        return answer

    def _learn(self, request: ConnectRequest | HttpCall) -> None:
        """What is a secret in it."""
        given = (*request.headers.items(), *request.query.items())
        self._veil.learn(word for name, value in given if _CREDENTIAL.search(name) for word in {value, *value.split(" ")})

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        self._learn(call)
        self._play(now)
        self.requests.append(call)
        asked = f"{call.method} {call.path}"
        found = self._responses.get(asked)
        if found is None:
            self._unanswered[asked] = None
            return Response(404)
        step = found.popleft() if len(found) > 1 else found[0]
        headers = {} if step.retry_after is None else {"retry-after": str(math.ceil(step.retry_after))}
        if step.body is None:
            return Response(step.status, headers)
        try:
            body = outgoing(step.body, self._names, call.body)
        except KeyError as error:
            self._fail(f"nothing that came was named ${error.args[0]}, for the answer to {self._veil(asked)}")
            self.noticed()
            return Response(500)
        if isinstance(body, bytes):
            return Response(step.status, headers, body)
        return Response(step.status, {"content-type": "application/json", **headers}, body.encode())

    def _greet(self, conn: int, step: Step | None) -> Accepted | Refused:
        away = self._conn is None and isinstance(step, Wait | Until)
        if step is None or away or self.failure is not None:
            return AWAY
        if self._conn is not None or not isinstance(step, Accept | Refuse | Drop):
            self._fail("the client dialled")
            return AWAY
        self._at += 1
        if isinstance(step, Refuse):
            return Refused(step.status, step.reason, step.retry_after)
        if isinstance(step, Drop):
            # Before the handshake is answered.
            self._effects.append(Cut(conn))
            return Accepted()
        self._conn = conn
        self._inbox.clear()
        return Accepted(step.subprotocol)

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        if conn != self._conn:
            return
        for answer in self._answers:
            names: dict[str, object] = {}
            if not differences(answer.to, message, names):
                self._send(conn, answer.message, {**self._names, **names}, message)
                break
        else:
            self._inbox.append(message)
        self._play(now)

    def disconnected(self, conn: int, now: float) -> None:
        if conn == self._conn:
            self._conn = None
        self._play(now)

    def handle_timer(self, now: float, wall: float) -> None:
        self._play(now)

    def next_deadline(self) -> float:
        return math.inf if self._due is None else self._due

    def take_effects(self) -> Sequence[ServerEffect]:
        effects, self._effects = self._effects, []
        return effects

    # The steps

    def _play(self, now: float) -> None:
        while not self.finished and self.failure is None and self._done(self._steps[self._at], now):
            self._at += 1
        if self.finished or self.failure is not None:
            self._due = None
        self.noticed()

    def _done(self, step: Step, now: float) -> bool:
        """Whether a step has been played; it is played as far as it can be."""
        match step:
            case Wait(seconds):
                return self._waited(seconds, now)
            case Until(name):
                return name in self._allowed
            case Mark(name):
                self.marks.add(name)
            case Answer():
                self._answers.append(step)
            case Respond(request):
                self._responses.setdefault(request, deque()).append(step)
            case Accept() | Refuse():
                return False
            case Drop() if self._conn is None:
                return False
            case Gone():
                return self._conn is None
            case Stall(seconds):
                return self._stall(seconds, now)
            case Expect() if self._inbox:
                return self._expect(step, self._inbox.popleft())
            case _ if self._conn is None:
                self._fail("the client has gone")
                return False
            case Expect():
                return False
            case Send(message):
                self._send(self._conn, message, self._names, self._last)
            case Close(code, reason):
                self._effects.append(CloseConn(self._conn, code, reason))
                self._conn = None
            case Drop():
                self._effects.append(Cut(self._conn, at_once=False))
                self._conn = None
            case _:
                raise LocalProtocolError(f"{step!r} is no step of a script")
        return self.failure is None

    def _waited(self, seconds: float, now: float) -> bool:
        if self._due is None:
            self._due = now + seconds
        if now < self._due:
            return False
        self._due = None
        return True

    def _stall(self, seconds: float | None, now: float) -> bool:
        over = self._conn is None or (seconds is not None and self._waited(seconds, now))
        if over:
            self._due = None
        self.stalled = not over
        return over

    def _expect(self, step: Expect, came: str | bytes) -> bool:
        self._last = came
        found = differences(step.message, came, self._names)
        if found:
            lines = [self._veil.difference(*difference) for difference in found]
            self._fail("a message came that is another", f"came: {self._veil(came)}", *lines)
        return not found

    def _send(self, conn: int, message: Message, names: dict[str, object], last: str | bytes) -> None:
        try:
            self._effects.append(SendTo(conn, outgoing(message, names, last), "push"))
        except KeyError as error:
            self._fail(f"nothing that came was named ${error.args[0]}")

    # Where it stands

    def where(self) -> str:
        """Where the script stands, in one line."""
        if self.finished:
            return f"the script was played to its end ({len(self._steps)} steps)"
        return f"the script stood at step {self._at + 1} of {len(self._steps)}{self._line()}: {self._named(self._at)}"

    def unfinished(self) -> ScriptFailed:
        """That the test has ended before the script."""
        return self._failed("the test was over before the script", *self._unread())

    def _unread(self) -> Iterable[str]:
        return [f"not looked at: {self._veil(message)}" for message in self._inbox]

    def _fail(self, what: str, *more: str) -> None:
        if self.failure is None:
            self.failure = self._failed(what, *more)

    def _failed(self, what: str, *more: str) -> ScriptFailed:
        first, last = max(0, self._at - AROUND), min(len(self._steps), self._at + AROUND + 1)
        steps = [f"{'>' if at == self._at else ' '} {at + 1} {self._named(at)}" for at in range(first, last)]
        asked = [f"asked for by HTTP, and no Respond is for it: {self._veil(request)}" for request in self._unanswered]
        text = "\n  ".join((f"{self.where()}: {what}", *more, *asked, "the script:", *steps))
        return ScriptFailed(text, self._at + 1)

    def _line(self) -> str:
        return f" (line {self._lines[self._at]})" if self._lines is not None else ""

    def _named(self, at: int) -> str:
        step = self._steps[at]
        match step:
            case Expect(message) | Send(message):
                return f"{type(step).__name__}({self._veil(message)})"
            case Answer(to, message):
                return f"Answer({self._veil(to)}, {self._veil(message)})"
            case Respond(request, body, status):
                return f"Respond({self._veil(request)}, {self._veil(body)}, {status})"
            case _:
                return repr(step)


def _nothing() -> None:
    """Nobody wants to know."""
