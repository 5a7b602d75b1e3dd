"""The messages that are measured: a gelabs push of 711 bytes, and one of the size of a Bitpanda price, 105 bytes."""

from __future__ import annotations

import json
from typing import Final

GREETING: Final = '{"id":"m","time":1,"type":"connected","code":0,"data":{"clientId":"c","appId":"a"},"msg":"success"}'

SIZES: Final = {"push": 711, "price": 105}
"""Bytes of a message of each kind."""


def message(kind: str, number: int) -> str:
    """Message `number` of a kind; all differ in their transaction hash."""
    text = _push(number) if kind == "push" else _short(number)
    assert len(text) == SIZES[kind], (kind, len(text))
    return text


def _short(number: int) -> str:
    head = '{"type":"transaction","data":{"chain_type":"tron","txhash":"'
    tail = '"}}'
    return f"{head}{number:0{SIZES['price'] - len(head) - len(tail)}d}{tail}"


def _push(number: int) -> str:
    data = {
        "chain_type": "ethereum",
        "chain_id": 1,
        "height": 21_000_000,
        "txTime": 1_745_000_000_000,
        "txhash": f"0x{number:064x}",
        "sender": "0x1234567890abcdef",
        "receiver": "0x5678",
        "transfer_type": "native",
        "gasLimit": "21000",
        "gasUsed": "21000",
        "gasPrice": "20000000000",
        "txFee": "420000000000000",
        "nonce": "42",
        "symbol": "ETH",
        "decimals": 18,
        "amount": "1000000000000000000",
        "txStatus": "success",
        "methodId": "",
        "fromDetails": [],
        "toDetails": [],
        "internalTransactionDetails": None,
        "tokenTransferDetails": None,
        "listenAddress": ["0x1234567890abcdef1234567890abcdef12345678"],
        "is_reorg_resend": False,
    }
    envelope = {"id": "", "time": 1_745_000_000_000, "type": "transaction", "code": 0, "data": data, "msg": "success"}
    room = SIZES["push"] - len(json.dumps(envelope, separators=(",", ":")))
    envelope["id"] = f"{number:0{room}d}"
    return json.dumps(envelope, separators=(",", ":"))
