"""How a connection ends, what that is told as, and when the next one is dialled."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Close, Credential, Failed, Hangup
from pushwire.core.events import Down, Gap, Up
from pushwire.core.machine import Phase
from pushwire.core.redial import RETRY_AFTER_CAP
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, RemoteProtocolError
from tests.core.checks import check_dials_in_five_minutes
from tests.core.rig import DROP, Rig, ready_toy
from tests.core.toy import AckToy, Always, Look, Toy

# Losing the connection


def test_a_lost_connection_is_told_and_dialled_again_after_the_back_off() -> None:
    rig = ready_toy()
    rig.now = 5.0
    rig.drop()
    assert rig.news() == [Down(5.0, "connection lost: reset", DROP)]
    status = rig.machine.status()
    assert (status.phase, status.attempt, status.last_error) == (Phase.BACKING_OFF, 1, "connection lost: reset")
    assert status.next_dial == rig.machine.next_deadline()
    assert 5.5 <= rig.machine.next_deadline() <= 6.0
    rig.advance(1.0)
    assert rig.fetches[-1].token.generation == 2
    rig.give_tokens()
    rig.open()
    rig.say("hello")
    assert rig.news() == [Up(6.0, 2), Gap(6.0, rig.wall - 6.0, rig.wall)]


def test_an_attempt_that_fails_is_not_told_as_down() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    rig.refuse(503)
    assert rig.news() == []
    assert rig.machine.status().last_error == "HTTP 503"


def test_frames_that_have_not_left_are_void() -> None:
    rig = ready_toy()
    rig.machine.submit(Look(), rig.now)
    rig.machine.closed(DROP, rig.now, rig.wall)
    assert rig.machine.take_effects() == []


def test_the_back_off_grows_until_a_connection_has_been_stable() -> None:
    rig = Rig(Toy())
    rig.start()
    delays: list[float] = []
    for _ in range(5):
        rig.give_tokens()
        rig.open()
        rig.say("hello")
        rig.advance(29.0)
        rig.drop()
        delays.append(rig.machine.next_deadline() - rig.now)
        rig.advance(delays[-1])
    assert all(2**n / 2 <= delay <= 2**n for n, delay in enumerate(delays))
    rig.give_tokens()
    rig.open()
    rig.say("hello")
    rig.advance(30.0)
    rig.answer_pings()
    rig.advance(1.0)
    rig.drop()
    assert rig.machine.next_deadline() - rig.now <= 1.0


def test_a_connection_that_never_answered_is_not_stable() -> None:
    rig = Rig(Toy(ConnectionConfig(ping_interval=1000.0)))
    rig.get_ready()
    rig.drop()
    rig.get_ready()
    rig.say("data a 1")
    rig.advance(500.0)
    rig.drop()
    assert rig.machine.status().attempt == 2


def test_a_reply_is_an_answer_too() -> None:
    rig = ready_toy(Toy(ConnectionConfig(ping_interval=1000.0)))
    rig.drop()
    rig.get_ready()
    rig.submit(Look())
    rig.say("ok 1 x")
    rig.advance(500.0)
    rig.drop()
    assert rig.machine.status().attempt == 1


CLOSES = [Close(code=1000), Close(code=1012), Close(code=4001), Close(code=4002), Close(code=4003), Close(status=503), DROP]


@given(seed=st.integers(), close=st.sampled_from(CLOSES), greeted=st.booleans(), acks=st.booleans())
def test_a_server_that_accepts_and_closes_is_dialled_at_most_16_times_in_5_minutes(
    seed: int, close: Close, greeted: bool, acks: bool
) -> None:
    rng = random.Random(seed)
    check_dials_in_five_minutes(lambda: AckToy(rng=rng) if acks else Toy(rng=rng), close, greeted=greeted)


@given(closes=st.lists(st.sampled_from(CLOSES), min_size=1), greeted=st.booleans())
def test_nor_does_any_mix_of_closes_with_the_shortest_delays_dial_more_often(closes: list[Close], greeted: bool) -> None:
    class Mixed(Toy):
        def closed(self, close: Close, now: float, wall: float) -> None:
            super().closed(closes[(self._generation - 1) % len(closes)], now, wall)

    check_dials_in_five_minutes(lambda: Mixed(rng=Always(0.0)), DROP, greeted=greeted)


# The close table


def test_a_fatal_close_ends_the_session_with_its_error() -> None:
    rig = ready_toy()
    assert rig.failure() is None
    rig.close(4000)
    assert rig.over()
    assert isinstance(rig.failure(), RemoteProtocolError)
    assert str(rig.failure()) == "close 4000 by peer (gone for good)"
    assert rig.machine.next_deadline() == math.inf
    assert [type(event) for event in rig.news()] == [Down]
    with pytest.raises(RemoteProtocolError, match="gone for good"):
        rig.submit(Look())


def test_a_refused_handshake_that_names_the_credential_is_an_authentication_error() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    rig.refuse(403)
    failure = rig.failure()
    assert isinstance(failure, AuthenticationRefused)
    assert failure.status == 403


def test_a_refused_credential_is_fetched_anew_once_and_then_fatal() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_token("old")
    rig.refuse(401)
    assert rig.phase() is Phase.PREPARING
    assert rig.fetches[-1].what == Credential("token", refresh=True)
    rig.give_token("new")
    assert rig.dials[-1][1].headers == {"token": Secret("new")}
    rig.refuse(401)
    assert isinstance(rig.failure(), AuthenticationRefused)


def test_after_a_stable_connection_a_credential_may_be_refreshed_again() -> None:
    rig = ready_toy()
    for _ in range(3):
        rig.advance(31.0, each=rig.answer_pings)
        rig.close(4001)
        assert rig.fetches[-1].what == Credential("token", refresh=True)
        rig.get_ready()


def test_a_refresh_that_failed_is_asked_for_again() -> None:
    rig = ready_toy()
    rig.close(4001)
    rig.machine.fulfil(rig.fetches.pop().token, Failed(OSError("no route")), rig.now)
    rig.drain()
    assert rig.phase() is Phase.BACKING_OFF
    rig.advance(1.0)
    assert rig.fetches[-1].what == Credential("token", refresh=True)
    rig.give_tokens()
    rig.drop()
    rig.advance(2.0)
    assert rig.fetches[-1].what == Credential("token")


def test_at_once_means_at_once_but_once() -> None:
    rig = ready_toy()
    rig.close(4002)
    assert rig.phase() is Phase.PREPARING
    rig.get_ready()
    rig.close(4002)
    assert rig.phase() is Phase.BACKING_OFF


@pytest.mark.parametrize(
    "retry_after, earliest", [(120.0, 120.0), (0.0, 0.5), (None, 0.5), (1e12, RETRY_AFTER_CAP), (math.inf, RETRY_AFTER_CAP)]
)
def test_retry_after_is_honoured_up_to_a_cap(retry_after: float | None, earliest: float) -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    rig.refuse(429, retry_after)
    assert earliest <= rig.machine.next_deadline() <= max(1.0, earliest)


@pytest.mark.parametrize("close", [Close(code=4000, by="us"), Close(code=4000, by="transport"), Close(code=1006, by="transport")])
def test_a_close_by_ourselves_or_the_transport_is_not_the_peers_word(close: Close) -> None:
    rig = ready_toy()
    rig.drop(close)
    assert rig.phase() is Phase.BACKING_OFF


def test_a_refusal_in_a_message_ends_the_session_with_it() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    rig.open()
    waiting = rig.submit(Look())
    rig.say("denied unknown account")
    assert rig.hangups == [Hangup(1000, "unknown account", 5.0)]
    assert not rig.over()
    rig.drop(Close(code=1000, by="us"))
    assert rig.over()
    assert isinstance(rig.failure(), AuthenticationRefused)
    assert rig.error(waiting) is rig.failure()
    assert len(rig.dials) == 1
