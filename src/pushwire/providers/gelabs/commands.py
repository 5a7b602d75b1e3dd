"""What may be asked on a gelabs stream (seeds/002…, "Client commands")."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import repeat
from typing import ClassVar, Final

import attrs
import msgspec

from ...core.commands import AnyCommand, Command
from ...core.dialect import Dialect
from ...core.effects import Scalar
from ...core.fields import optional_text, some_text, whole
from ...core.http import Response
from ...core.owed import Ack
from ...errors import LocalProtocolError
from .messages import Event, Subscribed, Unsubscribed
from .topics import Topic, topic
from .transactions import Transaction

__all__ = ["GelabsDialect", "GetTransaction", "Subscribe", "Unsubscribe"]


@attrs.frozen
class Subscribe(Command[Event, Subscribed]):
    """Monitor `address` on `chain_type` from now on, through reconnects, until `Unsubscribe`.

    Addresses on the business identity's own list are monitored without it.
    """

    address: str = attrs.field(validator=some_text)
    chain_type: str = attrs.field(validator=some_text)

    @property
    def topics(self) -> tuple[Topic]:
        return (topic(self.chain_type, self.address),)


@attrs.frozen
class Unsubscribe(Command[Event, Unsubscribed]):
    """Stop monitoring `address` on `chain_type`; on all chains where it is None."""

    address: str = attrs.field(validator=some_text)
    chain_type: str | None = attrs.field(default=None, validator=optional_text)


@attrs.frozen
class GetTransaction(Command[Event, Transaction]):
    """Look one transaction up, by the `message_id` of its push (preferred by the provider) or by its hash.

    `CommandRefused` with code 404 says that there is none.
    """

    chain_type: str = attrs.field(validator=some_text)
    chain_id: int = attrs.field(validator=whole(0))
    tx_hash: str | None = attrs.field(default=None, validator=optional_text)
    message_id: str | None = attrs.field(default=None, validator=optional_text)

    def __attrs_post_init__(self) -> None:
        if self.tx_hash is None and self.message_id is None:
            raise LocalProtocolError("GetTransaction: tx_hash or message_id is needed")


_encode: Final = msgspec.json.Encoder().encode


def frame(command_id: str, kind: str, data: Mapping[str, Scalar]) -> str:
    """A client message; fields that are None are left out."""
    if None in data.values():
        data = {name: value for name, value in data.items() if value is not None}
    return _encode({"id": command_id, "type": kind, "data": data}).decode()


class _Acked(msgspec.Struct, omit_defaults=True, gc=False, rename={"tx_hash": "txHash", "message_id": "messageId"}):
    """What an ACK is for. The order of these fields is that of the document's sample."""

    chain_type: Scalar = None
    chain_id: Scalar = None
    tx_hash: Scalar = None
    message_id: str | None = None


class _AckFrame(msgspec.Struct, gc=False):
    id: str
    type: str
    data: _Acked


_encode_lines: Final = msgspec.json.Encoder().encode_lines


def ack_frames(ids: Sequence[str], acks: Sequence[Ack], hashes: Sequence[Scalar]) -> list[str]:
    """The client messages of these ACKs; `hashes` as they are to be spelled."""
    keys, message_ids = zip(*acks, strict=True)
    chain_types, chain_ids, _ = zip(*keys, strict=True)
    acked = map(_Acked, chain_types, chain_ids, hashes, message_ids)
    lines = _encode_lines(list(map(_AckFrame, ids, repeat("transactionACK"), acked)))
    # In JSON a line break within a text is an escape.
    return lines.decode().split("\n")[:-1]


class GelabsDialect(Dialect[Topic]):
    """How gelabs commands are written. Replies repeat the command's id, so there are no lanes."""

    name: ClassVar[str] = "gelabs"
    commands: ClassVar[tuple[type[AnyCommand], ...]] = (Subscribe, Unsubscribe, GetTransaction)

    def encode(
        self, command: AnyCommand, new_id: Callable[[], str], desired: Collection[Topic], granted: Response | None
    ) -> tuple[str, str]:
        command_id = new_id()
        match command:
            case Subscribe():
                data = frame(command_id, "subscribe", {"address": command.address, "chain_type": command.chain_type})
            case Unsubscribe():
                data = frame(command_id, "unsubscribe", {"address": command.address, "chain_type": command.chain_type})
            case GetTransaction():
                wanted = {"txHash": command.tx_hash, "messageId": command.message_id}
                data = frame(command_id, "getTxHash", {"chain_type": command.chain_type, "chain_id": command.chain_id, **wanted})
            case _:
                raise LocalProtocolError(f"{type(command).__name__} is not a gelabs command")
        return command_id, data

    def given_up(self, command: AnyCommand, desired: Collection[Topic]) -> Sequence[Topic]:
        if not isinstance(command, Unsubscribe):
            return ()
        if command.chain_type is not None:
            return [topic(command.chain_type, command.address)]
        address = topic("", command.address).address
        return [wanted for wanted in desired if wanted.address == address]

    def restore(self, topics: Sequence[Topic]) -> Sequence[Subscribe]:
        return [Subscribe(wanted.address, wanted.chain_type) for wanted in topics]

    def release(self, topics: Sequence[Topic], desired: Collection[Topic]) -> Sequence[Unsubscribe]:
        return [Unsubscribe(left.address, left.chain_type) for left in topics]
