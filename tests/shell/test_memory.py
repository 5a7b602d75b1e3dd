from __future__ import annotations

import pytest
import trio
import trio.testing

from pushwire.core.effects import Close, Dial, Handshake
from pushwire.core.secrets import Secret
from pushwire.shell.memory import MemoryConnection, MemoryNetwork, Peer
from pushwire.shell.transport import Connection, Connector, DialFailed, Read

DIAL = Dial(1, "ws://example.test/", {"X-API-Key": Secret("hunter22")}, 1000)


async def pair(network: MemoryNetwork, nursery: trio.Nursery) -> tuple[MemoryConnection, Peer]:
    peers: list[Peer] = []

    async def accept() -> None:
        peers.append(await network.accept({"x-a": "1"}, "v1"))

    nursery.start_soon(accept)
    connection = await network.dial(DIAL, nursery)
    return connection, peers[0]


async def test_it_is_a_connector_like_any_other(nursery: trio.Nursery) -> None:
    network: Connector = MemoryNetwork()
    assert isinstance(network, MemoryNetwork)
    connection: Connection
    connection, _ = await pair(network, nursery)
    assert connection.handshake == Handshake(101, {"x-a": "1"}, "v1")


async def test_the_peer_sees_what_was_dialled(nursery: trio.Nursery) -> None:
    network = MemoryNetwork()
    _, peer = await pair(network, nursery)
    assert peer.dial is DIAL
    assert network.dials == [DIAL]


async def test_several_messages_come_in_one_read_and_sends_in_their_order(nursery: trio.Nursery) -> None:
    connection, peer = await pair(MemoryNetwork(), nursery)
    peer.send("a", b"b")
    peer.send("c")
    peer.send()
    assert peer.unread == 3
    assert [await connection.read() for _ in range(3)] == [Read(("a", b"b")), Read(("c",)), Read()]
    assert peer.unread == 0


async def test_a_read_waits_for_the_peer(nursery: trio.Nursery) -> None:
    connection, peer = await pair(MemoryNetwork(), nursery)
    reads: list[Read] = []

    async def read() -> None:
        reads.append(await connection.read())

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    assert reads == []
    peer.send("a")
    await trio.testing.wait_all_tasks_blocked()
    assert reads == [Read(("a",))]


async def test_frames_reach_the_peer_when_they_are_flushed(nursery: trio.Nursery) -> None:
    connection, peer = await pair(MemoryNetwork(), nursery)
    connection.send_text("a")
    connection.send_text("b")
    with trio.move_on_after(0) as waited:
        await peer.receive()
    assert waited.cancelled_caught
    await connection.flush()
    assert [await peer.receive(), await peer.receive()] == ["a", "b"]


async def test_a_ping_gets_its_pong(nursery: trio.Nursery) -> None:
    connection, peer = await pair(MemoryNetwork(), nursery)
    connection.send_ping(b"p")
    await connection.flush()
    assert await connection.read() == Read((), (b"p",))
    assert peer.pings == [b"p"]


async def test_a_mute_peer_answers_nothing(nursery: trio.Nursery) -> None:
    connection, peer = await pair(MemoryNetwork(), nursery)
    peer.mute()
    connection.send_ping(b"p")
    connection.send_close(1000, "bye")
    await connection.flush()
    with trio.move_on_after(0) as waited:
        await connection.read()
    assert waited.cancelled_caught
    assert peer.hangup == Close(code=1000, reason="bye", by="us")
    peer.mute(False)
    peer.send_pong(b"late")
    assert await connection.read() == Read((), (b"late",))


async def test_the_clients_close_is_answered(nursery: trio.Nursery) -> None:
    connection, peer = await pair(MemoryNetwork(), nursery)
    connection.send_close(1000, "bye")
    connection.send_text("too late")
    await connection.flush()
    assert await connection.read() == Read(close=Close(code=1000, reason="bye", by="us"))
    with pytest.raises(trio.EndOfChannel):
        await peer.receive()


async def test_the_peers_close_comes_after_what_it_sent_and_is_the_last_thing(nursery: trio.Nursery) -> None:
    connection, peer = await pair(MemoryNetwork(), nursery)
    peer.send("last")
    peer.close(4000, "enough")
    peer.send("too late")
    connection.send_text("too late")
    await connection.flush()
    assert await connection.read() == Read(("last",))
    end = Read(close=Close(code=4000, reason="enough"))
    assert [await connection.read(), await connection.read()] == [end, end]
    with pytest.raises(trio.EndOfChannel):
        await peer.receive()


async def test_a_dropped_connection_is_a_transport_error(nursery: trio.Nursery) -> None:
    connection, peer = await pair(MemoryNetwork(), nursery)
    peer.drop()
    assert await connection.read() == Read(close=Close(reason="connection reset", by="transport"))


async def test_the_peer_learns_that_the_client_is_gone(nursery: trio.Nursery) -> None:
    connection, peer = await pair(MemoryNetwork(), nursery)
    connection.send_text("a")
    await connection.flush()
    peer.send("unread")
    nursery.start_soon(connection.aclose)
    await peer.gone()
    assert await peer.receive() == "a"
    with pytest.raises(trio.EndOfChannel):
        await peer.receive()
    await connection.aclose()
    assert await connection.read() == Read(close=Close(reason="closed here", by="transport"))
    assert peer.hangup is None


async def refused(network: MemoryNetwork, nursery: trio.Nursery) -> Close:
    with pytest.raises(DialFailed) as caught:
        await network.dial(DIAL, nursery)
    return caught.value.close


async def test_a_dial_may_be_refused(nursery: trio.Nursery) -> None:
    network = MemoryNetwork()

    async def refuse() -> None:
        (await network.dialled()).refuse(503, "No", 7.0)

    nursery.start_soon(refuse)
    assert await refused(network, nursery) == Close(status=503, reason="No", retry_after=7.0)


async def test_a_dial_may_be_dropped(nursery: trio.Nursery) -> None:
    network = MemoryNetwork()

    async def drop() -> None:
        (await network.dialled()).drop("no route")

    nursery.start_soon(drop)
    assert await refused(network, nursery) == Close(reason="no route", by="transport")


async def test_a_dial_given_up_is_not_offered_to_the_peer(nursery: trio.Nursery) -> None:
    network = MemoryNetwork()
    with trio.move_on_after(0):
        await network.dial(DIAL, nursery)
    with trio.move_on_after(0) as waited:
        await network.dialled()
    assert waited.cancelled_caught
    assert len(network.dials) == 1


async def test_a_dial_given_up_while_the_peer_decides_is_seen_by_it(nursery: trio.Nursery) -> None:
    network = MemoryNetwork()
    scope = trio.CancelScope()

    async def dial() -> None:
        with scope:
            await network.dial(DIAL, nursery)

    nursery.start_soon(dial)
    peer = await network.dialled()
    scope.cancel()
    await peer.gone()
