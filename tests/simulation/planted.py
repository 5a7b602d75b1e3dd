"""Bugs of the protocol, as somebody might make them: each is planted, and must be found."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from pushwire.core.acks import AckSession
from pushwire.core.backoff import Backoff
from pushwire.core.closes import Action, CloseTable
from pushwire.core.dedupe import Recent
from pushwire.core.effects import Close, Record, Restored, Ticket, Write
from pushwire.core.exchange import Exchange
from pushwire.core.gaps import Gaps
from pushwire.core.heartbeat import Heartbeat
from pushwire.core.ledger import Ledger
from pushwire.core.subscriptions import Subscriptions
from pushwire.core.timers import Timers
from pushwire.providers.gelabs.machine import GelabsMachine
from pushwire.providers.pusher.machine import PusherMachine
from pushwire.wire.client import ClientWire

__all__ = ["BUGS", "Bug"]

Patch = pytest.MonkeyPatch
AnyCall = Callable[..., Any]  # methods of all kinds, with the arguments that they have


@attrs.frozen
class Bug:
    """`plant` makes it, `provider` is whose client suffers, and `finding` is in what the judge says."""

    name: str
    provider: str
    finding: str
    plant: Callable[[Patch], None]


def _returning(owner: type, name: str, value: object) -> Callable[[Patch], None]:
    def always(*_: object, **__: object) -> object:
        return value

    return lambda patch: patch.setattr(owner, name, always)


def _around(owner: type, name: str, make: Callable[[AnyCall], AnyCall]) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(owner, name, make(getattr(owner, name)))


def _ack_at_once(commit: AnyCall) -> AnyCall:
    def early(self: Any, ticket: Ticket, records: tuple[Record, ...]) -> None:
        for record in records:
            self._owe(record.identity.key)
        self._send_owed(0.0)
        commit(self, ticket, records)

    return early


def _ack_early(patch: Patch) -> None:
    _around(AckSession, "_commit", _ack_at_once)(patch)
    _returning(Ledger, "settled", True)(patch)


def _settle_twice(settle: AnyCall) -> AnyCall:
    def twice(self: Any, ticket: Ticket, write: Write, error: BaseException | None) -> None:
        settle(self, ticket, write, error)
        if error is None:
            self._out.settle(ticket)

    return twice


def _believe_a_failed_commit(settle: AnyCall) -> AnyCall:
    def believing(self: Any, ticket: Ticket, write: Write, error: BaseException | None) -> None:
        settle(self, ticket, write, None)

    return believing


def _forget_what_was_finished(make: AnyCall) -> AnyCall:
    def forgetful(self: Any, restored: Restored, **settings: Any) -> None:
        make(self, attrs.evolve(restored, finished={}), **settings)

    return forgetful


def _late(due: AnyCall) -> AnyCall:
    def late(self: Any) -> float:
        at: float = due(self)
        return at + 1000.0

    return late


def _a_gap_from_now_on(lost: AnyCall) -> AnyCall:
    def short(self: Any, wall_offset: float) -> None:
        lost(self, wall_offset)
        self.since += 25.0

    return short


def _drop_every_tenth(take: AnyCall) -> AnyCall:
    taken = [0]

    def some(self: Any) -> list[str | bytes]:
        kept: list[str | bytes] = []
        for message in take(self):
            taken[0] += 1
            if taken[0] % 10:
                kept.append(message)
        return kept

    return some


def _forget_the_rest_of_a_frame(scan: AnyCall) -> AnyCall:
    def forgetful(self: Any, data: bytes) -> None:
        scan(self, data)
        self._pending = bytearray()

    return forgetful


def _leave_for_all(unwant: AnyCall) -> AnyCall:
    def for_all(self: Any, topic: object) -> None:
        self.forget(topic)

    return for_all


def _a_fatal_restart(action: AnyCall) -> AnyCall:
    def fatal(self: Any, close: Close) -> Action:
        verdict: Action = action(self, close)
        return Action.FATAL if close.code == 1012 else verdict

    return fatal


def _raise_on_garbage(messages: AnyCall) -> AnyCall:
    def strict(self: Any, raws: Any, now: float) -> None:
        if any(isinstance(raw, bytes) for raw in raws):
            raise TypeError("a binary message")
        messages(self, raws, now)

    return strict


BUGS: Final = [
    Bug("an ACK is sent before its commit", "gelabs", "ACKed before", _ack_early),
    Bug("a commit that failed is believed", "gelabs", "", _around(AckSession, "_settle_write", _believe_a_failed_commit)),
    Bug("a ticket is answered twice", "gelabs", "answered twice", _around(AckSession, "_settle_write", _settle_twice)),
    Bug("resends are delivered again", "gelabs", "", _returning(Ledger, "receive", "new")),
    Bug("nothing is remembered over a restart", "gelabs", "delivered", _around(Ledger, "__init__", _forget_what_was_finished)),
    Bug("the resend window does not reach back", "gelabs", "", _returning(GelabsMachine, "_resend_window", 1)),
    Bug("resends under one id are not withheld", "quantcite", "delivered twice", _returning(Recent, "add", True)),
    Bug("a gap is swallowed", "bitpanda", "nothing was said", _returning(Gaps, "tell", None)),
    Bug("a gap begins too late", "satoriex", "nothing was said", _around(Gaps, "lost", _a_gap_from_now_on)),
    Bug("the back-off does not grow", "pusher", "dials within", _returning(Backoff, "delay", 0.75)),
    Bug("there is no back-off", "quickpay", "", _returning(Backoff, "delay", 0.0)),
    Bug("subscriptions are not restored", "bitpanda", "", _returning(Subscriptions, "missing", [])),
    Bug("who leaves takes it from all", "pusher", "", _around(Subscriptions, "unwant", _leave_for_all)),
    Bug("silence is not noticed", "satoriex", "silent stall", _returning(Heartbeat, "answer_due", math.inf)),
    Bug("no ping is sent", "gelabs", "silent stall", _returning(Heartbeat, "ping_due", math.inf)),
    Bug("timers are late", "quickpay", "", _around(Timers, "next", _late)),
    Bug("a deadline that is past is never met", "gelabs", "time stands still", _returning(Timers, "pop_due", [])),
    Bug("a restart of the server ends the session", "quickpay", "", _around(CloseTable, "action", _a_fatal_restart)),
    Bug("a binary message raises", "pusher", "TypeError", _around(PusherMachine, "_on_messages", _raise_on_garbage)),
    Bug("a message is dropped now and then", "quantcite", "", _around(ClientWire, "take_messages", _drop_every_tenth)),
    Bug("a frame that comes in two reads is lost", "satoriex", "", _around(ClientWire, "_scan", _forget_the_rest_of_a_frame)),
    Bug("commands wait until the next connection", "pusher", "", _returning(Exchange, "advance", None)),
]
