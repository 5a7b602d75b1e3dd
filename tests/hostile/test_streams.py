"""What a user's stream makes of hostile peers, in virtual time: what is told, who ends it and when, and when it dials again."""

from __future__ import annotations

from collections.abc import AsyncIterable

import pytest
import trio
import trio.testing

import pushwire
from pushwire import bitpanda
from pushwire.core.machine import Phase
from tests.shell.sockets import Handler, client_tls, serve

from .peers import play, silent
from .table import AT_THE_DIAL, LATE, ONCE_OPEN, Late, Row
from .victim import CONNECTORS

TOKEN = pushwire.Secret("correct-horse-battery")
DIALS = 6
"""In 30 seconds, with delays of at least 0.5, 1, 2, 4, 8 and 16 seconds."""


class Counted:
    """A peer, and how often it was dialled."""

    def __init__(self, peer: Handler) -> None:
        self._peer = peer
        self.dials = 0

    async def __call__(self, stream: trio.abc.Stream) -> None:
        self.dials += 1
        await self._peer(stream)


def config(port: int, *, secure: bool) -> bitpanda.Config:
    url = f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/"
    return bitpanda.Config(token=TOKEN, url=url, compression=True, connect_timeout=30.0, ping_interval=30.0, pong_timeout=10.0)


async def first_end(stream: AsyncIterable[object]) -> bitpanda.Down:
    """The first end of the connection that is told, which follows its beginning at once."""
    events = [event async for event in upto_down(stream)]
    assert [type(event) for event in events] == [bitpanda.Up, bitpanda.Down]
    assert isinstance(events[-1], bitpanda.Down)
    return events[-1]


async def upto_down(stream: AsyncIterable[object]) -> AsyncIterable[object]:
    async for event in stream:
        yield event
        if isinstance(event, bitpanda.Down):
            return


@pytest.fixture
def clock(autojump_clock: trio.testing.MockClock) -> trio.testing.MockClock:
    """Virtual time that waits for sockets: what is under way between two of them is nothing that a task waits for."""
    autojump_clock.autojump_threshold = 0.02
    return autojump_clock


@pytest.mark.parametrize("row", AT_THE_DIAL, ids=lambda row: row.name)
async def test_who_refuses_us_is_dialled_again_after_the_back_off_and_the_reason_is_told(
    row: Row, clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    peer = Counted(row.peer)
    port = await serve(nursery, peer, None if row.tls is None else row.tls())
    wanted = config(port, secure=row.tls is not None or row.secure)
    with pytest.raises(pushwire.NotReady) as caught:
        async with pushwire.connect(wanted, tls=client_tls(), ready_within=30.0):
            pytest.fail("it is not ready")
    assert row.ends.reason in str(caught.value)
    assert TOKEN.reveal() not in str(caught.value)
    waits = row.ends.retry_after is not None
    assert 1 + waits <= 1 + peer.dials <= DIALS + 1


@pytest.mark.parametrize("row", ONCE_OPEN, ids=lambda row: row.name)
async def test_who_breaks_the_rules_is_told_as_down_and_dialled_again_after_the_back_off(
    row: Row, clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    port = await serve(nursery, row.peer)
    async with pushwire.connect(config(port, secure=False)) as stream:
        down = await first_end(stream)
        status = stream.status.session
        assert down.close is not None
        assert (down.close.code, down.close.by) == (row.ends.code, row.ends.by)
        assert down.reason == str(down.close)
        assert (status.phase, status.attempt) == (Phase.BACKING_OFF, 1)
        assert status.next_dial is not None
        assert 0.5 <= status.next_dial - down.received <= 1.0


@pytest.mark.parametrize("transport", CONNECTORS)
@pytest.mark.parametrize("late", LATE, ids=lambda late: late.name)
async def test_who_keeps_us_waiting_is_ended_by_a_deadline(
    late: Late, transport: str, clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    port = await serve(nursery, late.peer)
    wanted = config(port, secure=late.secure)
    connector = CONNECTORS[transport](tls=client_tls())
    if not late.accepts:
        with pytest.raises(pushwire.NotReady, match=late.reason):
            async with pushwire.connect(wanted, transport=connector, ready_within=late.seconds + 0.25):
                pytest.fail("it is not ready")
        return
    async with pushwire.connect(wanted, transport=connector) as stream:
        down = await first_end(stream)
        assert down.reason.startswith(late.reason)
        assert down.received == pytest.approx(late.seconds)
        assert stream.status.session.phase is Phase.HANGING_UP


@pytest.mark.parametrize("transport", CONNECTORS)
async def test_who_answers_no_close_frame_holds_the_end_of_the_block_for_close_within(
    transport: str, clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    port = await serve(nursery, play(lambda server: silent(server.stream)))
    async with pushwire.connect(config(port, secure=False), transport=CONNECTORS[transport](), close_within=3.0):
        left = trio.current_time()
    assert trio.current_time() - left <= 3.0 + 0.5


@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.parametrize("transport", CONNECTORS)
async def test_a_redirect_leads_nowhere_and_our_credential_with_it(
    status: int, transport: str, clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    elsewhere = Counted(silent)
    asked: list[bytes] = []

    async def refer(stream: trio.abc.Stream) -> None:
        asked.append(bytes(await stream.receive_some(65536)))
        await stream.send_all(f"HTTP/1.1 {status} Moved\r\nLocation: ws://127.0.0.1:{other}/\r\n\r\n".encode())

    other = await serve(nursery, elsewhere)
    port = await serve(nursery, refer)
    with pytest.raises(pushwire.NotReady, match=f"HTTP {status}: Moved"):
        async with pushwire.connect(config(port, secure=False), transport=CONNECTORS[transport](), ready_within=30.0):
            pytest.fail("it is not ready")
    assert 1 <= len(asked) <= DIALS
    assert TOKEN.reveal().encode() in asked[0]
    assert elsewhere.dials == 0
