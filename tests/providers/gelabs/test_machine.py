"""The connection: its handshake, its greeting, how it is refused, and what is looked up on it."""

from __future__ import annotations

import pytest

from pushwire.core.effects import Close, Restored
from pushwire.core.events import Down, Gap, Up
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, LocalProtocolError
from pushwire.providers import gelabs
from pushwire.providers.gelabs.machine import CLOSES, GREETING, Stage, StageTrigger
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import KEY, Client, config
from tests.providers.harness import WALL, expect


def window(restored: Restored | None = None, settings: gelabs.Config | None = None) -> int:
    """The resend window of the first dial, in seconds."""
    client = Client(settings, restored=restored)
    client.start()
    return resend_duration(client.dials[0].headers["X-ResendDuration"])


def resend_duration(header: str | Secret) -> int:
    return int(expect(str, header))


# The handshake


def test_the_handshake_names_the_key_and_the_resend_window() -> None:
    client = Client()
    client.start()
    (dial,) = client.dials
    assert set(dial.headers) == {"X-API-Key", "X-ResendDuration"}
    assert expect(Secret, dial.headers["X-API-Key"]) == Secret(KEY)
    assert dial.url == "wss://api.gelabs.org/tx/api/v1/transaction/ws"
    assert (dial.generation, dial.max_message, dial.compression, dial.subprotocols) == (1, 2**20, False, ())


def test_settings_of_the_connection_are_those_of_the_config() -> None:
    client = Client(config(max_message=1000, compression=True))
    client.start()
    assert (client.dials[0].max_message, client.dials[0].compression) == (1000, True)


@pytest.mark.parametrize("age, seconds", [(0, 180), (100, 180), (150, 180), (150.5, 181), (1000, 1030), (100_000, 86_400)])
def test_the_resend_window_reaches_back_to_the_low_water_mark(age: float, seconds: int) -> None:
    assert window(Restored(mark=WALL - age)) == seconds


def test_the_resend_window_is_the_shortest_where_nothing_is_owed_or_the_clock_went_back() -> None:
    assert window() == 180
    assert window(Restored(mark=WALL + 5000)) == 180


def test_the_resend_windows_bounds_are_settings() -> None:
    settings = config(resend_min=300, resend_cap=600, resend_margin=1)
    assert window(settings=settings) == 300
    assert window(Restored(mark=WALL - 400), settings) == 401
    assert window(Restored(mark=WALL - 4000), settings) == 600


def test_an_outage_beyond_the_cap_is_announced_as_a_gap() -> None:
    client = Client(config(resend_cap=600), restored=Restored(mark=WALL - 1000))
    client.start()
    client.open()
    client.receive(build.connected())
    assert client.take_events() == [Up(0.0, 1), Gap(0.0, WALL - 1000, WALL - 600)]
    client.live(100.0)
    client.reconnect()
    assert not any(isinstance(event, Gap) for event in client.take_events())


def test_after_an_outage_the_window_reaches_back_to_the_last_answered_ping() -> None:
    client = Client().ready()
    client.live(1000.0)
    client.closed()
    client.dials.clear()
    client.now += 5000.0
    client.machine.handle_timer(client.now, client.wall)
    client.drain()
    # The last ping that was answered left at 990.
    assert resend_duration(client.dials[0].headers["X-ResendDuration"]) == 6000 - 990 + 30


def test_what_is_unfinished_holds_the_window_open() -> None:
    client = Client().ready()
    client.live(100.0)
    client.receive(build.push())
    (tx,) = client.take_transactions()
    client.live(5000.0)
    assert resend_duration(client.reconnect().headers["X-ResendDuration"]) >= 5000
    client.settle(tx)
    client.live(1000.0)
    assert resend_duration(client.reconnect().headers["X-ResendDuration"]) == 180


def test_the_mark_stays_until_the_resend_is_surely_over() -> None:
    for lived, seconds in [(59.0, 1080), (100.0, 180)]:
        client = Client(restored=Restored(mark=WALL - 1000)).ready()
        client.live(lived)
        window = resend_duration(client.reconnect().headers["X-ResendDuration"])
        assert window >= seconds if seconds > 180 else window == 180


# The greeting


def test_the_stream_is_ready_once_greeted_and_not_before() -> None:
    client = Client()
    client.start()
    client.open()
    assert client.events == []
    assert client.machine.status().phase is Phase.AUTHENTICATING
    client.receive(build.connected())
    assert client.take_events() == [Up(0.0, 1)]
    assert client.machine.status().phase is Phase.READY


def test_a_second_greeting_says_nothing_new() -> None:
    client = Client().ready()
    client.receive(build.connected(), build.connected())
    assert client.take_events() == []
    assert client.hangups == []


def test_a_connection_that_is_not_greeted_in_time_is_ended() -> None:
    client = Client()
    client.start()
    client.open()
    client.advance(10.0)
    (hangup,) = client.hangups
    assert hangup.reason == "not accepted within 10 s"


@pytest.mark.parametrize("code", [400, 401, 403])
def test_a_greeting_with_a_credential_error_ends_the_session(code: int) -> None:
    client = Client()
    client.start()
    client.open()
    client.fulfil()
    client.receive(build.message("connected", code=code, msg="bad key"))
    assert len(client.hangups) == 1
    client.closed(Close(code=1000, by="us"))
    assert client.machine.finished
    failure = expect(AuthenticationRefused, client.machine.failure)
    assert failure.code == code
    assert "bad key" in str(failure)
    with pytest.raises(AuthenticationRefused):
        client.submit(gelabs.Subscribe("0x1", "ethereum"))


@pytest.mark.parametrize("code", [1, 429, 500, -1])
def test_a_greeting_with_another_error_hangs_up_and_backs_off(code: int) -> None:
    client = Client()
    client.start()
    client.open()
    client.receive(build.message("connected", code=code, msg="busy"))
    assert client.hangups[0].code == 1000
    client.redial(Close(code=1000, by="us"))
    assert client.machine.failure is None
    client.open()
    client.receive(build.connected())
    assert client.machine.status().phase is Phase.READY


def test_a_stream_that_was_ready_can_still_be_refused() -> None:
    client = Client().ready()
    client.receive(build.message("connected", code=403, msg="revoked"))
    assert [type(event) for event in client.take_events()] == [Down]
    client.closed(Close(code=1000, by="us"))
    assert isinstance(client.machine.failure, AuthenticationRefused)


@pytest.mark.parametrize("first", [500, 401])
@pytest.mark.parametrize("then", [0, 401, 500])
def test_after_a_refusal_nothing_else_in_the_same_read_counts(first: int, then: int) -> None:
    client = Client()
    client.start()
    client.open()
    client.receive(build.message("connected", code=first), build.message("connected", code=then), build.push())
    assert len(client.hangups) == 1
    assert [type(event) for event in client.take_events()] == [gelabs.Transaction]
    client.closed(Close(code=1000, by="us"))
    assert (client.machine.failure is not None) is (first == 401)


def test_a_push_that_comes_before_the_greeting_is_delivered() -> None:
    client = Client()
    client.start()
    client.open()
    client.receive(build.push(), build.connected())
    assert [type(event) for event in client.take_events()] == [gelabs.Transaction, Up]


# Refusals


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_key_ends_the_session_at_the_first_dial_and_at_later_ones(status: int) -> None:
    first = Client()
    first.start()
    first.closed(Close(status=status, reason="no"))
    later = Client().ready()
    later.redial()
    later.closed(Close(status=status, reason="no"))
    for client in (first, later):
        failure = expect(AuthenticationRefused, client.machine.failure)
        assert failure.status == status
        assert KEY not in str(failure)
        client.fulfil()
        assert client.machine.finished
        assert client.machine.next_deadline() == float("inf")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_dialled_no_sooner_than_it_asks(status: int) -> None:
    client = Client()
    client.start()
    client.dials.clear()
    client.closed(Close(status=status, retry_after=120.0))
    client.advance(119.0)
    assert client.dials == []
    client.advance(1.0)
    assert len(client.dials) == 1


@pytest.mark.parametrize(
    "close",
    [
        Close(status=426),
        Close(status=404),
        Close(status=503),
        Close(status=302),
        Close(code=1000),
        Close(code=1008, reason="policy"),
        Close(code=4001),
        Close(reason="reset", by="transport"),
    ],
    ids=str,
)
def test_every_other_end_backs_off(close: Close) -> None:
    client = Client()
    client.start()
    client.dials.clear()
    client.closed(close)
    assert client.machine.failure is None
    assert client.machine.status().phase is Phase.BACKING_OFF
    client.advance(0.49)
    assert client.dials == []
    client.advance(0.51)
    assert [dial.generation for dial in client.dials] == [2]


def test_the_close_table_says_why() -> None:
    row = CLOSES.row(Close(status=401))
    assert row is not None
    assert row.credential
    assert CLOSES.row(Close(code=401)) is None


# The table


def test_every_pair_of_stage_and_trigger_is_a_transition_or_a_named_refusal() -> None:
    for stage in Stage:
        for trigger in StageTrigger:
            if (stage, trigger) in GREETING.rows:
                assert isinstance(GREETING.next(stage, trigger), Stage)
            else:
                with pytest.raises(LocalProtocolError, match=GREETING.refusals[stage]):
                    GREETING.next(stage, trigger)


def test_no_message_can_reach_a_refusal_of_the_table() -> None:
    by_message = {StageTrigger.CONNECTED, StageTrigger.REFUSED}
    open_stages = set(Stage) - {Stage.NONE}
    assert {(stage, trigger) for stage in open_stages for trigger in by_message} <= set(GREETING.rows)
    assert {(stage, StageTrigger.LOST) for stage in Stage} <= set(GREETING.rows)


def test_every_stage_can_be_reached() -> None:
    assert {GREETING.initial, *GREETING.rows.values()} == set(Stage)
