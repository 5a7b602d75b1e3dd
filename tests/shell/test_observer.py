"""Who watches a stream: told of everything, before anybody takes it, and of the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pushwire import gelabs
from pushwire.core.machine import Phase
from pushwire.errors import AuthenticationRefused
from pushwire.shell.observer import Observed, StreamStatus
from tests.shell.provider import CONFIG, Provider, tx_hash
from tests.shell.streams import connect, transaction


class Watching:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.config: Observed | None = None
        self.status: Callable[[], StreamStatus] | None = None
        self.seen: list[object] = []
        self.failures: list[Exception | None] = []

    def began(self, config: Observed, status: Callable[[], StreamStatus]) -> None:
        self.config, self.status = config, status

    def saw(self, events: Sequence[object]) -> None:
        assert events
        self.seen += events

    def ended(self, failure: Exception | None) -> None:
        self.failures.append(failure)

    @property
    def phase(self) -> Phase:
        assert self.status is not None
        return self.status().session.phase


async def test_an_observer_sees_each_event_once_before_it_is_taken_and_where_the_stream_stands(provider: Provider) -> None:
    watching = Watching()
    provider.push(1)
    async with connect(provider.network, observer=watching) as stream:
        assert watching.config is CONFIG
        consumer = aiter(stream)
        await transaction(consumer, 1)
        provider.push(2)
        await transaction(consumer, 2)
        assert (watching.phase, watching.failures) == (Phase.READY, [])
    assert isinstance(watching.seen[0], gelabs.Up)
    hashes = [event.tx_hash for event in watching.seen if isinstance(event, gelabs.Transaction)]
    assert hashes == [tx_hash(1), tx_hash(2)]
    assert (watching.phase, watching.failures) == (Phase.CLOSED, [None])


async def test_an_observer_is_told_what_ended_the_stream(provider: Provider) -> None:
    watching = Watching()
    provider.refuse = 401
    with pytest.raises(AuthenticationRefused) as raised:
        async with connect(provider.network, observer=watching):
            pass
    assert watching.failures == [raised.value]
