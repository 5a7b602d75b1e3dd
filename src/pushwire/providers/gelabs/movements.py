"""What a transaction brought to an address and took from it, in whole units of assets that are told apart by their contracts.

Nothing here trusts a symbol to say what an asset is: anybody may name a token "ETH". Where the message does not say of which
asset an amount is, nothing is counted: a worthless token taken for the chain's own coin is the dearest mistake there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import attrs

from ...core.values import scaled
from ...errors import LocalProtocolError
from .rows import InternalCall, TokenTransfer
from .topics import CHAIN_IDS, fold

if TYPE_CHECKING:
    from .transactions import Transaction

__all__ = ["NATIVE_DECIMALS", "Asset", "Movement", "fee_paid", "moved"]

Direction: TypeAlias = Literal["in", "out"]
Kind: TypeAlias = Literal["native", "internal", "utxo", "token", "fee"]

NATIVE_DECIMALS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(("ethereum", "bsc", "polygon", "arbitrum", "optimism", "base"), 18),
        "solana": 9,
        "tron": 6,
        "bitcoin": 8,
    }
)
"""Of the chains' own coins, where a message gives the decimals of a token or none."""

SYSTEM_PROGRAM: Final = "1" * 32
"""The Solana program that moves lamports; what any other one moves is told as a token transfer."""


class Asset(NamedTuple):
    """What moved. `contract` is the token's contract or mint, EVM ones in lower case; None: the chain's own coin."""

    chain_type: str
    chain_id: int | None
    contract: str | None


@attrs.frozen
class Movement:
    """One amount that came in or went out."""

    direction: Direction
    kind: Kind
    """`native`: the transaction's own amount; `internal`: that of a call or instruction inside it; `utxo`: an input or output."""
    asset: Asset
    amount: int
    """In the asset's smallest unit, above 0."""
    decimals: int | None = None
    symbol: str | None = None
    """For display alone."""
    counterparty: str | None = None
    """As it was spelled; None where the transaction names none."""

    @property
    def value(self) -> Decimal | None:
        """`amount` scaled by `decimals`, exact; None where these are not known."""
        return scaled(self.amount, self.decimals)

    @property
    def delta(self) -> int:
        """`amount`, below 0 where it went out: the sum over an asset is how its balance changed."""
        return self.amount if self.direction == "in" else -self.amount


def moved(tx: Transaction, address: str, *, without_status: bool = True) -> tuple[Movement, ...]:
    """What came in and went out for `address`: a wallet, or a Solana token account. EVM addresses are compared in lower case.

    - Only a transaction that succeeded moved anything. Of one whose message has no status, as the document's ERC-20 sample,
      `without_status` decides; any status but `success` moved nothing.
    - A transaction with inputs or outputs moved those, and its fee is what they differ by.
    - Else its own amount moved from sender to receiver. It is native where its type says `native`. In any other type it is
      native too, unless it has other decimals than the chain's coin, a token row has the same symbol, or the same amount with
      nothing that differs (it may be that row told twice), or there is no token row (it may be of a token whose contract is
      not told; without any type it is native then).
    - Internal calls that succeeded are native. One that repeats the transaction's own sender, receiver and amount is left out,
      once. Of Solana's instructions those of the system program count; others move tokens.
    - A token row counts under its mint or contract; one that names neither is left out. Solana's rows match by owner or account.
    - The fee was paid by the fee payer, else by the sender.
    - Who sends to himself has both an `in` and an `out`. Amounts of 0 are left out.

    Raises `LocalProtocolError` for an empty address.
    """
    wanted = _wanted(address)
    if not _happened(tx.tx_status, unsaid=without_status):
        return ()
    fee = _fee(tx, wanted)
    return (*_coins(tx, wanted), *_tokens(tx, wanted), *(() if fee is None else (fee,)))


def fee_paid(tx: Transaction, address: str) -> Movement | None:
    """The fee that `address` paid, also for a transaction that failed: it moved nothing else, and is paid for all the same.

    None where there was none or another paid it, and where the transaction neither succeeded nor failed. Raises
    `LocalProtocolError` for an empty address.
    """
    wanted = _wanted(address)
    ended = (tx.tx_status or "").lower() in {"success", "failed"}
    return _fee(tx, wanted) if ended else None


def _wanted(address: str) -> str:
    if not address:
        # It would match what the provider writes for "none".
        raise LocalProtocolError("an address must not be empty")
    return fold(address)


def _happened(status: str | None, *, unsaid: bool = True) -> bool:
    return status.lower() == "success" if status else unsaid


def _coins(tx: Transaction, wanted: str) -> Iterator[Movement]:
    """What moved of the chain's own coin, the fee apart."""
    coin = _Coin.of(tx)
    if tx.inputs or tx.outputs:
        for row in tx.inputs or ():
            yield from _between(coin.amount("utxo", row.amount), (row.address,), (), wanted)
        for output in tx.outputs or ():
            yield from _between(coin.amount("utxo", output.amount), (), (output.address,), wanted)
        return
    own = _told(tx.sender, tx.receiver, tx.amount) if coin.is_own else None
    if own is not None:
        yield from _between(coin.amount("native", tx.amount), (tx.sender,), (tx.receiver,), wanted)
    for call in tx.internal_calls or ():
        if own == _told(call.from_address, call.to_address, call.amount):
            # Once: a second one of the same kind is another payment.
            own = None
        elif _moves_coins(call) and _happened(call.tx_status):
            yield from _between(coin.amount("internal", call.amount), (call.from_address,), (call.to_address,), wanted)


def _told(sender: str | None, receiver: str | None, amount: int | None) -> tuple[str, str, int | None]:
    return fold(sender or ""), fold(receiver or ""), amount


def _moves_coins(call: InternalCall) -> bool:
    if call.program_id:
        return call.program_id == SYSTEM_PROGRAM
    # An instruction of a program that is not told may move anything.
    return call.instr_index is None and not call.instruction


def _tokens(tx: Transaction, wanted: str) -> Iterator[Movement]:
    chain_type, chain_id, _ = _Coin.of(tx).asset
    for row in tx.token_transfers or ():
        contract = row.mint or row.token_contract_address
        if contract:
            asset = Asset(chain_type, chain_id, fold(contract))
            like = Movement("in", "token", asset, row.amount or 0, row.decimals, row.symbol)
            senders, receivers = (row.from_address, row.from_token_address), (row.to_address, row.to_token_address)
            yield from _between(like, senders, receivers, wanted)


def _fee(tx: Transaction, wanted: str) -> Movement | None:
    if tx.inputs or tx.outputs:
        return None
    return next(_between(_Coin.of(tx).amount("fee", tx.fee), (tx.fee_payer or tx.sender,), (), wanted), None)


def _between(
    like: Movement, senders: tuple[str | None, ...], receivers: tuple[str | None, ...], wanted: str
) -> Iterator[Movement]:
    """The same as it concerns who is wanted. Each side is named by one or more addresses."""
    if not like.amount:
        return
    if _is_among(senders, wanted):
        yield attrs.evolve(like, direction="out", counterparty=_first(receivers))
    if _is_among(receivers, wanted):
        yield attrs.evolve(like, direction="in", counterparty=_first(senders))


def _is_among(addresses: tuple[str | None, ...], wanted: str) -> bool:
    return any(fold(address) == wanted for address in addresses if address)


def _first(addresses: tuple[str | None, ...]) -> str | None:
    return next((address for address in addresses if address), None)


def _own_is_native(tx: Transaction) -> bool:
    """Whether the transaction's own amount is of the chain's coin; `moved` says when."""
    kind, rows = (tx.transfer_type or "").lower(), tx.token_transfers or ()
    if kind == "native":
        return True
    coins = NATIVE_DECIMALS.get(tx.chain_type.lower())
    if tx.decimals is not None and coins is not None and tx.decimals != coins:
        return False
    return not any(_repeats(tx, row) for row in rows) if rows else not kind


def _repeats(tx: Transaction, row: TokenTransfer) -> bool:
    """Whether the transaction's own amount may be this row's. What is not told is no difference.

    The same symbol is enough: a token that keeps a fee for itself tells another amount in its row than was asked for.
    """
    if tx.symbol and tx.symbol == row.symbol:
        return True
    other_decimals = tx.decimals is not None and row.decimals is not None and tx.decimals != row.decimals
    # A symbol may be forged; that can hide an amount of the forger's own transaction, and never invent one.
    other_symbol = bool(tx.symbol and row.symbol and tx.symbol != row.symbol)
    return tx.amount == row.amount and not other_decimals and not other_symbol


@attrs.frozen
class _Coin:
    """The chain's own coin, as one transaction has it."""

    asset: Asset
    decimals: int | None
    symbol: str | None
    is_own: bool
    """Whether the transaction's own amount is of it."""

    @classmethod
    def of(cls, tx: Transaction) -> _Coin:
        chain_type, is_own = tx.chain_type.lower(), _own_is_native(tx)
        chain_id = CHAIN_IDS.get(chain_type) if tx.chain_id is None else tx.chain_id
        decimals = tx.decimals if is_own and tx.decimals is not None else NATIVE_DECIMALS.get(chain_type)
        return cls(Asset(chain_type, chain_id, None), decimals, tx.symbol if is_own else None, is_own)

    def amount(self, kind: Kind, amount: int | None) -> Movement:
        return Movement("in", kind, self.asset, amount or 0, self.decimals, self.symbol)
