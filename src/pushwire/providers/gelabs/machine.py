"""gelabs as a state machine: its own rules on top of the shared lifecycle (seeds/002…, "WebSocket real-time push").

Accepted by a `connected` message; JSON pings; replies matched by id; pushes ACKed by transaction, sent again after a reconnect
within the window that the handshake asks for.
"""

from __future__ import annotations

import enum
import itertools
import operator
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, cast

import msgspec

from ...core.acks import AckConfig, AckSession
from ...core.closes import COMMON_ROWS, Action, CloseTable, Row
from ...core.commands import AnyCommand
from ...core.effects import Dial, Handshake, Restored
from ...core.events import Malformed, Unrecognized
from ...core.ledger import Key
from ...core.owed import Ack
from ...core.runs import MISFITS, decoded, runs
from ...core.secrets import Secret
from ...core.speedups import columns_of
from ...core.transitions import Table
from ...errors import AuthenticationRefused, CommandRefused
from .commands import GelabsDialect, GetTransaction, Subscribe, Unsubscribe, ack_frames, frame
from .messages import (
    KNOWN_TYPES,
    AckReply,
    Connected,
    Pong,
    Push,
    Reply,
    Single,
    Subscribed,
    SubscribeReply,
    TransactionReply,
    Unsubscribed,
    UnsubscribeReply,
    decode,
    decode_unknown,
)
from .naming import Naming
from .topics import Topic, topic
from .transactions import ASKED_FOR, Arrival, Transaction, all_numbers, arrived, identify_all, numbers_problem

__all__ = ["CLOSES", "GREETING", "GelabsMachine"]


class Stage(enum.Enum):
    """Where a connection stands between its handshake and its greeting."""

    NONE = "no connection"
    GREETING = "awaiting the greeting"
    LISTENING = "listening"
    REFUSED = "refused"


class StageTrigger(enum.Enum):
    """What moves a connection on."""

    OPENED = "opened"
    CONNECTED = "connected"
    REFUSED = "connected with an error code"
    LOST = "lost"


GREETING: Final = Table(
    "gelabs",
    Stage.NONE,
    {
        (Stage.NONE, StageTrigger.OPENED): Stage.GREETING,
        (Stage.NONE, StageTrigger.LOST): Stage.NONE,
        (Stage.GREETING, StageTrigger.CONNECTED): Stage.LISTENING,
        (Stage.GREETING, StageTrigger.REFUSED): Stage.REFUSED,
        (Stage.GREETING, StageTrigger.LOST): Stage.NONE,
        # A second greeting says nothing new.
        (Stage.LISTENING, StageTrigger.CONNECTED): Stage.LISTENING,
        (Stage.LISTENING, StageTrigger.REFUSED): Stage.REFUSED,
        (Stage.LISTENING, StageTrigger.LOST): Stage.NONE,
        # We are hanging up: what else came in the same read changes nothing.
        (Stage.REFUSED, StageTrigger.CONNECTED): Stage.REFUSED,
        (Stage.REFUSED, StageTrigger.REFUSED): Stage.REFUSED,
        (Stage.REFUSED, StageTrigger.LOST): Stage.NONE,
    },
    {
        Stage.NONE: "there is no connection",
        Stage.GREETING: "the connection is open already",
        Stage.LISTENING: "the connection is open already",
        Stage.REFUSED: "the connection is open already",
    },
)

CLOSES: Final = CloseTable(
    (
        Row(400, 401, Action.FATAL, "the API key is missing or wrong", http=True, credential=True),
        Row(403, 403, Action.FATAL, "the API key is not allowed here", http=True, credential=True),
        *COMMON_ROWS,
    )
)
"""The document names handshake failures only, and no close codes: all else backs off."""

_Problem: TypeAlias = tuple[int | None, str]
"""The code and text of a refusal."""

_CREDENTIAL_CODES = frozenset({400, 401, 403})


class GelabsMachine(AckSession[Transaction, Topic]):
    """See `core.machine` for the contract."""

    closes: CloseTable = CLOSES

    def __init__(
        self,
        config: AckConfig,
        *,
        api_key: Secret,
        url: str,
        chain_ids: Mapping[str, int],
        rng: random.Random,
        ids: Callable[[], str],
        restored: Restored,
        ack_message_id: bool = True,
    ) -> None:
        super().__init__(config, GelabsDialect(), rng=rng, ids=ids, restored=restored)
        self._api_key = api_key
        self._url = url
        self._chain_ids = chain_ids
        self._stage = GREETING.initial
        self._naming = Naming(by_message=ack_message_id)

    # What the session asks for

    def _dial(self, now: float, wall: float) -> Dial:
        headers: dict[str, str | Secret] = {
            "X-API-Key": self._api_key,
            "X-ResendDuration": str(self._resend_window(wall)),
        }
        settings = self._settings
        return Dial(self._generation, self._url, headers, settings.max_message, settings.compression)

    def _on_opened(self, handshake: Handshake, now: float) -> None:
        self._stage = GREETING.next(self._stage, StageTrigger.OPENED)

    def _on_lost(self) -> None:
        super()._on_lost()
        self._stage = GREETING.next(self._stage, StageTrigger.LOST)

    def _ping(self, now: float) -> str:
        return frame(self._ids(), "ping", {})

    def _acks_of(self, keys: Sequence[Key]) -> Sequence[Ack]:
        # The document's sample names the hash alone, its error text the message as well. Where the provider heeds that, an ACK
        # cannot be taken for one of a version that is still on its way to us.
        return self._naming.acks(keys)

    def _ack_frames(self, ids: Sequence[str], acks: Sequence[Ack]) -> Sequence[str]:
        return ack_frames(ids, acks, self._naming.spelled([key for key, _ in acks]))

    def _acks_done(self, acks: Sequence[Ack]) -> None:
        self._naming.confirm(acks, self._ledger.unsettled(key for key, _ in acks))

    # Messages

    def _on_messages(self, messages: Sequence[str | bytes], now: float) -> None:
        read = decoded(decode, messages)
        for run, raws in runs(read, messages):
            # All are of the type of the first.
            if isinstance(run[0], Push):
                self._on_pushes(cast("list[Push]", run), raws, now)
            elif isinstance(run[0], AckReply):
                self._on_ack_replies(cast("list[AckReply]", run), raws, now)
            else:
                for message, raw in zip(cast("list[Single | Exception]", run), raws, strict=True):
                    self._on_single(message, raw, now)

    def _on_pushes(self, pushes: Sequence[Push], raws: Sequence[str | bytes], now: float) -> None:
        txs, message_ids, sent = columns_of(pushes, ("data", "id", "time"))
        if all(txs) and all_numbers(txs):
            self._on_transactions(txs, message_ids, sent, now)
            return
        for push, raw in zip(pushes, raws, strict=True):
            problem = "a transaction without data" if push.data is None else numbers_problem(push.data)
            if push.data is None or problem is not None:
                self._out.events.append(Malformed(now, raw, problem or ""))
            else:
                self._on_transactions([push.data], [push.id], [push.time], now)

    def _on_transactions(self, txs: list[Transaction], message_ids: list[str | None], sent: list[int | None], now: float) -> None:
        """Deliver what is new, ACK again what is finished, each as far as it goes without a break; any other by itself."""
        keys, versions, spelled = identify_all(txs, self._chain_ids)
        at = 0
        while at < len(txs):
            kept = self._ledger.first(keys, versions, self._base, at)
            # What is known comes by itself, unless it is finished.
            again = 0 if kept else self._ledger.again(keys, versions, at)
            run = slice(at, at + (len(kept) or again or 1))
            run_keys, run_ids = keys[run], message_ids[run]
            self._naming.add(run_keys, spelled and spelled[run], run_ids)
            if kept:
                new = txs[run]
                arrived(new, map(Arrival, itertools.repeat(now), run_keys, kept, run_ids, sent[run]))
                self._out.events += new
            elif again:
                self._ack_again(run_keys, now)
            else:
                self._on_known(txs[at], Arrival(now, keys[at], versions[at], message_ids[at], sent[at]))
            at = run.stop
        if self._exchange.staleness.enabled:
            for tx in txs:
                self._note_topics(tx, now)

    def _on_known(self, tx: Transaction, arrival: Arrival) -> None:
        """A transaction of a key that is known."""
        delivery = self._received(arrival.identity, arrival.received, reorg=tx.is_reorg_resend is True)
        if delivery is not None:
            arrived((tx,), (msgspec.structs.replace(arrival, delivery=delivery),))
            self._out.events.append(tx)

    def _on_ack_replies(self, replies: Sequence[AckReply], raws: Sequence[str | bytes], now: float) -> None:
        if not any(reply.code for reply in replies):
            self._on_acks_answered(replies, raws, None, now)
            return
        for reply, raw in zip(replies, raws, strict=True):
            error = None if reply.code == 0 else (reply.code, reply.msg or "")
            self._on_acks_answered((reply,), (raw,), error, now)

    def _on_acks_answered(
        self, replies: Sequence[AckReply], raws: Sequence[str | bytes], error: tuple[int, str] | None, now: float
    ) -> None:
        known = self._acks_answered([reply.id or "" for reply in replies], now, error)
        if not all(known):
            strays = itertools.compress(raws, map(operator.not_, known))
            self._out.events += [Unrecognized(now, raw, "an ACK reply that nobody waits for") for raw in strays]

    def _on_single(self, message: Single | Exception, raw: str | bytes, now: float) -> None:
        """What is said to something of ours, and what fits no shape."""
        match message:
            case Pong():
                self._pong()
            case Connected():
                self._on_connected(message, now)
            case Exception():
                self._on_misfit(raw, message, now)
            case _:
                self._on_reply(message, raw, now)

    def _note_topics(self, tx: Transaction, now: float) -> None:
        for address in tx.listen_addresses or ():
            self._exchange.staleness.data(topic(tx.chain_type, address), now)

    def _on_connected(self, message: Connected, now: float) -> None:
        before = self._stage
        self._stage = GREETING.next(before, StageTrigger.CONNECTED if message.code == 0 else StageTrigger.REFUSED)
        if self._stage is before:
            return
        if message.code == 0:
            self._accepted(now)
        elif message.code in _CREDENTIAL_CODES:
            self._refused(AuthenticationRefused(f"not accepted: {message.msg}", code=message.code), now)
        else:
            self._hang_up(1000, f"not accepted: {message.msg} (code {message.code})", now)

    def _on_reply(self, message: Reply, raw: str | bytes, now: float) -> None:
        command = None if message.id is None else self._exchange.waiting_for(message.id)
        if command is None or message.id is None:
            self._out.events.append(Unrecognized(now, raw, "a reply that nobody waits for"))
            return
        name = type(command).__name__
        if message.code != 0:
            self._reply(message.id, now, error=CommandRefused(name, message.code, message.msg or ""))
            return
        reply, problem = _result(message, command)
        self._reply(message.id, now, reply, None if problem is None else CommandRefused(name, *problem))

    def _on_misfit(self, raw: str | bytes, error: Exception, now: float) -> None:
        """A message that fits none of the known shapes: find out how much of it is to be trusted."""
        try:
            unknown = decode_unknown(raw)
        except MISFITS:
            self._out.events.append(Malformed(now, raw, self._redacted(str(error))))
            return
        command = None if unknown.id is None else self._exchange.waiting_for(unknown.id)
        if command is not None and unknown.id is not None:
            text = unknown.msg or "" if unknown.code else f"malformed reply: {error}"
            refused = CommandRefused(type(command).__name__, unknown.code or None, text)
            self._reply(unknown.id, now, error=refused)
        if unknown.type is None or unknown.type in KNOWN_TYPES:
            self._out.events.append(Malformed(now, raw, self._redacted(str(error))))
        elif command is None:
            self._out.events.append(Unrecognized(now, raw, self._redacted(unknown.type)))


def _result(message: Reply, command: AnyCommand) -> tuple[Subscribed | Unsubscribed | Transaction | None, _Problem | None]:
    """The value of a reply that says success, or the code and text of why it cannot be one."""
    match command, message:
        case Subscribe(), SubscribeReply():
            return message.data or Subscribed(), None
        case Unsubscribe(), UnsubscribeReply():
            return message.data or Unsubscribed(), None
        case GetTransaction(), TransactionReply(data=None):
            # The document answers code 404; a null with code 0 is how its HTTP twin says the same.
            return None, (404, "transaction not found")
        case GetTransaction(), TransactionReply(data=tx) if tx is not None:
            wrong = numbers_problem(tx)
            arrived((tx,), (ASKED_FOR,))
            return tx, None if wrong is None else (None, f"malformed reply: {wrong}")
        case _:
            return None, (None, "malformed reply: it answers another command")
