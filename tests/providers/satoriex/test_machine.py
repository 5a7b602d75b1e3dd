"""How a connection comes up, is kept, is lost and restored."""

from __future__ import annotations

import pytest

from pushwire.core.effects import Close, Credential, Failed
from pushwire.core.events import Down, Gap, Malformed, Stale, Up
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused
from pushwire.providers import satoriex
from pushwire.providers.satoriex.machine import close_table, with_token
from pushwire.testing.satoriex import push
from tests.providers.harness import WALL, expect
from tests.providers.satoriex.harness import TOKEN, Client, config

MARKET = satoriex.SubscribeMarket("mkt_abc123")
DATA = satoriex.SubscribeMarketData("mkt_abc123")


def dialled(client: Client) -> str:
    """The URL of the last dial."""
    return expect(Secret, client.dials[-1].url).reveal()


# Coming up


def test_the_token_goes_into_the_url_of_the_staging_system() -> None:
    client = Client()
    client.start()
    assert client.dials == []
    assert client.give_token() == Credential("token")
    assert dialled(client) == f"wss://staging.satoriex.io/ws?token={TOKEN}"
    assert dict(client.dials[0].headers) == {}


@pytest.mark.parametrize(
    "token, escaped",
    [
        ("eyJ.a-b_c~d", "eyJ.a-b_c~d"),
        ("a&b=c#d", "a%26b%3Dc%23d"),
        ("a b+c/d?e%f", "a%20b%2Bc%2Fd%3Fe%25f"),
        ("ü\n", "%C3%BC%0A"),
        ("\ud800", "%3F"),
    ],
)
def test_a_token_that_is_no_part_of_a_url_is_escaped(token: str, escaped: str) -> None:
    client = Client(config(url="wss://h.example/ws"))
    client.start()
    client.give_token(token)
    assert dialled(client) == f"wss://h.example/ws?token={escaped}"


@pytest.mark.parametrize(
    "url, start",
    [
        ("wss://h.example/ws?v=2", "wss://h.example/ws?v=2&token=eyJ"),
        ("https://h.example/ws#part", "wss://h.example/ws?token=eyJ"),
        ("wss://h.example", "wss://h.example?token=eyJ"),
    ],
)
def test_what_else_is_in_the_url_stays_but_for_a_fragment(url: str, start: str) -> None:
    client = Client(config(url=url))
    client.start()
    client.give_token()
    assert dialled(client).startswith(start)


def test_the_token_is_shown_nowhere() -> None:
    client = Client()
    client.start()
    client.give_token()
    client.closed(Close(status=500, reason="busy"))
    shown = repr((client.dials, client.machine.status(), client.fetches, client.events, config()))
    assert TOKEN not in shown
    assert "do-not-show" not in shown


def test_an_open_connection_is_an_accepted_one() -> None:
    client = Client()
    client.start()
    client.give_token()
    client.open()
    assert client.take_events() == [Up(0.0, 1)]
    assert client.machine.status().phase is Phase.READY


def test_every_dial_asks_for_the_token_afresh() -> None:
    client = Client().ready()
    client.closed()
    client.wait_for_fetch()
    assert client.give_token("another") == Credential("token")
    assert dialled(client).endswith("?token=another")


def test_without_a_token_it_tries_again_later() -> None:
    client = Client()
    client.start()
    client.give_token(None)
    assert client.dials == []
    assert client.machine.status().phase is Phase.BACKING_OFF
    assert client.machine.status().last_error == "connection lost: token: no token today"


def test_a_source_that_says_there_will_be_no_token_ends_it() -> None:
    client = Client()
    client.start()
    fetch = client.fetches.pop()
    refused = AuthenticationRefused("wrong password", status=401)
    client.machine.fulfil(fetch.token, Failed(refused), client.now)
    assert client.machine.failure is refused


# A token that is refused

REFUSALS = [
    Close(status=401, reason="Unauthorized"),
    Close(status=403),
    Close(code=1008, reason="token expired"),
    Close(code=4001),
    Close(code=4002),
    Close(code=4003),
]


@pytest.mark.parametrize("close", REFUSALS, ids=str)
def test_a_refused_token_is_renewed_once_and_at_once(close: Close) -> None:
    client = Client().ready()
    client.live(31.0)
    if close.status is None:
        client.closed(close)
    else:
        client.closed()
        client.wait_for_fetch()
        client.give_token()
        client.closed(close)
    if not client.fetches:
        client.wait_for_fetch()
    assert client.give_token("renewed") == Credential("token", refresh=True)
    assert dialled(client).endswith("?token=renewed")
    client.closed(close)
    assert client.machine.status().phase is Phase.CLOSED
    failure = expect(AuthenticationRefused, client.machine.failure)
    assert (failure.status, failure.code) == (close.status, close.code)
    assert "the token is not accepted, or no longer" in str(failure)


def test_after_a_stable_connection_a_token_may_be_renewed_again() -> None:
    client = Client().ready()
    for _ in range(3):
        client.live(31.0)
        client.closed(Close(code=4001))
        assert client.give_token() == Credential("token", refresh=True)
        client.open()
    assert client.machine.status().phase is Phase.READY


def test_the_codes_that_refuse_a_token_are_a_setting() -> None:
    client = Client(config(auth_closes=(4100,))).ready()
    client.live(31.0)
    client.closed(Close(code=4001))
    client.wait_for_fetch()
    assert client.give_token() == Credential("token")
    client.open()
    client.live(31.0)
    client.closed(Close(code=4100))
    assert client.give_token() == Credential("token", refresh=True)


@pytest.mark.parametrize("close", [Close(code=1000), Close(code=1011), Close(code=1006), Close(), Close(code=4999)], ids=str)
def test_any_other_end_is_dialled_again_after_the_back_off(close: Close) -> None:
    client = Client().ready()
    client.closed(close)
    assert client.fetches == []
    client.wait_for_fetch()
    assert client.give_token() == Credential("token")


def test_when_too_many_connect_it_waits_as_long_as_it_is_told() -> None:
    client = Client()
    client.start()
    client.give_token()
    client.closed(Close(status=429, retry_after=45.0))
    client.advance(44.0)
    assert client.fetches == []
    client.advance(1.5)
    assert len(client.fetches) == 1


# Staying up


def test_it_pings_after_25_seconds_and_hangs_up_when_nothing_comes_back() -> None:
    client = Client().ready()
    client.advance(24.9)
    assert client.pings == []
    client.advance(0.2)
    assert client.pings == [b"c1"]
    client.pong()
    client.advance(25.0)
    assert len(client.pings) == 1
    client.advance(10.0)
    assert [hangup.code for hangup in client.hangups] == [1011]
    assert expect(Down, client.take_events()[0]).reason == "no answer to a ping within 10 s"


# After a loss


def test_subscriptions_are_asked_for_again_in_their_order() -> None:
    client = Client().subscribed(DATA, MARKET)
    client.reconnect()
    assert client.take_frames() == [
        {"type": "subscribe_marketdata", "market_id": "mkt_abc123"},
        {"type": "subscribe", "market_id": "mkt_abc123"},
    ]


def test_what_was_missed_is_told_as_a_gap() -> None:
    client = Client().subscribed(MARKET)
    client.take_events()
    client.live(40.0)
    client.closed()
    lost_at = client.now
    client.wait_for_fetch()
    client.give_token()
    client.open()
    down, up = client.take_events()
    assert (type(down), type(up)) == (Down, Up)
    client.advance(0.3)
    # Nothing confirms the subscriptions; that a ping behind them is answered says that they have arrived.
    client.pong()
    (gap,) = client.take_events()
    told = expect(Gap, gap)
    # The ping at second 25 was the last that was answered: what came since may not be all there was.
    assert told.since == WALL + 25.0
    assert told.until == WALL + client.now > WALL + lost_at


def test_a_silent_market_is_reported_and_one_that_speaks_is_not() -> None:
    client = Client(config(stale_after=60.0)).subscribed(MARKET, DATA)
    client.live(50.0)
    client.receive(push("trade", market_id="mkt_abc123"))
    client.take_events()
    client.live(20.0)
    assert client.take_events() == [Stale(60.0, satoriex.Topic("marketdata", "mkt_abc123"), 0.0)]


def test_a_stop_ends_it_in_good_order() -> None:
    client = Client().ready()
    client.machine.stop(client.now)
    client.drain()
    assert [hangup.code for hangup in client.hangups] == [1000]
    client.closed(Close(code=1000, by="us"))
    assert client.machine.finished
    assert client.machine.failure is None


# What comes at the edges


def test_what_cannot_be_read_bears_its_time_and_the_reason() -> None:
    client = Client().ready()
    client.now = 7.0
    client.receive("{", push("order_update", id="x"))
    malformed, event = client.take_events()
    assert (type(malformed), malformed.received, event.received) == (Malformed, 7.0, 7.0)
    assert "truncated" in expect(Malformed, malformed).reason


def test_a_dial_says_which_it_is_and_what_it_may_take() -> None:
    client = Client(config(max_message=5000, compression=True))
    client.start()
    client.give_token()
    (dial,) = client.dials
    assert (dial.generation, dial.max_message, dial.compression) == (1, 5000, True)


def test_a_part_of_the_page_is_no_part_of_the_address() -> None:
    url = with_token("wss://h.example/ws#part", Secret("t")).reveal()
    assert url == "wss://h.example/ws?token=t"


@pytest.mark.parametrize("status, refused", [(400, False), (401, True), (402, False), (403, True), (404, False)])
def test_two_refusals_of_the_handshake_are_about_the_token(status: int, refused: bool) -> None:
    row = close_table([4000]).row(Close(status=status, by="peer"))
    assert (row is not None and row.credential is True) is refused
