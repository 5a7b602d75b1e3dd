"""QuantCite unified transactions: deposits, withdrawals and trades of exchange accounts, as they come."""

from typing import TYPE_CHECKING

from ...core.effects import Identity
from ...core.events import AckRefused, Delivery, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from ...lazy import lazily
from .commands import GetExchanges, SubscribeTransactions, ValidateCredentials
from .config import Config
from .machine import QuantciteMachine
from .messages import AccountInfo, Event, Notice, SupportedExchange, Validation
from .settings import PATHS, TIERS
from .stages import AUTHENTICATION, CLOSES
from .topics import Credentials, Topic
from .transactions import Amount, DateRange, Description, Sender, Summary, Transaction

if TYPE_CHECKING:
    from .replies import (
        Account,
        ApiHealth,
        BillingPeriod,
        CredentialPolicy,
        KeyStatus,
        SessionState,
        TransactionPage,
        TypeCatalogue,
        Usage,
    )
    from .rest import (
        Authenticate,
        CheckCredentials,
        CredentialSources,
        DataUsage,
        Health,
        ListExchanges,
        QueryTransactions,
        SessionGrant,
        SessionStatus,
        TransactionTypes,
    )

__all__ = [
    "AUTHENTICATION",
    "CLOSES",
    "PATHS",
    "TIERS",
    "Account",
    "AccountInfo",
    "AckRefused",
    "Amount",
    "ApiHealth",
    "Authenticate",
    "BillingPeriod",
    "CheckCredentials",
    "Config",
    "CredentialPolicy",
    "CredentialSources",
    "Credentials",
    "DataUsage",
    "DateRange",
    "Delivery",
    "Description",
    "Down",
    "Event",
    "Gap",
    "GetExchanges",
    "Health",
    "Identity",
    "KeyStatus",
    "ListExchanges",
    "Malformed",
    "Notice",
    "QuantciteMachine",
    "QueryTransactions",
    "Sender",
    "SessionGrant",
    "SessionState",
    "SessionStatus",
    "Stale",
    "SubscribeTransactions",
    "SubscriptionRefused",
    "Summary",
    "SupportedExchange",
    "Topic",
    "Transaction",
    "TransactionPage",
    "TransactionTypes",
    "TypeCatalogue",
    "Unrecognized",
    "Up",
    "Usage",
    "ValidateCredentials",
    "Validation",
]

if not TYPE_CHECKING:  # to a type checker, a package with a `__getattr__` has every name
    __getattr__, __dir__ = lazily(__name__, __all__, "replies", "rest")
