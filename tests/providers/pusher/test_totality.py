"""Whatever a server sends, the machine does not raise, and says something about what it cannot use."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.machine import Phase
from pushwire.providers import pusher
from tests.providers.pusher.harness import Client, signing

EVENTS = [
    "pusher:connection_established",
    "pusher:error",
    "pusher:ping",
    "pusher:pong",
    "pusher:signin_success",
    "pusher:subscription_error",
    "pusher:cache_miss",
    "pusher_internal:subscription_error",
    "pusher_internal:subscription_succeeded",
    "pusher_internal:subscription_count",
    "pusher_internal:member_added",
    "pusher_internal:member_removed",
    "pusher_internal:watchlist_events",
    "pusher:other",
    "client-x",
    "ev",
]
CHANNELS = ["a", "private-a", "presence-a", "private-encrypted-a", "cache-a", "#server-to-user-1", "b"]
FIELDS = [
    "socket_id",
    "activity_timeout",
    "code",
    "message",
    "channel",
    "presence",
    "ids",
    "hash",
    "user_id",
    "user_info",
    "subscription_count",
    "events",
    "name",
    "user_ids",
    "user_data",
    "nonce",
    "ciphertext",
    "status",
    "error",
    "id",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from([*CHANNELS, "1.1", '{"id":"1"}', "Existing subscription to channel private-a", "online"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4), max_leaves=6
)


@st.composite
def messages(draw: st.DrawFn) -> str | bytes:
    """A message that is nearly right, with its data as text or as a value."""
    message: dict[str, object] = {"event": draw(st.sampled_from(EVENTS))}
    if draw(st.booleans()):
        message["channel"] = draw(st.sampled_from(CHANNELS) | values)
    if draw(st.integers(0, 3)):
        data = draw(values)
        message["data"] = json.dumps(data) if draw(st.booleans()) else data
    if not draw(st.integers(0, 5)):
        message["user_id"] = draw(values)
    text = json.dumps(message)
    return text.encode(errors="replace") if draw(st.booleans()) else text


def busy() -> Client:
    """A client with something of everything pending and subscribed to."""
    client = Client(signing(auth_url="https://shop.test/auth")).ready()
    client.subscribe("a")
    client.submit(pusher.SignIn('{"id":"1"}'))
    for channel in ("private-a", "presence-a", "private-encrypted-a"):
        client.submit(pusher.Subscribe(channel))
    for _ in range(2):
        key = "iBvNoPVYwByqSfg6anjPpEQ2j051b3rt1Vmnb+z5doo="
        client.respond(200, {"auth": "k:x", "channel_data": '{"user_id":1}', "shared_secret": key})
    return client


@given(st.lists(messages() | st.text(max_size=20) | st.binary(max_size=20), max_size=8))
def test_a_connection_that_is_up_stays_up(received: list[str | bytes]) -> None:
    client = busy()
    client.receive(*received)
    assert client.phase() is Phase.READY


@given(st.lists(messages() | st.text(max_size=20) | st.binary(max_size=20), max_size=8))
def test_a_connection_that_is_not_up_is_up_or_ended(received: list[str | bytes]) -> None:
    client = Client(signing())
    client.start()
    client.open()
    client.receive(*received)
    assert client.phase() in {Phase.AUTHENTICATING, Phase.READY, Phase.HANGING_UP}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("data", ["[" * 100_000, '"' + '[{"a":' * 20_000 + '"', "1" * 5_000, '"' + "1" * 5_000 + '"'])
def test_data_without_bounds_does_no_harm(event: str, data: str) -> None:
    client = busy()
    client.receive(f'{{"event":"{event}","channel":"presence-a","data":{data}}}')
    assert client.phase() is Phase.READY
