"""What may be asked on a QuantCite stream, and how it is written (seeds/000…, "Available Actions")."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar, Final, TypeAlias

import attrs
import msgspec

from ...core.commands import AnyCommand, Command
from ...core.dialect import Dialect
from ...core.effects import SecretFrame
from ...core.fields import some_text
from ...core.http import Response
from ...core.secrets import PLACEHOLDER, Secret
from ...errors import CommandRefused, LocalProtocolError
from .messages import Event, SupportedExchange, Validation
from .topics import Credentials, Topic
from .transactions import Summary

__all__ = [
    "LANE",
    "GetExchanges",
    "QuantciteDialect",
    "SubscribeTransactions",
    "ValidateCredentials",
    "credentials_fields",
    "frame",
    "missing_passphrase",
    "some_credentials",
    "some_testnet",
    "some_types",
]

_Account: TypeAlias = tuple[bool, Credentials | None]
"""Whether it is on the testnet, and with which credentials; None: the provider's own."""

LANE: Final = "commands"
"""All commands share it: errors name neither command nor exchange, so they are taken for the answer to the one in flight."""

TOLD: Final = 100
"""Sets of credentials kept beside those of subscriptions, to be left out of what the provider says."""


def some_types(instance: object, attribute: attrs.Attribute[tuple[str, ...]], value: object) -> None:
    """A tuple of texts. Raises `LocalProtocolError`."""
    # A single text would be taken apart into its letters.
    if not isinstance(value, tuple):
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be a tuple of strings")
    attrs.validators.deep_iterable(some_text)(instance, attribute, value)


def some_testnet(instance: object, attribute: attrs.Attribute[bool | None], value: object) -> None:
    """True, false or None. Raises `LocalProtocolError`."""
    if value is not None and not isinstance(value, bool):
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be true, false or None")


def some_credentials(instance: object, attribute: attrs.Attribute[Credentials | None], value: object) -> None:
    """`Credentials` or None. Raises `LocalProtocolError`, which does not show what was given instead."""
    if value is not None and not isinstance(value, Credentials):
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be quantcite.Credentials")


@attrs.frozen
class SubscribeTransactions(Command[Event, Summary]):
    """Transactions of one exchange account: those there are, and later ones, through reconnects.

    `testnet` None: as the config has it. Without `transaction_types` the provider decides which, without `credentials` it uses
    its own. The transactions arrive as events; the reply is what the provider says of the first batch.
    """

    exchange: str = attrs.field(validator=some_text)
    testnet: bool | None = attrs.field(default=None, validator=some_testnet)
    transaction_types: tuple[str, ...] = attrs.field(default=(), validator=some_types)
    """`deposits`, `withdrawals`, `spot_trades`, ...: an open set; `GetExchanges` says which an exchange has."""
    credentials: Credentials | None = attrs.field(default=None, validator=some_credentials)

    @property
    def topics(self) -> tuple[Topic, ...]:
        types = dict.fromkeys(self.transaction_types) or ("",)
        return tuple(Topic(self.exchange, self.testnet, kind, self.credentials) for kind in types)


@attrs.frozen
class ValidateCredentials(Command[Event, Validation]):
    """Ask whether credentials for an exchange are valid; without any, the provider's own. Invalid ones are a reply, no error."""

    exchange: str = attrs.field(validator=some_text)
    testnet: bool | None = attrs.field(default=None, validator=some_testnet)
    credentials: Credentials | None = attrs.field(default=None, validator=some_credentials)


@attrs.frozen
class GetExchanges(Command[Event, tuple[SupportedExchange, ...]]):
    """Ask which exchanges there are. Whose credentials need a passphrase is remembered: sets without it are refused from then on,
    before anything is sent."""


def credentials_fields(credentials: Credentials, shown: Callable[[Secret], str]) -> dict[str, str]:
    """Credentials as the provider wants them, each written by `shown`."""
    parts = {"api_key": credentials.api_key, "secret": credentials.secret, "passphrase": credentials.passphrase}
    return {name: shown(part) for name, part in parts.items() if part is not None}


def missing_passphrase(exchange: str, credentials: Credentials | None, requiring: Collection[str]) -> str | None:
    """What is wrong with credentials, None: nothing. `requiring` are the exchanges (lower case) that want a passphrase."""
    if credentials is None or credentials.passphrase is not None or exchange.lower() not in requiring:
        return None
    return f"credentials for {exchange} need a passphrase"


def frame(fields: Mapping[str, object]) -> str:
    """A message to the provider."""
    return msgspec.json.encode(fields).decode()


class QuantciteDialect(Dialect[Topic]):
    """How QuantCite commands are written. `testnet` is for those that do not say; `requiring`, the exchanges (lower case) whose
    credentials need a passphrase."""

    name: ClassVar[str] = "quantcite"
    commands: ClassVar[tuple[type[AnyCommand], ...]] = (SubscribeTransactions, ValidateCredentials, GetExchanges)

    def __init__(self, *, testnet: bool, requiring: Collection[str]) -> None:
        self.testnet = testnet
        self.requiring = requiring
        self._followed: dict[str, _Account] = {}
        self._told: deque[Credentials] = deque(maxlen=TOLD)

    def check(self, command: AnyCommand, desired: Collection[Topic]) -> None:
        super().check(command, desired)
        problem = self._problem(command)
        if problem is not None:
            raise LocalProtocolError(f"{type(command).__name__}: {problem}")
        if isinstance(command, SubscribeTransactions):
            account = self._account(command.testnet, command.credentials)
            if self._account_of(command.exchange, desired) not in (None, account):
                # No message says which account a transaction is of.
                raise LocalProtocolError(
                    f"SubscribeTransactions: this stream follows {command.exchange} on the other network or with other"
                    " credentials; use one stream for each account"
                )

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[Topic], granted: Response | None
    ) -> tuple[str, str | SecretFrame]:
        problem = self._problem(command)
        if problem is not None:
            # Learned since it was asked for.
            raise CommandRefused(type(command).__name__, None, problem)
        match command:
            case SubscribeTransactions():
                self._followed[command.exchange.lower()] = self._account(command.testnet, command.credentials)
                types: dict[str, object] = {"transaction_types": command.transaction_types} if command.transaction_types else {}
                return LANE, self._frame("subscribe_transactions", command, types)
            case ValidateCredentials():
                return LANE, self._frame("validate_credentials", command, {})
            case _:
                return LANE, frame({"action": "get_exchanges"})

    def _frame(
        self, action: str, command: SubscribeTransactions | ValidateCredentials, more: Mapping[str, object]
    ) -> str | SecretFrame:
        fields = {"action": action, "exchange": command.exchange, "testnet": self.network(command.testnet), **more}
        if command.credentials is None:
            return frame(fields)
        if command.credentials not in self._told:
            self._told.append(command.credentials)
        told = frame({**fields, "credentials": credentials_fields(command.credentials, Secret.reveal)})
        shown = frame({**fields, "credentials": credentials_fields(command.credentials, lambda _: PLACEHOLDER)})
        return SecretFrame(told, shown)

    def lane(self, command: AnyCommand) -> str:
        return LANE

    def restore(self, topics: Sequence[Topic]) -> Sequence[SubscribeTransactions]:
        # What was asked for one by one goes into one command: what a second one does to a first is not documented.
        grouped: dict[tuple[str, bool | None, bool], list[Topic]] = {}
        for topic in topics:
            grouped.setdefault((topic.exchange.lower(), topic.testnet, bool(topic.type)), []).append(topic)
        return [
            SubscribeTransactions(
                group[0].exchange, group[0].testnet, tuple(topic.type for topic in group if topic.type), group[0].credentials
            )
            for group in grouped.values()
        ]

    def network(self, testnet: bool | None) -> bool:
        """Whether a command means the testnet."""
        return self.testnet if testnet is None else testnet

    def network_of(self, exchange: str, desired: Collection[Topic]) -> bool:
        """Whether it is the testnet of this exchange that is followed: messages do not say."""
        account = self._account_of(exchange, desired)
        return self.testnet if account is None else account[0]

    def forget(self, exchange: str, desired: Collection[Topic]) -> None:
        """A subscription to this exchange was refused."""
        if not any(topic.exchange.lower() == exchange.lower() for topic in desired):
            self._followed.pop(exchange.lower(), None)

    def lost(self) -> None:
        """The connection has gone, and with it what was followed on it."""
        self._followed.clear()

    def secrets(self, desired: Collection[Topic]) -> list[Secret]:
        """The secrets that the provider knows from us, and may repeat."""
        wanted = [topic.credentials for topic in desired if topic.credentials is not None]
        return [secret for known in (*wanted, *self._told) for secret in known.secrets]

    def _account(self, testnet: bool | None, credentials: Credentials | None) -> _Account:
        return self.network(testnet), credentials

    def _account_of(self, exchange: str, desired: Collection[Topic]) -> _Account | None:
        """Whose transactions come from this exchange: what was given up is still sent, since nothing unsubscribes."""
        followed = self._followed.get(exchange.lower())
        if followed is not None:
            return followed
        return next((self._account(t.testnet, t.credentials) for t in desired if t.exchange.lower() == exchange.lower()), None)

    def _problem(self, command: AnyCommand) -> str | None:
        if not isinstance(command, SubscribeTransactions | ValidateCredentials):
            return None
        return missing_passphrase(command.exchange, command.credentials, self.requiring)
