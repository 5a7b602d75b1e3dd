"""Client and server together, through broken connections: nothing is lost in silence, and nothing comes twice."""

from __future__ import annotations

import random

import pytest

from pushwire.core.machine import Phase
from pushwire.providers import satoriex
from pushwire.sandbox.satoriex import SatoriexServer
from pushwire.sandbox.satoriex_settings import SatoriexSettings
from tests.providers.harness import expect
from tests.providers.satoriex.harness import TOKEN
from tests.providers.satoriex.pair import Pair

COMMANDS = (satoriex.SubscribeMarket("mkt_abc123"), satoriex.SubscribeMarketData("mkt_def456"))
TOPICS = [satoriex.Topic("market", "mkt_abc123"), satoriex.Topic("marketdata", "mkt_def456")]


def pair(seed: int) -> Pair:
    return Pair(SatoriexServer(SatoriexSettings(tokens=[TOKEN], rate=20.0), random.Random(seed)), *COMMANDS)


def test_on_a_connection_that_holds_everything_arrives_once_and_in_order() -> None:
    both = pair(1)
    both.advance(100.0)
    both.server.stop()
    both.advance(1.0)
    assert both.serials == [sent.serial for sent in both.server.sent]
    assert len(both.serials) > 1_900
    assert both.gaps == []
    assert both.server.topics(expect(int, both.conn)) == TOPICS


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_through_broken_connections_what_is_missing_is_in_a_gap(seed: int) -> None:
    rng = random.Random(seed)
    both = pair(seed)
    breaks = 0
    while both.now < 600.0:
        both.advance(rng.uniform(0.0, 60.0))
        breaks += both.conn is not None
        both.cut(unnoticed=rng.choice((0.0, 0.3, 5.0)))
    both.advance(120.0)
    both.server.stop()
    both.advance(1.0)
    assert breaks > 5
    assert both.client.status().phase is Phase.READY
    assert both.server.topics(expect(int, both.conn)) == TOPICS
    assert len(both.serials) == len(set(both.serials)), "twice"
    assert both.missing() == [], "lost"
    assert len(both.serials) < len(both.server.sent), "nothing was put to the test"
