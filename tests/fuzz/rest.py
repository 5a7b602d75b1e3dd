"""REST: an answer of any bytes, status and headers is a value of the kind that was asked for, or one typed error; no secret is
told, and no page is asked for twice."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import attrs
import trio
import trio.testing

from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Credential
from pushwire.core.http import Endpoint, Paged, Request, Response
from pushwire.core.secrets import Secret
from pushwire.core.tokens import Grant, GrantExpired, Tokens
from pushwire.errors import AuthenticationRefused, CommandRefused, OutcomeUnknown, RateLimited, RemoteProtocolError
from pushwire.shell.api import Api, open_api
from pushwire.shell.http import Passage
from pushwire.shell.tokens import TokenKeeper
from tests.fuzz.case import Case, Raw, Tally
from tests.fuzz.mutate import JsonMutator, TextMutator
from tests.fuzz.reading import read_whole

__all__ = ["Call", "Rest", "Service"]

STATUSES: Final = (*(200,) * 24, 201, 202, 204, 302, 400, 400, 401, 403, 404, 409, 422, 429, 429, 500, 500, 502, 503, 504, 0, 999)
WAITS: Final = (
    "5",
    "0",
    "999999999",
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "Wed, 31 Feb 0000 25:61:61 GMT",
    "inf",
    "nan",
    "²",
    "-1",
    "1.5",
)
DATE: Final = "Wed, 21 Oct 2026 07:27:00 GMT"
LONGEST: Final = 8
"""Answers of a conversation."""
SHORTEST_SECRET: Final = 8
"""Characters of a text that is taken for a secret where it is shown; a shorter one may stand anywhere."""


@attrs.frozen
class Call:
    """A call or, as a grant, a request for a token, with an answer to it, and what is made of that; of a tuple, its parts."""

    asks: Endpoint[Any, object] | Grant
    answer: str
    kinds: type | tuple[type, ...]


@attrs.frozen(kw_only=True)
class Service:
    """What is a provider's own. `answers` are of any call, refusals among them; `secrets` must not be shown by an error of a call
    that carried them."""

    name: str
    config: ConnectionConfig
    token: str
    calls: Sequence[Call]
    answers: Sequence[str]
    secrets: Sequence[str]
    share: int


@attrs.define
class Answering:
    """In the place of what carries requests: gives the answers that it is told to give."""

    answer: Response = attrs.field(factory=lambda: Response(500))
    carried: str = ""
    """All that the last request said."""

    async def send(self, request: Request, passage: Passage | None = None) -> Response:
        (passage or Passage()).left = True
        told = (request.url, *request.headers.values(), request.body.decode())
        self.carried = "\n".join(part.reveal() if isinstance(part, Secret) else part for part in told)
        return self.answer

    async def aclose(self) -> None:
        """Nothing is open."""


@attrs.define
class Keeping:
    """Where tokens are stored: what was given is a secret from then on."""

    hidden: list[str]

    async def load(self) -> Tokens | None:
        return None

    async def save(self, tokens: Tokens) -> None:
        for token in (tokens.access, tokens.refresh):
            if token is not None and len(token.reveal()) >= SHORTEST_SECRET:
                self.hidden.append(token.reveal())


class Rest:
    """One provider's calls, each of them several times, whatever is answered."""

    def __init__(self, service: Service) -> None:
        self.name: Final = f"rest-{service.name}"
        self.share: Final = service.share
        self._service: Final = service
        answers = [call.answer for call in service.calls]
        self._bodies: Final = JsonMutator([*answers, *service.answers], service.secrets)
        self._headers: Final = TextMutator([*WAITS, DATE])

    def draw(self, rng: random.Random) -> Case:
        setup = rng.getrandbits(32)
        call = self._call(random.Random(setup))
        return Case(setup, tuple(self._body(rng, call) for _ in range(1 + int(rng.random() * LONGEST))))

    def _body(self, rng: random.Random, call: Call) -> Raw:
        """Mostly something like the answer that belongs to the call."""
        kind = rng.random()
        if kind < 0.15:
            return call.answer
        return self._bodies.change(rng, call.answer) if kind < 0.75 else self._bodies.draw(rng)

    def change(self, rng: random.Random, case: Case) -> Case:
        inputs = list(case.inputs)
        place = int(rng.random() * len(inputs))
        inputs[place] = self._bodies.change(rng, inputs[place])
        return Case(case.setup, tuple(inputs))

    def check(self, case: Case, tally: Tally) -> None:
        rng = random.Random(case.setup)
        call = self._call(rng)
        # Waiting for a place in a rate takes no time.
        clock = trio.testing.MockClock(autojump_threshold=0)
        if isinstance(call.asks, Grant):
            trio.run(self._grant, call.asks, case, rng, tally, clock=clock)
        else:
            trio.run(self._calls, call, call.asks, case, rng, tally, clock=clock)

    def _call(self, rng: random.Random) -> Call:
        return rng.choice(self._service.calls)

    def _response(self, rng: random.Random, raw: Raw) -> Response:
        headers = {
            name: drawn if isinstance(drawn, str) else drawn.decode("latin-1")
            for name in ("retry-after", "date")
            if rng.random() < 0.3
            for drawn in [self._headers.draw(rng)]
        }
        body = raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass")
        return Response(rng.choice(STATUSES), headers, body)

    async def _calls(self, call: Call, started: Endpoint[Any, object], case: Case, rng: random.Random, tally: Tally) -> None:
        http = Answering()
        token = Secret(self._service.token)
        asks, made = started, {started}
        # One answer each: a second attempt would take the same one.
        async with open_api(self._service.config, tokens=token, tries=1, patience=0.01, http=http) as api:
            for raw in case.inputs:
                http.answer = self._response(rng, raw)
                reply, outcome = await self._outcome(api, asks, http)
                tally.count(raw, outcome)
                if outcome != "accepted":
                    continue
                parts = cast("tuple[object, ...]", reply) if isinstance(reply, tuple) else (reply,)
                assert all(isinstance(part, call.kinds) for part in parts), f"{parts!r} is no {call.kinds}"
                read_whole(parts)
                self._must_not_show(repr(parts), http.answer)
                following = _following(asks, parts[0]) if parts else None
                assert following is None or following not in made, f"asked before: {following!r}"
                if following is None:
                    made.clear()
                asks = following or started
                made.add(asks)

    async def _outcome(self, api: Api[ConnectionConfig], asks: Endpoint[Any, object], http: Answering) -> tuple[object, str]:
        try:
            return await api.call(asks), "accepted"
        except (RemoteProtocolError, OutcomeUnknown) as error:
            told = isinstance(error, CommandRefused | AuthenticationRefused)
            if isinstance(error, OutcomeUnknown):
                assert not asks.repeatable, f"an unknown outcome of what may be repeated: {error}"
            else:
                assert asks.repeatable or told, f"nobody is told that the outcome is unknown: {error!r}"
            return None, _refused(error, http, self._service.secrets)

    async def _grant(self, grant: Grant, case: Case, rng: random.Random, tally: Tally) -> None:
        http = Answering()
        hidden = list(self._service.secrets)
        keeper = TokenKeeper(grant, http=http, store=Keeping(hidden))
        for raw in case.inputs:
            http.answer = self._response(rng, raw)
            try:
                token = await keeper(Credential("token", refresh=True))
            except RemoteProtocolError as error:
                tally.count(raw, _refused(error, http, hidden))
                continue
            assert isinstance(token, Secret)
            assert http.answer.status < 300, "a token of a refusal"
            tally.count(raw, "accepted")

    def _must_not_show(self, shown: str, answer: Response) -> None:
        """A reply shows a secret only where the provider has said it."""
        said = answer.body.decode(errors="replace")
        for secret in self._service.secrets:
            assert secret not in shown or secret in said, f"a secret in a reply: {shown}"


def _following(asks: Endpoint[Any, object], page: object) -> Endpoint[Any, object] | None:
    """The call for what comes after a page; None where it is none, or the last."""
    paged: Paged[Any, Any] | None = asks if isinstance(asks, Paged) else None
    return None if paged is None else paged.next_page(page)


def _refused(error: Exception, http: Answering, hidden: Sequence[str]) -> str:
    """What came of an answer that is no reply. The provider's words are shown, though no secret that it got with the request."""
    status = http.answer.status
    assert (status == 429) == isinstance(error, RateLimited), f"HTTP {status}: {error!r}"
    if isinstance(error, CommandRefused):
        wait = error.retry_after
        assert wait is None or 0.0 <= wait < math.inf, f"to wait for {wait}"
    told = [secret for secret in hidden if secret in http.carried]
    for each in _chain(error):
        shown = f"{each}{each!r}{vars(each)}"
        assert not any(secret in shown for secret in told), f"a secret in an error: {shown}"
    if isinstance(error, GrantExpired):
        return "expired"
    if isinstance(error, AuthenticationRefused):
        return "credential refused"
    return "refused" if isinstance(error, CommandRefused) else "malformed"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what a traceback shows with it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
