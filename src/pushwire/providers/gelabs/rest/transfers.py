"""Transactions by address, by hash, and of a pool (seeds/002…, "Transaction query module", "DEX Pool recent trades API")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final, Self

import attrs
import msgspec

from ....core.events import Malformed
from ....core.fields import LARGEST, optional_text, some_text
from ....core.http import Paged
from ....core.runs import MISFITS
from ....errors import RemoteProtocolError
from ..config import Config
from ..spellings import read_transaction
from ..transactions import Transaction
from .call import Call, Method, json_body
from .fields import as_texts, as_tuple, listed, optional_whole, row_limit, some_whole, texts
from .replies import End, Listing, Page

__all__ = ["AddressGroup", "DexPoolTrades", "QueryMultiChain", "QueryTransfers", "TransferDetail", "TransfersDetails"]

_decode_rows: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_cursor: Final = msgspec.json.Decoder(int | str | None).decode


@attrs.frozen
class _Query(Call[Page], Paged[Config, Page]):
    """A query that is answered page by page: `api.pages(query)` follows it to its end."""

    codes: ClassVar[frozenset[int]] = frozenset({1})
    method: ClassVar[Method] = "POST"
    cursor_field: ClassVar[str] = "id"
    """Where a row has the id to go on from. Neither the document's sample nor its table of fields shows it."""

    limit: int = attrs.field(default=20, validator=row_limit, kw_only=True)
    """Rows a page, 1 to 100."""
    id: int | None = attrs.field(default=None, validator=optional_whole, kw_only=True)
    """Where to go on: `next` of the page before."""
    _asked: frozenset[int] = attrs.field(default=frozenset(), kw_only=True, repr=False, eq=False)

    def read(self, data: bytes) -> Page:
        raws = [bytes(raw) for raw in _decode_rows(data)]
        cursor = self._cursor(raws[-1]) if raws else None
        end: End | None = None
        if len(raws) < self.limit:
            end = "complete"
        elif cursor is None:
            end = "cursor_missing"
        elif cursor == self.id or cursor in self._asked:
            end = "cursor_repeated"
        return Page(tuple(read_transaction(raw) for raw in raws), cursor if end is None else None, end)

    def next_page(self, page: Page) -> Self | None:
        if page.next is None:
            return None
        asked = self._asked if self.id is None else self._asked | {self.id}
        return attrs.evolve(self, id=page.next, asked=asked)

    def _cursor(self, row: bytes) -> int | None:
        try:
            found = _decode_cursor(_decode_fields(row).get(self.cursor_field, b"null"))
        except MISFITS:
            return None
        if isinstance(found, str):
            found = int(found) if found.isascii() and found.isdecimal() and len(found) < 20 else None
        return found if found is not None and 0 <= found <= LARGEST else None


@attrs.frozen
class QueryTransfers(_Query):
    """The transactions of one address, newest first; on all chains where `chain_type` is None."""

    name: ClassVar[str] = "QueryTransfers"

    address: str = attrs.field(validator=some_text)
    chain_type: str | None = attrs.field(default=None, validator=optional_text)
    chain_id: int | None = attrs.field(default=None, validator=optional_whole)
    tx_type: str | None = attrs.field(default=None, validator=optional_text)
    token: str | None = attrs.field(default=None, validator=optional_text)
    """The contract of a token: its transfers alone."""

    def content(self) -> bytes:
        where = {"chain_type": self.chain_type, "chain_id": self.chain_id, "address": self.address}
        return json_body({**where, "tx_type": self.tx_type, "token": self.token, "limit": self.limit, "id": self.id})


@attrs.frozen
class AddressGroup:
    """Addresses on one chain, 1 to 20."""

    chain_type: str = attrs.field(validator=some_text)
    chain_id: int = attrs.field(validator=some_whole)
    addresses: tuple[str, ...] = attrs.field(converter=as_texts, validator=texts(1, 20))


def _as_groups(value: Iterable[AddressGroup]) -> tuple[AddressGroup, ...]:
    return as_tuple(value)


@attrs.frozen
class QueryMultiChain(_Query):
    """The transactions of many addresses on many chains, newest first: 1 to 10 groups."""

    name: ClassVar[str] = "QueryMultiChain"

    groups: tuple[AddressGroup, ...] = attrs.field(converter=_as_groups, validator=listed(AddressGroup, 1, 10))

    def content(self) -> bytes:
        groups = [
            {"chain_type": group.chain_type, "chain_id": group.chain_id, "address": group.addresses} for group in self.groups
        ]
        return json_body({"addresses": groups, "limit": self.limit, "id": self.id})


def _as_hashes(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else as_tuple(value)


@attrs.frozen
class TransfersDetails(Call[Listing]):
    """The transactions with these hashes, one or several, on one chain."""

    name: ClassVar[str] = "TransfersDetails"
    method: ClassVar[Method] = "POST"
    codes: ClassVar[frozenset[int]] = frozenset({0, 1})
    """The document does not show which of them says success here. Whichever comes, there must be a list."""

    chain_type: str = attrs.field(validator=some_text)
    chain_id: int = attrs.field(validator=some_whole)
    tx_hash: tuple[str, ...] = attrs.field(converter=_as_hashes, validator=texts())

    def content(self) -> bytes:
        # The document shows both forms; a single hash goes out as its first sample has it.
        tx_hash = self.tx_hash[0] if len(self.tx_hash) == 1 else self.tx_hash
        return json_body({"chain_type": self.chain_type, "chain_id": self.chain_id, "tx_hash": tx_hash})

    def read(self, data: bytes) -> Listing:
        return _listing(data)


@attrs.frozen
class TransferDetail(Call[Transaction | None]):
    """One transaction with all its details; None where there is none. `no_cache` makes the provider look on the chain itself."""

    name: ClassVar[str] = "TransferDetail"
    method: ClassVar[Method] = "GET"

    chain_type: str = attrs.field(validator=some_text)
    chain_id: int = attrs.field(validator=some_whole)
    tx_hash: str = attrs.field(validator=some_text)
    """With or without `0x`."""
    no_cache: bool = False

    def query(self) -> Mapping[str, str]:
        wanted = {"chain_type": self.chain_type, "chain_id": str(self.chain_id), "tx_hash": self.tx_hash}
        return {**wanted, "no_cache": "true"} if self.no_cache else wanted

    def read(self, data: bytes) -> Transaction | None:
        if data == b"null":
            return None
        row = read_transaction(data)
        if isinstance(row, Malformed):
            raise RemoteProtocolError(f"{self.name}: the transaction is malformed: {row.reason}")
        return row


@attrs.frozen
class DexPoolTrades(Call[Listing]):
    """The newest trades of a pool, at most the 100 that the provider keeps."""

    name: ClassVar[str] = "DexPoolTrades"
    method: ClassVar[Method] = "GET"

    pool: str = attrs.field(validator=some_text)
    """The pool's address."""
    chain_type: str = attrs.field(validator=some_text)
    chain_id: int = attrs.field(validator=some_whole)
    limit: int = attrs.field(default=100, validator=row_limit, kw_only=True)

    def query(self) -> Mapping[str, str]:
        return {
            "pool": self.pool,
            "chainType": self.chain_type,
            "chainId": str(self.chain_id),
            "limit": str(self.limit),
        }

    def read(self, data: bytes) -> Listing:
        return _listing(bytes(_decode_items(data).items))


class _Items(msgspec.Struct):
    items: msgspec.Raw


_decode_items: Final = msgspec.json.Decoder(_Items).decode


def _listing(data: bytes) -> Listing:
    return Listing(tuple(read_transaction(bytes(raw)) for raw in _decode_rows(data)))
