"""Writing: at once where the system takes it, whole in any case, and with the errors of trio."""

from __future__ import annotations

import contextlib
import os
import socket
import struct

import pytest
import trio
import trio.testing

from pushwire.shell.sender import send_all

from .test_receiver import tcp_pair


async def test_what_the_system_takes_leaves_without_a_turn_of_the_others() -> None:
    near, far = await tcp_pair()
    async with near, far:
        with trio.testing.assert_no_checkpoints():
            await send_all(near, b"an ACK")
        assert await far.receive_some(100) == b"an ACK"


async def test_what_it_does_not_take_follows_as_it_does() -> None:
    near, far = await tcp_pair()
    data = bytes(range(256)) * 2**16
    came = bytearray()
    async with near, far, trio.open_nursery() as nursery:
        nursery.start_soon(send_all, near, data)
        while len(came) < len(data):
            came += await far.receive_some(2**16)
    assert came == data


async def test_a_full_socket_is_waited_for() -> None:
    near, far = await tcp_pair()
    came = bytearray()
    async with near, far, trio.open_nursery() as nursery:
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += os.write(near.socket.fileno(), bytes(2**16))
        nursery.start_soon(send_all, near, b"last")
        while len(came) < sent + 4:
            came += await far.receive_some(2**16)
    assert came.endswith(b"last")


async def test_a_reset_is_told_as_trio_tells_it() -> None:
    near, far = await tcp_pair()
    async with near:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(far)
        await trio.lowlevel.wait_readable(near.socket)
        with pytest.raises(trio.BrokenResourceError, match="reset"):
            await send_all(near, b"too late")


async def test_a_stream_that_was_closed_here_says_so() -> None:
    near, far = await tcp_pair()
    async with far:
        await near.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await send_all(near, b"too late")


async def test_what_is_no_socket_is_written_to_as_trio_does() -> None:
    near, far = trio.testing.memory_stream_pair()
    await send_all(near, b"text")
    assert await far.receive_some(10) == b"text"
