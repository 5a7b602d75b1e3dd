"""Which trouble it was: by how a connection ended, by an HTTP status, by an error of ours. Pure; the tables are tried in order.

What must not live here: what to do about it (`advice`).
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from typing import Final

from ..core.effects import Close
from ..errors import (
    AuthenticationRefused,
    CommandRefused,
    ConnectionLost,
    LocalProtocolError,
    NotReady,
    OutcomeUnknown,
    RateLimited,
    ReplyTimeout,
)
from .steps import Step, Trouble

__all__ = ["DIALLED", "ERRORS", "STATUSES", "of_dial", "of_error", "of_status"]

_NO_RESOLVER: Final = r".*Temporary failure in name resolution"
_UNKNOWN_NAME: Final = r".*(Name or service not known|No address associated|nodename nor servname)"


def _system(*codes: int) -> str:
    """A pattern for what the system says of these errors."""
    return "(" + "|".join(re.escape(os.strerror(code)) for code in codes) + ")"


DIALLED: Final[Sequence[tuple[str, Step, Trouble]]] = (
    (rf"(resolve|proxy): {_NO_RESOLVER}", Step.RESOLVE, Trouble.NO_RESOLVER),
    ("resolve: ", Step.RESOLVE, Trouble.UNKNOWN_NAME),
    (rf"proxy: {_UNKNOWN_NAME}", Step.RESOLVE, Trouble.UNKNOWN_NAME),
    ("connect: " + _system(errno.ECONNREFUSED), Step.CONNECT, Trouble.REFUSED),
    ("connect: " + _system(errno.ETIMEDOUT), Step.CONNECT, Trouble.TIMED_OUT),
    (
        "connect: " + _system(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EACCES, errno.EPERM),
        Step.CONNECT,
        Trouble.UNREACHABLE,
    ),
    ("connect: ", Step.CONNECT, Trouble.FAILED),
    (r"proxy: (407|.*[Aa]uthenticat)", Step.CONNECT, Trouble.PROXY_LOGIN),
    ("proxy: (cannot connect|certificate verify failed)", Step.CONNECT, Trouble.PROXY_AWAY),
    ("proxy: ", Step.CONNECT, Trouble.PROXY_REFUSED),
    ("tls: .*certificate has expired", Step.TLS, Trouble.EXPIRED),
    ("tls: .*not yet valid", Step.TLS, Trouble.NOT_YET_VALID),
    ("tls: .*mismatch", Step.TLS, Trouble.WRONG_NAME),
    ("tls: .*(self.signed|issuer certificate|unable to verify)", Step.TLS, Trouble.UNKNOWN_AUTHORITY),
    ("tls: (WRONG_VERSION_NUMBER|HTTP_REQUEST|RECORD_LAYER_FAILURE|PACKET_LENGTH)", Step.TLS, Trouble.NO_TLS),
    ("tls: ", Step.TLS, Trouble.FAILED),
    ("handshake: .*subprotocol", Step.HANDSHAKE, Trouble.SUBPROTOCOL),
    (
        "handshake: (the peer ended the stream|" + _system(errno.ECONNRESET, errno.EPIPE) + ")",
        Step.HANDSHAKE,
        Trouble.HUNG_UP,
    ),
    ("handshake: ", Step.HANDSHAKE, Trouble.NO_WEBSOCKET),
)
"""By the reason of a dial that failed, which begins with the step in the dialler's words."""

STATUSES: Final[Sequence[tuple[range, Trouble]]] = (
    (range(401, 402), Trouble.HTTP_401),
    (range(403, 404), Trouble.HTTP_403),
    (range(404, 405), Trouble.HTTP_404),
    (range(429, 430), Trouble.HTTP_429),
    (range(300, 400), Trouble.REDIRECTED),
    (range(500, 600), Trouble.HTTP_5XX),
    (range(1000), Trouble.HTTP_OTHER),
)

ERRORS: Final[Sequence[tuple[type[Exception], Trouble]]] = (
    (AuthenticationRefused, Trouble.CREDENTIAL),
    (RateLimited, Trouble.HTTP_429),
    (CommandRefused, Trouble.REFUSED),
    (ReplyTimeout, Trouble.TIMED_OUT),
    (ConnectionLost, Trouble.HUNG_UP),
    (OutcomeUnknown, Trouble.HUNG_UP),
    (LocalProtocolError, Trouble.MISUSED),
    (NotReady, Trouble.MISUSED),
)


def of_dial(close: Close) -> tuple[Step, Trouble]:
    """Where and how a dial failed. What the shell would not even send is of no step on the way: it counts as the connecting's."""
    if close.status is not None:
        return Step.HANDSHAKE, of_status(close.status)
    found = ((step, trouble) for pattern, step, trouble in DIALLED if re.match(pattern, close.reason))
    return next(found, (Step.CONNECT, Trouble.MISUSED))


def of_status(status: int) -> Trouble:
    """What an HTTP status other than success means."""
    return next(trouble for statuses, trouble in STATUSES if status in statuses)


def of_error(error: Exception) -> Trouble:
    """What an error of a call, or of a credential's source, means."""
    return next((trouble for kind, trouble in ERRORS if isinstance(error, kind)), Trouble.FAILED)
