"""QuantCite unified transactions: deposits, withdrawals and trades of exchange accounts, as they come."""

from ...core.effects import Identity
from ...core.events import Delivery, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from .commands import GetExchanges, SubscribeTransactions, ValidateCredentials
from .config import Config
from .machine import QuantciteMachine
from .messages import AccountInfo, Event, Notice, SupportedExchange, Validation
from .settings import TIERS
from .stages import AUTHENTICATION, CLOSES
from .topics import Credentials, Topic
from .transactions import Amount, DateRange, Description, Sender, Summary, Transaction

__all__ = [
    "AUTHENTICATION",
    "CLOSES",
    "TIERS",
    "AccountInfo",
    "Amount",
    "Config",
    "Credentials",
    "DateRange",
    "Delivery",
    "Description",
    "Down",
    "Event",
    "Gap",
    "GetExchanges",
    "Identity",
    "Malformed",
    "Notice",
    "QuantciteMachine",
    "Sender",
    "Stale",
    "SubscribeTransactions",
    "SubscriptionRefused",
    "Summary",
    "SupportedExchange",
    "Topic",
    "Transaction",
    "Unrecognized",
    "Up",
    "ValidateCredentials",
    "Validation",
]
