"""A journal of a Pusher session replays it, without the secrets that it does not hold."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Sequence

from pushwire.core.effects import Restored
from pushwire.core.journal import Header, replay
from pushwire.core.journal_lines import read_journal
from pushwire.core.recording import Recording
from pushwire.core.secrets import Secret
from pushwire.providers import load, pusher
from pushwire.providers.pusher.encryption import encrypt
from pushwire.providers.pusher.provider import PROVIDER
from pushwire.testing import pusher as build
from tests.providers.pusher.harness import SECRET, Client, asking, signing

MASTER = base64.b64encode(b"m" * 32).decode()
OLD, NEW = b"o" * 32, b"n" * 32


def recorded(settings: pusher.Config) -> tuple[Client, io.StringIO]:
    client, file = Client(settings), io.StringIO()
    header = Header(PROVIDER, settings, 1, "n", Restored(), "0")
    client.machine = Recording(settings.machine(rng=random.Random(1), ids=str), header, file)
    return client, file


def replayed(file: io.StringIO) -> list[object]:
    """The events of the replay."""
    steps = [*replay(read_journal(io.BytesIO(file.getvalue().encode()), load))]
    assert [step.error for step in steps] == [None] * len(steps)
    return [event for step in steps for event in step.events]


def names(events: Sequence[object]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_what_is_signed_here_replays() -> None:
    settings = signing(encryption_master_key=Secret(MASTER), auth_headers={"Cookie": Secret("c00kie")}, backoff_first=0.1)
    client, file = recorded(settings)
    client.start()
    client.open()
    client.receive(build.established())
    client.subscribe("presence-a", '{"user_id":"me"}', {"me": None})
    client.submit(pusher.Trigger("presence-a", "client-x", {"n": 1}))
    client.submit(pusher.Subscribe("private-encrypted-a"))
    client.receive(build.subscribed("private-encrypted-a"), build.event("presence-a", data={"n": 1}))
    client.reconnect()
    client.receive(build.subscribed("presence-a", {"me": None}), build.subscribed("private-encrypted-a"))
    assert replayed(file) == client.take_events()
    for secret in (SECRET, MASTER, "c00kie"):
        assert secret not in file.getvalue()


def test_what_an_endpoint_authorises_replays_but_for_what_is_encrypted() -> None:
    client, file = recorded(asking(backoff_first=0.1))
    client.start()
    client.open()
    client.receive(build.established())
    channel = "private-encrypted-a"
    client.submit(pusher.Subscribe(channel))
    old, new = ({"auth": "k:s1gnature", "shared_secret": base64.b64encode(key).decode()} for key in (OLD, NEW))
    client.respond(200, old)
    client.receive(build.subscribed(channel))
    for key in (OLD, NEW):
        client.receive(build.message("ev", encrypt(key, '{"n":1}', bytes(24)), channel, data_as="object"))
    client.respond(200, new)
    client.submit(pusher.SignIn())
    client.respond(200, {"auth": "k:s1gnature", "user_data": '{"id":"1"}'})
    client.receive(build.signed_in('{"id":"1"}'), build.event("#server-to-user-1"))
    assert names(client.take_events()) == ["Up", "ChannelEvent", "ChannelEvent", "ChannelEvent"]
    assert names(replayed(file)) == ["Up", "Undecipherable", "Undecipherable", "ChannelEvent"]
    for secret in ("s1gnature", base64.b64encode(OLD).decode(), base64.b64encode(NEW).decode()):
        assert secret not in file.getvalue()
