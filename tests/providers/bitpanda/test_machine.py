"""The connection: its handshake and token, how it is refused, its pings, and what may be wrong with a message."""

from __future__ import annotations

import pytest

from pushwire.core.effects import Close, Credential, Failed
from pushwire.core.events import Down, Malformed, Unrecognized, Up
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused
from pushwire.providers.bitpanda import CLOSES, PRICES, Subscribe
from pushwire.testing import bitpanda as build
from tests.providers.bitpanda.harness import TOKEN, URL, Client, config
from tests.providers.harness import expect

# The handshake


def test_the_token_goes_along_as_a_bearer_token() -> None:
    client = Client()
    client.start()
    assert client.dials == []
    assert client.give_token() == Credential("token")
    (dial,) = client.dials
    assert dial.url == URL
    assert dial.headers == {"Authorization": Secret(f"Bearer {TOKEN}")}
    assert (dial.generation, dial.max_message, dial.compression, dial.subprotocols) == (1, 2**20, False, ())
    assert TOKEN not in repr(dial)


def test_more_headers_and_parameters_go_along() -> None:
    client = Client(config(headers={"X-Partner": "p", "X-Key": Secret("k")}, query={"a b": "c&d"}, url=URL + "?v=1"))
    client.start()
    client.give_token()
    (dial,) = client.dials
    assert dial.url == URL + "?v=1&a+b=c%26d"
    assert dial.headers == {"X-Partner": "p", "X-Key": Secret("k"), "Authorization": Secret(f"Bearer {TOKEN}")}


def test_a_secret_parameter_makes_the_url_a_secret() -> None:
    client = Client(config(query={"key": Secret("hush")}))
    client.start()
    client.give_token()
    assert client.dials[0].url == Secret(URL + "?key=hush")


def test_the_token_may_go_in_the_url() -> None:
    client = Client(config(token_parameter="access_token", query={"v": "1"}))
    client.start()
    client.give_token()
    (dial,) = client.dials
    assert dial.url == Secret(f"{URL}?v=1&access_token={TOKEN}")
    assert dial.headers == {}
    assert TOKEN not in repr(dial)


def test_settings_of_the_connection_are_those_of_the_config() -> None:
    client = Client(config(max_message=1000, compression=True))
    client.start()
    client.give_token()
    assert (client.dials[0].max_message, client.dials[0].compression) == (1000, True)


def test_the_stream_is_ready_as_soon_as_the_connection_is_open() -> None:
    client = Client()
    client.start()
    client.give_token()
    client.open()
    assert client.take_events() == [Up(0.0, 1)]
    assert client.machine.status().phase is Phase.READY
    assert client.frames == []


def test_each_dial_asks_for_a_token_of_its_own() -> None:
    client = Client().ready()
    client.closed()
    client.advance(1.0)
    assert client.dials == []
    assert client.give_token() == Credential("token")
    assert [dial.generation for dial in client.dials] == [2]


# Refusals


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_renewed_once(status: int) -> None:
    client = Client()
    client.start()
    client.give_token()
    client.closed(Close(status=status, reason="no"))
    assert client.give_token() == Credential("token", refresh=True)
    client.closed(Close(status=status, reason="no"))
    failure = expect(AuthenticationRefused, client.machine.failure)
    assert failure.status == status
    assert TOKEN not in str(failure)
    assert client.machine.finished


@pytest.mark.parametrize(
    "end", [Close(code=4001, reason=f"{TOKEN} has expired"), Close(status=401, reason=f"{TOKEN} has expired")]
)
def test_a_token_that_the_peer_repeats_when_it_closes_is_not_shown(end: Close) -> None:
    client = Client().ready()
    client.closed(end)
    assert "*** has expired" in str(client.take_all(Down)[0].close)
    client.advance(1.0)
    client.give_token()
    client.closed(Close(status=401, reason=f"{TOKEN} has expired"))
    shown = f"{client.events} {client.machine.status()} {client.machine.failure!r}"
    assert "*** has expired" in shown
    assert TOKEN not in shown


def test_a_source_that_has_no_token_for_good_ends_the_session() -> None:
    client = Client()
    client.start()
    client.give_token(Failed(AuthenticationRefused("the client is not accepted")))
    assert isinstance(client.machine.failure, AuthenticationRefused)


def test_a_source_that_has_none_for_now_is_asked_again() -> None:
    client = Client()
    client.start()
    client.give_token(Failed(OSError("no network")))
    assert client.machine.status().phase is Phase.BACKING_OFF
    client.advance(1.0)
    client.give_token()
    assert [dial.generation for dial in client.dials] == [2]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_dialled_no_sooner_than_it_asks(status: int) -> None:
    client = Client()
    client.start()
    client.give_token()
    client.closed(Close(status=status, retry_after=120.0))
    client.advance(119.0)
    assert client.fetches == []
    client.advance(1.0)
    assert len(client.fetches) == 1


@pytest.mark.parametrize(
    "close",
    [Close(status=400), Close(status=404), Close(code=1000), Close(code=1008), Close(code=4401), Close(by="transport")],
    ids=str,
)
def test_every_other_end_backs_off(close: Close) -> None:
    client = Client().ready() if close.status is None else Client()
    if close.status is not None:
        client.start()
        client.give_token()
    client.closed(close)
    assert client.machine.failure is None
    assert client.machine.status().phase is Phase.BACKING_OFF
    assert CLOSES.row(close) is None


# Pings


def test_a_ping_frame_leaves_well_within_the_minute() -> None:
    client = Client().ready()
    client.live(24.9)
    assert client.pings == []
    client.advance(0.1)
    assert len(client.pings) == 1
    assert len(client.pings[0]) <= 125


def test_prices_do_not_stand_in_for_our_pings() -> None:
    client = Client().ready()
    for _ in range(5):
        client.receive(build.push())
        client.advance(5.0)
    assert len(client.pings) == 1


def test_each_ping_has_a_payload_of_its_own() -> None:
    client = Client().ready()
    client.advance(25.0)
    first = client.pings.pop()
    client.pong(first)
    client.advance(25.0)
    assert client.pings != [first]


def test_the_interval_is_a_setting() -> None:
    client = Client(config(ping_interval=5.0)).ready()
    client.advance(5.0)
    assert len(client.pings) == 1


# Messages


def test_an_update_of_an_unknown_channel_reaches_the_user() -> None:
    client = Client().ready()
    raw = '{"CH":"prices-v2","A":"BTC"}'
    client.receive(raw)
    assert client.take_events() == [Unrecognized(0.0, raw, "prices-v2")]


@pytest.mark.parametrize("said", ['"status":"failed"', '"status":"success","error":{}', '"error":7', '"x":1', '"status":null'])
def test_a_reply_that_says_neither_fails_its_command(said: str) -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES))
    raw = '{"action":"subscribe","channel":"prices-v1",' + said + "}"
    client.receive(raw)
    assert client.the_error(CommandRefused).text == "neither a success nor an error"
    assert client.take_events() == [Malformed(0.0, raw, "neither a success nor an error")]


@pytest.mark.parametrize("raw", ['{"action":"subscribe"}', '{"channel":"prices-v1"}', '{"action":5,"channel":"prices-v1"}'])
def test_a_reply_that_does_not_say_whose_it_is_is_malformed(raw: str) -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES))
    client.receive(raw)
    assert [type(event) for event in client.take_events()] == [Malformed]
    assert client.settled == []


def test_what_comes_before_a_subscription_is_confirmed_is_delivered() -> None:
    client = Client().ready()
    client.receive(build.push(), build.push(build.price_change()))
    assert client.take_events() == [build.price(), build.price_change()]
