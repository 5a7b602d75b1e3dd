"""Plausible gelabs transactions, in the exact spelling of the pushes (seeds/002…, "transaction (real-time transaction push)").

Pure values from an injected `random.Random`. When they are sent, to whom, and what was ACKed is the server machine's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

__all__ = ["CHAINS", "Chain", "Data", "Watched", "as_pending", "fold", "new_address", "new_transaction", "reorganised"]

Data: TypeAlias = dict[str, object]
"""The `data` object of a push."""


@attrs.frozen
class Chain:
    """What the generator knows of a chain. `family` decides the shape of its transactions, `height` is where its blocks start."""

    chain_id: int
    symbol: str
    decimals: int
    family: str
    height: int


CHAINS: Final[Mapping[str, Chain]] = {
    "ethereum": Chain(1, "ETH", 18, "evm", 21_000_000),
    "bsc": Chain(56, "BNB", 18, "evm", 45_000_000),
    "polygon": Chain(137, "POL", 18, "evm", 68_000_000),
    "arbitrum": Chain(42161, "ETH", 18, "evm", 300_000_000),
    "optimism": Chain(10, "ETH", 18, "evm", 130_000_000),
    "base": Chain(8453, "ETH", 18, "evm", 25_000_000),
    "solana": Chain(1, "SOL", 9, "solana", 320_000_000),
    "tron": Chain(1, "TRX", 6, "tron", 70_000_000),
    "bitcoin": Chain(1, "BTC", 8, "utxo", 880_000),
}

UNKNOWN_CHAIN: Final = Chain(1, "COIN", 18, "evm", 1_000_000)
"""The document's list of chains is open: an address on a chain we do not know gets transactions in the EVM shape."""

TOKENS: Final = (
    ("USDT", "0xdAC17F958D2ee523a2206206994597C13D831ec7", 6),
    ("USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 6),
    ("DAI", "0x6B175474E89094C44Da98b954EedeAC495271d0F", 18),
)
MINT: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
TOKEN_PROGRAM: Final = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"

BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

LARGEST: Final = 2**256 - 1
"""The largest amount an EVM token can move; 78 digits."""


@attrs.frozen
class Watched:
    """An address somebody watches, as it was spelled when it was added."""

    chain_type: str
    address: str


def fold(address_or_hash: str) -> str:
    """Only hexadecimal names are case-insensitive; Base58 is not, and Bech32 comes in one case."""
    return address_or_hash.lower() if address_or_hash[:2] in {"0x", "0X"} else address_or_hash


def new_address(chain_type: str, rng: Random) -> str:
    """A plausible address of that chain (without a valid checksum)."""
    family = CHAINS.get(chain_type, UNKNOWN_CHAIN).family
    if family == "utxo":
        return "bc1q" + "".join(rng.choices(BECH32, k=38))
    if family == "solana":
        return "".join(rng.choices(BASE58, k=44))
    if family == "tron":
        return "T" + "".join(rng.choices(BASE58, k=33))
    return f"0x{rng.getrandbits(160):040x}"


def new_transaction(watched: Watched, at: float, rng: Random, *, sparse_share: float) -> Data:
    """A successful transaction of which `watched` is a party. `at` is POSIX seconds.

    `sparse_share` of the ERC-20 transfers have only the fields of the document's second sample.
    """
    chain = CHAINS.get(watched.chain_type, UNKNOWN_CHAIN)
    parties = (watched.address, new_address(watched.chain_type, rng))
    sender, receiver = parties if rng.random() < 0.5 else parties[::-1]
    data = _common(watched, chain, sender, receiver, int(at * 1000), rng)
    if chain.family == "evm" and rng.random() < 0.4:
        _make_token(data, sender, receiver, rng)
        if rng.random() < sparse_share:
            return {name: data[name] for name in SPARSE_FIELDS}
    else:
        SHAPES[chain.family](data, sender, receiver, rng)
    return data


def as_pending(data: Data) -> Data:
    """The version that is pushed before the transaction is in a block: it has no height yet."""
    return {**data, "height": None, "txStatus": "pending"}


def reorganised(data: Data, blocks: int) -> Data:
    """The version that is sent again, `blocks` higher, after a chain reorganisation."""
    height = data.get("height")
    moved = {**data, "is_reorg_resend": True}
    if isinstance(height, int):
        moved["height"] = height + blocks
    return moved


SPARSE_FIELDS: Final = ("chain_type", "txhash", "transfer_type", "tokenTransferDetails", "listenAddress", "is_reorg_resend")
"""What the document's ERC-20 sample has; it leaves out even `chain_id` and `txStatus`."""


def _common(watched: Watched, chain: Chain, sender: str, receiver: str, time_ms: int, rng: Random) -> Data:
    """Every field of the document's first sample, in its order, with the values of a transfer that costs nothing."""
    return {
        "chain_type": watched.chain_type,
        "chain_id": chain.chain_id,
        "height": chain.height + rng.randrange(100_000),
        "txTime": time_ms,
        "txhash": f"0x{rng.getrandbits(256):064x}",
        "sender": sender,
        "fee_payer": sender,
        "receiver": receiver,
        "transfer_type": "native",
        "gasLimit": "",
        "gasUsed": "",
        "gasPrice": "",
        "max_fee_per_gas": "",
        "max_priority_fee_per_gas": "",
        "txFee": "0",
        "nonce": "",
        "symbol": chain.symbol,
        "decimals": chain.decimals,
        "amount": str(rng.randrange(1, 10 ** (chain.decimals + 2))),
        "txStatus": "success",
        "methodId": "",
        "methodCall": "",
        "fromDetails": [],
        "toDetails": [],
        "internalTransactionDetails": None,
        "tokenTransferDetails": None,
        "listenAddress": [watched.address],
        "is_reorg_resend": False,
    }


def _make_native(data: Data, _sender: str, _receiver: str, rng: Random) -> None:
    _add_gas(data, 21_000, rng)


def _add_gas(data: Data, used: int, rng: Random) -> None:
    price = rng.randrange(10**9, 4 * 10**10)
    data["gasLimit"] = str(used)
    data["gasUsed"] = str(used)
    data["gasPrice"] = str(price)
    data["txFee"] = str(used * price)
    data["nonce"] = str(rng.randrange(10_000))
    if rng.random() < 0.8:  # the others are legacy transactions, which have no EIP-1559 fields
        data["max_fee_per_gas"] = str(price + 10**10)
        data["max_priority_fee_per_gas"] = "1000000000"


def _make_token(data: Data, sender: str, receiver: str, rng: Random) -> None:
    symbol, contract, decimals = rng.choice(TOKENS)
    amount = LARGEST if rng.random() < 0.01 else rng.randrange(1, 10 ** (decimals + 6))
    _add_gas(data, 65_000, rng)
    data["transfer_type"] = "token"
    data["amount"] = "0"
    data["receiver"] = contract
    data["methodId"] = "0xa9059cbb"
    data["methodCall"] = "transfer(address,uint256)"
    data["tokenTransferDetails"] = [_token_row(sender, receiver, contract, symbol, amount, decimals)]


def _token_row(sender: str, receiver: str, contract: str, symbol: str, amount: int, decimals: int) -> Data:
    return {
        "from": sender,
        "to": receiver,
        "isFromContract": False,
        "isToContract": False,
        "tokenContractAddress": contract,
        "symbol": symbol,
        "amount": str(amount),
        "decimals": decimals,
        "fromTokenAddress": "",
        "toTokenAddress": "",
        "mint": "",
        "programId": "",
    }


def _make_tron(data: Data, _sender: str, _receiver: str, rng: Random) -> None:
    data["txhash"] = f"{rng.getrandbits(256):064x}"
    data["txFee"] = str(rng.choice((0, 268_000, 1_100_000)))


def _make_utxo(data: Data, sender: str, receiver: str, rng: Random) -> None:
    amount, change, fee = rng.randrange(1_000, 10**9), rng.randrange(1_000, 10**8), rng.randrange(200, 20_000)
    data["txhash"] = f"{rng.getrandbits(256):064x}"
    data["fee_payer"] = None
    data["amount"] = str(amount)
    data["txFee"] = str(fee)
    data["fromDetails"] = [
        {
            "address": sender,
            "amount": str(amount + change + fee),
            "is_contract": False,
            "vin_index": "0",
            "pre_vout_index": str(rng.randrange(4)),
            "ref_tx_hash": f"{rng.getrandbits(256):064x}",
        }
    ]
    data["toDetails"] = [
        {"address": receiver, "amount": str(amount), "is_contract": False, "vout_index": "0"},
        {"address": sender, "amount": str(change), "is_contract": False, "vout_index": "1"},
    ]


def _make_solana(data: Data, sender: str, receiver: str, rng: Random) -> None:
    data["txhash"] = "".join(rng.choices(BASE58, k=88))
    data["txFee"] = "5000"
    if rng.random() < 0.5:
        row = _token_row(sender, receiver, MINT, "USDC", rng.randrange(1, 10**12), 6)
        row["fromTokenAddress"] = new_address("solana", rng)
        row["toTokenAddress"] = new_address("solana", rng)
        row["mint"] = MINT
        row["programId"] = TOKEN_PROGRAM
        data["transfer_type"] = "token"
        data["amount"] = "0"
        data["tokenTransferDetails"] = [row]
    data["internalTransactionDetails"] = [
        {
            "from_address": sender,
            "to_address": receiver,
            "amount": data["amount"],
            "tx_status": "success",
            "program_id": TOKEN_PROGRAM if data["tokenTransferDetails"] else "1" * 32,
            "instr_index": 0,
            "depth": 1,
            "instruction": "transfer",
            "description": "",
        }
    ]


SHAPES: Final[Mapping[str, Callable[[Data, str, str, Random], None]]] = {
    "evm": _make_native,
    "tron": _make_tron,
    "utxo": _make_utxo,
    "solana": _make_solana,
}
