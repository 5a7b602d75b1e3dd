"""What is measured: a gelabs push of 711 bytes, a Bitpanda price of 105, a Pusher event of 135; and what comes before them."""

from __future__ import annotations

import hashlib
import json
from typing import Final

SIZES: Final = {"push": 711, "price": 105, "event": 135}
"""Bytes of a message of each kind."""

HELLOS: Final = {
    "push": "",
    "price": "",
    "event": '{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1.1\\",\\"activity_timeout\\":120}"}',
}
"""What the server says unasked."""

REQUESTS: Final = {
    "push": "",
    "price": '{"action":"subscribe","channel":"prices-v1"}',
    "event": '{"event":"pusher:subscribe","data":{"channel":"rates"}}',
}
"""What a client asks for first; gelabs pushes unasked."""

GREETINGS: Final = {
    "push": '{"id":"m","time":1,"type":"connected","code":0,"data":{"clientId":"c","appId":"a"},"msg":"success"}',
    "price": '{"action":"subscribe","channel":"prices-v1","status":"success"}',
    "event": '{"event":"pusher_internal:subscription_succeeded","channel":"rates","data":"{}"}',
}
"""What the server says to that, and then feeds."""


def message(kind: str, number: int) -> str:
    """Message `number` of a kind; all differ."""
    text = json.dumps(_MAKERS[kind](number), separators=(",", ":"))
    assert len(text) == SIZES[kind], (kind, len(text))
    return text


def ack_reply(ack_id: str) -> str:
    """What gelabs answers to an ACK."""
    return f'{{"id":"{ack_id}","type":"transactionACK","code":0,"data":{{"txHash":"0x0"}},"msg":"success"}}'


def _price(number: int) -> dict[str, object]:
    return {
        "AP": f"{65_000 + number % 1000}.85350",
        "BP": f"{64_000 + number % 1000}.84675",
        "U": 1_706_521_791,
        "T": "cr",
        # 500 assets, each heard again and again.
        "A": f"ASSET{number % 500:03d}",
        "F": "EUR",
        "CH": "prices-v1",
    }


def _push(number: int) -> dict[str, object]:
    data = {
        "chain_type": "ethereum",
        "chain_id": 1,
        "height": 21_000_000,
        "txTime": 1_745_000_000_000,
        # As scattered as hashes are: what stores them may not count on their order.
        "txhash": f"0x{hashlib.sha256(str(number).encode()).hexdigest()}",
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
    return {"id": f"{number:018d}", "time": 1_745_000_000_000, "type": "transaction", "code": 0, "data": data, "msg": "success"}


def _event(number: int) -> dict[str, object]:
    rate = {
        "id": f"{number:09d}",
        "pair": f"ASSET{number % 500:03d}-EUR",
        "rate": f"{65_000 + number % 1000}.85350",
        "at": 1_706_521_791,
    }
    return {"event": "rate", "channel": "rates", "data": json.dumps(rate, separators=(",", ":"))}


_MAKERS: Final = {"push": _push, "price": _price, "event": _event}
