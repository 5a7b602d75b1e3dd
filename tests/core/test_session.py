"""The lifecycle that all providers share, driven through the toy."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Close, Committed, Credential, Dial, Done, Failed, Hangup, SecretFrame, Token
from pushwire.core.events import Down, Gap, Malformed, Unrecognized, Up
from pushwire.core.machine import Phase
from pushwire.core.redial import RETRY_AFTER_CAP
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, LocalProtocolError, RemoteProtocolError
from tests.core.checks import check_a_late_credential_is_not_used, check_dials_in_five_minutes
from tests.core.rig import DROP, Rig, ready_toy
from tests.core.toy import AckToy, Always, Data, Look, Rules, Toy

# From the start to a ready connection


def test_a_session_fetches_its_credential_dials_and_logs_in() -> None:
    rig = Rig(Toy())
    assert rig.phase() is Phase.IDLE
    rig.start()
    assert rig.phase() is Phase.PREPARING
    (fetch,) = rig.fetches
    assert fetch.what == Credential("token")
    assert fetch.token.generation == 1
    rig.give_token("t1")
    assert rig.phase() is Phase.DIALLING
    assert rig.dials == [(0.0, Dial(1, "wss://toy.test", {"token": Secret("t1")}, 1000))]
    rig.open()
    assert rig.phase() is Phase.AUTHENTICATING
    assert rig.effects[-1] == SecretFrame("auth t1", "auth ***")
    assert rig.news() == []
    rig.now = 0.25
    rig.say("hello")
    assert rig.phase() is Phase.READY
    assert rig.news() == [Up(0.25, 1)]
    status = rig.machine.status()
    assert (status.since, status.attempt, status.generation, status.last_error, status.next_dial) == (0.25, 0, 1, None, None)


def test_a_session_without_credentials_dials_at_once() -> None:
    rig = Rig(AckToy())
    rig.start()
    assert rig.phase() is Phase.DIALLING
    assert len(rig.dials) == 1


def test_each_dial_waits_for_all_its_credentials() -> None:
    class Two(Toy):
        credentials = ("token", "cookie")

    rig = Rig(Two())
    rig.start()
    assert [fetch.what for fetch in rig.fetches] == [Credential("token"), Credential("cookie")]
    rig.give_token("t")
    assert rig.dials == []
    rig.give_token("c")
    assert rig.dials[0][1].headers == {"token": Secret("t"), "cookie": Secret("c")}


def test_what_is_taken_is_taken_once() -> None:
    machine = Toy()
    machine.start(0.0, 0.0)
    assert len(machine.take_effects()) == 1
    assert (machine.take_effects(), machine.take_events(), machine.take_settled()) == ([], [], [])


def test_bytes_alone_prove_nothing() -> None:
    rig = ready_toy()
    due = rig.machine.next_deadline()
    rig.machine.heard(5.0)
    rig.drain()
    assert rig.machine.next_deadline() == due
    assert rig.effects == []


# Receiving


def test_messages_become_events() -> None:
    rig = ready_toy()
    rig.say("data a 1", "strange thing", b"\xff", "", "data b 2")
    assert rig.news() == [
        Data("a", "1"),
        Unrecognized(0.0, "strange thing", "strange"),
        Malformed(0.0, b"\xff", "not words"),
        Malformed(0.0, "", "not words"),
        Data("b", "2"),
    ]


def test_what_comes_while_there_is_no_connection_is_passed_over() -> None:
    rig = Rig(Toy())
    rig.say("hello", "data a 1")
    rig.machine.pong(b"", 0.0)
    rig.start()
    rig.say("hello", "data a 1")
    assert rig.phase() is Phase.PREPARING
    assert rig.news() == []


@pytest.mark.parametrize("second", ["hello", "busy", "denied no", "data a 1", "done x", "ok 1 x"])
def test_what_follows_a_hang_up_in_the_same_read_does_no_harm(second: str) -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    rig.open()
    rig.say("busy", second)
    assert rig.phase() is Phase.HANGING_UP
    assert len(rig.hangups) == 1
    rig.say("hello")
    assert rig.phase() is Phase.HANGING_UP
    rig.drop()
    assert rig.phase() in {Phase.BACKING_OFF, Phase.CLOSED}


def test_a_second_greeting_says_nothing_new() -> None:
    rig = ready_toy()
    rig.say("hello")
    assert rig.news() == []
    assert rig.phase() is Phase.READY


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


# Credentials


def test_a_late_credential_never_reaches_the_next_dial() -> None:
    check_a_late_credential_is_not_used(Toy)


def test_a_credential_that_comes_after_the_end_is_passed_over() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.stop()
    rig.give_token()
    assert rig.dials == []
    rig.machine.fulfil(Token(9, 99), Done(Secret("x")), rig.now)
    assert rig.machine.take_effects() == []


def test_a_credential_that_cannot_be_had_backs_off() -> None:
    class Two(Toy):
        credentials = ("token", "cookie")

    rig = Rig(Two())
    rig.start()
    token, cookie = (fetch.token for fetch in rig.fetches)
    rig.fetches.clear()
    rig.machine.fulfil(token, Failed(OSError("no route")), rig.now)
    rig.drain()
    assert rig.phase() is Phase.BACKING_OFF
    assert rig.machine.status().last_error == "connection lost: token: no route"
    # The other one comes too late, and belongs to no dial.
    rig.machine.fulfil(cookie, Done(Secret("c")), rig.now)
    rig.drain()
    assert rig.dials == []
    rig.advance(1.0)
    assert [fetch.token.generation for fetch in rig.fetches] == [2, 2]


def test_a_credential_that_its_issuer_refuses_ends_the_session() -> None:
    rig = Rig(Toy())
    rig.start()
    refused = AuthenticationRefused("invalid_client", status=401)
    rig.machine.fulfil(rig.fetches.pop().token, Failed(refused), rig.now)
    rig.drain()
    assert rig.machine.finished
    assert rig.machine.failure is refused


def test_an_answer_that_is_no_credential_backs_off() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.machine.fulfil(rig.fetches.pop().token, Done(Committed()), rig.now)
    rig.drain()
    assert rig.machine.status().last_error == "connection lost: token: no credential"


# A driver that breaks the contract


def moved(machine: Rules) -> tuple[object, ...]:
    return (machine.status(), machine.next_deadline(), machine.finished)


def test_closing_what_is_not_open_is_refused_before_any_change() -> None:
    rig = Rig(Toy())
    with pytest.raises(LocalProtocolError, match="while idle: the session has not been started"):
        rig.drop()
    rig.start()
    rig.give_tokens()
    rig.submit(Look())
    rig.drop()
    before = moved(rig.machine)
    with pytest.raises(LocalProtocolError, match="lost, dial again later while backing off: there is no connection"):
        rig.drop()
    assert moved(rig.machine) == before
    assert rig.settled == []
    rig.stop()
    with pytest.raises(LocalProtocolError, match="the session has ended"):
        rig.drop()


def test_starting_twice_is_refused() -> None:
    rig = Rig(Toy())
    rig.start()
    with pytest.raises(LocalProtocolError, match="start while preparing"):
        rig.start()


def test_opening_what_was_not_asked_for_is_refused() -> None:
    rig = Rig(Toy())
    with pytest.raises(LocalProtocolError, match="connection opened while idle"):
        rig.open()


def test_a_timer_that_comes_early_does_nothing() -> None:
    rig = ready_toy()
    for at in (0.0, 1.0, 29.9):
        rig.now = at
        rig.timer()
    assert rig.effects == []
    idle = Rig(Toy())
    idle.timer()
    assert idle.effects == []


def test_asking_for_the_deadline_changes_nothing() -> None:
    rig = ready_toy()
    rig.submit(Look())
    assert len({rig.machine.next_deadline() for _ in range(5)}) == 1
    assert rig.machine.take_effects() == []
