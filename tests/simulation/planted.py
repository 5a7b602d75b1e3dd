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
from pushwire.core.effects import Close, Identity, Record, Restored, Ticket, Token, Write
from pushwire.core.exchange import Exchange
from pushwire.core.gaps import Gaps
from pushwire.core.heartbeat import Heartbeat
from pushwire.core.holding import Holding
from pushwire.core.holds import HoldTrigger, Rows
from pushwire.core.ledger import Ledger
from pushwire.core.redial import Redial
from pushwire.core.session import Session
from pushwire.core.subscriptions import Subscriptions
from pushwire.core.timers import Timers
from pushwire.core.waiting import Waiting
from pushwire.providers.gelabs.machine import GelabsMachine
from pushwire.providers.pusher.dialect import PusherDialect
from pushwire.providers.pusher.machine import PusherMachine
from pushwire.providers.quantcite.commands import frame
from pushwire.providers.quantcite.machine import QuantciteMachine
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


def _replacing(owner: type, name: str, value: AnyCall) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(owner, name, value)


def _ack_at_once(commit: AnyCall) -> AnyCall:
    def early(self: Any, ticket: Ticket, records: tuple[Record, ...]) -> None:
        self._owed.add(record.identity.key for record in records)
        self._send_owed(0.0)
        commit(self, ticket, records)

    return early


def _ack_early(patch: Patch) -> None:
    _around(AckSession, "_commit", _ack_at_once)(patch)
    _returning(Ledger, "unsettled", set[object]())(patch)


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


def _forget_the_rest_of_a_frame(cut: AnyCall) -> AnyCall:
    def forgetful(self: Any, data: bytes, at: int) -> None:
        cut(self, data, at)
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


def _settle_early_on_receipt(arrive: AnyCall) -> AnyCall:
    def early(self: Any, event: Any, identity: Identity, delivery: Any, raw: str) -> None:
        arrive(self, event, identity, delivery, raw)
        self._rows.move(identity, HoldTrigger.HANDED)
        self._events.append(event)

    return early


def _hold_nothing_that_was_held(make: AnyCall) -> AnyCall:
    def forgetful(self: Any, machine: Any, *, restored: Restored, **settings: Any) -> None:
        make(self, machine, restored=attrs.evolve(restored, held={}), **settings)

    return forgetful


def _the_same_token_again(verdict: AnyCall) -> AnyCall:
    def stubborn(self: Any, close: Close, now: float, *, hopeless: bool) -> object:
        found = verdict(self, close, now, hopeless=hopeless)
        self.refresh = False
        return found

    return stubborn


def _the_mark_alone(self: Any) -> float:
    base: float = self._base
    return base


def _owe_nothing_any_more(lost: AnyCall) -> AnyCall:
    def forgetful(self: Any) -> None:
        lost(self)
        self._owed.take()

    return forgetful


def _stable_at_the_handshake(opened: AnyCall) -> AnyCall:
    def reset(self: Any, handshake: Any, now: float, wall: float) -> None:
        self._redial.ended(math.inf, answered=True)
        opened(self, handshake, now, wall)

    return reset


def _authorised_once_for_all(patch: Patch) -> None:
    granted: dict[object, object] = {}

    def remembering(fulfil: AnyCall) -> AnyCall:
        def remember(self: Any, token: Token, outcome: object, now: float) -> None:
            call = self._grants._calls.get(token)
            fulfil(self, token, outcome, now)
            if call is not None and call.granted is not None:
                granted[call.topics] = call.granted

        return remember

    def using(following: AnyCall) -> AnyCall:
        def use(self: Any) -> object:
            call = following(self)
            if call is not None and call.granted is None:
                call.granted = granted.get(call.topics)
            return call

        return use

    _around(Exchange, "fulfil", remembering)(patch)
    _around(Waiting, "next", using)(patch)


def _much_later(verdict: AnyCall) -> AnyCall:
    def late(self: Any, *args: object, **more: object) -> object:
        trigger, at = verdict(self, *args, **more)
        return trigger, at + 70.0

    return late


def _sooner_than_it_was_told(verdict: AnyCall) -> AnyCall:
    def hasty(self: Any, close: Close, now: float, *, hopeless: bool) -> object:
        return verdict(self, attrs.evolve(close, retry_after=None), now, hopeless=hopeless)

    return hasty


def _the_key_as_it_is(self: Any) -> None:
    self._out.effects.append(frame({"type": "authenticate", "api_key": self._rules.api_key.reveal()}))


BUGS: Final = [
    Bug("an ACK is sent before its commit", "gelabs", "ACKed before", _ack_early),
    Bug(
        "a commit that failed is believed",
        "gelabs",
        "ACKed before",
        _around(AckSession, "_settle_write", _believe_a_failed_commit),
    ),
    Bug("a ticket is answered twice", "gelabs", "answered twice", _around(AckSession, "_settle_write", _settle_twice)),
    Bug("resends are delivered again", "gelabs", "cannot settle", _returning(Ledger, "receive", "new")),
    Bug("nothing is remembered over a restart", "gelabs", "delivered", _around(Ledger, "__init__", _forget_what_was_finished)),
    Bug("the resend window does not reach back", "gelabs", "nothing was said", _returning(GelabsMachine, "_resend_window", 1)),
    Bug(
        "an ACK that was lost is not sent again", "gelabs", "never ACKed", _around(AckSession, "_on_lost", _owe_nothing_any_more)
    ),
    Bug(
        "the low-water mark passes what is not finished",
        "gelabs",
        "nothing was said",
        _replacing(AckSession, "_mark", _the_mark_alone),
    ),
    Bug("resends under one id are not withheld", "quantcite", "delivered twice", _returning(Recent, "add", True)),
    Bug("a gap is swallowed", "bitpanda", "nothing was said", _returning(Gaps, "tell", None)),
    Bug("a gap begins too late", "satoriex", "nothing was said", _around(Gaps, "lost", _a_gap_from_now_on)),
    Bug("the back-off does not grow", "pusher", "dials within", _returning(Backoff, "delay", 0.75)),
    Bug("there is no back-off", "quickpay", "dials within", _returning(Backoff, "delay", 0.0)),
    Bug("subscriptions are not restored", "bitpanda", "not subscribed to again", _returning(Subscriptions, "missing", [])),
    Bug("who leaves takes it from all", "pusher", "not subscribed to again", _around(Subscriptions, "unwant", _leave_for_all)),
    Bug("silence is not noticed", "satoriex", "silent stall", _returning(Heartbeat, "answer_due", math.inf)),
    Bug("no ping is sent", "gelabs", "silent stall", _returning(Heartbeat, "ping_due", math.inf)),
    Bug("timers are late", "quickpay", "backing off", _around(Timers, "next", _late)),
    Bug("a deadline that is past is never met", "gelabs", "time stands still", _returning(Timers, "pop_due", [])),
    Bug("a restart of the server ends the session", "quickpay", "close 1012", _around(CloseTable, "action", _a_fatal_restart)),
    Bug("a binary message raises", "pusher", "TypeError", _around(PusherMachine, "_on_messages", _raise_on_garbage)),
    Bug(
        "a message is dropped now and then",
        "quantcite",
        "nothing was said",
        _around(ClientWire, "take_messages", _drop_every_tenth),
    ),
    Bug(
        "a frame that comes in two reads is lost",
        "satoriex",
        "though nothing went wrong any more",
        _around(ClientWire, "_cut", _forget_the_rest_of_a_frame),
    ),
    Bug("commands wait until the next connection", "pusher", "never subscribed", _returning(Exchange, "advance", None)),
    Bug(
        "what arrives is delivered before it is held",
        "gelabs",
        "on a receipt",
        _around(Holding, "_arrive", _settle_early_on_receipt),
    ),
    Bug(
        "what was held is not in the next run",
        "gelabs",
        "nothing was said",
        _around(Holding, "__init__", _hold_nothing_that_was_held),
    ),
    Bug("more is handed out than the caller may have", "gelabs", "with the caller", _returning(Rows, "room", True)),
    Bug("more is held than may be", "gelabs", "are held", _returning(Rows, "full", False)),
    Bug("messages that are ACKed are kept", "gelabs", "keeps", _returning(GelabsMachine, "_acks_done", None)),
    Bug("a refused token is used again", "bitpanda", "closed", _around(Redial, "verdict", _the_same_token_again)),
    Bug(
        "the back-off begins anew at the handshake",
        "bitpanda",
        "dials within",
        _around(Session, "opened", _stable_at_the_handshake),
    ),
    Bug("one socket's authorisation is used on the next", "pusher", "not subscribed to again", _authorised_once_for_all),
    Bug("an unsubscribe is forgotten", "quickpay", "still subscribed", _returning(PusherDialect, "release", ())),
    Bug("the next dial comes too late", "quickpay", "dials too late", _around(Redial, "verdict", _much_later)),
    Bug("Retry-After is ignored", "satoriex", "dials before", _around(Redial, "verdict", _sooner_than_it_was_told)),
    Bug(
        "a secret goes out as any text", "quantcite", "a secret", _replacing(QuantciteMachine, "_authenticate", _the_key_as_it_is)
    ),
]
