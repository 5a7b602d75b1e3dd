"""JetStream's own requests: streams, and messages by their sequence.

What lives here: how each is asked and answered. What a stream must be is `nats_stream`'s.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import trio

from .base import SinkError
from .nats_connection import NatsConnection
from .nats_stream import Reply, StreamInfo
from .nats_wire import Command, Message

__all__ = ["create", "decoded", "fetch", "stream_info", "walk"]

WITHIN: Final = 5.0
"""Seconds. A cluster without a leader leaves questions about its streams unanswered, also once it has one."""
NO_STREAM: Final = 10059
NO_MESSAGE: Final = 10037
NO_RESPONDERS: Final = 503

_REPLY: Final = msgspec.json.Decoder(Reply)


class _Stored(msgspec.Struct, frozen=True):
    seq: int
    hdrs: str = ""
    data: str = ""
    subject: str = ""


class _Got(msgspec.Struct, frozen=True):
    message: _Stored | None = None


_GOT: Final = msgspec.json.Decoder(_Got)


def decoded(answer: Message) -> Reply:
    """What an answer of JetStream says. Raises `SinkError` where nobody was there to give it, or it cannot be read."""
    if answer.status == NO_RESPONDERS:
        raise SinkError("no stream takes it, or JetStream is not there")
    try:
        return _REPLY.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SinkError("JetStream's answer cannot be read") from None


async def stream_info(connection: NatsConnection, name: str) -> StreamInfo | None:
    """A stream as it is; None: there is none of that name."""
    reply = await _call(connection, f"STREAM.INFO.{name}", None)
    if reply.error is not None and reply.error.err_code == NO_STREAM:
        return None
    return _info(connection, reply, f"stream {name}")


async def create(connection: NatsConnection, config: Mapping[str, object]) -> StreamInfo:
    """Make a stream. One that is there with the same settings is as good."""
    reply = await _call(connection, f"STREAM.CREATE.{config['name']}", config)
    return _info(connection, reply, f"stream {config['name']} cannot be made")


def _info(connection: NatsConnection, reply: Reply, what: str) -> StreamInfo:
    if reply.error is not None:
        raise SinkError(f"{connection.name}: {what}: {reply.error.description} ({reply.error.err_code})")
    info = reply.info
    if info is None:
        raise SinkError(f"{connection.name}: {what}: the answer has no settings")
    return info


async def _call(connection: NatsConnection, call: str, body: object) -> Reply:
    data = b"" if body is None else msgspec.json.encode(body)
    with trio.move_on_after(WITHIN):
        answer = await _one(connection, Command.of(f"$JS.API.{call}", data))
        try:
            return decoded(answer)
        except SinkError as error:
            raise SinkError(f"{connection.name}: {call}: {error}") from None
    raise SinkError(f"{connection.name}: {call}: no answer within {WITHIN:g} s")


async def _one(connection: NatsConnection, command: Command) -> Message:
    (answer,) = await connection.ask([command])
    assert answer is not None, "else it raises"
    return answer


async def fetch(connection: NatsConnection, stream: str, seqs: Sequence[int], *, direct: bool) -> dict[int, Message | None]:
    """The messages with these sequences; None: it is not there any more. One that could not be asked for is left out.

    `direct`: the stream allows to ask its replicas, one of which may not have it yet; the leader is asked then.
    """
    found: dict[int, Message | None] = {}
    if direct:
        answers = await _ask_each(connection, f"$JS.API.DIRECT.GET.{stream}", seqs)
        found.update((seq, answer) for seq, answer in answers if answer.header("Nats-Sequence") == str(seq))
    rest = [seq for seq in seqs if seq not in found]
    for seq, answer in await _ask_each(connection, f"$JS.API.STREAM.MSG.GET.{stream}", rest):
        try:
            reply = decoded(answer)
            message = _message(answer)
        except SinkError:
            continue
        if message is not None:
            found[seq] = message
        elif reply.error is not None and reply.error.err_code == NO_MESSAGE:
            found[seq] = None
    return found


async def _ask_each(connection: NatsConnection, subject: str, seqs: Sequence[int]) -> list[tuple[int, Message]]:
    answers = await connection.ask([Command.of(subject, b'{"seq":%d}' % seq) for seq in seqs])
    return [(seq, answer) for seq, answer in zip(seqs, answers, strict=True) if answer is not None]


async def walk(connection: NatsConnection, stream: str) -> list[Message]:
    """All messages of a stream, oldest first."""
    found: list[Message] = []
    seq = 1
    while True:
        body = b'{"seq":%d,"next_by_subj":">"}' % seq
        answer = await _one(connection, Command.of(f"$JS.API.STREAM.MSG.GET.{stream}", body))
        reply = decoded(answer)
        message = _message(answer)
        if message is None:
            if reply.error is not None and reply.error.err_code != NO_MESSAGE:
                raise SinkError(f"{connection.name}: stream {stream}: {reply.error.description}")
            return found
        found.append(message)
        seq = _seq(answer) + 1


def _seq(answer: Message) -> int:
    stored = _GOT.decode(answer.body).message
    return 0 if stored is None else stored.seq


def _message(answer: Message) -> Message | None:
    """The message inside an answer of the API. Raises `SinkError` where it cannot be read."""
    try:
        stored = _GOT.decode(answer.body).message
        if stored is None:
            return None
        return Message(stored.subject, base64.b64decode(stored.hdrs), base64.b64decode(stored.data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error):
        raise SinkError("JetStream's answer cannot be read") from None
