from __future__ import annotations

import os
import socket
import ssl
import struct
from typing import TypeAlias, TypeVar

import pytest
import trio
import trio.testing
import trustme

from pushwire.shell.receiver import Receiver


async def tcp_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        near = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        far = await listener.accept()
    assert isinstance(near, trio.SocketStream)
    return near, far


async def test_what_comes_is_read_up_to_the_end() -> None:
    near, far = await tcp_pair()
    async with near, far:
        reading = Receiver(near)
        await far.send_all(b"first")
        assert await reading.some(3) == b"fir"
        assert await reading.some(3) == b"st"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(far.send_all, b"second")
            assert await reading.some(100) == b"second"
        await far.send_eof()
        assert await reading.some(100) == b""
        assert await reading.some(100) == b""


def is_full(reading: Receiver) -> bool:
    """A call, since type checkers take an attribute for unchanged."""
    return reading.full


async def test_behind_a_read_that_took_all_nothing_is_tried_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int | None] = []
    receive_some = trio.SocketStream.receive_some

    async def counted(stream: trio.SocketStream, max_bytes: int | None = None) -> bytes:
        tried.append(max_bytes)
        return await receive_some(stream, max_bytes)

    monkeypatch.setattr(trio.SocketStream, "receive_some", counted)
    near, far = await tcp_pair()
    async with near, far:
        reading = Receiver(near)
        for text in (b"1", b"2", b"3"):
            await far.send_all(text)
            assert await reading.some(10) == text
        assert not tried, "nor before the first, since the handshake took all"
        # Where a read was full, there is more, and it is not waited for.
        await far.send_all(b"4" * 11)
        assert await reading.some(10) == b"4" * 10
        assert is_full(reading)
        with monkeypatch.context() as patch:
            patch.delattr(trio.lowlevel, "wait_readable")
            assert await reading.some(10) == b"4"
        assert not is_full(reading)
        assert not tried
        # Or there is none, which only trying tells.
        await far.send_all(b"5" * 10)
        assert await reading.some(10) == b"5" * 10

        async def later() -> None:
            await trio.testing.wait_all_tasks_blocked()
            await far.send_all(b"6")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(later)
            assert await reading.some(10) == b"6"
        assert tried == [10]


async def test_who_stops_waiting_loses_nothing() -> None:
    near, far = await tcp_pair()
    async with near, far:
        reading = Receiver(near)
        await far.send_all(b"1")
        assert await reading.some(10) == b"1"
        with trio.CancelScope() as scope:
            scope.cancel()
            await reading.some(10)
        await far.send_all(b"2")
        assert await reading.some(10) == b"2"


async def test_a_reset_is_a_broken_stream() -> None:
    near, far = await tcp_pair()
    async with near:
        reading = Receiver(near)
        await far.send_all(b"1")
        assert await reading.some(10) == b"1"
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await far.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await reading.some(10)


async def test_who_waits_learns_that_it_was_closed_here() -> None:
    near, far = await tcp_pair()
    async with far:
        reading = Receiver(near)
        await far.send_all(b"1")
        assert await reading.some(10) == b"1"

        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await reading.some(10)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await near.aclose()
        await read()


async def test_a_wait_in_vain_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = await tcp_pair()
    async with near, far:
        reading = Receiver(near)
        await far.send_all(b"1")
        assert await reading.some(10) == b"1"

        def nothing(fd: int, size: int) -> bytes:
            raise BlockingIOError

        with monkeypatch.context() as patch:
            patch.setattr(os, "read", nothing)
            await far.send_all(b"2")
            assert await reading.some(10) == b"2"


async def test_what_has_come_is_read_without_waiting() -> None:
    near, far = await tcp_pair()
    async with near, far:
        reading = Receiver(near)
        assert reading.now(10) == b""
        await far.send_all(b"1")
        assert reading.now(10) == b"1"
        assert reading.now(10) == b""
        await far.send_eof()
        assert reading.now(10) is None, "the end is for `some` to find"
        assert await reading.some(10) == b""
    assert reading.now(10) is None


async def test_of_a_record_that_comes_in_pieces_nothing_has_come_before_the_last() -> None:
    near, far = await secured(*await tcp_pair())
    reading = Receiver(near)
    assert reading.now(100) is None, "it is not known what is left of the handshake"
    await far.send_all(b"0")
    assert await reading.some(100) == b"0"
    far._ssl_object.write(b"1" * 50)
    record = far._outgoing.read()
    for part in (record[:4], record[4:30]):
        await far.transport_stream.send_all(part)
        assert reading.now(100) == b""
    await far.transport_stream.send_all(record[30:])
    assert reading.now(100) == b"1" * 50
    async with near.transport_stream:
        await far.transport_stream.aclose()
        assert reading.now(100) is None, "whether an end is in good order trio must say"


async def test_other_streams_are_read_as_trio_does() -> None:
    near, far = trio.testing.memory_stream_pair()
    reading = Receiver(near)
    for text in (b"1", b"2"):
        await far.send_all(text)
        assert await reading.some(10) == text
    await far.aclose()
    assert await reading.some(10) == b""


async def test_who_is_woken_as_it_is_closed_here_learns_that(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = await tcp_pair()
    async with far:
        reading = Receiver(near)
        await far.send_all(b"1")
        assert await reading.some(10) == b"1"
        wait_readable = trio.lowlevel.wait_readable

        async def closed_meanwhile(sock: trio.socket.SocketType) -> None:
            await wait_readable(sock)
            near.socket.close()

        monkeypatch.setattr(trio.lowlevel, "wait_readable", closed_meanwhile)
        await far.send_all(b"2")
        with pytest.raises(trio.ClosedResourceError):
            await reading.some(10)


StreamT = TypeVar("StreamT", bound=trio.abc.Stream)
Transport: TypeAlias = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]


async def tls_pair() -> tuple[trio.SSLStream[Transport], trio.SSLStream[Transport]]:
    """Both ends of a TLS connection in memory."""
    return await secured(*trio.testing.memory_stream_pair())


async def secured(near_transport: StreamT, far_transport: StreamT) -> tuple[trio.SSLStream[StreamT], trio.SSLStream[StreamT]]:
    ca = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    # Both take more than contexts, of types that are not there.
    ca.issue_cert("near.example").configure_cert(server)  # pyright: ignore[reportUnknownMemberType]
    ca.configure_trust(client)  # pyright: ignore[reportUnknownMemberType]
    near = trio.SSLStream(near_transport, client, server_hostname="near.example", https_compatible=True)
    far = trio.SSLStream(far_transport, server, server_side=True, https_compatible=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.do_handshake)
        nursery.start_soon(far.do_handshake)
    return near, far


async def test_records_that_came_together_are_read_together() -> None:
    near, far = await tls_pair()
    reading = Receiver(near)
    await far.send_all(b"1")
    assert await reading.some(100) == b"1"
    for text in (b"2", b"34", b"5"):
        await far.send_all(text)
    assert await reading.some(100) == b"2345"
    await far.send_all(b"x" * 40_000)
    assert await reading.some(20_000) == b"x" * 20_000, "no more than is asked for"
    assert await reading.some(30_000) == b"x" * 20_000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.aclose)
        assert await reading.some(100) == b""


async def test_what_came_before_a_record_that_is_broken_is_read_first() -> None:
    near, far = await tls_pair()
    reading = Receiver(near)
    await far.send_all(b"1")
    assert await reading.some(100) == b"1"
    await far.send_all(b"2")
    # As a peer sends it: no key fits it.
    await far.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert await reading.some(100) == b"2"
    with pytest.raises(trio.BrokenResourceError):
        await reading.some(100)


def source(reading: Receiver) -> trio.socket.SocketType | None:
    """As `is_full`."""
    return reading.source


async def test_of_tls_over_tcp_only_what_trio_must_see_is_tried_as_trio_does(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int | None] = []
    receive_some = trio.SSLStream[trio.SocketStream].receive_some

    async def counted(stream: trio.SSLStream[trio.SocketStream], max_bytes: int | None = None) -> bytes | bytearray:
        tried.append(max_bytes)
        return await receive_some(stream, max_bytes)

    monkeypatch.setattr(trio.SSLStream, "receive_some", counted)
    near, far = await secured(*await tcp_pair())
    reading = Receiver(near)
    assert source(reading) is None, "it is not known what is left of the handshake"
    await far.send_all(b"0")
    assert await reading.some(4096) == b"0"
    tried.clear()
    for text in (b"1", b"2" * 1000, b"3"):
        assert source(reading) is near.transport_stream.socket
        await far.send_all(text)
        assert await reading.some(4096) == text
    assert tried == []
    # Of a record that comes in pieces, the first is none.
    await far.send_all(b"4" * 5000)
    assert await reading.some(4096) == b"4" * 4096
    assert source(reading) is None, "the rest has been received, and no more bytes come for it"
    assert await reading.some(4096) == b"4" * 904
    assert tried == [4096, 4096]
    await far.aclose()
    assert await reading.some(4096) == b""
    await near.aclose()


async def test_a_broken_record_over_tcp_breaks_the_stream() -> None:
    near, far = await secured(*await tcp_pair())
    async with near.transport_stream, far.transport_stream:
        reading = Receiver(near)
        await far.send_all(b"1")
        assert await reading.some(100) == b"1"
        await far.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(trio.BrokenResourceError):
            await reading.some(100)
