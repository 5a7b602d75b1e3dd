"""Whatever a peer sends, `receive` accepts it, or says as an event what was wrong; it never raises. A journal of it replays."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.effects import Restored
from pushwire.core.events import Malformed
from pushwire.core.ids import id_source
from pushwire.core.journal import Header, replay
from pushwire.core.journal_lines import read_journal
from pushwire.core.machine import Phase
from pushwire.core.recording import Recording
from pushwire.core.secrets import Secret
from pushwire.providers import load, quickpay
from pushwire.providers.quickpay.provider import PROVIDER
from pushwire.testing import quickpay as build
from tests.providers.quickpay.harness import API_KEY, Client, config

PAYMENTS = quickpay.payments(build.MERCHANT)
SETTINGS = config(jwt=Secret("ey.ey.ey"))

Json = Any

names = st.sampled_from(
    ["payment.created", "exchange_rate.updated", "kyc.verification_started", "notification", ".payment.x", "x"]
)
keys = st.sampled_from(
    ["amount", "rate", "status", "metadata", "customer_email", "event_type", "event_id", "timestamp", "data", "expires_at"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | names | st.sampled_from(["1.5", "NaN"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(name=names | st.text(), data=values, quoted=st.booleans())
def test_any_data_under_any_name_gives_one_event_or_none(name: str, data: Json, quoted: bool) -> None:
    client = Client(SETTINGS).ready()
    client.subscribe(PAYMENTS)
    raw = json.dumps({"event": name, "channel": PAYMENTS.channel, "data": json.dumps(data) if quoted else data})
    client.receive(raw)
    events = client.take_events()
    assert len(events) <= 1
    assert all(getattr(event, "raw", raw) == raw for event in events)
    assert client.machine.status().phase is Phase.READY


@pytest.mark.parametrize(
    "data",
    ["[" * 100_000, '{"event_type":"payment.created","data":' * 10_000, '"' + "\\" * 1_000, "9" * 5_000],
    ids=["deep", "envelopes", "escapes", "digits"],
)
def test_hostile_data_under_a_known_name_is_malformed(data: str) -> None:
    client = Client(SETTINGS).ready()
    client.subscribe(PAYMENTS)
    client.receive(json.dumps({"event": "payment.created", "channel": PAYMENTS.channel, "data": data}))
    assert [type(event) for event in client.take_events()] == [Malformed]


def test_a_journal_replays_without_the_keys_and_holds_none_of_them() -> None:
    settings = config()
    client = Client(settings)
    file = io.StringIO()
    header = Header(PROVIDER, settings, 1, "n", Restored(), "0")
    client.machine = Recording(settings.machine(rng=random.Random(1), ids=id_source("n")), header, file)
    client.ready()
    client.subscribe(PAYMENTS)
    client.receive(build.message(build.payment()))
    live = client.take_events()
    lines = file.getvalue()
    assert API_KEY not in lines
    assert "PRIVATE KEY" not in lines
    replayed = [event for step in replay(read_journal(io.BytesIO(lines.encode()), load)) for event in step.events]
    assert replayed[-1:] == live
