"""Simulated providers for tests, one class each: a server, the config that leads to it, and trouble on demand.

`async with gelabs_sandbox() as sandbox:` serves one on a real socket and in memory at once; `pushwire.testing.plugin` makes
fixtures of them. What a provider says is its sandbox's business (`pushwire.sandbox`), and what goes wrong `on_demand`'s.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Final, Generic, TypeVar, Unpack, cast
from urllib.parse import urlsplit

import attrs
import trio

from ..core.secrets import Secret
from ..providers import bitpanda, gelabs, pusher, quantcite, quickpay, satoriex
from ..sandbox.base import ServerMachine
from ..sandbox.bitpanda import BitpandaServer
from ..sandbox.bitpanda_settings import BitpandaSettings
from ..sandbox.gelabs import GelabsServer
from ..sandbox.gelabs_settings import GelabsSettings
from ..sandbox.pusher import PusherServer
from ..sandbox.pusher_settings import PusherSettings
from ..sandbox.quantcite import QuantciteServer
from ..sandbox.quantcite_settings import QuantciteSettings
from ..sandbox.quickpay import QuickPayServer
from ..sandbox.quickpay_settings import QuickPaySettings
from ..sandbox.satoriex import SatoriexServer
from ..sandbox.satoriex_settings import SatoriexSettings
from ..sandbox.server import SandboxServer, listen
from . import gelabs as gelabs_build
from . import quantcite as quantcite_build
from . import quickpay as quickpay_build
from .in_memory import InMemory, in_memory, wall_clock
from .on_demand import OnDemand

if TYPE_CHECKING:
    from ..providers.pusher import Json
    from ..sandbox.faults import Fault
    from ..sandbox.gelabs_book import Message
    from .gelabs import TransactionFields
    from .quantcite import TransactionFields as QuantciteFields

__all__ = [
    "SECRET",
    "BitpandaSandbox",
    "GelabsSandbox",
    "PusherSandbox",
    "QuantciteSandbox",
    "QuickPaySandbox",
    "Sandbox",
    "SatoriexSandbox",
    "bitpanda_sandbox",
    "gelabs_sandbox",
    "pusher_sandbox",
    "quantcite_sandbox",
    "quickpay_sandbox",
    "satoriex_sandbox",
    "served",
]

MachineT = TypeVar("MachineT", bound=ServerMachine)
ConfigT = TypeVar("ConfigT")
SandboxT = TypeVar("SandboxT")

SECRET: Final = Secret("sandbox-secret")
"""The one credential that a sandbox accepts, whichever kind its provider has, unless its settings say otherwise."""
FIRST_BACKOFF: Final = 0.05
LONGEST_BACKOFF: Final = 1.0
"""Seconds. A client of a sandbox comes back sooner than would be polite elsewhere: tests have no time to wait."""


@attrs.frozen
class Sandbox(Generic[MachineT, ConfigT]):
    """A simulated provider that is being served.

    `config` leads to it: `connect(sandbox.config)` through a real socket on 127.0.0.1, `connect(sandbox.config,
    **sandbox.in_memory)` without one, which is what a `MockClock` wants. Its client dials again sooner than a real one
    (`backoff_first`); `attrs.evolve(sandbox.config, ...)` has it otherwise. `machine` is the provider itself: what it was told,
    and what it remembers; call `pump()` after using one of its methods. All times are seconds.
    """

    machine: MachineT
    config: ConfigT
    server: SandboxServer
    in_memory: InMemory
    """Arguments for `connect` (`open_api` takes its `http` and `entropy`): streams in memory, and jitter, ids and a time of day
    that are the same in each run under a `MockClock`."""
    _trouble: OnDemand
    _changed: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    def __attrs_post_init__(self) -> None:
        self._trouble.noticed = self._wake

    def _wake(self) -> None:
        self._changed.unpark_all()

    @property
    def dials(self) -> int:
        """Opening handshakes so far, those refused included."""
        return self._trouble.dials

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return self.server.connections

    def pump(self) -> None:
        """Send what the machine wants sent. To be called after using `machine` directly."""
        # Early is allowed; faults look at what the machine wants only when they are called.
        self._trouble.handle_timer(trio.current_time(), self.in_memory["entropy"].wall())
        self.server.pump()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so: looked at whenever a client has come, gone, or said something."""
        while not condition():
            await self._changed.park()

    def disturb(self, *faults: Fault | str) -> None:
        """From now on these faults, by the names that `pushwire sandbox --fault` takes (`sandbox.FAULTS`); none: an end to them.

        Raises `ConfigError` for one that is none.
        """
        self._trouble.disturb(faults, trio.current_time())
        self.pump()

    def say(self, text: str | bytes) -> None:
        """Send a message to all clients, whatever it is."""
        self._trouble.say(text, trio.current_time())
        self.pump()

    def refuse(
        self, status: int = 503, times: int = 1, *, reason: str = "refused on purpose", retry_after: float | None = None
    ) -> None:
        """Refuse the next handshakes with an HTTP status; `retry_after` becomes the header of that name."""
        self._trouble.refuse(status, times, reason, retry_after)

    def cut(self) -> None:
        """Drop all connections, without a close frame."""
        self._trouble.cut(trio.current_time())
        self.pump()

    def close(self, code: int = 1012, reason: str = "closed on purpose") -> None:
        """Close all connections in good order."""
        self._trouble.close(code, reason, trio.current_time())
        self.pump()

    def stall(self) -> None:
        """Hang until `resume`: commands are not looked at, nothing goes out; pings of WebSocket itself are answered."""
        self._trouble.stall()

    def resume(self) -> None:
        """Go on after `stall`."""
        self._trouble.resume(trio.current_time())
        self.pump()


@asynccontextmanager
async def served(
    kind: Callable[[MachineT, ConfigT, SandboxServer, InMemory, OnDemand], SandboxT],
    machine: MachineT,
    config: Callable[[str], ConfigT],
    faults: Sequence[Fault | str] = (),
    seed: int = 0,
) -> AsyncGenerator[SandboxT]:
    """Serve a sandbox of any kind, `Sandbox` itself for one. `config` makes a client's config of the URL to dial.

    Raises `ConfigError` for a fault that is none.
    """
    wall = wall_clock()
    trouble = OnDemand(machine, Random(seed))
    trouble.disturb(faults, trio.current_time())
    async with listen(SandboxServer(trouble, wall=wall)) as server:
        # So that it knows the time of day before anybody uses it.
        machine.handle_timer(trio.current_time(), wall())
        yield kind(machine, config(server.url), server, in_memory(server, wall), trouble)


def _http(url: str) -> str:
    """The HTTP side, which is on the port of the WebSocket."""
    return f"http://{urlsplit(url).netloc}"


# One for each provider


class GelabsSandbox(Sandbox[GelabsServer, gelabs.Config]):
    """A simulated gelabs: what is not ACKed is sent again at the next connection."""

    def push(self, **fields: Unpack[TransactionFields]) -> Message:
        """Send a transaction, which is delivered as `testing.gelabs.transaction(**fields)`; without a `message_id` it gets one
        of its own. Nobody need be connected: it is kept until it is ACKed. `acked` of what is returned tells whether it was."""
        data: dict[str, object] = json.loads(gelabs_build.transaction(**fields).dump())
        message = self.machine.push(data, trio.current_time(), message_id=fields.get("message_id"))
        self.pump()
        return message


@asynccontextmanager
async def gelabs_sandbox(
    settings: GelabsSettings | None = None, *, faults: Sequence[Fault | str] = (), seed: int = 0
) -> AsyncGenerator[GelabsSandbox]:
    """Serve a gelabs. Without settings it accepts `SECRET` alone, and says nothing but what it is told to."""
    machine = GelabsServer(settings or GelabsSettings(keys=(SECRET,)), Random(seed))

    def config(url: str) -> gelabs.Config:
        return gelabs.Config(
            api_key=SECRET, url=url, api_url=_http(url), backoff_first=FIRST_BACKOFF, backoff_cap=LONGEST_BACKOFF
        )

    async with served(GelabsSandbox, machine, config, faults, seed) as sandbox:
        yield sandbox


class QuantciteSandbox(Sandbox[QuantciteServer, quantcite.Config]):
    """A simulated QuantCite."""

    def push(self, *, kind: str = "deposits", **fields: Unpack[QuantciteFields]) -> None:
        """Send a transaction of the type `kind` to those who follow it, which is delivered as
        `testing.quantcite.transaction(**fields)`."""
        transaction = quantcite_build.transaction(**fields)
        self.machine.push(
            quantcite_build.wire(**fields),
            trio.current_time(),
            exchange=transaction.exchange,
            kind=kind,
            testnet=transaction.testnet,
        )
        self.pump()


@asynccontextmanager
async def quantcite_sandbox(
    settings: QuantciteSettings | None = None, *, faults: Sequence[Fault | str] = (), seed: int = 0
) -> AsyncGenerator[QuantciteSandbox]:
    """Serve a QuantCite. Without settings it accepts `SECRET` alone, and its accounts are empty at first."""
    machine = QuantciteServer(settings or QuantciteSettings(keys=(SECRET,), history=0), Random(seed))

    def config(url: str) -> quantcite.Config:
        return quantcite.Config(
            api_key=SECRET, url=url, api_url=f"{_http(url)}/api/v1", backoff_first=FIRST_BACKOFF, backoff_cap=LONGEST_BACKOFF
        )

    async with served(QuantciteSandbox, machine, config, faults, seed) as sandbox:
        yield sandbox


class BitpandaSandbox(Sandbox[BitpandaServer, bitpanda.Config]):
    """A simulated Bitpanda."""

    def push(self, pair: bitpanda.Pair, channel: str = bitpanda.PRICES) -> None:
        """Send a made-up update about a pair to those who have subscribed to it."""
        self.machine.push(pair, trio.current_time(), channel)
        self.pump()


@asynccontextmanager
async def bitpanda_sandbox(
    settings: BitpandaSettings | None = None, *, faults: Sequence[Fault | str] = (), seed: int = 0
) -> AsyncGenerator[BitpandaSandbox]:
    """Serve a Bitpanda. Without settings it accepts the token `SECRET` alone."""
    machine = BitpandaServer(settings or BitpandaSettings(tokens=(SECRET,)), Random(seed))

    def config(url: str) -> bitpanda.Config:
        return bitpanda.Config(url=url, token=SECRET, backoff_first=FIRST_BACKOFF, backoff_cap=LONGEST_BACKOFF)

    async with served(BitpandaSandbox, machine, config, faults, seed) as sandbox:
        yield sandbox


class PusherSandbox(Sandbox[PusherServer, pusher.Config]):
    """A simulated Pusher."""

    def publish(self, channel: str, event: str, data: Json) -> None:
        """Publish an event, as a server of the app does. A text goes as it is, anything else as JSON."""
        self.machine.publish(channel, event, data, trio.current_time())
        self.pump()


@asynccontextmanager
async def pusher_sandbox(
    settings: PusherSettings | None = None, *, faults: Sequence[Fault | str] = (), seed: int = 0
) -> AsyncGenerator[PusherSandbox]:
    """Serve a Pusher. Without settings its app has `SECRET`, by which its client signs."""
    settings = settings or PusherSettings(secret=SECRET)
    machine = PusherServer(settings, Random(seed))

    def config(url: str) -> pusher.Config:
        return pusher.Config(
            key=settings.key,
            secret=settings.secret or SECRET,
            encryption_master_key=settings.encryption_master_key,
            url=url,
            backoff_first=FIRST_BACKOFF,
            backoff_cap=LONGEST_BACKOFF,
        )

    async with served(PusherSandbox, machine, config, faults, seed) as sandbox:
        yield sandbox


class QuickPaySandbox(Sandbox[QuickPayServer, quickpay.Config]):
    """A simulated QuickPay."""

    def publish(self, event: quickpay.Payment | quickpay.ExchangeRate | quickpay.Kyc | quickpay.Notification) -> None:
        """Publish what is delivered as such an event (`testing.quickpay` makes them), on the channel that it names."""
        self.machine.publish(event.channel or "", event.name, quickpay_build.data_text(event), trio.current_time())
        self.pump()


@asynccontextmanager
async def quickpay_sandbox(
    settings: QuickPaySettings | None = None, *, faults: Sequence[Fault | str] = (), seed: int = 0
) -> AsyncGenerator[QuickPaySandbox]:
    """Serve a QuickPay. Without settings `SECRET` is the API key and the token that it accepts."""
    machine = QuickPayServer(settings or QuickPaySettings(api_keys=(SECRET,), tokens=(SECRET,)), Random(seed))

    def config(url: str) -> quickpay.Config:
        return quickpay.Config(
            api_key=SECRET,
            jwt=SECRET,
            url=url,
            api_url=_http(url),
            backoff_first=FIRST_BACKOFF,
            backoff_cap=LONGEST_BACKOFF,
        )

    async with served(QuickPaySandbox, machine, config, faults, seed) as sandbox:
        yield sandbox


class SatoriexSandbox(Sandbox[SatoriexServer, satoriex.Config]):
    """A simulated SatoriEx."""

    def push(self, name: str, *, market_id: str | None = None, **fields: object) -> None:
        """Send the event called `name`: one of a market goes to those who have subscribed to it, any other to all."""
        kind = cast("Mapping[str, type[satoriex.Push]]", satoriex.EVENTS).get(name, satoriex.OrderBookUpdate)
        topic = satoriex.USER if kind.channel == "user" else satoriex.Topic(kind.channel, market_id)
        self.machine.push(name, fields, trio.current_time(), topic=topic)
        self.pump()


@asynccontextmanager
async def satoriex_sandbox(
    settings: SatoriexSettings | None = None, *, faults: Sequence[Fault | str] = (), seed: int = 0
) -> AsyncGenerator[SatoriexSandbox]:
    """Serve a SatoriEx. Without settings it accepts the token `SECRET` alone."""
    machine = SatoriexServer(settings or SatoriexSettings(tokens=(SECRET,)), Random(seed))

    def config(url: str) -> satoriex.Config:
        return satoriex.Config(token=SECRET, url=url, backoff_first=FIRST_BACKOFF, backoff_cap=LONGEST_BACKOFF)

    async with served(SatoriexSandbox, machine, config, faults, seed) as sandbox:
        yield sandbox
