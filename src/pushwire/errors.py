"""Every exception pushwire raises.

Two questions decide what a caller does with an error, and the types answer them: *whose fault is it* (ours:
`LocalProtocolError`; the peer's: `RemoteProtocolError`) and *did my bytes leave* (`ConnectionLost.sent`, `OutcomeUnknown`).
No message of these exceptions holds a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AlreadyFinished",
    "AuthenticationRefused",
    "CommandRefused",
    "ConfigError",
    "ConnectionLost",
    "InboxFull",
    "JournalError",
    "LocalProtocolError",
    "NotReady",
    "OutcomeUnknown",
    "PushwireError",
    "RateLimited",
    "RemoteProtocolError",
    "ReplyTimeout",
    "SignatureRefused",
    "StoreError",
]


class PushwireError(Exception):
    """The base of every exception of this library."""


class LocalProtocolError(PushwireError):
    """The caller asked for something the protocol, or the state of the machine, does not allow. Nothing was changed."""


class ConfigError(LocalProtocolError, ValueError):
    """A configuration is wrong. `problems` names every wrong field at once, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems: tuple[str, ...] = tuple(problems)


class AlreadyFinished(LocalProtocolError):
    """What `store.finish` was given was finished by an earlier transaction, and has been booked there: do not commit this one.
    `stream.ack` it without a receipt."""


class RemoteProtocolError(PushwireError):
    """The peer broke the protocol or refused what was asked."""


class AuthenticationRefused(RemoteProtocolError):
    """The provider does not accept the credential; dialling again with the same one would not help.

    `status` is the HTTP status of a refused handshake, `code` the close or application code; either may be None.
    """

    def __init__(self, message: str, *, status: int | None = None, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class CommandRefused(RemoteProtocolError):
    """The provider answered a command with an error. `code`, `text` and `trace_id` (for its support) are the provider's own;
    `retry_after` is the seconds it asks to wait before the next attempt."""

    def __init__(
        self, command: str, code: int | str | None, text: str, *, trace_id: str | None = None, retry_after: float | None = None
    ) -> None:
        details = [f"{name} {value}" for name, value in (("code", code), ("trace", trace_id)) if value is not None]
        super().__init__(f"{command} refused: {text}" + (f" ({', '.join(details)})" if details else ""))
        self.command = command
        self.code = code
        self.text = text
        self.trace_id = trace_id
        self.retry_after = retry_after


class RateLimited(CommandRefused):
    """The provider asks for fewer calls (HTTP 429). The call was not carried out, so it is safe to repeat; not before
    `retry_after` seconds, where that is said."""


class SignatureRefused(RemoteProtocolError):
    """A webhook carries no signature of the provider, or too old a one: whoever sent it, nothing in it is to be believed."""


class ConnectionLost(PushwireError):
    """The connection ended before the reply came.

    `sent` is "no" when not a byte of the command left this machine, "maybe" otherwise.
    """

    def __init__(self, message: str, *, sent: Literal["no", "maybe"]) -> None:
        super().__init__(message)
        self.sent: Literal["no", "maybe"] = sent


class OutcomeUnknown(PushwireError):
    """The command left, no reply came, and repeating it blindly may do it twice. `command` is what was asked."""

    def __init__(self, message: str, *, command: object) -> None:
        super().__init__(message)
        self.command = command


class ReplyTimeout(PushwireError):
    """No reply within the deadline (seconds) of the command, on a connection that is otherwise alive."""


class NotReady(PushwireError):
    """The stream is not ready: `connect` gave up after `ready_within` seconds, or a command that must not wait was asked for."""


class InboxFull(PushwireError):
    """While a call waited for its reply, more unread events arrived than the inbox may hold. None of them was lost."""


class StoreError(PushwireError):
    """The ledger's store failed.

    `outcome` is "not_stored" when nothing was written, "unknown" when the commit may have happened. Repeating the same `ack`
    is safe in both cases.
    """

    def __init__(self, message: str, *, outcome: Literal["not_stored", "unknown"] = "not_stored") -> None:
        super().__init__(message)
        self.outcome: Literal["not_stored", "unknown"] = outcome


class JournalError(PushwireError):
    """A journal cannot be read: `line`, counted from 1, is wrong, for `reason`."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"journal line {line}: {reason}")
        self.line = line
        self.reason = reason
