"""Each REST call asks as the document's own example does, and refuses before it is sent what the provider would not take."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pushwire.core.http import Request
from pushwire.errors import LocalProtocolError
from pushwire.providers import gelabs
from pushwire.providers.gelabs.rest import Call
from pushwire.testing import gelabs as build
from tests.providers.gelabs import samples
from tests.providers.gelabs.harness import KEY, config

AnyCall = Call[Any]  # whatever it answers with
BASE = "https://api.gelabs.org"


def request(call: AnyCall, **settings: Any) -> Request:  # any setting of the config, which checks them itself
    return call.request(config(**settings), None)


# The document's examples: the call, and what curl sends there.
POSTS: list[tuple[AnyCall, str, str, str]] = [
    (
        gelabs.QueryTransfers("0x1234567890abcdef1234567890abcdef12345678", "ethereum", 1, limit=20),
        "POST",
        "/tx/api/v1/transfers/query",
        """{
        "chain_type": "ethereum",
        "chain_id": 1,
        "address": "0x1234567890abcdef1234567890abcdef12345678",
        "limit": 20
        }""",
    ),
    (
        gelabs.QueryTransfers("0x1234...", "ethereum", 1, token="0xdAC17F958D2ee523a2206206994597C13D831ec7"),
        "POST",
        "/tx/api/v1/transfers/query",
        """{
        "chain_type": "ethereum",
        "chain_id": 1,
        "address": "0x1234...",
        "token": "0xdAC17F958D2ee523a2206206994597C13D831ec7",
        "limit": 20
        }""",  # the limit is the documented default, which the example leaves out
    ),
    (
        gelabs.QueryMultiChain(
            [
                gelabs.AddressGroup("ethereum", 1, ["0xabc...001", "0xabc...002"]),
                gelabs.AddressGroup("bsc", 56, ["0xdef...003"]),
                gelabs.AddressGroup("solana", 1, ["SolanaAddress..."]),
            ],
            limit=20,
        ),
        "POST",
        "/tx/api/v1/transfers/multi-chain",
        """{
        "addresses": [
        {"chain_type": "ethereum", "chain_id": 1, "address": ["0xabc...001", "0xabc...002"]},
        {"chain_type": "bsc", "chain_id": 56, "address": ["0xdef...003"]},
        {"chain_type": "solana", "chain_id": 1, "address": ["SolanaAddress..."]}
        ],
        "limit": 20
        }""",
    ),
    (
        gelabs.TransfersDetails("ethereum", 1, "0xabc123..."),
        "POST",
        "/tx/api/v1/transfers/details",
        '{"chain_type": "ethereum", "chain_id": 1, "tx_hash": "0xabc123..."}',
    ),
    (
        gelabs.TransfersDetails("ethereum", 1, ["0xabc123...", "0xdef456..."]),
        "POST",
        "/tx/api/v1/transfers/details",
        '{"chain_type": "ethereum", "chain_id": 1, "tx_hash": ["0xabc123...", "0xdef456..."]}',
    ),
    (
        gelabs.AddAddresses([gelabs.Wallet("ethereum", ["0x1234...", "0xabcd..."])]),
        "POST",
        "/tx/api/v1/addresses",
        """{
        "wallets": [
        {
        "chain_type": "ethereum",
        "address": ["0x1234...", "0xabcd..."]
        }
        ]
        }""",
    ),
    (
        gelabs.AddAddresses(
            [
                gelabs.Wallet("ethereum", ["0x1234..."]),
                gelabs.Wallet("tron", ["TJDENsfBJs4RFETt1X1uyT9pBxdnAbFnbm"]),
                gelabs.Wallet("solana", ["SolanaAddress..."]),
            ]
        ),
        "POST",
        "/tx/api/v1/addresses",
        """{
        "wallets": [
        {"chain_type": "ethereum", "address": ["0x1234..."]},
        {"chain_type": "tron", "address": ["TJDENsfBJs4RFETt1X1uyT9pBxdnAbFnbm"]},
        {"chain_type": "solana", "address": ["SolanaAddress..."]}
        ]
        }""",
    ),
    (
        gelabs.RemoveAddresses([gelabs.Wallet("ethereum", ["0x1234..."])]),
        "POST",
        "/tx/api/v1/addresses/batch-delete",
        """{
        "wallets": [
        {"chain_type": "ethereum", "address": ["0x1234..."]}
        ]
        }""",
    ),
    (
        gelabs.ChangeAddresses(
            "ethereum", adds=["0xNewAddress001...", "0xNewAddress002..."], removes=["0xOldAddress001..."]
        ),
        "PATCH",
        "/tx/api/v1/addresses",
        """{
        "chain_type": "ethereum",
        "adds": ["0xNewAddress001...", "0xNewAddress002..."],
        "removes": ["0xOldAddress001..."]
        }""",
    ),
    (
        gelabs.ContainsAddress("ethereum", "0x1234..."),
        "POST",
        "/tx/api/v1/addresses/contains",
        '{"chain_type": "ethereum", "address": "0x1234..."}',
    ),
    (gelabs.Replay(samples.PUSH), "POST", "/tx/api/v1/transaction/ws/replay", samples.PUSH),
]  # fmt: skip
GETS: list[tuple[AnyCall, str]] = [
    (
        gelabs.TransferDetail("ethereum", 1, "0xabc123..."),
        "/tx/api/v1/transfers/detail?chain_type=ethereum&chain_id=1&tx_hash=0xabc123...",
    ),
    (
        gelabs.TransferDetail("ethereum", 1, "0xabc123...", no_cache=True),
        "/tx/api/v1/transfers/detail?chain_type=ethereum&chain_id=1&tx_hash=0xabc123...&no_cache=true",
    ),
    (
        gelabs.DexPoolTrades("0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8", "evm", 1, limit=50),
        "/tx/api/v1/dex-pools/0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8/trades?chainType=evm&chainId=1&limit=50",
    ),
    (gelabs.Status(), "/tx/api/v1/transaction/ws/status"),
]


@pytest.mark.parametrize("call, method, path, body", POSTS, ids=lambda value: getattr(value, "name", None))
def test_a_call_with_a_body_asks_as_the_documents_example_does(call: AnyCall, method: str, path: str, body: str) -> None:
    asked = request(call)
    assert (asked.method, asked.url) == (method, BASE + path)
    assert json.loads(asked.body) == json.loads(body)
    assert asked.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("call, url", GETS, ids=lambda value: getattr(value, "name", None))
def test_a_call_without_a_body_asks_as_the_documents_example_does(call: AnyCall, url: str) -> None:
    asked = request(call)
    assert (asked.method, asked.url, asked.body) == ("GET", BASE + url, b"")
    assert "Content-Type" not in asked.headers


CALLS = [*(row[0] for row in POSTS), *(row[0] for row in GETS)]


def test_all_eleven_endpoints_are_there() -> None:
    assert {call.name for call in CALLS} == set(gelabs.PATHS)
    assert len(gelabs.PATHS) == 11
    assert all(type(call).__name__ == call.name for call in CALLS)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_call_carries_the_key_as_a_secret_and_counts_against_the_limit(call: AnyCall) -> None:
    asked = request(call)
    assert asked.headers["X-API-Key"] == config().api_key
    assert KEY not in repr(asked)
    assert KEY not in asked.shown
    assert call.auth == "none"
    assert set(call.buckets) <= set(config().rate_limits)


def test_only_what_everybody_would_notice_is_not_repeated_by_itself() -> None:
    assert {call.name for call in CALLS if not call.repeatable} == {"Replay"}


def test_the_filters_of_a_query_are_sent_where_they_are_given() -> None:
    call = gelabs.QueryTransfers("0x1", tx_type="token", limit=100, id=7)
    assert json.loads(request(call).body) == {"address": "0x1", "tx_type": "token", "limit": 100, "id": 7}


def test_texts_of_a_url_are_quoted() -> None:
    asked = request(gelabs.DexPoolTrades("a/b?c", "e&x=1", 1))
    assert isinstance(asked.url, str)
    parts = urlsplit(asked.url)
    assert parts.path == "/tx/api/v1/dex-pools/a%2Fb%3Fc/trades"
    assert dict(parse_qsl(parts.query)) == {"chainType": "e&x=1", "chainId": "1", "limit": "100"}


# Refused before they are sent


def groups(count: int, addresses: int = 1) -> list[gelabs.AddressGroup]:
    return [gelabs.AddressGroup("ethereum", 1, [f"0x{number}" for number in range(addresses)]) for _ in range(count)]


def test_the_largest_batches_pass() -> None:
    assert len(gelabs.QueryMultiChain(groups(10, 20)).groups) == 10
    assert gelabs.QueryMultiChain(groups(1), limit=100).limit == 100


def test_wrong_calls_are_refused_by_name_and_field() -> None:
    untyped: Any = gelabs  # what an untyped caller does
    wrong: dict[str, tuple[Callable[[], object], ...]] = {
        "QueryMultiChain: groups must hold 1 to 10": (
            lambda: untyped.QueryMultiChain(groups(11)),
            lambda: untyped.QueryMultiChain([]),
        ),
        "QueryMultiChain: groups must be a list of AddressGroup": (
            lambda: untyped.QueryMultiChain(["0x1"]),
            lambda: untyped.QueryMultiChain(5),
        ),
        "AddressGroup: addresses must hold 1 to 20": (lambda: groups(1, 21), lambda: groups(1, 0)),
        "AddressGroup: addresses must be a list of str": (
            lambda: untyped.AddressGroup("ethereum", 1, "0x1"),
            lambda: untyped.AddressGroup("ethereum", 1, [5]),
        ),
        "AddressGroup: chain_id must be a whole number": (
            lambda: untyped.AddressGroup("ethereum", -1, ["0x1"]),
            lambda: untyped.AddressGroup("ethereum", 2**63, ["0x1"]),
            lambda: untyped.AddressGroup("ethereum", True, ["0x1"]),
            lambda: untyped.AddressGroup("ethereum", "1", ["0x1"]),
        ),
        "QueryTransfers: address must be a non-empty string": (lambda: untyped.QueryTransfers(""),),
        "QueryTransfers: chain_type must be": (lambda: untyped.QueryTransfers("0x1", ""),),
        "QueryTransfers: chain_id must be": (lambda: untyped.QueryTransfers("0x1", "ethereum", -5),),
        "QueryTransfers: tx_type must be": (lambda: untyped.QueryTransfers("0x1", tx_type=""),),
        "QueryTransfers: token must be": (lambda: untyped.QueryTransfers("0x1", token=5),),
        "QueryTransfers: id must be": (lambda: untyped.QueryTransfers("0x1", id=-1),),
        "QueryTransfers: limit must be a whole number from 1 to 100": (
            lambda: untyped.QueryTransfers("0x1", limit=0),
            lambda: untyped.QueryTransfers("0x1", limit=101),
        ),
        "DexPoolTrades: limit must be": (lambda: untyped.DexPoolTrades("0x1", "evm", 1, limit=101),),
        "DexPoolTrades: pool must be": (lambda: untyped.DexPoolTrades("", "evm", 1),),
        "TransfersDetails: tx_hash must hold at least 1": (lambda: untyped.TransfersDetails("ethereum", 1, []),),
        "TransfersDetails: tx_hash must be a non-empty string": (
            lambda: untyped.TransfersDetails("ethereum", 1, ""),
            lambda: untyped.TransfersDetails("ethereum", 1, ["0x1", ""]),
        ),
        "TransferDetail: tx_hash must be": (lambda: untyped.TransferDetail("ethereum", 1, ""),),
        "TransferDetail: chain_type cannot be written": (lambda: untyped.TransferDetail("\ud800", 1, "0x1"),),
        "AddAddresses: wallets must hold at least 1": (lambda: untyped.AddAddresses([]),),
        "RemoveAddresses: wallets must be a list of Wallet": (lambda: untyped.RemoveAddresses([{"chain_type": "e"}]),),
        "Wallet: addresses must hold at least 1": (lambda: untyped.Wallet("ethereum", []),),
        "ChangeAddresses: adds or removes must hold an address": (lambda: untyped.ChangeAddresses("ethereum"),),
        "ChangeAddresses: 0xa cannot be both added and removed": (
            lambda: untyped.ChangeAddresses("ethereum", adds=["0xA"], removes=["0xa"]),
        ),
        "ContainsAddress: address must be": (lambda: untyped.ContainsAddress("ethereum", ""),),
    }  # fmt: skip
    for text, makings in wrong.items():
        for making in makings:
            with pytest.raises(LocalProtocolError, match=text):
                making()


# Replay


def test_a_delivered_transaction_can_be_replayed() -> None:
    tx = build.transaction(message_id="msg-7", sent=1_745_000_000_000)
    sent = json.loads(request(gelabs.Replay.of(tx)).body)
    envelope = {"id": "msg-7", "time": 1_745_000_000_000, "type": "transaction", "code": 0, "msg": "success"}
    assert sent == {**envelope, "data": json.loads(tx.dump())}
    assert "time" not in json.loads(request(gelabs.Replay.of(build.transaction(sent=None))).body)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[" * 100_000,
        '{"type":"pong","id":"a"}',
        '{"type":"transaction","id":"a"}',
        '{"type":"transaction","data":{"chain_type":"e","txhash":"0x1"}}',
        None,
        b"{}",
    ],
    ids=lambda message: repr(message)[:20],
)
def test_what_is_no_whole_push_is_not_replayed(message: Any) -> None:
    with pytest.raises(LocalProtocolError, match="whole pushed transaction"):
        gelabs.Replay(message)


def test_a_transaction_that_did_not_come_as_a_push_is_not_replayed() -> None:
    with pytest.raises(LocalProtocolError, match="whole pushed transaction"):
        gelabs.Replay.of(build.transaction(message_id=None))


# Where they go


def test_the_other_revisions_paths_can_be_set() -> None:
    paths = {
        "QueryTransfers": "/tx/api/v1/transfers/search",
        "TransfersDetails": "/tx/api/v1/transactions/batch-get",
        "TransferDetail": "/tx/api/v1/transactions/{tx_hash}",
    }
    settings: dict[str, Any] = {"paths": paths, "api_url": "http://127.0.0.1:8000/"}
    base = "http://127.0.0.1:8000/tx/api/v1/"
    assert request(gelabs.QueryTransfers("0x1"), **settings).url == base + "transfers/search"
    assert request(gelabs.TransfersDetails("e", 1, "0x1"), **settings).url == base + "transactions/batch-get"
    detail = request(gelabs.TransferDetail("e", 1, "0x1/2"), **settings)
    assert detail.url == base + "transactions/0x1%2F2?chain_type=e&chain_id=1"
    # What is not named stays where the document has it.
    assert request(gelabs.Status(), **settings).url == base + "transaction/ws/status"
