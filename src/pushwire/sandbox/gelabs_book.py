"""What the sandbox's gelabs remembers: accounts with their addresses and connections, and every message with its fate.

Tests and the demo count against this book; it takes no protocol decision.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

import attrs
import msgspec

from ..core.effects import Identity
from ..errors import LocalProtocolError
from .gelabs_transactions import CHAINS, Data, Watched, fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Account", "Connection", "Message", "identify", "place", "places"]

ROWS: Final = ("tokenTransferDetails", "fromDetails", "toDetails")
PARTIES: Final = ("from", "to", "address")


@attrs.define(eq=False)
class Message:
    """One pushed (or to be pushed) version of a transaction.

    `number` counts the messages, from 1: what a database would know it by. `at` is POSIX seconds of its generation, `text` the
    frame, `tx_hash` as spelled there, `places` the addresses it is about.
    `pushed_to` names the connections it was sent to, in order, resends included, `last_push` the monotonic time of the last of
    them; `acked` says whether an ACK cleared it.
    """

    id: str
    app_id: str
    identity: Identity
    at: float
    text: str = attrs.field(repr=False)
    tx_hash: str
    places: tuple[tuple[str, str], ...]
    number: int = 0
    pushed_to: list[int] = attrs.field(factory=list[int])
    last_push: float = -math.inf
    acked: bool = False

    @property
    def data(self) -> Data:
        """The transaction, read from the frame each time: most are never asked for again."""
        return cast("Data", msgspec.json.decode(self.text)["data"])

    def parties(self) -> set[str]:
        """All addresses in it, as they are compared."""
        data = self.data
        rows = [row for name in ROWS for row in cast("list[Data]", data.get(name) or [])]
        named = [data.get("sender"), data.get("receiver"), *(row.get(field) for row in rows for field in PARTIES)]
        listed = [address for _, address in self.places]
        return {fold(address) for address in (*named, *listed) if isinstance(address, str) and address}

    def contracts(self) -> set[str]:
        """The contracts of the tokens it moved, as they are compared."""
        rows = cast("list[Data]", self.data.get("tokenTransferDetails") or [])
        return {fold(str(row["tokenContractAddress"])) for row in rows}


@attrs.define(eq=False)
class Connection:
    """A live connection and what it subscribed to by command. `since` is monotonic seconds."""

    conn: int
    account: Account
    client_id: str = ""
    since: float = 0.0
    subscriptions: dict[tuple[str, str], Watched] = attrs.field(factory=dict[tuple[str, str], Watched])


@attrs.define(eq=False)
class Account:
    """A business identity: what one API key stands for."""

    index: int
    app_id: str
    addresses: dict[tuple[str, str], Watched] = attrs.field(factory=dict[tuple[str, str], Watched])
    connections: dict[int, Connection] = attrs.field(factory=dict[int, Connection])
    unacked: dict[str, Message] = attrs.field(factory=dict[str, Message])
    by_hash: dict[tuple[str, str], list[Message]] = attrs.field(factory=dict[tuple[str, str], list[Message]])

    def watch(self, chain_type: str, addresses: Iterable[str]) -> None:
        for address in addresses:
            self.addresses[place(chain_type, address)] = Watched(chain_type.lower(), address)

    def unwatch(self, chain_type: str, addresses: Iterable[str]) -> None:
        for address in addresses:
            self.addresses.pop(place(chain_type, address), None)

    def watched(self) -> list[Watched]:
        """Its list, and what its live connections have subscribed to beside it."""
        places = dict(self.addresses)
        for connection in self.connections.values():
            places.update(connection.subscriptions)
        return list(places.values())

    def add(self, message: Message) -> None:
        chain_type, _, tx_hash = message.identity.key
        self.unacked[message.id] = message
        self.by_hash.setdefault((str(chain_type), str(tx_hash)), []).append(message)

    def forget(self, message: Message) -> None:
        chain_type, _, tx_hash = message.identity.key
        place = (str(chain_type), str(tx_hash))
        self.unacked.pop(message.id, None)
        left = [kept for kept in self.by_hash[place] if kept is not message]
        if left:
            self.by_hash[place] = left
        else:
            del self.by_hash[place]

    def versions(self, chain_type: str, chain_id: int | None, tx_hash: str) -> list[Message]:
        """All messages about one transaction, oldest first; on any chain id where `chain_id` is None."""
        found = self.by_hash.get((chain_type.lower(), fold(tx_hash)), [])
        return [message for message in found if chain_id is None or message.identity.key[1] == chain_id]

    def clear(self, messages: Iterable[Message]) -> None:
        for message in messages:
            message.acked = True
            self.unacked.pop(message.id, None)


def place(chain_type: str, address: str) -> tuple[str, str]:
    """An address on a chain, in the form in which they are compared."""
    return chain_type.lower(), fold(address)


def places(data: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """The monitored addresses that a push's data names as matching."""
    listed = msgspec.convert(data.get("listenAddress") or [], list[str])
    return tuple(place(str(data["chain_type"]), address) for address in listed)


def identify(data: Mapping[str, object]) -> Identity:
    """The key and version of a push's data; a chain id that is left out comes from the document's table of chains.

    Raises `LocalProtocolError` without a chain type or a hash.
    """
    chain_type, tx_hash = data.get("chain_type"), data.get("txhash")
    if not isinstance(chain_type, str) or not isinstance(tx_hash, str):
        raise LocalProtocolError("a transaction needs chain_type and txhash")
    chain_id, status, height = data.get("chain_id"), data.get("txStatus"), data.get("height")
    known = CHAINS.get(chain_type.lower())
    if not isinstance(chain_id, int):
        chain_id = known.chain_id if known else None
    version = (
        status if isinstance(status, str) else None,
        height if isinstance(height, int) else None,
        bool(data.get("is_reorg_resend")),
    )
    return Identity((chain_type.lower(), chain_id, fold(tx_hash)), version)
