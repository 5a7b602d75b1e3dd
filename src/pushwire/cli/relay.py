"""`pushwire relay`: streams into a sink, by a TOML file."""

from __future__ import annotations

import attrs
import trio

from ..core.describing import encode
from ..core.effects import Restored
from ..relay.config import RelayConfig, StreamSettings
from ..relay.logs import log_to
from ..relay.run import Relay
from ..relay.serving import open_listeners, pages, serve_pages
from ..relay.systemd import Notifier
from ..stores.sqlite import SqliteStore
from .output import Output
from .running import Ending

__all__ = ["Check", "Quarantine", "RelayRun"]


@attrs.define
class RelayRun:
    """One run of the command, until a signal ends it."""

    config: RelayConfig

    async def __call__(self, ending: Ending) -> int:
        """Relay. Raises what ended a stream for good."""
        config = self.config
        ledger = None if config.ledger is None else SqliteStore(config.ledger)
        relay = Relay(
            config.streams,
            config.make_sink(),
            ledger=ledger,
            limits=config.limits,
            timing=config.timing,
            active_active=config.active_active,
        )
        notifier = Notifier()

        def stop() -> None:
            notifier.stopping()
            relay.stop()

        log_to()
        ending.gently = stop
        failure: Exception | None = None
        listeners = [] if config.http is None else await open_listeners(config.http)
        async with trio.open_nursery() as nursery:
            if config.http is not None:
                nursery.start_soon(serve_pages, listeners, pages(relay.look, relay.tally, config.http.grace), config.http.within)
            nursery.start_soon(notifier.run, relay.look)
            try:
                await relay.run()
            except Exception as error:  # noqa: BLE001 - raised again below, outside the nursery, so that it arrives bare
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return 0


@attrs.define
class Check:
    """`--check`: what the relay would need, opened once and closed. No provider is dialled."""

    config: RelayConfig

    async def __call__(self, ending: Ending) -> int:
        """Raises `SinkError`, `StoreError` and `OSError` for what cannot be opened."""
        config = self.config
        output = Output()
        await output.write(map(_told, config.streams))
        await output.write(["relays: several at a time (active_active)" if config.active_active else "relays: this one alone"])
        if config.http is not None:
            await output.write([f"pages {config.http.listen}: /metrics, /health (after {config.http.grace:g} s), /live"])
        if config.ledger is not None:
            await self._check_ledger(config.ledger, output)
        sink = config.make_sink()
        await sink.open()
        try:
            await output.write([f"sink {line}" for line in await sink.check()])
        finally:
            await sink.close()
        return 0

    async def _check_ledger(self, path: str, output: Output) -> None:
        store = SqliteStore(path)
        for stream in self.config.streams:
            if stream.acks:
                restored: Restored = await store.open(stream.config.namespace)
                await store.close(stream.config.namespace)
                await output.write([f"ledger {path}: {stream.name}: {len(restored.finished)} finished"])


def _told(stream: StreamSettings) -> str:
    count = len(stream.commands)
    once = f"at least once: {stream.unidentified}" if stream.unidentified else "each event is stored once"
    return f"stream {stream.name}: {stream.config.provider}, {count} subscription{'' if count == 1 else 's'}, {once}"


@attrs.define
class Quarantine:
    """`--quarantine`: what came with another payload under a key that was there, a line each."""

    config: RelayConfig

    async def __call__(self, ending: Ending) -> int:
        """Raises `SinkError`, for one while the relay runs."""
        sink = self.config.make_sink()
        await sink.open()
        try:
            found = await sink.quarantine()
        finally:
            await sink.close()
        await Output().write(encode(attrs.asdict(one)) for one in found)
        return 0
