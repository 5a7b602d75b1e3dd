"""Each provider's `receive`: what comes of anything is an event, an answer, silence, or a hang-up; never an exception, never a
secret, and the machine goes on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import attrs

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import Committed, Credential, Done, Failed
from pushwire.core.events import CONTROL, Malformed, Unrecognized
from pushwire.core.http import Response
from pushwire.core.machine import Phase
from pushwire.core.redial import RETRY_AFTER_CAP
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from tests.fuzz.case import Case, Raw, Tally
from tests.fuzz.mutate import JsonMutator
from tests.fuzz.reading import names_of
from tests.providers.harness import Client, text_of

__all__ = ["Feed", "Receive", "connect"]

STATUSES: Final = (*(200,) * 8, 201, 302, 400, 401, 403, 404, 429, 500, 503, 0, 999)
LONGEST: Final = 30
"""Inputs of a conversation."""
PATIENCE: Final = int(RETRY_AFTER_CAP) + 1000
"""Seconds until a machine has dialled again, whatever the peer has asked of it."""


@attrs.frozen(kw_only=True)
class Feed:
    """What is a provider's own. `client` makes one, not started, of each of the `configs`; `kinds` are its events; `secrets` what
    must never be shown, and `told` what must not once it has been sent. `credential` answers what is asked for before a dial."""

    name: str
    configs: Sequence[Any]  # of whichever provider
    client: Callable[[Any], Client[Any]]  # of its config, and whatever its events
    corpus: Sequence[str]
    often: tuple[str, ...] = ()
    """What a feed mostly consists of."""
    commands: Sequence[AnyCommand]
    secrets: Sequence[str]
    kinds: tuple[type, ...]
    told: Sequence[str] = ()
    values: Sequence[object] = ()
    credential: str = ""
    share: int = 10


def connect(client: Client[Any], credential: str) -> None:
    """Until the next connection stands, its greeting not yet said."""
    for _ in range(PATIENCE):
        for fetch in client.fetches:
            outcome = Done(Secret(credential)) if isinstance(fetch.what, Credential) else Failed(OSError("gone"))
            client.machine.fulfil(fetch.token, outcome, client.now)
        client.fetches.clear()
        client.drain()
        if client.dials:
            break
        client.advance(1.0)
    client.dials.clear()
    client.open()


class Receive:
    """One provider's machine in conversations of anything."""

    def __init__(self, feed: Feed) -> None:
        self.name: Final = f"receive-{feed.name}"
        self.share: Final = feed.share
        self._feed: Final = feed
        self._mutator: Final = JsonMutator([*feed.corpus, *feed.often * 8], [*feed.values, *feed.secrets, *feed.told])
        self._hidden: tuple[str, ...] = ()
        """What must not be shown at this moment of a conversation."""

    def draw(self, rng: random.Random) -> Case:
        setup = rng.getrandbits(32)
        return Case(setup, tuple(self._mutator.draw(rng) for _ in range(1 + int(rng.random() * LONGEST))))

    def change(self, rng: random.Random, case: Case) -> Case:
        place = int(rng.random() * len(case.inputs))
        inputs = list(case.inputs)
        if rng.random() < 0.3:
            inputs.insert(place, self._mutator.draw(rng))
        else:
            inputs[place] = self._mutator.change(rng, inputs[place])
        return Case(case.setup, tuple(inputs))

    def check(self, case: Case, tally: Tally) -> None:
        rng = random.Random(case.setup)
        client = self._begin(rng)
        inputs = list(reversed(case.inputs))
        while inputs:
            raw = inputs.pop()
            if client.fetches:
                self._answer(client, raw, rng, tally)
                continue
            together = [raw]
            if inputs and rng.random() < 0.2:
                together.append(inputs.pop())
            client.receive(*together)
            self._judge(client, together, tally)
            for persist in client.persists:
                client.machine.fulfil(persist.token, Done(Committed()), client.now)
            client.persists.clear()
            client.pings.clear()
            if rng.random() < 0.2:
                client.advance(rng.choice((0.0, 0.02, 5.0)))
            self._note_told(client)
            if client.hangups and rng.random() < 0.7:
                client = self._go_on(client, rng)
        self._judge_replies(client)
        # The last error may be older than what has been told since.
        self._hidden = tuple(self._feed.secrets)
        shown = repr(client.machine.status()) + repr(client.machine.failure)
        assert not self._shows(shown), f"a secret in the status: {shown}"
        client.closed()
        # A provider may ask to be dialled again at once.
        assert client.phase() in {Phase.BACKING_OFF, Phase.PREPARING, Phase.DIALLING, Phase.CLOSED}, client.phase()

    # The state in which the inputs find the machine

    def _begin(self, rng: random.Random) -> Client[Any]:
        self._hidden = tuple(self._feed.secrets)
        client = self._feed.client(rng.choice(self._feed.configs))
        client.start()
        connect(client, self._feed.credential)
        if rng.random() < 0.9:
            client.greet()
        for command in self._feed.commands:
            if rng.random() < 0.4:
                try:
                    client.submit(command)
                except LocalProtocolError:
                    continue
        client.events.clear()
        self._note_told(client)
        return client

    def _note_told(self, client: Client[Any]) -> None:
        """What has been sent is known to the peer, and to the machine as a secret."""
        if self._feed.told:
            frames = [text_of(frame) for frame in client.frames]
            self._hidden += tuple(word for word in self._feed.told if any(word in frame for frame in frames))
        client.frames.clear()

    def _go_on(self, client: Client[Any], rng: random.Random) -> Client[Any]:
        """The connection ends as the machine wanted, and the next one is dialled, or the session has ended for good."""
        client.hangups.clear()
        client.closed()
        self._judge_replies(client)
        if client.phase() is Phase.CLOSED:
            return self._begin(rng)
        connect(client, self._feed.credential)
        client.greet()
        client.events.clear()
        return client

    def _answer(self, client: Client[Any], raw: Raw, rng: random.Random, tally: Tally) -> None:
        """An endpoint answers a request of the machine."""
        fetch = client.fetches.pop(0)
        if isinstance(fetch.what, Credential):
            outcome = Done(Secret(self._feed.credential))
        else:
            body = raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass")
            outcome = Done(Response(rng.choice(STATUSES), {}, body))
        client.machine.fulfil(fetch.token, outcome, client.now)
        client.drain()
        tally.count(raw, "endpoint")

    # What must be true of what comes of them

    def _judge(self, client: Client[Any], given: Sequence[Raw], tally: Tally) -> None:
        events = client.take_events()
        echoed = any(
            secret in (raw if isinstance(raw, str) else raw.decode(errors="replace")) for raw in given for secret in self._hidden
        )
        worst = "silent" if not events else "accepted"
        for event in events:
            kind: type[object] = type(cast("object", event))
            if kind is Malformed or kind is Unrecognized:
                worst = "malformed" if kind is Malformed else "unrecognized"
                assert event.raw in given, f"not what came: {event.raw!r}"
            assert isinstance(event, self._feed.kinds) or kind in CONTROL, f"no event of this provider: {event!r}"
            self._look_at(event, own_words=kind in CONTROL or not echoed)
        for raw in given[1:]:
            tally.count(raw, "with others")
        tally.count(given[0], worst)
        for hangup in client.hangups:
            assert not self._shows(hangup.reason), f"a secret in why it hangs up: {hangup.reason}"
        if client.settled:
            self._judge_replies(client)

    def _look_at(self, event: object, *, own_words: bool) -> None:
        """What is delivered is whole: all of it can be read, and shown."""
        for name in names_of(type(event)):
            getattr(event, name)
        shown = repr(event)
        assert not own_words or not self._shows(shown), f"a secret in an event: {shown}"

    def _judge_replies(self, client: Client[Any]) -> None:
        for settled in client.take_settled():
            shown = repr(settled.error)
            assert not self._shows(shown), f"a secret in an error: {shown}"

    def _shows(self, text: str) -> bool:
        return any(secret in text for secret in self._hidden)
