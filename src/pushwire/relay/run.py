"""The relay's shell: streams in, the loop in between, a sink out. It takes no decision: `loop` does."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import trio

from ..core.commands import Command, Finish, Ledgered, Park
from ..core.cures import cure_of
from ..core.describing import describe
from ..core.events import CONTROL, Gap, Malformed, Unrecognized
from ..errors import ConfigError, InboxFull, LocalProtocolError, PushwireError, StoreError
from ..shell.bare import bare
from ..shell.connect import AckStreamConfig, connect
from ..shell.entropy import Entropy
from ..shell.stream import AckStream, Stream
from ..stores.base import Store
from ..stores.memory import MemoryStore
from .config import StreamSettings, twice_stored
from .effects import Close, Effect, GiveUp, Open, Settle, Taking, Write
from .entries import Answer, Entry, Outcome
from .identity import entry_of
from .link import Link
from .logs import say
from .looking import RelayLook, StreamLook
from .loop import Limits, Loop, Timing
from .sinks.base import ClaimingSink, Sink
from .tally import RelayTally

__all__ = ["Relay"]

HANDED_ON: Final[frozenset[type]] = frozenset({Gap, Malformed, Unrecognized})
"""Control events that whoever reads the sink must know of."""

BATCH: Final = 64
"""Events taken from a stream at a time: they are in memory beside those of the loop."""

INBOX_BYTES: Final = 2 << 20
"""Of messages that wait to be taken, of each stream, and as much again while a reply is awaited; as events they take several
times that, beside those of the loop."""


class Relay:
    """Runs some streams into one sink until `stop`, or until a stream fails for good.

    `ledger` is where streams with ACKs keep theirs. Without one it ends with the process: what is missed between two runs and is
    older than the shortest resend window is then not asked for.

    `active_active`: other relays bring the same streams at the same time. Raises `ConfigError` where messages of a stream have no
    ids, and it does not `accept_duplicates`."""

    def __init__(
        self,
        streams: Sequence[StreamSettings],
        sink: Sink,
        *,
        ledger: Store[Any] | None = None,
        limits: Limits | None = None,
        timing: Timing | None = None,
        active_active: bool = False,
        entropy: Entropy | None = None,
    ) -> None:
        if active_active and (problems := twice_stored(streams)):
            raise ConfigError(problems)
        if isinstance(sink, ClaimingSink):
            sink.claim([plan.name for plan in streams], shared=active_active)
        entropy = entropy or Entropy()
        self._plans = streams
        self._sink = sink
        self._ledger = ledger
        self._wall = entropy.wall
        self._loop = Loop(limits or Limits(), timing or Timing(), entropy.rng())
        self._streams: dict[str, Stream[Any]] = {}
        self._nursery: trio.Nursery | None = None
        self._timer = trio.CancelScope()
        self._room = trio.lowlevel.ParkingLot()
        self._ended = trio.Event()
        self._work: set[trio.CancelScope] = set()
        self._stopping = False
        self._failure: Exception | None = None
        self._started = 0.0
        self._away_since: float | None = None
        self._link = self._loop.link
        self.tally: Final = RelayTally((plan.name for plan in streams), entropy.wall)
        """What is counted, for metrics."""
        for plan in streams:
            self._loop.attach(plan.name, acks=plan.acks)

    @property
    def counts(self) -> Mapping[str, int]:
        """What became of the entries so far, by the names of `Outcome` in lower case; `refused` beside them."""
        return Counter(self._loop.counts)

    def look(self) -> RelayLook:
        """Where it stands. To be called while it runs."""
        streams = {plan.name: self._look_at(plan) for plan in self._plans}
        return RelayLook(
            at=trio.current_time(),
            started=self._started,
            stopping=self._stopping,
            sink=self._loop.link,
            away_since=self._away_since,
            error=self._loop.last_error,
            streams=streams,
        )

    def _look_at(self, plan: StreamSettings) -> StreamLook:
        counted = self.tally.streams[plan.name]
        events, size = self._loop.held(plan.name)
        return StreamLook(
            provider=plan.config.provider,
            status=counted.status,
            down_since=counted.down_since,
            taking=self._loop.taking(plan.name),
            events=events,
            bytes=size,
            oldest=self._loop.oldest(plan.name),
        )

    async def run(self) -> None:
        """Relay. Raises what ended a stream for good, once all that was in hand is stored and settled."""
        self._started = self._away_since = trio.current_time()
        say("started", streams=[plan.name for plan in self._plans])
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._loop.start(trio.current_time())
                if self._stopping:
                    self._loop.stop(trio.current_time())
                self._pump()
                nursery.start_soon(self._keep_time)
                for plan in self._plans:
                    nursery.start_soon(self._serve, plan)
        finally:
            if not self._loop.finished:
                # Cancelled: what is under way is unknown, never ACKed, and comes again.
                with trio.move_on_after(1.0, shield=True):
                    await self._sink.close()
        say("ended", logging.INFO if self._failure is None else logging.ERROR, **self._loop.counts)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Take no more; `run` returns when what is in hand is stored and settled, or time is up."""
        if self._stopping:
            return
        self._stopping = True
        say("stopping")
        for stream in self._streams.values():
            stream.stop()
        self._room.unpark_all()
        if self._nursery is not None:
            self._loop.stop(trio.current_time())
            self._pump()

    # Streams

    async def _serve(self, plan: StreamSettings) -> None:
        """One stream, until the relay ends."""
        try:
            store = self._ledger if plan.acks and self._ledger is not None else MemoryStore()
            config = cast("AckStreamConfig[Any, Ledgered]", plan.config)  # which kind it is decides which stream comes
            observer = self.tally.streams[plan.name]
            async with connect(
                config,
                store=store,
                ready_within=None,
                proxy=plan.proxy,
                observer=observer,
                capacity_bytes=INBOX_BYTES,
                unread_bytes=INBOX_BYTES,
            ) as stream:
                self._streams[plan.name] = stream
                try:
                    await self._relay(plan, stream)
                    # ACKs of what is in hand still need the connection.
                    await self._ended.wait()
                finally:
                    del self._streams[plan.name]
        except Exception as error:  # noqa: BLE001 - it ends the relay in good order, and is raised by `run`
            self._fail(plan.name, bare(error))

    def _fail(self, stream: str, error: BaseException) -> None:
        say("stream failed", logging.ERROR, stream=stream, error=f"{type(error).__name__}: {error}")
        if self._failure is None and isinstance(error, Exception):
            self._failure = error
        self.stop()

    async def _relay(self, plan: StreamSettings, stream: Stream[Any]) -> None:
        if self._stopping:
            stream.stop()
        async with trio.open_nursery() as nursery:
            # Beside the reading: what arrives before the replies needs somebody to take it.
            nursery.start_soon(self._subscribe, plan, stream)
            async for batch in stream.batches(BATCH):
                await self._take(plan, batch)
            nursery.cancel_scope.cancel()

    async def _subscribe(self, plan: StreamSettings, stream: Stream[Any]) -> None:
        for command in plan.commands:
            await self._ask(plan, stream, command)

    async def _ask(self, plan: StreamSettings, stream: Stream[Any], command: Command[Any, Any]) -> None:
        while not self._stopping:
            with suppress(InboxFull):
                await stream.call(command)
                return
            # The reply lies behind what the sink has no room for: asked again when it has.
            while not (self._loop.taking(plan.name) or self._stopping):
                await self._room.park()

    async def _take(self, plan: StreamSettings, batch: list[object]) -> None:
        """Hand a batch to the loop, as fast as it takes it. What it does not take before the end stays un-ACKed."""
        offset = self._wall() - trio.current_time()

        def wall_of(at: float) -> float:
            return at + offset

        entries: list[Entry] = []
        for event in batch:
            if type(event) in CONTROL:
                self._tell(plan, event, wall_of)
                if type(event) not in HANDED_ON:
                    continue
            entries.append(entry_of(plan.name, plan.config, event, wall_of))
        # It may wait for long, and an event is larger than its entry.
        batch.clear()
        while True:
            entries = entries[self._loop.offer_many(plan.name, entries, trio.current_time()) :]
            self._pump()
            if not entries or self._stopping:
                return
            await self._room.park()

    def _tell(self, plan: StreamSettings, event: object, wall_of: Callable[[float], float]) -> None:
        line = describe(plan.config.provider, event, wall_of)
        data = {name: value for name, value in line.data.items() if name != "raw"}
        cure = cure_of(event)
        if cure is not None:
            data["cure"] = cure
        say(line.event, logging.INFO if line.event == "up" else logging.WARNING, stream=plan.name, **data)

    # The loop's driver

    def _pump(self) -> None:
        """Do what the loop asks for."""
        while effects := self._loop.take_effects():
            for effect in effects:
                self._do(effect)
        self._timer.deadline = self._loop.next_deadline()
        if self._link is not self._loop.link:
            self._moved(self._loop.link)
        if self._loop.finished:
            self._ended.set()
            self._timer.cancel()

    def _moved(self, link: Link) -> None:
        """The connection to the sink stands elsewhere than before."""
        self._link = link
        if link is Link.OPEN:
            self._away_since = None
        elif self._away_since is None:
            self._away_since = trio.current_time()
        if link is Link.BACKING_OFF:
            self.tally.backoffs += 1

    def _do(self, effect: Effect) -> None:
        assert self._nursery is not None, "the loop was started"
        match effect:
            case Open():
                self._nursery.start_soon(self._open, effect)
            case Write():
                self._nursery.start_soon(self._write, effect)
            case Settle():
                self._nursery.start_soon(self._settle, effect)
            case Close():
                self._nursery.start_soon(self._close, effect)
            case GiveUp():
                for scope in self._work:
                    scope.cancel()
            case Taking():
                say("taking" if effect.on else "held back", logging.DEBUG, stream=effect.stream)
                self._room.unpark_all()

    async def _keep_time(self) -> None:
        while not self._loop.finished:
            with trio.CancelScope(deadline=self._loop.next_deadline()) as self._timer:
                await trio.sleep_forever()
            self._loop.handle_timer(trio.current_time())
            self._pump()

    @contextmanager
    def _within(self, seconds: float) -> Generator[trio.CancelScope]:
        """Cancelled after so many seconds, or when the loop gives up."""
        with trio.move_on_after(seconds) as scope:
            self._work.add(scope)
            try:
                yield scope
            finally:
                self._work.discard(scope)

    async def _open(self, effect: Open) -> None:
        reason: str | None = "not within its time"
        with self._within(effect.within):
            try:
                await self._sink.open()
                reason = None
            except Exception as error:  # noqa: BLE001 - a sink may raise anything: it is tried again
                reason = _shown(error)
        if reason is None:
            self.tally.opened += 1
            say("sink open")
            self._loop.opened(trio.current_time())
        else:
            self.tally.open_failures += 1
            say("sink not open", logging.WARNING, error=reason)
            self._loop.not_opened(reason, trio.current_time())
        self._pump()

    async def _write(self, effect: Write) -> None:
        answers: Sequence[Answer] | None = None
        reason = "no answer within its time"
        begun = trio.current_time()
        with self._within(effect.within):
            try:
                answers = await self._sink.write(effect.entries)
                reason = ""
            except Exception as error:  # noqa: BLE001 - a sink may raise anything: what became of the batch is unknown
                reason = _shown(error)
        self.tally.wrote(effect.entries[0].stream, answers, len(effect.entries), trio.current_time() - begun)
        self._report(effect, answers, reason)
        self._loop.written(effect.number, answers, trio.current_time(), reason)
        self._pump()

    def _report(self, effect: Write, answers: Sequence[Answer] | None, reason: str) -> None:
        if answers is None:
            say("outcome unknown", logging.WARNING, partition=effect.partition, events=len(effect.entries), error=reason)
            return
        for entry, answer in zip(effect.entries, answers, strict=False):
            if answer is Outcome.QUARANTINED:
                say("quarantined", logging.ERROR, stream=entry.stream, key=entry.key, digest=entry.digest)

    async def _close(self, effect: Close) -> None:
        with self._within(effect.within):
            try:
                await self._sink.close()
            except Exception as error:  # noqa: BLE001 - a sink may raise anything: nothing depends on how it ends
                say("sink not closed well", logging.WARNING, error=_shown(error))
        self._loop.shut(trio.current_time())
        self._pump()

    async def _settle(self, effect: Settle) -> None:
        done = False
        begun = trio.current_time()
        with self._within(float("inf")):
            done = await self._settled(effect)
        self.tally.settled(effect.stream, done, trio.current_time() - begun)
        self._loop.settled(effect.stream, done, trio.current_time())
        self._pump()

    async def _settled(self, effect: Settle) -> bool:
        """Set aside and ACK. False where it must be tried again."""
        stream = self._streams.get(effect.stream)
        try:
            for entry, reason in effect.refused:
                await self._set_aside(stream, entry, reason)
            if isinstance(stream, AckStream):
                await stream.settle(Finish(tuple(entry.identity for entry in effect.stored if entry.identity is not None)))
        except StoreError as error:
            say("not settled", logging.WARNING, stream=effect.stream, error=_shown(error))
            return False
        except PushwireError as error:
            # The stream has failed for good: nothing can be ACKed on it any more, and its provider sends again.
            say("not ACKed", logging.WARNING, stream=effect.stream, events=len(effect.stored), error=_shown(error))
        return True

    async def _set_aside(self, stream: Stream[Any] | None, entry: Entry, reason: str) -> None:
        say("refused", logging.ERROR, stream=entry.stream, key=entry.key, digest=entry.digest, reason=reason)
        if isinstance(stream, AckStream) and entry.identity is not None:
            try:
                await stream.settle(Park(entry.identity, reason, entry.payload))
            except LocalProtocolError as error:
                # Parked by an earlier attempt that failed later on.
                say("not set aside", logging.WARNING, stream=entry.stream, key=entry.key, error=_shown(error))
        else:
            # There is no ledger to keep it, and it must not go silently.
            say("refused event", logging.ERROR, stream=entry.stream, kind=entry.kind, payload=entry.payload)


def _shown(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
