"""One connection by itself: what is written and when, and how it is given up; and what tasks a stream has."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from pushwire import gelabs
from pushwire.core.effects import Close, Dial, Handshake, Hangup
from pushwire.errors import CommandRefused
from pushwire.shell.lead import Lead
from pushwire.shell.link import Link
from pushwire.shell.memory import MemoryNetwork
from pushwire.shell.transport import Read
from tests.shell.checkpoints import tasks
from tests.shell.provider import Provider
from tests.shell.streams import LOOK, SlowNetwork, connect, next_of

DIAL = Dial(1, "ws://127.0.0.1/", {}, 1024, False)


class Owner:
    """Hears what becomes of a link."""

    blocked = False

    def __init__(self) -> None:
        self.link = Link(self)
        self.opened = 0
        self.close: Close | None = None

    def link_opened(self, handshake: Handshake) -> None:
        self.opened += 1

    def link_brought(self, read: Read) -> Lead | None:
        return None

    async def link_unblocked(self) -> None:
        raise AssertionError("nothing was blocked")

    def link_closed(self, close: Close) -> None:
        self.close = close

    def say(self, text: str) -> None:
        connection = self.link.connection
        assert connection is not None
        connection.send_text(text)
        self.link.write()


async def test_what_is_said_while_a_flush_is_under_way_follows_without_another_task(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    network, owner = SlowNetwork(seconds=1), Owner()
    nursery.start_soon(owner.link.run, network, DIAL)
    peer = await network.accept()
    await trio.testing.wait_all_tasks_blocked()
    for text in ("a", "b", "c"):
        owner.say(text)
        await trio.testing.wait_all_tasks_blocked()
        assert tasks()["pushwire.shell.link.Link._write"] == 1
    assert [await peer.receive() for _ in range(3)] == ["a", "b", "c"]
    await trio.testing.wait_all_tasks_blocked()
    assert not tasks()["pushwire.shell.link.Link._write"], "nothing is left to write"
    owner.say("d")
    assert await peer.receive() == "d"
    peer.drop()
    await trio.testing.wait_all_tasks_blocked()
    assert owner.close == Close(reason="connection reset", by="transport")


@pytest.mark.parametrize("begun", [False, True])
async def test_a_dial_is_given_up_also_before_it_has_begun(nursery: trio.Nursery, begun: bool) -> None:
    network, owner = MemoryNetwork(), Owner()
    nursery.start_soon(owner.link.run, network, DIAL)
    if begun:
        await trio.testing.wait_all_tasks_blocked()
    assert not owner.link.hang_up(Hangup(1000, "", 5.0)), "there is nobody to tell"
    await trio.testing.wait_all_tasks_blocked()
    assert owner.close == Close(reason="given up", by="us")
    assert not owner.opened


async def test_an_idle_stream_has_two_tasks(provider: Provider) -> None:
    before = tasks()
    async with connect(provider.network) as stream:
        await next_of(stream, gelabs.Up)
        with pytest.raises(CommandRefused):
            await stream.call(LOOK)
        await trio.testing.wait_all_tasks_blocked()
        own = [name for name in tasks() - before if name.startswith("pushwire.")]
        assert sorted(own) == ["pushwire.shell.driver.Driver.run", "pushwire.shell.link.Link.run"]
