"""The TLS step, with certificates of all kinds."""

from __future__ import annotations

import datetime
import ssl
import time
from typing import Final

import pytest
import trio
import trio.testing
import trustme

from pushwire.doctor.steps import Step, Trouble, Verdict
from pushwire.sandbox import serve
from tests.shell.sockets import AUTHORITY, client_tls, server_tls
from tests.shell.sockets import serve as serve_raw

from .patient import Found, config, examined, failure, server

DAY: Final = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def certified(not_before: datetime.datetime, not_after: datetime.datetime) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued = AUTHORITY.issue_cert("127.0.0.1", not_before=not_before, not_after=not_after)
    issued.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - it takes pyOpenSSL's, too
    return context


async def found_with(theirs: ssl.SSLContext, ours: ssl.SSLContext | None = None) -> Found:
    async with serve(server(), tls=theirs) as sandbox:
        return await examined(config(sandbox.url), tls=ours or client_tls())


async def test_version_and_days_left_are_shown() -> None:
    found = await found_with(certified(now() - DAY, now() + 90.5 * DAY))
    tls = found[Step.TLS]
    assert (tls.verdict, tls.detail) == (Verdict.OK, "TLSv1.3, the certificate is good for 90 days")
    assert tls.seconds is not None
    assert found[Step.MESSAGE].verdict is Verdict.OK


async def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    found = await found_with(certified(now() - DAY, now() + 13.4 * DAY))
    tls = found[Step.TLS]
    assert (tls.verdict, tls.trouble) == (Verdict.WARNING, Trouble.EXPIRING)
    assert tls.detail.endswith("good for 13 days")
    assert found[Step.MESSAGE].verdict is Verdict.OK


async def test_one_that_nobody_asked_for_is_told() -> None:
    careless = ssl.create_default_context()
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    found = await found_with(server_tls(), careless)
    assert found[Step.TLS].detail == "TLSv1.3, the certificate was not asked for"


@pytest.mark.parametrize(
    "begins, ends, trouble, said",
    [(-2.0, -1.0, Trouble.EXPIRED, "has expired"), (1.0, 2.0, Trouble.NOT_YET_VALID, "not yet valid")],
)
async def test_one_that_is_not_valid_now_is_told(begins: float, ends: float, trouble: Trouble, said: str) -> None:
    found = await found_with(certified(now() + begins * DAY, now() + ends * DAY))
    step, found_trouble, detail = failure(found)
    assert (step, found_trouble) == (Step.TLS, trouble)
    assert said in detail
    assert "clock" in found[step].advice


async def test_one_of_another_host_is_told() -> None:
    assert failure(await found_with(server_tls("other.test")))[:2] == (Step.TLS, Trouble.WRONG_NAME)


async def test_one_of_an_unknown_authority_is_told() -> None:
    stranger = ssl.create_default_context(cadata=trustme.CA().cert_pem.bytes().decode())
    assert failure(await found_with(server_tls(), stranger))[:2] == (Step.TLS, Trouble.UNKNOWN_AUTHORITY)


async def test_a_port_without_tls_is_told() -> None:
    async with serve(server()) as sandbox:
        found = await examined(config(sandbox.url.replace("ws://", "wss://")), tls=client_tls())
    assert failure(found)[:2] == (Step.TLS, Trouble.NO_TLS)


async def test_a_server_that_cuts_it_short_is_told(nursery: trio.Nursery) -> None:
    async def leave(stream: trio.abc.Stream) -> None:
        await stream.receive_some()

    port = await serve_raw(nursery, leave)
    found = await examined(config(f"wss://127.0.0.1:{port}/"), tls=client_tls())
    assert failure(found)[:2] == (Step.TLS, Trouble.FAILED)


async def test_a_server_that_says_nothing_is_given_up(nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> None:
    async def mute(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        mock_clock.autojump_threshold = 0
        await trio.sleep_forever()

    port = await serve_raw(nursery, mute)
    found = await examined(config(f"wss://127.0.0.1:{port}/"), tls=client_tls(), wall=time.time)
    assert failure(found) == (Step.TLS, Trouble.TIMED_OUT, "no connection within 30 s")
