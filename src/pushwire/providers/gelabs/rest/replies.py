"""What gelabs' REST calls answer with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeAlias

import attrs

from ....core.events import Malformed
from ....core.values import Moment, Value
from ....errors import RemoteProtocolError
from ..spellings import TransactionRow
from ..transactions import Transaction

__all__ = ["ClientConnection", "Connections", "End", "Listing", "Page", "Replayed"]

End: TypeAlias = Literal["complete", "cursor_missing", "cursor_repeated"]


@attrs.frozen
class Listing:
    """Some transactions, in the provider's order: the newest first. One that cannot be read does not cost the others."""

    rows: tuple[TransactionRow, ...]

    def transactions(self) -> tuple[Transaction, ...]:
        """The rows, all of them. Raises `RemoteProtocolError` where one is malformed: none is passed over in silence."""
        found: list[Transaction] = []
        for place, row in enumerate(self.rows):
            if isinstance(row, Malformed):
                raise RemoteProtocolError(f"row {place} is malformed: {row.reason}")
            found.append(row)
        return tuple(found)


@attrs.frozen
class Page(Listing):
    """One page of a query. `next` is the id to go on with, None where the way ends here; `end` says why it does.

    `complete`: these were the last. `cursor_missing`: there may be more, but the last row has no id to go on from (the document's
    own sample has none). `cursor_repeated`: its id was asked with before, and would lead in a circle.
    """

    next: int | None
    end: End | None


class ClientConnection(Value, rename={
    "client_id": "clientId",
    "connected_at": "connectedAt",
    "pending_tx_count": "pendingTxCount",
}):  # fmt: skip
    """One WebSocket connection of the key."""

    client_id: str
    connected_at: Moment | None = None
    """POSIX milliseconds."""
    uptime: int | None = None
    """Seconds."""
    pending_tx_count: int | None = None
    """Transactions that have had no ACK."""

    @property
    def since(self) -> datetime | None:
        """`connected_at` as an aware datetime in UTC."""
        return None if self.connected_at is None else datetime.fromtimestamp(self.connected_at / 1000, UTC)


class Connections(Value, rename={"app_id": "appId", "connected_clients": "connectedClients"}):
    """The WebSocket connections of the key. `app_id` is the business identity it belongs to."""

    app_id: str | None = None
    connected_clients: int = 0
    clients: tuple[str, ...] = ()
    details: tuple[ClientConnection, ...] = ()


class Replayed(Value, rename={"tx_hash": "txhash"}):
    """What became of a replayed message."""

    processed: bool
    tx_hash: str | None = None
