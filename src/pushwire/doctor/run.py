"""The examination: a stream like any other, whose first connection is watched, with one subscription and one message.

What must not live here: how the steps of a dial are seen (`watching`), and what a trouble means (`troubles`, `advice`).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

import attrs
import trio

from ..core.commands import AnyCommand
from ..core.config import ConnectionConfig
from ..core.events import CONTROL, Down, Malformed, Unrecognized, Up
from ..core.provider import ProviderConfig
from ..core.secrets import Redactor, Secret
from ..errors import AuthenticationRefused
from ..registry import load, names
from ..shell.connect import connect
from ..shell.credentials import TOKEN, Credentials
from ..shell.entropy import Entropy
from ..shell.http import HttpClient
from ..shell.stream import Stream
from .advice import Subject, advise
from .habits import HABITS, NOTICES, STRANGER, Habits
from .steps import Chart, Finding, Step, Trouble, Verdict, plan
from .troubles import of_error
from .watching import Watch, WatchedConnector, WatchedHttp, WatchedResolver, WatchedSource

__all__ = ["WAIT", "examine"]

WAIT: Final = 30.0
"""Seconds that a message has to come."""

_HTTP: Final = 30.0
"""Seconds for a request, as any `HttpClient` has it."""
_AGAIN: Final = 0.05
"""Seconds of back-off. A second dial is how the machine says that an end is one to come back from: nobody should wait for it."""
_LEAVING: Final = 1.0
"""Seconds for the closing handshake."""


async def examine(
    config: ProviderConfig,
    command: AnyCommand | None,
    tell: Callable[[Finding], None],
    *,
    asked: str = "",
    wait: float = WAIT,
    tls: ssl.SSLContext | None = None,
    proxy: str | Secret | None = None,
    entropy: Entropy | None = None,
) -> Chart:
    """Go the way of a stream from name to message, once, and `tell` of each step as it ends. Nothing is ACKed.

    `command` is what is subscribed to, `asked` its spelling; `wait` is seconds for a message; the rest is as for `connect`. It
    ends within the sum of the config's own timeouts, whatever a peer does. Raises `ConfigError` for a proxy that cannot be used.
    """
    settings = config if isinstance(config, ConnectionConfig) else ConnectionConfig()
    entropy = entropy or Entropy()
    habits = HABITS.get(config.provider, STRANGER)
    subject = Subject(config.provider, _variables(config.provider), habits.silence)
    secrets = [*_secrets(config), *_secrets(command), *_secrets(proxy)]

    def clean(text: str) -> str:
        # Made anew each time: credentials that are fetched join the others.
        return Redactor(secrets)(text)

    named = settings.credential(TOKEN)
    chart = Chart(
        plan(token_first=named is not None or settings.grant() is not None),
        advise=lambda step, trouble: advise(step, trouble, subject),
        clean=clean,
        tell=tell,
    )
    watch = Watch(chart, subject, secrets, entropy.wall)
    connector = WatchedConnector(watch, tls=tls, proxy=proxy)
    http = WatchedHttp(watch, HttpClient(tls=tls, proxy=proxy, timeout=_HTTP))
    credentials = Credentials(config, None, http, wall=entropy.wall)
    source = WatchedSource(watch, credentials, fetches=not isinstance(named, Secret))
    resolver = WatchedResolver(watch)
    resolver.before = trio.socket.set_custom_hostname_resolver(resolver)
    try:
        async with connect(
            _impatient(config),
            transport=connector,
            credential=source,
            http=http,
            ready_within=None,
            close_within=_LEAVING,
            entropy=entropy,
        ) as stream:
            examination = _Examination(watch, stream, command, asked, wait, habits)
            with trio.move_on_after(_bound(settings, wait)):
                await examination.run()
            if not chart.done:
                # Whatever it was, it must not be waited for longer.
                watch.failed(chart.current or Step.CONNECT, Trouble.TIMED_OUT, "nothing happened for too long")
    finally:
        trio.socket.set_custom_hostname_resolver(resolver.before)
        with trio.CancelScope(shield=True):
            await credentials.aclose()
            await http.aclose()
    chart.close()
    return chart


class _Examination:
    """What follows on the dialling."""

    def __init__(
        self, watch: Watch, stream: Stream[object], command: AnyCommand | None, asked: str, wait: float, habits: Habits
    ) -> None:
        self._watch = watch
        self._stream = stream
        self._command = command
        self._asked = asked
        self._wait = wait
        self._habits = habits
        self._up = False
        self._down: Down | None = None
        self._failure: Exception | None = None
        self._message: object = None
        self._unreadable = 0
        self._calling = trio.CancelScope()

    async def run(self) -> None:
        """Until a step fails or all are done."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            await self._log_in()
            await self._subscribe()
            await self._await_message()
            nursery.cancel_scope.cancel()

    @property
    def _ended(self) -> bool:
        return self._down is not None or self._failure is not None

    async def _listen(self) -> None:
        try:
            async for batch in self._stream.batches():
                for event in batch:
                    self._on_event(event)
                self._watch.changed.unpark_all()
        except Exception as error:  # noqa: BLE001 - what ended the stream is what is looked for
            self._failure = error
        self._calling.cancel()
        self._watch.changed.unpark_all()

    def _on_event(self, event: object) -> None:
        if isinstance(event, Up):
            self._up = True
        elif isinstance(event, Down):
            self._down = self._down or event
            self._calling.cancel()
        elif isinstance(event, Malformed | Unrecognized) or type(event).__name__ in NOTICES:
            self._unreadable += 1
        elif type(event) not in CONTROL and self._message is None:
            self._message = event

    async def _log_in(self) -> None:
        watch, chart = self._watch, self._watch.chart
        await watch.until(lambda: chart.failed or self._up or self._ended or watch.again)
        if chart.failed or self._up:
            watch.passed(Step.LOGIN, "ready")
            return
        step = chart.current or Step.LOGIN
        said = self._stream.status.session.last_error or ""
        if isinstance(self._failure, AuthenticationRefused):
            watch.failed(step, Trouble.CREDENTIAL, str(self._failure))
        elif step is not Step.LOGIN or said.startswith("not accepted within"):
            # The machine has given up, since its deadline for the step had passed.
            watch.failed(step, Trouble.TIMED_OUT, said)
        else:
            watch.failed(step, Trouble.FAILED, said if self._failure is None else str(self._failure))

    async def _subscribe(self) -> None:
        watch = self._watch
        if watch.chart.failed:
            return
        if self._command is None:
            watch.chart.conclude(Step.SUBSCRIBE, Verdict.SKIPPED, detail="nothing asked for: give --subscribe SPEC")
            return
        watch.begin(Step.SUBSCRIBE)
        with self._calling:
            try:
                await self._stream.call(self._command)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is told
                if watch.chart.current is Step.TOKEN:
                    # The machine does not wait for the authorisation as long as the client of HTTP does.
                    watch.failed(Step.TOKEN, Trouble.TIMED_OUT, str(error))
                watch.failed(Step.SUBSCRIBE, of_error(error), str(error))
            else:
                watch.passed(Step.SUBSCRIBE, self._asked)
            return
        # The connection went first. The machine would ask again on the next one, so that its call goes on.
        watch.failed(Step.SUBSCRIBE, Trouble.HUNG_UP, self._end)

    async def _await_message(self) -> None:
        watch = self._watch
        if watch.chart.failed:
            return
        if self._command is None and not self._habits.unasked:
            watch.chart.conclude(Step.MESSAGE, Verdict.SKIPPED, detail="none comes without a subscription")
            return
        watch.begin(Step.MESSAGE)
        with trio.move_on_after(self._wait):
            await watch.until(lambda: self._message is not None or self._ended)
        if self._message is not None:
            watch.passed(Step.MESSAGE, type(self._message).__name__)
        elif self._ended:
            watch.failed(Step.MESSAGE, Trouble.HUNG_UP, self._end)
        elif self._unreadable:
            watch.passed(Step.MESSAGE, f"none in {self._wait:g} s, but {self._unreadable} that are none", Trouble.UNREADABLE)
        else:
            watch.passed(Step.MESSAGE, f"none in {self._wait:g} s", Trouble.SILENT)

    @property
    def _end(self) -> str:
        """How the connection ended."""
        return str(self._failure) if self._down is None else self._down.reason


def _impatient(config: ProviderConfig) -> ProviderConfig:
    """The same config, whose machine says at once that it would dial again."""
    quick: ProviderConfig = attrs.evolve(cast(Any, config), backoff_first=_AGAIN)  # every config is an attrs class with it
    return quick


def _bound(settings: ConnectionConfig, wait: float) -> float:
    """Seconds after which all deadlines must have passed, the machine's and ours."""
    own = settings.connect_timeout + settings.auth_timeout + settings.reply_timeout + 2 * settings.close_within
    return own + 2 * _HTTP + wait


def _variables(provider: str) -> str:
    """Where the credentials come from, for people."""
    known = load(provider) if provider in names() else None
    variables = [] if known is None else [*known.secrets.values(), *known.optional_secrets.values()]
    return ", ".join(variables) or "the settings"


def _secrets(value: object) -> Iterator[Secret]:
    """All secrets in a config or command."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        for part in cast("Mapping[object, object]", value).values():
            yield from _secrets(part)
    elif attrs.has(type(value)):
        kind = cast("type[attrs.AttrsInstance]", type(value))
        for field in attrs.fields(kind):
            yield from _secrets(getattr(value, field.name))
