"""What the client asks for beside its connection: commits, what a store holds, credentials, and what goes over HTTP."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from ..core.effects import Credential, Done, Failed, Fetch, Outcome, Payloads, Persist, Token
from ..core.http import HttpCall, Request, Response
from ..core.secrets import Secret, revealed
from ..sandbox.base import HttpMachine, ServerMachine
from .agenda import Agenda
from .judge import Judge
from .plan import Plan
from .store import Books, SimulatedStore
from .subject import Subject

__all__ = ["Errands"]

Answer = Callable[[Token, Outcome], None]

LOST: float = 0.1
"""The share of requests that fail while things go wrong."""


class Errands:
    """`calm`: nothing fails any more. Until `unreachable_until` nobody gets through; until `refused_until` HTTP requests are
    answered with 401."""

    def __init__(
        self, subject: Subject, plan: Plan, rng: random.Random, agenda: Agenda, store: SimulatedStore, judge: Judge
    ) -> None:
        self.calm = False
        self.unreachable_until: float = 0.0
        self.refused_until: float = 0.0
        self._subject = subject
        self._delay = plan.delay
        self._rng = rng
        self._agenda = agenda
        self._store = store
        self._judge = judge
        self._tokens = 0
        self._token = self._new_token()

    def persist(self, persist: Persist, books: Books, answer: Answer, alive: Callable[[], bool]) -> None:
        """Durable after a while; the client hears of it later, or dies before it does, and then it may not be stored."""

        def arrive() -> None:
            if alive():
                outcome, stored = self._store.commit(persist, books)
                self._judge.stored(persist, outcome, durable=stored)
                self._agenda.after(self._store.delay, partial(answer, persist.token, outcome))

        self._agenda.after(self._store.delay, arrive)

    def fetch(self, fetch: Fetch, server: Callable[[], ServerMachine], answer: Answer) -> None:
        """There and back."""
        delay = self._store.delay if isinstance(fetch.what, Payloads) else self._delay

        def arrive() -> None:
            outcome = self._fetched(fetch, server())
            self._agenda.after(delay, partial(answer, fetch.token, outcome))

        self._agenda.after(delay, arrive)

    def expire(self, seconds: float) -> None:
        """The token is good no longer; where there is none, the endpoint that authorises refuses everybody for a while."""
        if self._subject.simulated.expire is None:
            self.refused_until = self._agenda.now + seconds
        else:
            self._subject.simulated.expire(self._token, self._agenda.now)

    def _fetched(self, fetch: Fetch, server: ServerMachine) -> Outcome:
        what, now = fetch.what, self._agenda.now
        if isinstance(what, Payloads):
            return self._store.payloads(what)
        if not self.calm and (now < self.unreachable_until or self._rng.random() < LOST):
            if isinstance(what, Credential):
                self._judge.ended(now)
            return Failed(OSError("unreachable"))
        if isinstance(what, Credential):
            if what.refresh:
                self._token = self._new_token()
            return Done(self._token)
        assert isinstance(what, Request), what
        if now < self.refused_until and not self.calm:
            return Done(Response(401))
        assert isinstance(server, HttpMachine), "a provider that asks over HTTP has a sandbox that answers"
        return Done(server.http(_call_of(what), now, self._agenda.wall))

    def _new_token(self) -> Secret:
        self._tokens += 1
        token = Secret(f"{self._subject.token.reveal()}-{self._tokens}")
        self._judge.secrets.add(token.reveal())
        return token


def _call_of(request: Request) -> HttpCall:
    """A request as it arrives."""
    url = urlsplit(revealed(request.url))
    headers = {name.lower(): revealed(value) for name, value in request.headers.items()}
    return HttpCall(request.method, url.path, dict(parse_qsl(url.query)), headers, request.body)
