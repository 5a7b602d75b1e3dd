"""A provider that exists for these tests alone, small enough to hold in one's head.

Words separated by spaces, both ways; a comma stands between alternatives:

| client | server |
|---|---|
| auth TOKEN | hello, busy, denied TEXT |
| sub ID TOPIC, unsub ID TOPIC | ok ID, no ID CODE TEXT |
| look ID NAME, buy ..., spend ..., retry ... | ok ID VALUE, no ID CODE TEXT |
| order NAME, sell NAME | done VALUE, failed CODE TEXT (no ids: one lane for both) |
| ping | pong |
| ack ID KEY | ok ID, no ID CODE TEXT |
| | data TOPIC VALUE, tx KEY VERSION [reorg] |
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Literal, TypeAlias

import attrs

from pushwire.core.acks import AckConfig, AckSession
from pushwire.core.closes import COMMON_ROWS, Action, CloseTable, Row
from pushwire.core.commands import AnyCommand, Command
from pushwire.core.config import ConnectionConfig
from pushwire.core.dialect import Dialect
from pushwire.core.effects import Dial, Handshake, Identity, Ping, Restored, SecretFrame
from pushwire.core.events import Control, Delivery, Malformed, Unrecognized
from pushwire.core.http import Response
from pushwire.core.ledger import Key
from pushwire.core.owed import Ack
from pushwire.core.secrets import Secret
from pushwire.core.session import Session
from pushwire.errors import AuthenticationRefused, CommandRefused


@attrs.frozen
class Data:
    topic: str
    value: str


@attrs.frozen
class Tx:
    identity: Identity
    delivery: Delivery


Event: TypeAlias = Data | Tx | Control[str]


@attrs.frozen
class Named(Command[Event, str]):
    """The commands differ in their policies alone."""

    word: ClassVar[str]
    name: str = "x"


class Look(Named):
    word = "look"


class Buy(Named):
    word = "buy"
    on_drop: ClassVar[Literal["resend", "unknown"]] = "unknown"


class Spend(Named):
    word = "spend"
    while_down: ClassVar[Literal["queue", "fail"]] = "fail"
    on_drop: ClassVar[Literal["resend", "unknown"]] = "unknown"


class Retry(Named):
    word = "retry"
    while_down: ClassVar[Literal["queue", "fail"]] = "fail"


class Order(Named):
    word = "order"


class Sell(Named):
    word = "sell"
    while_down: ClassVar[Literal["queue", "fail"]] = "fail"
    on_drop: ClassVar[Literal["resend", "unknown"]] = "unknown"


class Sub(Named):
    word = "sub"

    @property
    def topics(self) -> tuple[str]:
        return (self.name,)


class Unsub(Named):
    word = "unsub"


@attrs.frozen
class Foreign(Command[Event, None]):
    """Another provider's."""


LANE = "orders"


class Always(random.Random):
    """Draws one number for ever."""

    def __init__(self, drawn: float) -> None:
        super().__init__(0)
        self.drawn = drawn

    def random(self) -> float:
        return self.drawn


class ToyDialect(Dialect[str]):
    name = "toy's"
    commands = (Named,)

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[str], granted: Response | None
    ) -> tuple[str | None, str | SecretFrame | None]:
        assert isinstance(command, Named)
        if self.lane(command) is not None:
            return LANE, f"{command.word} {command.name}"
        command_id = new_id()
        return command_id, f"{command.word} {command_id} {command.name}"

    def lane(self, command: AnyCommand) -> str | None:
        return LANE if isinstance(command, Order | Sell) else None

    def given_up(self, command: AnyCommand, desired: Collection[str]) -> Sequence[str]:
        return [topic for topic in desired if topic == command.name] if isinstance(command, Unsub) else ()

    def restore(self, topics: Sequence[str]) -> Sequence[Sub]:
        return [Sub(topic) for topic in topics]

    def release(self, topics: Sequence[str], desired: Collection[str]) -> Sequence[Unsub]:
        return [Unsub(topic) for topic in topics]


class Rules(Session[Data | Tx, str]):
    """What both toys have in common."""

    closes = CloseTable(
        (
            Row(4000, 4000, Action.FATAL, "gone for good"),
            Row(4001, 4001, Action.REFRESH, "the token has expired", credential=True),
            Row(4002, 4002, Action.AT_ONCE, "the server restarts"),
            Row(4003, 4003, Action.BACK_OFF, "too many"),
            Row(401, 401, Action.REFRESH, "the token is wrong", http=True, credential=True),
            Row(403, 403, Action.FATAL, "not allowed here", http=True),
            Row(404, 404, Action.FATAL, "no such place", http=True),
            *COMMON_ROWS,
        )
    )

    def _dial(self, now: float, wall: float) -> Dial:
        return Dial(self._generation, "wss://toy.test", dict[str, str | Secret](self._secrets), 1000)

    def _on_opened(self, handshake: Handshake, now: float) -> None:
        token = self._secrets.get("token", Secret("none"))
        self._out.effects.append(SecretFrame(f"auth {token.reveal()}", "auth ***"))

    def _on_messages(self, messages: Sequence[str | bytes], now: float) -> None:
        for raw in messages:
            self._on_message(raw, now)

    def _ping(self, now: float) -> str | Ping:
        return "ping"

    def _on_message(self, raw: str | bytes, now: float) -> None:
        match raw.split() if isinstance(raw, str) else []:
            case ["hello"]:
                self._accepted(now)
            case ["busy"]:
                self._hang_up(1000, "not accepted: busy", now)
            case ["denied", *text]:
                self._refused(AuthenticationRefused(" ".join(text)), now)
            case ["pong"]:
                self._pong()
            case ["data", topic, value]:
                self._exchange.staleness.data(topic, now)
                self._out.events.append(Data(topic, value))
            case ["tx", key, version, *flags]:
                self._on_tx(Identity((key,), (version,)), "reorg" in flags, now)
            case ["ok", slot, *value]:
                self._answered_by_peer(raw, slot, now, " ".join(value), None)
            case ["no", slot, code, *text]:
                self._answered_by_peer(raw, slot, now, None, (int(code), " ".join(text)))
            case ["done", value]:
                self._answered_by_peer(raw, LANE, now, value, None)
            case ["failed", code, *text]:
                self._answered_by_peer(raw, LANE, now, None, (int(code), " ".join(text)))
            case [word, *_]:
                self._out.events.append(Unrecognized(now, raw, word))
            case _:
                self._out.events.append(Malformed(now, raw, "not words"))

    def _on_tx(self, identity: Identity, reorg: bool, now: float) -> None:
        self._out.events.append(Tx(identity, "new"))

    def _answered_by_peer(
        self, raw: str | bytes, slot: str, now: float, value: str | None, problem: tuple[int, str] | None
    ) -> None:
        command = self._exchange.waiting_for(slot)
        error = None if problem is None else CommandRefused(type(command).__name__, *problem)
        if not self._reply(slot, now, value, error):
            self._out.events.append(Unrecognized(now, raw, "a reply that nobody waits for"))


class Toy(Rules):
    """Without a ledger; it fetches a token before every dial."""

    credentials: ClassVar[tuple[str, ...]] = ("token",)

    def __init__(self, config: ConnectionConfig | None = None, *, rng: random.Random | None = None) -> None:
        ids = map(str, itertools.count(1))
        super().__init__(config or ConnectionConfig(), ToyDialect(), rng=rng or random.Random(0), ids=lambda: next(ids))


class AckToy(Rules, AckSession[Data | Tx, str]):
    """With a ledger, without a credential."""

    def __init__(
        self, config: AckConfig | None = None, *, restored: Restored | None = None, rng: random.Random | None = None
    ) -> None:
        ids = map(str, itertools.count(1))
        super().__init__(
            config or AckConfig(),
            ToyDialect(),
            rng=rng or random.Random(0),
            ids=lambda: next(ids),
            restored=restored or Restored(),
        )
        self.done: list[Ack] = []

    def _dial(self, now: float, wall: float) -> Dial:
        return Dial(self._generation, "wss://toy.test", {"since": str(self._resend_window(wall))}, 1000)

    def _on_tx(self, identity: Identity, reorg: bool, now: float) -> None:
        delivery = self._received(identity, now, reorg=reorg)
        if delivery is not None:
            self._out.events.append(Tx(identity, delivery))

    def _acks_of(self, keys: Sequence[Key]) -> Sequence[Ack]:
        return [(key, None) for key in keys]

    def _ack_frames(self, ids: Sequence[str], acks: Sequence[Ack]) -> Sequence[str]:
        pairs = zip(ids, acks, strict=True)
        return [f"ack {ack_id} {key[0]}" + ("" if subject is None else f" {subject}") for ack_id, (key, subject) in pairs]

    def _acks_done(self, acks: Sequence[Ack]) -> None:
        self.done += acks

    def _answered_by_peer(
        self, raw: str | bytes, slot: str, now: float, value: str | None, problem: tuple[int, str] | None
    ) -> None:
        if self._acks_answered((slot,), now, problem) == [False]:
            super()._answered_by_peer(raw, slot, now, value, problem)
