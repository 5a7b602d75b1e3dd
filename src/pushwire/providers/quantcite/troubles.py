"""What an error of the provider is about (seeds/000…, "Error Handling"). Nothing here decides what follows."""

from __future__ import annotations

from typing import Final

from ...core.commands import AnyCommand
from .commands import SubscribeTransactions, ValidateCredentials
from .messages import SubscriptionError, Trouble

__all__ = ["RATE_LIMITED", "UNAUTHENTICATED", "is_about_the_key", "is_about_the_rate", "is_key_error", "may_answer"]

AUTHENTICATION_FAILED: Final = 4001
RATE_LIMITED: Final = 4005

_KEY_ERRORS: Final = frozenset(
    {
        "authentication_failed",
        "authentication failed",
        "invalid_api_key",
        "missing_api_key",
        "api_key_not_found",
        "api_key_disabled",
        "account_suspended",
    }
)
"""The errors that are about the key, by their names in lower case."""
UNAUTHENTICATED: Final = "authentication_required"
"""The error of a command on a socket that is not authenticated, or no longer."""


def is_about_the_key(message: Trouble) -> bool:
    return message.code == AUTHENTICATION_FAILED or is_key_error(message.error)


def is_key_error(name: str | None) -> bool:
    """Whether an error of this name is about the key."""
    return (name or "").lower() in _KEY_ERRORS


def is_about_the_rate(message: Trouble) -> bool:
    return message.code == RATE_LIMITED or message.error == "rate_limit_exceeded"


def may_answer(message: Trouble, command: AnyCommand) -> bool:
    """Whether an error can be meant for `command`: most name nothing; some name an exchange."""
    if isinstance(message, SubscriptionError) and not isinstance(command, SubscribeTransactions):
        return False
    if message.exchange is None:
        return True
    if not isinstance(command, SubscribeTransactions | ValidateCredentials):
        return False
    return message.exchange.lower() == command.exchange.lower()
