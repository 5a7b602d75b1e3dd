"""A client of any provider that is ready for whatever its provider may send."""

from __future__ import annotations

from typing import Any

from pushwire.providers import pusher, quickpay, satoriex
from pushwire.testing import quickpay as quickpay_build
from tests.fuzz.feeds import FEEDS
from tests.fuzz.receive import connect
from tests.providers.harness import Client
from tests.providers.pusher import harness as pusher_harness
from tests.providers.quickpay import harness as quickpay_harness
from tests.providers.satoriex import harness as satoriex_harness


def ready_client(provider: str) -> Client[Any]:
    """Ready, and subscribed to all that the events come on."""
    (feed,) = [feed for feed in FEEDS if feed.name == provider]
    client = feed.client(feed.configs[0])
    client.start()
    connect(client, feed.credential)
    client.greet()
    if isinstance(client, pusher_harness.Client):
        for channel in ("a", "cache-a"):
            client.subscribe(channel)
        client.subscribe("presence-a", '{"user_id":"me"}', {"me": None})
        client.submit(pusher.Subscribe("presence-b", '{"user_id":"me"}'))
    elif isinstance(client, quickpay_harness.Client):
        for command in (quickpay.payments, quickpay.merchant, quickpay.notifications):
            client.subscribe(command(quickpay_build.MERCHANT))
        events = (quickpay_build.payment(), quickpay_build.exchange_rate(), quickpay_build.kyc())
        for channel in sorted({event.channel for event in events if event.channel is not None}):
            client.subscribe(quickpay.Subscribe(channel))
    elif isinstance(client, satoriex_harness.Client):
        client.submit(satoriex.SubscribeMarket("m"))
        client.submit(satoriex.SubscribeMarketData("m"))
    client.events.clear()
    return client
