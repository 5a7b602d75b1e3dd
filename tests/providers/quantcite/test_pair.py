"""Client and sandbox together, in virtual time: nothing is lost, nothing comes twice, whatever the link does."""

from __future__ import annotations

from collections import Counter

import pytest

from pushwire.core.events import Gap, Up
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused, LocalProtocolError
from pushwire.providers import quantcite
from pushwire.sandbox.quantcite_settings import QuantciteSettings
from tests.providers.harness import expect
from tests.providers.quantcite.harness import OWN, WITH_PASSPHRASE
from tests.providers.quantcite.pair import KEY, Pair


def pair(*faults: str, seed: int = 1, config: dict[str, object] | None = None, **settings: object) -> Pair:
    made = quantcite.Config(api_key=KEY, **(config or {}))  # type: ignore[arg-type]  # whichever settings, checked by the config
    given: dict[str, object] = {"keys": (KEY,), **settings}
    return Pair(made, QuantciteSettings(**given), *faults, seed=seed)  # type: ignore[arg-type]  # as above


def complete(run: Pair) -> None:
    """All that was sent arrived, once each."""
    arrived = Counter(tx.identity for tx in run.transactions)
    assert [identity for identity, times in arrived.items() if times > 1] == []
    assert set(arrived) == set(run.book.sent())


BYBIT = quantcite.SubscribeTransactions("bybit", transaction_types=("deposits", "withdrawals", "trades"))


@pytest.mark.parametrize(
    "faults",
    [
        ("drop:3",),
        ("duplicate:0.5",),
        ("reorder:0.5",),
        ("garbage:0.3",),
        ("mute:5,every=30",),
        ("slow:0.5",),
        ("refuse:503",),
        ("accept-then-close",),
        ("drop:5", "duplicate", "reorder", "garbage", "refuse:429"),
    ],
    ids="+".join,
)
@pytest.mark.parametrize("seed", range(3))
def test_under_every_fault_each_transaction_arrives_exactly_once(faults: tuple[str, ...], seed: int) -> None:
    run = pair(*faults, seed=seed, rate=5.0, history=20, max_messages=300)
    run.submit(BYBIT)
    run.advance(60.0)
    run.submit(quantcite.SubscribeTransactions("binance", credentials=OWN))
    run.advance(400.0)
    assert run.book.done
    complete(run)
    ups = sum(isinstance(event, Up) for event in run.events)
    gaps = [event for event in run.events if isinstance(event, Gap)]
    assert len(gaps) <= max(0, ups - 1)
    assert all(gap.since <= gap.until for gap in gaps)


@pytest.mark.parametrize("success", ["welcome", "short", "legacy"])
@pytest.mark.parametrize("greeting", [True, False])
def test_every_way_to_be_welcomed_works(success: str, greeting: bool) -> None:
    run = pair(success=success, greeting=greeting, config={"greeting": "wait" if greeting else "ignore"})
    summary = expect(quantcite.Summary, run.ask(BYBIT))
    assert summary.transactions == len(run.transactions)


def test_json_pings_are_answered_or_the_connection_is_given_up() -> None:
    for answered in (True, False):
        run = pair(answers_pings=answered, config={"ping": "json"})
        run.advance(100.0)
        assert (run.client.status().generation == 1) is answered


@pytest.mark.parametrize("refusal", ["error", "authentication_error"])
def test_a_wrong_key_ends_the_session(refusal: str) -> None:
    run = pair(refusal=refusal, keys=(Secret("another"),))
    run.advance(1.0)
    assert isinstance(run.client.failure, AuthenticationRefused)
    assert run.client.status().phase is Phase.CLOSED


def test_commands_beyond_the_rate_are_refused_and_then_held_back() -> None:
    for told in (True, False):
        run = pair(requests_a_minute=2, retry_after=told)
        run.advance(30.0)
        for _ in range(2):
            run.ask(quantcite.GetExchanges())
        with pytest.raises(CommandRefused) as caught:
            run.ask(quantcite.GetExchanges())
        assert caught.value.code == 4005
        before = run.now
        run.ask(quantcite.GetExchanges())
        assert run.now - before >= (29.0 if told else 59.0)


def test_credentials_are_checked_and_a_passphrase_missed() -> None:
    run = pair(credentials=(Secret("own-key-hidden"),))
    run.ask(quantcite.GetExchanges())
    with pytest.raises(LocalProtocolError, match="need a passphrase"):
        run.ask(quantcite.ValidateCredentials("okx", credentials=OWN))
    good = expect(quantcite.Validation, run.ask(quantcite.ValidateCredentials("okx", credentials=WITH_PASSPHRASE)))
    assert (good.success, good.credentials_source) == (True, "user")
    wrong = quantcite.Credentials(Secret("x"), Secret("y"))
    bad = expect(quantcite.Validation, run.ask(quantcite.ValidateCredentials("bybit", credentials=wrong)))
    assert (bad.success, bad.error) == (False, "authentication_failed")
    with pytest.raises(CommandRefused) as caught:
        run.ask(quantcite.SubscribeTransactions("bybit", credentials=wrong))
    assert caught.value.code == 4004
    assert expect(quantcite.Summary, run.ask(quantcite.SubscribeTransactions("bybit"))).transactions > 0


def test_a_lost_session_is_made_anew_and_the_history_brings_what_was_missed() -> None:
    run = pair(rate=1.0, history=0)
    run.ask(BYBIT)
    run.advance(20.0)
    run.book.cut_all(run.now)
    run.advance(60.0)
    complete(run)
    assert run.client.status().withheld > 0
    assert sum(isinstance(event, Gap) for event in run.events) == 1
