from __future__ import annotations

import errno
import os

import pytest

from pushwire.core.effects import Close
from pushwire.doctor.steps import Step, Trouble
from pushwire.doctor.troubles import DIALLED, of_dial, of_error, of_status
from pushwire.errors import (
    AuthenticationRefused,
    CommandRefused,
    ConfigError,
    ConnectionLost,
    LocalProtocolError,
    NotReady,
    OutcomeUnknown,
    RateLimited,
    RemoteProtocolError,
    ReplyTimeout,
    StoreError,
)

REASONS = [
    ("resolve: Name or service not known", Step.RESOLVE, Trouble.UNKNOWN_NAME),
    ("resolve: No address associated with hostname", Step.RESOLVE, Trouble.UNKNOWN_NAME),
    ("resolve: Temporary failure in name resolution", Step.RESOLVE, Trouble.NO_RESOLVER),
    ("proxy: Temporary failure in name resolution", Step.RESOLVE, Trouble.NO_RESOLVER),
    ("proxy: Name or service not known", Step.RESOLVE, Trouble.UNKNOWN_NAME),
    (f"connect: {os.strerror(errno.ECONNREFUSED)}", Step.CONNECT, Trouble.REFUSED),
    (f"connect: {os.strerror(errno.ETIMEDOUT)}", Step.CONNECT, Trouble.TIMED_OUT),
    (f"connect: {os.strerror(errno.EHOSTUNREACH)}", Step.CONNECT, Trouble.UNREACHABLE),
    (f"connect: {os.strerror(errno.ENETUNREACH)}", Step.CONNECT, Trouble.UNREACHABLE),
    (f"connect: {os.strerror(errno.EPERM)}", Step.CONNECT, Trouble.UNREACHABLE),
    (f"connect: {os.strerror(errno.EMFILE)}", Step.CONNECT, Trouble.FAILED),
    ("connect: UnicodeError", Step.CONNECT, Trouble.FAILED),
    ("proxy: cannot connect to it: Connection refused", Step.CONNECT, Trouble.PROXY_AWAY),
    ("proxy: certificate verify failed: unable to get local issuer certificate", Step.CONNECT, Trouble.PROXY_AWAY),
    ("proxy: 407 Proxy Authentication Required", Step.CONNECT, Trouble.PROXY_LOGIN),
    ("proxy: Username and password authentication failure", Step.CONNECT, Trouble.PROXY_LOGIN),
    ("proxy: 403 Forbidden", Step.CONNECT, Trouble.PROXY_REFUSED),
    ("tls: certificate verify failed: certificate has expired", Step.TLS, Trouble.EXPIRED),
    ("tls: certificate verify failed: certificate is not yet valid", Step.TLS, Trouble.NOT_YET_VALID),
    ("tls: certificate verify failed: Hostname mismatch, certificate is not valid for 'a.test'.", Step.TLS, Trouble.WRONG_NAME),
    ("tls: certificate verify failed: IP address mismatch, certificate is not valid for", Step.TLS, Trouble.WRONG_NAME),
    ("tls: certificate verify failed: unable to get local issuer certificate", Step.TLS, Trouble.UNKNOWN_AUTHORITY),
    ("tls: certificate verify failed: self-signed certificate", Step.TLS, Trouble.UNKNOWN_AUTHORITY),
    ("tls: certificate verify failed: self signed certificate in chain", Step.TLS, Trouble.UNKNOWN_AUTHORITY),
    ("tls: WRONG_VERSION_NUMBER", Step.TLS, Trouble.NO_TLS),
    ("tls: SSLV3_ALERT_HANDSHAKE_FAILURE", Step.TLS, Trouble.FAILED),
    ("tls: Connection reset by peer", Step.TLS, Trouble.FAILED),
    ("handshake: unsupported subprotocol: chat", Step.HANDSHAKE, Trouble.SUBPROTOCOL),
    ("handshake: the peer ended the stream", Step.HANDSHAKE, Trouble.HUNG_UP),
    (f"handshake: {os.strerror(errno.ECONNRESET)}", Step.HANDSHAKE, Trouble.HUNG_UP),
    ("handshake: not an HTTP/1.1 response", Step.HANDSHAKE, Trouble.NO_WEBSOCKET),
    ("invalid header name 'x y'", Step.CONNECT, Trouble.MISUSED),
]


@pytest.mark.parametrize("reason, step, trouble", REASONS)
def test_a_failed_dial_is_told_by_its_reason(reason: str, step: Step, trouble: Trouble) -> None:
    assert of_dial(Close(reason=reason, by="transport")) == (step, trouble)


def test_every_row_is_met() -> None:
    assert {(step, trouble) for _, step, trouble in DIALLED} <= {(step, trouble) for _, step, trouble in REASONS}


@pytest.mark.parametrize(
    "status, trouble",
    [
        (401, Trouble.HTTP_401),
        (403, Trouble.HTTP_403),
        (404, Trouble.HTTP_404),
        (429, Trouble.HTTP_429),
        (301, Trouble.REDIRECTED),
        (308, Trouble.REDIRECTED),
        (500, Trouble.HTTP_5XX),
        (599, Trouble.HTTP_5XX),
        (400, Trouble.HTTP_OTHER),
        (200, Trouble.HTTP_OTHER),
        (999, Trouble.HTTP_OTHER),
    ],
)
def test_a_refused_handshake_is_told_by_its_status(status: int, trouble: Trouble) -> None:
    assert of_status(status) is trouble
    assert of_dial(Close(status=status, reason="resolve: whatever")) == (Step.HANDSHAKE, trouble)


@pytest.mark.parametrize(
    "error, trouble",
    [
        (AuthenticationRefused("no"), Trouble.CREDENTIAL),
        (RateLimited("Login", 429, "slowly"), Trouble.HTTP_429),
        (CommandRefused("Subscribe", 4, "no"), Trouble.REFUSED),
        (ReplyTimeout("late"), Trouble.TIMED_OUT),
        (ConnectionLost("gone", sent="maybe"), Trouble.HUNG_UP),
        (OutcomeUnknown("gone", command=None), Trouble.HUNG_UP),
        (LocalProtocolError("not so"), Trouble.MISUSED),
        (ConfigError(["not so"]), Trouble.MISUSED),
        (NotReady("no source"), Trouble.MISUSED),
        (RemoteProtocolError("what?"), Trouble.FAILED),
        (StoreError("full"), Trouble.FAILED),
        (ValueError("a caller's"), Trouble.FAILED),
    ],
)
def test_an_error_is_told_by_its_type(error: Exception, trouble: Trouble) -> None:
    assert of_error(error) is trouble
