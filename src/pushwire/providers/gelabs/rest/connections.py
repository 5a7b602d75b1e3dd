"""What REST says of the WebSocket, and has sent again on it (seeds/002…, "HTTP helper APIs")."""

from __future__ import annotations

from typing import ClassVar, Self

import attrs
import msgspec

from ....core.effects import Scalar
from ....core.runs import MISFITS
from ....errors import LocalProtocolError
from ..messages import Push, decode
from ..transactions import Transaction
from .call import Call, Method
from .replies import Connections, Replayed

__all__ = ["Replay", "Status"]


@attrs.frozen
class Status(Call[Connections]):
    """The WebSocket connections of the key, and how many transactions each has not ACKed."""

    name: ClassVar[str] = "Status"
    method: ClassVar[Method] = "GET"

    def read(self, data: bytes) -> Connections:
        return msgspec.json.decode(data, type=Connections)


def _as_pushed(instance: object, attribute: attrs.Attribute[str], value: object) -> None:
    try:
        message = decode(value) if isinstance(value, str) else None
    except MISFITS:
        message = None
    if not isinstance(message, Push) or message.data is None or not message.id:
        raise LocalProtocolError("Replay: message must be a whole pushed transaction, its envelope and id included")


@attrs.frozen
class Replay(Call[Replayed]):
    """Have a pushed transaction stored and pushed again, to all connections of the key and its webhook.

    `message` is the whole push as it was received. Not repeated by itself where its outcome is unknown: each time it is carried
    out everybody gets the transaction once more.
    """

    name: ClassVar[str] = "Replay"
    method: ClassVar[Method] = "POST"
    repeatable: ClassVar[bool] = False

    message: str = attrs.field(validator=_as_pushed, repr=lambda message: f"<{len(message)} characters>")

    @classmethod
    def of(cls, tx: Transaction) -> Self:
        """The replay of a transaction that a stream delivered; `LocalProtocolError` for one that did not come as a push."""
        envelope: dict[str, Scalar] = {"id": tx.message_id}
        if tx.sent is not None:
            envelope["time"] = tx.sent
        data = msgspec.Raw(tx.dump().encode())
        return cls(msgspec.json.encode({**envelope, "type": "transaction", "code": 0, "data": data, "msg": "success"}).decode())

    def content(self) -> bytes:
        return self.message.encode()

    def read(self, data: bytes) -> Replayed:
        return msgspec.json.decode(data, type=Replayed)
