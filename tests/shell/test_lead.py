from __future__ import annotations

import itertools
import os
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from pushwire.shell.lead import AWAY, Lead
from pushwire.shell.transport import NOTHING_YET, Read


class Line:
    """A connection whose bytes are its messages."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.sock = trio.socket.from_stdlib_socket(near)
        self.source: trio.socket.SocketType | None = self.sock
        self.far = far
        self.ready = False
        self.unread = False
        """Whether only the reader can tell what has come."""

        self.left: Callable[[], bytes] = lambda: os.read(self.sock.fileno(), 100)

    def read_now(self) -> Read | None:
        try:
            return None if self.unread else Read([self.left().decode()])
        except BlockingIOError:
            return NOTHING_YET


def nothing() -> bytes:
    raise BlockingIOError


class Consumer:
    """Waits whenever it may, and says so."""

    def __init__(self, lead: Lead) -> None:
        self.lead = lead
        self.waits = 0

    async def __call__(self) -> None:
        while self.lead.lent:
            await self.lead.wait()
            self.waits += 1


class AtTheSameMoment(trio.abc.Instrument):
    """Does something once trio has seen that there is something to read, and before the task that waited for it runs."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action

    def after_io_wait(self, timeout: float) -> None:
        self.action()


@pytest.fixture
def line() -> Iterator[Line]:
    near, far = socket.socketpair()
    with near, far:
        yield Line(near, far)


async def blocked() -> None:
    await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def lent(line: Line, got: list[Read]) -> AsyncGenerator[tuple[Lead, trio.Nursery]]:
    """What stands between a reader that has lent its waiting and a consumer, who puts what it has read into `got`; the block ends
    when that is over. And a nursery for the consumer."""
    lead = Lead(got.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lead.lend, line)
        await blocked()
        yield lead, nursery


async def test_bytes_wake_the_consumer_and_nobody_else(line: Line, autojump_clock: trio.testing.MockClock) -> None:
    got: list[Read] = []
    async with lent(line, got) as (lead, nursery):
        consumer = Consumer(lead)
        nursery.start_soon(consumer)
        await trio.sleep(10 * AWAY)
        for number in range(3):
            line.far.send(b"%d" % number)
            await blocked()
            assert got == [Read([str(each)]) for each in range(number + 1)]
        assert consumer.waits == 3
        lead.end()
    assert trio.current_time() == 10 * AWAY


async def test_the_reader_takes_over_when_the_consumer_is_away_for_long(
    line: Line, autojump_clock: trio.testing.MockClock
) -> None:
    lead = Lead(lambda read: None)
    await lead.lend(line)
    assert trio.current_time() == AWAY
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lead.lend, line)
        await blocked()
        with trio.move_on_after(10 * AWAY):
            await lead.wait()
        since = trio.current_time()
    assert trio.current_time() - since == pytest.approx(AWAY)
    assert not lead.lent


async def test_a_consumer_that_comes_back_in_time_keeps_it(line: Line, autojump_clock: trio.testing.MockClock) -> None:
    got: list[Read] = []
    async with lent(line, got) as (lead, _):
        for _ in range(5):
            line.far.send(b"x")
            await lead.wait()
            await trio.sleep(AWAY * 0.9)
            with trio.move_on_after(AWAY / 2):
                await lead.wait()
        assert lead.lent
        lead.end()
    assert len(got) == 5


class Turns(trio.abc.Instrument):
    """Counts the turns of each task, by its name."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.of[task.name] += 1


@pytest.mark.parametrize("pause", [AWAY / 20, AWAY / 3, AWAY * 0.49])
async def test_the_reader_sleeps_while_the_consumer_comes_and_goes(
    line: Line, autojump_clock: trio.testing.MockClock, pause: float
) -> None:
    turns = Turns()
    async with lent(line, []) as (lead, _):
        trio.lowlevel.add_instrument(turns)
        for _ in range(200):
            line.far.send(b"x")
            await lead.wait()
            await trio.sleep(pause)
        trio.lowlevel.remove_instrument(turns)
        assert Lead.lend.__qualname__ not in {name.removeprefix(f"{Lead.__module__}.") for name in turns.of}
        since = trio.current_time() - pause
    assert AWAY / 2 < trio.current_time() - since < AWAY * 1.01


@pytest.mark.parametrize("late", [0.0, 10 * AWAY])
async def test_the_reader_goes_on_at_once_when_it_is_wanted(
    line: Line, autojump_clock: trio.testing.MockClock, late: float
) -> None:
    async with lent(line, []) as (lead, nursery):
        nursery.start_soon(Consumer(lead))
        await trio.sleep(late)
        await blocked()
        lead.end()
        lead.end()
        # Nobody is registered there any more, so somebody else may wait.
        line.far.send(b"x")
        await trio.lowlevel.wait_readable(line.sock)
    assert trio.current_time() == late


async def test_what_is_there_already_is_not_waited_for_but_others_get_their_turn(line: Line) -> None:
    got: list[Read] = []
    async with lent(line, got) as (lead, nursery):
        # So that to wait for it would be for ever.
        there, line.ready = itertools.count(), True
        line.left = lambda: b"%d" % next(there)
        turns = 0

        async def other() -> None:
            nonlocal turns
            while lead.lent:
                await trio.lowlevel.checkpoint()
                turns += 1

        nursery.start_soon(other)
        for _ in range(9):
            await lead.wait()
        assert turns >= 9 - 2, "the first is its beginning, and in the last it may come behind"
        assert lead.read_on()
        assert got == [Read([str(number)]) for number in range(10)]
        line.left = nothing
        assert not lead.read_on()
        assert len(got) == 10
        line.left = lambda: b"more"
        lead.end()
        assert not lead.read_on()


async def test_who_is_woken_for_nothing_hands_in_nothing(line: Line) -> None:
    got: list[Read] = []
    async with lent(line, got) as (lead, _):
        line.left = nothing
        line.far.send(b"x")
        await lead.wait()
        assert got == []
        assert lead.lent
        lead.end()


@pytest.mark.parametrize("action", [Lead.call_off, Lead.end])
async def test_who_is_called_off_before_its_turn_to_read_leaves_it_there(line: Line, action: Callable[[Lead], None]) -> None:
    got: list[Read] = []
    async with lent(line, got) as (lead, _):
        line.ready = True
        line.far.send(b"x")
        instrument = AtTheSameMoment(lambda: action(lead))
        trio.lowlevel.add_instrument(instrument)
        await lead.wait()
        trio.lowlevel.remove_instrument(instrument)
        assert got == []
        assert line.left() == b"x"
        lead.end()


async def test_who_is_called_off_has_read_nothing_and_may_wait_again(line: Line) -> None:
    got: list[Read] = []
    async with lent(line, got) as (lead, nursery):
        consumer = Consumer(lead)
        nursery.start_soon(consumer)
        await blocked()
        lead.call_off()
        lead.call_off()
        await blocked()
        assert (consumer.waits, got) == (1, [])
        line.far.send(b"x")
        await blocked()
        assert (consumer.waits, got) == (2, [Read(["x"])])
        lead.end()


@pytest.mark.parametrize("action", [Lead.call_off, Lead.end])
async def test_who_is_called_off_as_the_bytes_come_leaves_them_there(line: Line, action: Callable[[Lead], None]) -> None:
    got: list[Read] = []
    async with lent(line, got) as (lead, nursery):
        nursery.start_soon(lead.wait)
        await blocked()
        line.far.send(b"x")
        instrument = AtTheSameMoment(lambda: action(lead))
        trio.lowlevel.add_instrument(instrument)
        await trio.lowlevel.checkpoint()
        trio.lowlevel.remove_instrument(instrument)
        await blocked()
        assert got == []
        assert line.left() == b"x"
        lead.end()


async def test_who_is_cancelled_as_the_bytes_come_leaves_them_there(line: Line, autojump_clock: trio.testing.MockClock) -> None:
    got: list[Read] = []
    async with lent(line, got) as (lead, _):
        with trio.CancelScope() as scope:
            line.far.send(b"x")
            scope.cancel()
            await lead.wait()
        assert scope.cancelled_caught
        assert got == []
    assert line.left() == b"x"
    assert trio.current_time() == AWAY


@pytest.mark.parametrize("ends", ["unread", "closed", "no source", "unread at once"])
async def test_what_only_the_reader_can_read_is_left_to_it(line: Line, ends: str) -> None:
    lead = Lead(lambda read: None)
    async with trio.open_nursery() as nursery:
        line.unread = True
        nursery.start_soon(lead.lend, line)
        await blocked()
        if ends == "no source":
            line.source = None
        if ends == "unread at once":
            assert not lead.read_on()
        nursery.start_soon(lead.wait)
        await blocked()
        if ends == "unread":
            line.far.send(b"x")
        elif ends == "closed":
            line.sock.close()
    assert not lead.lent


async def test_a_reader_that_is_cancelled_takes_it_back(line: Line) -> None:
    lead = Lead(lambda read: None)
    consumer = Consumer(lead)
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as readers:
                readers.start_soon(lead.lend, line)
                await blocked()
                nursery.start_soon(consumer)
                await blocked()
                scope.cancel()
    assert not lead.lent
    assert consumer.waits == 1


async def test_nobody_waits_for_a_reader_that_has_lent_nothing() -> None:
    await Lead(lambda read: None).wait()
