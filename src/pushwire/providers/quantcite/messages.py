"""What QuantCite sends on a transactions session (seeds/000…; providers/quantcite.md): decoded once and typed.

The market-data product shares the socket and is not served here: its messages are of no known type, and reach the user raw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

import attrs
import msgspec

from ...core.events import Control
from ...core.redial import RETRY_AFTER_CAP
from ...core.values import Value, exact
from .topics import Topic
from .transactions import Batch, Transaction

__all__ = ["AccountInfo", "Event", "Notice", "SupportedExchange", "Validation"]


class AccountInfo(Value):
    """What a validation tells of the account."""

    account_type: str | None = None
    status: str | None = None


class SupportedExchange(Value):
    """An exchange that the provider knows, and what it can fetch from there."""

    exchange_name: str
    display_name: str | None = None
    supported_transaction_types: tuple[str, ...] = ()
    requires_passphrase: bool | None = None
    testnet_available: bool | None = None
    documentation_url: str | None = None
    """Relative to the provider's site."""


@attrs.frozen
class Notice:
    """An error or a warning of the provider that answers no command. `kind` is the type of its message.

    `rate_limit_warning`, `data_limit_warning` and `data_limit_exceeded` tell of the plan's limits: beyond the last the provider
    ends the connection. `retry_after` is seconds.
    """

    received: float
    kind: str
    code: int | str | None
    error: str | None
    text: str
    retry_after: float | None
    raw: str | bytes = attrs.field(repr=lambda raw: f"<{len(raw)} characters>")


Event: TypeAlias = Transaction | Notice | Control[Topic]
"""Everything a QuantCite stream delivers."""


# On the wire, one struct a `type`, so that one pass decodes and tells them apart.

if TYPE_CHECKING:

    class Frame(Value):
        """A message of the provider."""

        def __init_subclass__(cls, *, tag: str) -> None: ...

    class BatchFrame(Batch):
        """A batch of transactions as a message; by HTTP the same comes without a `type`."""

        def __init_subclass__(cls, *, tag: str) -> None: ...

else:

    class Frame(Value, tag_field="type"):
        """A message of the provider."""

    class BatchFrame(Batch, tag_field="type"):
        """A batch of transactions as a message; by HTTP the same comes without a `type`."""


class Authentication(Value):
    """What a welcome says of the key. The key itself, masked, is left where it was."""

    status: str | None = None


class Welcome(Frame, tag="welcome"):
    """The answer to `authenticate`; a socket that has not authenticated is greeted by the same type."""

    session_id: str | None = None
    user_id: str | None = None
    user_tier: str | None = None
    message: str | None = None
    authentication: Authentication | None = None

    def authenticated(self, *, legacy: bool) -> bool:
        """Whether it says that the socket is authenticated: a status, where there is one, says it alone, else a session, and in
        the older form (`legacy`) a tier."""
        if self.authentication is not None and self.authentication.status is not None:
            return self.authentication.status == "authenticated"
        return bool(self.session_id or (legacy and self.user_tier))


class AuthenticationSuccess(Frame, tag="authentication_success"):
    """How success was told before August 2025; samples still look for it."""

    user_id: str | None = None
    tier: str | None = None


class Trouble(Frame, tag="error"):
    """An error, or a warning: which, its type says."""

    kind: ClassVar[str] = "error"

    error: str | None = None
    message: str | None = None
    code: int | str | None = None
    retry_after: msgspec.Raw = msgspec.Raw(b"null")
    exchange: str | None = None


class AuthenticationError(Trouble, tag="authentication_error"):
    """The key is not accepted, or no longer."""

    kind: ClassVar[str] = "authentication_error"


class SubscriptionError(Trouble, tag="subscription_error"):
    """A subscription failed."""

    kind: ClassVar[str] = "subscription_error"


class DataLimitExceeded(Trouble, tag="data_limit_exceeded"):
    """The month's data is used up; the connection will be ended."""

    kind: ClassVar[str] = "data_limit_exceeded"


class DataLimitWarning(Trouble, tag="data_limit_warning"):
    """The month's data will be used up."""

    kind: ClassVar[str] = "data_limit_warning"


class RateLimitWarning(Trouble, tag="rate_limit_warning"):
    """The rate limit is near."""

    kind: ClassVar[str] = "rate_limit_warning"


class TransactionResponse(BatchFrame, tag="transaction_response"):
    """Transactions: the answer to a subscription, or pushed later."""

    success: bool | None = None
    exchange: str | None = None
    message: str | None = None
    error: str | None = None


class Validation(Frame, tag="validation_response"):
    """Whether the credentials for an exchange are valid: `success`. Where they are not, `error` and `message` say why.

    By HTTP the same comes without a `type`.
    """

    success: bool
    message: str | None = None
    exchange: str | None = None
    credentials_source: str | None = None
    """`internal`: the provider's own; the document names no other value."""
    account_info: AccountInfo | None = None
    error: str | None = None


class ExchangesResponse(Frame, tag="exchanges_response"):
    """The answer to `get_exchanges`."""

    exchanges: tuple[SupportedExchange, ...]


class Pong(Frame, tag="pong"):
    """The answer to a JSON ping."""


Message: TypeAlias = (
    Welcome
    | AuthenticationSuccess
    | AuthenticationError
    | Trouble
    | SubscriptionError
    | DataLimitExceeded
    | DataLimitWarning
    | RateLimitWarning
    | TransactionResponse
    | Validation
    | ExchangesResponse
    | Pong
)


def seconds(raw: msgspec.Raw) -> float | None:
    """How long the provider asks to wait. None where it does not say, or nothing that can be meant."""
    try:
        value = exact(raw)
    except ValueError:
        return None
    return min(float(value), RETRY_AFTER_CAP) if value > 0 else None


class Unknown(msgspec.Struct):
    """As much of a message as tells what it was meant to be."""

    type: str | None = None


decode: Final = msgspec.json.Decoder[Message](Message).decode
decode_unknown: Final = msgspec.json.Decoder(Unknown).decode
KNOWN_TYPES: Final = frozenset(
    {
        "welcome",
        "authentication_success",
        "authentication_error",
        "error",
        "subscription_error",
        "data_limit_exceeded",
        "data_limit_warning",
        "rate_limit_warning",
        "transaction_response",
        "validation_response",
        "exchanges_response",
        "pong",
    }
)
