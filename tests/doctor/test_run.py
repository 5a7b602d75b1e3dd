"""From login to message, against the sandbox, whole and disturbed."""

from __future__ import annotations

import random
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
import trio.testing

from pushwire.core.secrets import Secret
from pushwire.doctor.steps import Step, Trouble, Verdict
from pushwire.providers import bitpanda, gelabs, pusher, quantcite, satoriex
from pushwire.sandbox import (
    BitpandaServer,
    BitpandaSettings,
    GelabsServer,
    GelabsSettings,
    PusherServer,
    PusherSettings,
    QuantciteServer,
    QuantciteSettings,
    SatoriexServer,
    SatoriexSettings,
    serve,
    with_faults,
)
from pushwire.sandbox.base import ServerMachine
from tests.shell.raw_server import Server, raw, stay
from tests.shell.sockets import serve as serve_raw

from .patient import KEY, config, examined, failure, server, verdicts

PRICES = bitpanda.Subscribe("prices-v1")


def prices(*faults: str, rate: float = 50.0) -> ServerMachine:
    return with_faults(BitpandaServer(BitpandaSettings(tokens=[KEY], rate=rate), random.Random(7)), faults, random.Random(1))


def of_prices(url: str) -> bitpanda.Config:
    return bitpanda.Config(url=url, token=Secret(KEY))


def of_orders(url: str, auth_closes: tuple[int, ...] = ()) -> satoriex.Config:
    return satoriex.Config(url=url, token=Secret(KEY), auth_closes=auth_closes)


async def test_every_step_is_told_with_its_time() -> None:
    async with serve(prices()) as sandbox:
        found = await examined(of_prices(sandbox.url), PRICES, asked="prices-v1")
    skipped = {Step.RESOLVE, Step.TLS, Step.TOKEN}
    assert {step for step, finding in found.items() if finding.verdict is Verdict.SKIPPED} == skipped
    assert {step for step, finding in found.items() if finding.verdict is Verdict.OK} == set(Step) - skipped
    timed = {step for step, finding in found.items() if finding.seconds is not None}
    assert timed == set(Step) - skipped - {Step.CLOCK}
    assert next(iter(found)) is Step.TOKEN
    assert found[Step.CONNECT].detail == urlsplit(sandbox.url).netloc
    assert found[Step.HANDSHAKE].detail == "HTTP 101"
    assert found[Step.SUBSCRIBE].detail == "prices-v1"
    assert found[Step.MESSAGE].detail == "Price"
    assert not any(finding.advice for finding in found.values())


async def test_without_a_subscription_those_who_send_unasked_are_waited_for() -> None:
    async with serve(server()) as sandbox:
        found = await examined(config(sandbox.url))
    assert verdicts(found, [Step.SUBSCRIBE, Step.MESSAGE]) == ["skipped", "ok"]
    assert found[Step.SUBSCRIBE].detail == "nothing asked for: give --subscribe SPEC"


async def test_without_a_subscription_others_are_not_waited_for() -> None:
    async with serve(prices()) as sandbox:
        found = await examined(of_prices(sandbox.url))
    assert verdicts(found, [Step.SUBSCRIBE, Step.MESSAGE]) == ["skipped", "skipped"]


async def test_nothing_is_acked() -> None:
    machine = GelabsServer(GelabsSettings(keys=[KEY], rate=50.0), random.Random(7))
    async with serve(machine) as sandbox:
        found = await examined(config(sandbox.url), gelabs.Subscribe(address="0xaa", chain_type="ethereum"))
    assert found[Step.MESSAGE].detail == "Transaction"
    assert len(machine.unacked()) == len(machine.messages) > 0


# Login


async def test_a_credential_refused_by_a_message_is_the_logins() -> None:
    machine = QuantciteServer(QuantciteSettings(keys=[KEY]), random.Random(1))
    async with serve(machine) as sandbox:
        found = await examined(quantcite.Config(api_key=Secret("the-wrong-one"), url=sandbox.url))
    step, trouble, detail = failure(found)
    assert (step, trouble) == (Step.LOGIN, Trouble.CREDENTIAL)
    assert detail.startswith("not authenticated: ")
    assert "PUSHWIRE_QUANTCITE_API_KEY" in found[step].advice


@pytest.mark.parametrize(
    "settings, trouble, said",
    [
        ({"enabled": False}, Trouble.FAILED, "the app is disabled"),
        ({"tls_only": True}, Trouble.FAILED, "the app takes TLS only"),
        ({"key": "another"}, Trouble.CREDENTIAL, "there is no app with this key"),
    ],
)
async def test_a_connection_refused_by_a_message_says_why(
    settings: dict[str, Any],
    trouble: Trouble,
    said: str,  # forwarded to PusherSettings, which checks them
) -> None:
    async with serve(PusherServer(PusherSettings(**settings), random.Random(1))) as sandbox:
        url = sandbox.url.replace("another", "sandbox")
        found = await examined(pusher.Config(url=url))
    step, found_trouble, detail = failure(found)
    assert (step, found_trouble) == (Step.LOGIN, trouble)
    assert said in detail


async def test_a_server_that_accepts_and_then_closes_fails_the_login() -> None:
    async with serve(server("accept-then-close:1013,share=1")) as sandbox:
        found = await examined(config(sandbox.url))
    assert failure(found) == (Step.LOGIN, Trouble.FAILED, "close 1013 by peer: accepted, then closed")


# Subscription


async def test_a_refused_subscription_says_why() -> None:
    async with serve(prices()) as sandbox:
        found = await examined(of_prices(sandbox.url), bitpanda.Subscribe("fairy-tales"))
    assert failure(found) == (Step.SUBSCRIBE, Trouble.REFUSED, "Subscribe refused: channel not supported")


async def test_one_that_the_settings_do_not_allow_is_the_callers_fault() -> None:
    async with serve(PusherServer(PusherSettings(), random.Random(1))) as sandbox:
        found = await examined(pusher.Config(url=sandbox.url), pusher.Subscribe("private-orders"))
    step, trouble, _ = failure(found)
    assert (step, trouble) == (Step.SUBSCRIBE, Trouble.MISUSED)


async def test_a_connection_that_ends_before_the_answer_fails_it() -> None:
    # Accepted by opening, so that the close finds it subscribing.
    async with serve(prices("accept-then-close:1013,share=1")) as sandbox:
        found = await examined(of_prices(sandbox.url), PRICES)
    assert failure(found) == (Step.SUBSCRIBE, Trouble.HUNG_UP, "close 1013 by peer: accepted, then closed")


async def test_no_answer_is_a_failure_by_the_machines_own_deadline(mock_clock: trio.testing.MockClock) -> None:
    class Deaf(BitpandaServer):
        def receive(self, conn: int, message: str | bytes, now: float) -> None:
            pass

    async with serve(Deaf(BitpandaSettings(tokens=[KEY]), random.Random(1))) as sandbox:
        found = await examined(of_prices(sandbox.url), PRICES, jump=(mock_clock, Step.LOGIN))
    assert failure(found) == (Step.SUBSCRIBE, Trouble.TIMED_OUT, "no reply to Subscribe within 10 s")
    assert found[Step.SUBSCRIBE].seconds == pytest.approx(10.0)


# Message


async def test_silence_is_a_warning_that_says_what_it_depends_on(mock_clock: trio.testing.MockClock) -> None:
    async with serve(server(rate=0)) as sandbox:
        found = await examined(config(sandbox.url), wait=45.0, jump=(mock_clock, Step.SUBSCRIBE))
    silence = found[Step.MESSAGE]
    assert (silence.verdict, silence.trouble, silence.seconds) == (Verdict.WARNING, Trouble.SILENT, 45.0)
    assert silence.detail == "none in 45 s"
    assert "silence can be normal" in silence.advice
    assert "monitored address" in silence.advice


async def test_what_is_no_message_is_told_where_nothing_else_comes(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    async def babble(server: Server) -> None:
        server.protocol.send_text(b"what?")
        await server.flush()
        await stay(server)

    port = await serve_raw(nursery, raw(babble, at_once=True))
    found = await examined(of_orders(f"ws://127.0.0.1:{port}/"), jump=(mock_clock, Step.SUBSCRIBE))
    finding = found[Step.MESSAGE]
    assert (finding.verdict, finding.trouble) == (Verdict.WARNING, Trouble.UNREADABLE)
    assert finding.detail == "none in 30 s, but 1 that are none"


@pytest.mark.parametrize("fatal", [False, True])
async def test_a_connection_that_ends_while_listening_is_a_failure(fatal: bool) -> None:
    machine = SatoriexServer(SatoriexSettings(tokens=[KEY], rate=0), random.Random(1))
    async with serve(with_faults(machine, ["accept-then-close:1013,share=1"], random.Random(1))) as sandbox:
        found = await examined(of_orders(sandbox.url, auth_closes=(1013,) if fatal else ()))
    assert failure(found)[:2] == (Step.MESSAGE, Trouble.HUNG_UP)
    assert found[Step.MESSAGE].detail.startswith("close 1013 by peer")


# The clock


@pytest.mark.parametrize("ahead", [-120.0, 120.0])
async def test_a_clock_that_is_off_is_a_warning(ahead: float) -> None:
    async with serve(server()) as sandbox:
        found = await examined(config(sandbox.url), wall=lambda: time.time() + ahead)
    clock = found[Step.CLOCK]
    assert (clock.verdict, clock.trouble) == (Verdict.WARNING, Trouble.SKEWED)
    assert ("ahead of" if ahead > 0 else "behind") in clock.detail
    assert found[Step.MESSAGE].verdict is Verdict.OK


async def test_a_refused_handshake_tells_the_clock_as_well() -> None:
    async with serve(server()) as sandbox:
        found = await examined(config(sandbox.url, "the-wrong-one"), wall=lambda: time.time() + 120)
    assert failure(found)[:2] == (Step.HANDSHAKE, Trouble.HTTP_401)
    assert found[Step.CLOCK].trouble is Trouble.SKEWED
