"""A batch into a stream of JetStream: published at once, every PubAck awaited, duplicates compared with what is held.

A server knows a duplicate by its id alone. Of each it names the sequence of the first, which is read and compared: what has the
same key and another payload goes to the quarantine's stream. A message without a PubAck is unknown.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs
import trio

from ..entries import Answer, Entry, Outcome, Refused
from ..logs import say
from .base import SinkError
from .nats_api import decoded, fetch
from .nats_connection import NatsConnection
from .nats_message import as_message, same_event, set_aside, subject_of
from .nats_stream import Reply
from .nats_wire import Command, Message

__all__ = ["Target", "write"]

TOO_LARGE: Final = frozenset({10054, 10097})
"""Error codes for what a stream will never take: a message, or headers, beyond its limits."""
BUSY: Final = frozenset({10158, 10167})
"""Error codes for what is settled in a moment: another relay's message of the same id is under way; too many are."""
TRIES: Final = 20
PAUSE: Final = 0.05
"""Seconds before what was busy is tried again."""


@attrs.frozen
class Target:
    """Where entries go. `direct`: messages may be read from replicas."""

    stream: str
    subject: str
    quarantine: str
    quarantine_subject: str
    direct: bool


async def write(connection: NatsConnection, target: Target, batch: Sequence[Entry]) -> list[Answer]:
    """One answer for each entry. Raises `SinkError` where nothing is known of any."""
    commands = [as_message(entry, subject_of(target.subject, entry), target.stream) for entry in batch]
    replies = await _publish(connection, target.stream, commands)
    twice = {place: reply.seq for place, reply in enumerate(replies) if isinstance(reply, Reply) and reply.duplicate}
    answers: list[Answer] = [Outcome.STORED if isinstance(reply, Reply) else reply for reply in replies]
    if twice:
        await _compare(connection, target, batch, twice, answers)
    return answers


async def _compare(
    connection: NatsConnection, target: Target, batch: Sequence[Entry], twice: dict[int, int], answers: list[Answer]
) -> None:
    """Say of each entry that the stream knows whether it is the same, and set aside those that are not."""
    held = await fetch(connection, target.stream, sorted(set(twice.values())), direct=target.direct)
    others: list[int] = []
    gone = 0
    for place, seq in twice.items():
        message = held.get(seq)
        if message is not None and not same_event(batch[place], message):
            others.append(place)
        else:
            gone += seq in held and message is None
            answers[place] = Outcome.DUPLICATE if seq in held else Outcome.UNKNOWN
    if gone:
        say(
            "not compared",
            logging.WARNING,
            sink=target.stream,
            events=gone,
            reason="what came first is not in the stream any more",
        )
    if others:
        aside = [set_aside(batch[place], target.quarantine_subject, target.quarantine) for place in others]
        for place, reply in zip(others, await _publish(connection, target.quarantine, aside), strict=True):
            answers[place] = Outcome.QUARANTINED if isinstance(reply, Reply) else reply


@attrs.frozen
class _Unknown:
    """No PubAck, and why. `busy`: it is tried again at once."""

    reason: str
    busy: bool = False


async def _publish(connection: NatsConnection, stream: str, commands: Sequence[Command]) -> list[Reply | Answer]:
    """What the stream answered to each, in order: its PubAck, or what became of the entry without one."""
    most = connection.info.max_payload
    found: list[Reply | Refused | _Unknown] = [Refused(f"{command.size} bytes, the server takes {most}") for command in commands]
    due = [place for place, command in enumerate(commands) if command.size <= most]
    for attempt in range(TRIES):
        if attempt:
            await trio.sleep(PAUSE)
        for place, message in zip(due, await connection.ask([commands[place] for place in due]), strict=True):
            found[place] = _Unknown(connection.lost or "no PubAck") if message is None else _judged(message, stream)
        due = [place for place, said in enumerate(found) if isinstance(said, _Unknown) and said.busy]
        if not due:
            break
    reasons = Counter(said.reason for said in found if isinstance(said, _Unknown))
    if reasons:
        reason = "; ".join(reasons)
        if reasons.total() == len(found):
            raise SinkError(f"{connection.name}: stream {stream}: {reason}")
        say("not stored", logging.WARNING, sink=stream, events=reasons.total(), error=reason)
    return [Outcome.UNKNOWN if isinstance(said, _Unknown) else said for said in found]


def _judged(message: Message, stream: str) -> Reply | Refused | _Unknown:
    try:
        reply = decoded(message)
    except SinkError as error:
        return _Unknown(str(error))
    if reply.error is not None:
        reason = f"{reply.error.description} ({reply.error.err_code})"
        return Refused(reason) if reply.error.err_code in TOO_LARGE else _Unknown(reason, busy=reply.error.err_code in BUSY)
    if reply.stream != stream or reply.seq < 1:
        return _Unknown("the answer is no PubAck of this stream")
    return reply
