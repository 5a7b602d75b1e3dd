"""QuantCite's transaction streaming as a state machine: its own rules on top of the shared lifecycle (seeds/000…).

Accepted by a welcome that says so; commands one at a time, since no reply names the one it answers; transactions that come again
are withheld.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import attrs

from ...core.closes import Action, CloseTable, Row
from ...core.commands import AnyCommand
from ...core.config import as_websocket_url
from ...core.dedupe import Recent
from ...core.effects import Close, Dial, Handshake, Identity, Ping, Scalar, SecretFrame
from ...core.events import Delivery, Malformed, Unrecognized
from ...core.machine import Status
from ...core.runs import MISFITS
from ...core.secrets import PLACEHOLDER, Secret
from ...core.session import Session
from ...errors import AuthenticationRefused, CommandRefused
from .commands import LANE, GetExchanges, QuantciteDialect, SubscribeTransactions, ValidateCredentials, frame
from .messages import (
    KNOWN_TYPES,
    AuthenticationError,
    AuthenticationSuccess,
    DataLimitExceeded,
    DataLimitWarning,
    ExchangesResponse,
    Message,
    Notice,
    Pong,
    RateLimitWarning,
    SubscriptionError,
    TransactionResponse,
    Trouble,
    Validation,
    Welcome,
    decode,
    decode_unknown,
    seconds,
)
from .settings import Settings
from .stages import AUTHENTICATION, CLOSES, Stage, StageTrigger
from .topics import Topic
from .transactions import Transaction, read, summarise
from .troubles import RATE_LIMITED, UNAUTHENTICATED, is_about_the_key, is_about_the_rate, may_answer

__all__ = ["QuantciteMachine"]


_REPLIES: Final[Mapping[str, tuple[type[AnyCommand], ...]]] = {
    "transaction_response": (SubscribeTransactions,),
    "subscription_error": (SubscribeTransactions,),
    "validation_response": (ValidateCredentials,),
    "exchanges_response": (GetExchanges,),
    "error": (SubscribeTransactions, ValidateCredentials, GetExchanges),
}
"""What each type of message may be the answer to."""


def _folded(topic: Topic) -> str:
    """The exchange, by which its messages are told apart."""
    return topic.exchange.lower()


class QuantciteMachine(Session[Transaction | Notice, Topic]):
    """See `core.machine` for the contract."""

    closes: CloseTable = CLOSES

    def __init__(
        self,
        settings: Settings,
        *,
        rng: random.Random,
        ids: Callable[[], str],
    ) -> None:
        fatal = [Row(code, code, Action.FATAL, "listed in fatal_closes") for code in settings.fatal_closes]
        self.closes = CloseTable((*fatal, *CLOSES.rows))
        self._dialect = QuantciteDialect(testnet=settings.testnet, requiring=settings.requiring)
        super().__init__(settings, self._dialect, rng=rng, ids=ids)
        self._rules = settings
        self._url = as_websocket_url(settings.url)
        self._stage = AUTHENTICATION.initial
        # Two memories: of transactions, and of each of them as it was when it came.
        self._known: Recent[tuple[Scalar, ...]] = Recent(settings.remember)
        self._delivered: Recent[Identity] = Recent(settings.remember)
        self._withheld = 0
        self._slow_down: Close | None = None
        """The error for which this connection was not authenticated, where that asks for patience."""

    def status(self) -> Status:
        return attrs.evolve(super().status(), withheld=self._withheld)

    # What the session asks for

    def _dial(self, now: float, wall: float) -> Dial:
        url: str | Secret = self._url
        if self._rules.auth == "query":
            url = Secret(f"{self._url}{'&' if '?' in self._url else '?'}api_key={quote(self._rules.api_key.reveal(), safe='')}")
        settings = self._settings
        return Dial(self._generation, url, {}, settings.max_message, settings.compression)

    def _on_opened(self, handshake: Handshake, now: float) -> None:
        if self._rules.greeting == "wait" or self._rules.auth == "query":
            self._stage = AUTHENTICATION.next(self._stage, StageTrigger.OPENED_TO_WAIT)
        else:
            self._stage = AUTHENTICATION.next(self._stage, StageTrigger.OPENED)
            self._authenticate()

    def _on_lost(self) -> None:
        self._dialect.lost()
        self._slow_down = None
        self._stage = AUTHENTICATION.next(self._stage, StageTrigger.LOST)

    def _judged(self, close: Close, now: float) -> Close:
        return self._slow_down or close

    def _hidden(self) -> Iterable[Secret]:
        return self._dialect.secrets(self._exchange.subscriptions)

    def _ping(self, now: float) -> str | Ping:
        return frame({"type": "ping"}) if self._rules.ping == "json" else Ping(b"")

    def _authenticate(self) -> None:
        told, shown = (frame({"type": "authenticate", "api_key": key}) for key in (self._rules.api_key.reveal(), PLACEHOLDER))
        self._out.effects.append(SecretFrame(told, shown))

    # Messages

    def _on_messages(self, messages: Sequence[str | bytes], now: float) -> None:
        for raw in messages:
            try:
                message = decode(raw)
            except MISFITS as error:
                self._on_misfit(raw, error, now)
            else:
                self._on_message(message, raw, now)

    def _on_message(self, message: Message, raw: str | bytes, now: float) -> None:
        match message:
            case TransactionResponse():
                self._on_transactions(message, raw, now)
            case Pong():
                self._pong()
            case Welcome():
                success = message.authenticated(legacy=self._rules.legacy_success)
                self._on_welcome(StageTrigger.ACCEPTED if success else StageTrigger.GREETED, now)
            case AuthenticationSuccess():
                if self._rules.legacy_success:
                    self._on_welcome(StageTrigger.ACCEPTED, now)
                else:
                    self._out.events.append(Unrecognized(now, raw, "authentication_success"))
            case Validation() if isinstance(self._asked(), ValidateCredentials):
                self._reply(LANE, now, self._cleaned(message))
            case ExchangesResponse() if isinstance(self._asked(), GetExchanges):
                requiring = {known.exchange_name.lower() for known in message.exchanges if known.requires_passphrase}
                self._dialect.requiring = requiring | self._rules.requiring
                self._reply(LANE, now, message.exchanges)
            case Trouble():
                self._on_trouble(message, raw, now)
            case _:
                self._out.events.append(Unrecognized(now, raw, "a reply that nobody waits for"))

    def _on_welcome(self, trigger: StageTrigger, now: float) -> None:
        before, self._stage = self._stage, AUTHENTICATION.next(self._stage, trigger)
        if self._stage is before:
            return
        if self._stage is Stage.AUTHENTICATED:
            self._accepted(now)
        else:
            self._authenticate()

    def _on_trouble(self, message: Trouble, raw: str | bytes, now: float) -> None:
        text = self._redacted(message.message or message.error or "")
        if isinstance(message, DataLimitExceeded | DataLimitWarning | RateLimitWarning):
            self._notice(message, text, raw, now)
        elif isinstance(message, AuthenticationError):
            self._on_key_refused(message, text, now)
        elif self._stage is Stage.AUTHENTICATED:
            self._on_error(message, text, raw, now)
        elif isinstance(message, SubscriptionError) or self._stage is Stage.REFUSED:
            self._notice(message, text, raw, now)
        elif is_about_the_key(message):
            self._on_key_refused(message, text, now)
        else:
            if is_about_the_rate(message):
                self._slow_down = Close(RATE_LIMITED, text, retry_after=self._pause(message))
            self._hang_up(1000, f"not authenticated: {text} ({self._code(message) or self._name(message)})", now)

    def _on_key_refused(self, message: Trouble, text: str, now: float) -> None:
        self._stage = AUTHENTICATION.next(self._stage, StageTrigger.REFUSED)
        code = message.code if isinstance(message.code, int) else None
        said = ": ".join(dict.fromkeys(part for part in (self._name(message), text) if part))
        self._refused(AuthenticationRefused(f"not authenticated: {said or 'refused'}", code=code), now)

    def _on_error(self, message: Trouble, text: str, raw: str | bytes, now: float) -> None:
        """An error on an authenticated connection: it is taken for the answer to the command in flight, if it can be."""
        command = self._asked()
        if message.error == UNAUTHENTICATED:
            # The command is sent again where the next connection has authenticated.
            self._notice(message, text, raw, now)
            self._hang_up(1000, "no longer authenticated", now)
        elif command is None or not may_answer(message, command):
            self._notice(message, text, raw, now)
            if command is None and is_about_the_key(message):
                self._hang_up(1000, "no longer authenticated", now)
        else:
            code, pause = self._code(message) or self._name(message), self._pause(message)
            refused = CommandRefused(type(command).__name__, code, text, retry_after=pause)
            self._refuse(command, refused, now)

    def _notice(self, message: Trouble, text: str, raw: str | bytes, now: float) -> None:
        pause = seconds(message.retry_after)
        self._out.events.append(Notice(now, message.kind, self._code(message), self._name(message), text, pause, raw))

    def _on_transactions(self, message: TransactionResponse, raw: str | bytes, now: float) -> None:
        command = self._asked()
        asked = command if isinstance(command, SubscribeTransactions) else None
        if asked is not None and message.exchange is not None and message.exchange.lower() != asked.exchange.lower():
            asked = None
        exchange = message.exchange or (None if asked is None else asked.exchange)
        if exchange is None:
            self._out.events.append(Malformed(now, raw, "transactions of no exchange"))
            return
        withheld, before = self._withheld, len(self._out.events)
        problems = self._deliver(message, exchange, now)
        withheld = self._withheld - withheld
        legible = len(self._out.events) - before + withheld
        summary = summarise(message, exchange, transactions=legible, withheld=withheld, problems=problems)
        if problems:
            self._out.events.append(Malformed(now, raw, self._redacted("; ".join(problems))))
        if message.success is not False:
            if asked is not None:
                self._reply(LANE, now, summary)
            return
        text = self._redacted(message.message or message.error or "")
        if asked is not None:
            self._refuse(asked, CommandRefused("SubscribeTransactions", self._name(message), text), now)
        else:
            self._out.events.append(Notice(now, "transaction_response", None, self._name(message), text, None, raw))

    def _deliver(self, message: TransactionResponse, exchange: str, now: float) -> list[str]:
        """Deliver those transactions that are new. Returns what was wrong with others."""
        problems: list[str] = []
        subscriptions = self._exchange.subscriptions
        testnet = self._dialect.network_of(exchange, subscriptions)
        topics = subscriptions.grouped(_folded).get(exchange.lower(), ())
        for topic in topics:
            self._exchange.staleness.data(topic, now)
        asked_for = tuple(dict.fromkeys(topic.type for topic in topics))
        for place, raw in enumerate(message.transactions or ()):
            try:
                transaction = read(raw, exchange, testnet=testnet)
            except (ValueError, RecursionError) as error:
                problems.append(f"transactions[{place}]: {error}")
                continue
            identity = transaction.identity
            new = self._known.add(identity.key)
            if (self._delivered.add(identity) and self._rules.updates) or new:
                delivery: Delivery = "new" if new else "update"
                self._out.events.append(attrs.evolve(transaction, received=now, delivery=delivery, asked_for=asked_for))
            else:
                self._withheld += 1
        return problems

    def _on_misfit(self, raw: str | bytes, error: Exception, now: float) -> None:
        """A message that fits none of the known shapes: find out what it was meant to be."""
        kind = None
        with contextlib.suppress(*MISFITS):
            kind = decode_unknown(raw).type
        if kind is not None and kind not in KNOWN_TYPES:
            self._out.events.append(Unrecognized(now, raw, self._redacted(kind)))
            return
        self._out.events.append(Malformed(now, raw, self._redacted(str(error))))
        command = self._asked()
        if command is not None and isinstance(command, _REPLIES.get(kind or "", ())):
            self._refuse(command, CommandRefused(type(command).__name__, None, f"malformed reply: {error}"), now)

    # Small things

    def _pause(self, message: Trouble) -> float | None:
        """The seconds for which nothing should be asked for."""
        pause = seconds(message.retry_after)
        return self._rules.rate_limit_pause if pause is None and is_about_the_rate(message) else pause

    def _asked(self) -> AnyCommand | None:
        return self._exchange.waiting_for(LANE)

    def _refuse(self, command: AnyCommand, error: CommandRefused, now: float) -> None:
        self._reply(LANE, now, error=error)
        if isinstance(command, SubscribeTransactions):
            self._dialect.forget(command.exchange, self._exchange.subscriptions)

    def _cleaned(self, message: Validation) -> Validation:
        return Validation(
            success=message.success,
            message=None if message.message is None else self._redacted(message.message),
            exchange=message.exchange,
            credentials_source=message.credentials_source,
            account_info=message.account_info,
            error=self._name(message),
        )

    def _name(self, message: Trouble | TransactionResponse | Validation) -> str | None:
        return None if message.error is None else self._redacted(message.error)

    def _code(self, message: Trouble) -> int | str | None:
        return self._redacted(message.code) if isinstance(message.code, str) else message.code
