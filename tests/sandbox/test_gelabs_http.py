"""gelabs' HTTP side in the sandbox, asked by the client's own calls: the two read each other."""

from __future__ import annotations

import json
import random
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pytest

import pushwire
from pushwire.core.http import Endpoint, Paged, Response
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused
from pushwire.providers import gelabs
from pushwire.sandbox import Accept, ConnectRequest, GelabsServer, GelabsSettings, Mix, SendTo, serve
from pushwire.sandbox.base import HttpCall
from pushwire.shell.api import open_api
from pushwire.testing import gelabs as build

ReplyT = TypeVar("ReplyT")
WALL = 1_745_000_000.0
ALICE = "0x" + "aA" * 20
BOB = "0x" + "bB" * 20
POOL = "0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8"


def config(key: str = "k1") -> gelabs.Config:
    return gelabs.Config(api_key=Secret(key))


class World:
    """A sandbox and the calls that a client makes to it, without a network."""

    def __init__(self, **settings: Any) -> None:  # forwarded to GelabsSettings, which checks them
        given: dict[str, Any] = {"keys": ("k1", "k2"), "addresses": {"ethereum": [ALICE]}, **settings}
        self.server = GelabsServer(GelabsSettings(**given), random.Random(7))
        self.now = 100.0
        assert self.server.connect(1, ConnectRequest("/x", {}, {"x-api-key": "k1"}), 0.0, WALL) == Accept()
        self.server.take_effects()

    def send(self, endpoint: Endpoint[gelabs.Config, object], key: str = "k1") -> Response:
        request = endpoint.request(config(key), None)
        url = request.url if isinstance(request.url, str) else request.url.reveal()
        parts = urlsplit(url)
        headers = {k.lower(): v if isinstance(v, str) else v.reveal() for k, v in request.headers.items()}
        call = HttpCall(request.method, parts.path, dict(parse_qsl(parts.query)), headers, request.body)
        return self.server.http(call, self.now, WALL + self.now)

    def call(self, endpoint: Endpoint[gelabs.Config, ReplyT], key: str = "k1") -> ReplyT:
        return endpoint.decode(self.send(endpoint, key))

    def raw(self, method: str, path: str, body: bytes = b"", query: dict[str, str] | None = None) -> tuple[int, Any]:
        response = self.server.http(HttpCall(method, "/tx/api/v1" + path, query or {}, {"x-api-key": "k1"}, body), self.now, WALL)
        return response.status, json.loads(response.body)

    def push(self, **changes: object) -> None:
        data = {"chain_type": "ethereum", "chain_id": 1, "height": 5, "txhash": "0x1", "txStatus": "success", "sender": ALICE}
        self.server.push({**data, "listenAddress": [ALICE], "txTime": 1_745_000_000_000, **changes}, self.now)


def pages(world: World, query: Paged[gelabs.Config, gelabs.Page]) -> list[gelabs.Page]:
    found: list[gelabs.Page] = []
    following: Paged[gelabs.Config, gelabs.Page] | None = query
    while following is not None:
        found.append(world.call(following))
        following = following.next_page(found[-1])
    return found


def generated(**settings: Any) -> World:  # as for World
    """A world with a thousand transactions of all chains and shapes."""
    world = World(addresses=None, rate=100.0, mix=Mix(pending=0.3, failed=0.1, reorg=0.1, sparse=0.3), **settings)
    world.server.handle_timer(0.0, WALL)
    while world.server.generated < 1000:
        world.now = world.server.next_deadline()
        world.server.handle_timer(world.now, WALL + world.now)
    return world


def test_a_transaction_is_the_same_however_it_is_asked_for() -> None:
    world = generated()
    newest = {message.identity.key: message for message in world.server.history(world.server.accounts[0])}
    for message in list(newest.values())[:200]:
        chain_type, chain_id, tx_hash = (str(message.identity.key[0]), int(message.identity.key[1] or 0), message.tx_hash)
        detail = world.call(gelabs.TransferDetail(chain_type, chain_id, tx_hash))
        (listed,) = world.call(gelabs.TransfersDetails(chain_type, chain_id, tx_hash)).transactions()
        assert detail is not None
        assert listed.key() == detail.key() == message.identity.key
        parties = [detail.sender, detail.receiver, *(detail.listen_addresses or ())]
        for party in filter(None, parties):
            assert listed.movements(party) == detail.movements(party)
        assert listed.time is None or (detail.time is not None and listed.time == detail.time.replace(microsecond=0))


def test_a_history_is_read_page_by_page_and_no_row_twice() -> None:
    world = generated()
    for watched in world.server.watched()[:4]:
        query = gelabs.QueryTransfers(watched.address, watched.chain_type, limit=10)
        found = pages(world, query)
        keys = [tx.key() for page in found for tx in page.transactions()]
        assert found[-1].end == "complete"
        assert len(keys) == len(set(keys))
        expected = {m.identity.key for m in world.server.history() if m.places and m.places[0][1] == watched.address}
        assert expected <= set(keys)


def test_without_ids_in_the_rows_there_is_one_page() -> None:
    world = generated(row_ids=False)
    watched = world.server.watched()[0]
    (page,) = pages(world, gelabs.QueryTransfers(watched.address, limit=1))
    assert page.end == "cursor_missing"


def test_a_query_is_filtered() -> None:
    world = World()
    row = {"from": ALICE, "to": BOB, "tokenContractAddress": "0xT", "amount": "5"}
    world.push(transfer_type="token", tokenTransferDetails=[row])
    world.push(txhash="0x2", transfer_type="native")
    world.push(txhash="0x3", chain_type="bsc", chain_id=56, transfer_type="native")

    def hashes(**filters: Any) -> list[str]:  # fields of the query
        return [tx.tx_hash for tx in world.call(gelabs.QueryTransfers(ALICE.lower(), **filters)).transactions()]

    assert hashes() == ["0x3", "0x2", "0x1"]
    assert hashes(chain_type="Ethereum") == ["0x2", "0x1"]
    assert hashes(chain_id=56) == ["0x3"]
    assert hashes(tx_type="token") == hashes(token="0xt") == ["0x1"]
    assert [tx.tx_hash for tx in world.call(gelabs.QueryTransfers(BOB)).transactions()] == ["0x1"]
    groups = [gelabs.AddressGroup("ethereum", 1, [BOB]), gelabs.AddressGroup("bsc", 56, [ALICE])]
    assert [tx.tx_hash for tx in world.call(gelabs.QueryMultiChain(groups)).transactions()] == ["0x3", "0x1"]


def test_another_accounts_transactions_are_its_own() -> None:
    world = World()
    world.push()
    assert world.call(gelabs.QueryTransfers(ALICE), "k2").rows == ()
    assert world.call(gelabs.TransferDetail("ethereum", 1, "0x1"), "k2") is None


def test_the_trades_of_a_pool_are_public_and_have_the_spelling_of_pools() -> None:
    world = World()
    row = {"from": ALICE, "to": POOL, "tokenContractAddress": "0xT", "amount": "5", "decimals": 6, "mint": ""}
    world.push(transfer_type="token", tokenTransferDetails=[row], fee_payer=ALICE)
    world.push(txhash="0x2", receiver=POOL, txTime=None)
    response = world.send(gelabs.DexPoolTrades(POOL, "evm", 1), key="nobody")
    items = json.loads(response.body)["data"]["items"]
    assert items[1]["transferType"] == "Token"
    assert items[1]["txTime"] == 1_745_000_000
    assert "mint" not in items[1]["tokenTransferDetails"][0]
    trades = world.call(gelabs.DexPoolTrades(POOL, "evm", 1)).transactions()
    assert [tx.key() for tx in trades] == [("ethereum", 1, "0x2"), ("ethereum", 1, "0x1")]
    assert len(world.call(gelabs.DexPoolTrades(POOL, "ethereum", 1, limit=1)).rows) == 1
    assert world.call(gelabs.DexPoolTrades(POOL, "bsc", 56)).rows == ()


def test_the_address_list_is_changed_and_asked() -> None:
    world = World()
    assert world.call(gelabs.AddAddresses([gelabs.Wallet("tron", ["T1", "T2"])])) == "success"
    assert world.call(gelabs.RemoveAddresses([gelabs.Wallet("tron", ["T1"])])) == "success"
    assert world.call(gelabs.ChangeAddresses("tron", adds=["T3"], removes=["T2"])) == "success"
    assert [one.address for one in world.server.watched() if one.chain_type == "tron"] == ["T3"]
    # Anybody's list counts, whoever asks.
    assert world.call(gelabs.ContainsAddress("tron", "T3"), "k2") is True
    assert world.call(gelabs.ContainsAddress("tron", "T1")) is False


def test_the_status_counts_what_has_had_no_ack() -> None:
    world = World()
    world.push()
    status = world.call(gelabs.Status())
    (client,) = status.details
    assert (status.app_id, status.connected_clients, status.clients) == ("app-1", 1, (client.client_id,))
    assert (client.connected_at, client.uptime, client.pending_tx_count) == (int(WALL * 1000), 100, 1)
    assert world.call(gelabs.Status(), "k2").connected_clients == 0


def test_a_replayed_message_is_pushed_again_and_stored_once() -> None:
    world = World()
    tx = build.transaction()
    for _ in range(2):
        assert world.call(gelabs.Replay.of(tx)) == gelabs.Replayed(processed=True, tx_hash=tx.tx_hash)
    pushed = [json.loads(e.text) for e in world.server.take_effects() if isinstance(e, SendTo)]
    assert [message["id"] for message in pushed] == [tx.message_id] * 2
    assert len(world.server.messages) == 1


def test_the_id_of_anothers_message_cannot_be_replayed() -> None:
    world = World()
    world.call(gelabs.Replay.of(build.transaction()))
    with pytest.raises(CommandRefused, match="was used before"):
        world.call(gelabs.Replay.of(build.transaction()), "k2")


def test_a_wrong_or_missing_key_is_refused() -> None:
    world = World()
    with pytest.raises(AuthenticationRefused):
        world.call(gelabs.Status(), "wrong")
    response = world.server.http(HttpCall("GET", "/tx/api/v1/transaction/ws/status"), 0.0, WALL)
    assert response.status == 401


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/transfers/query", b"{"),
        ("POST", "/transfers/query", b"\xff"),
        ("POST", "/transfers/query", b"[" * 100_000),
        ("POST", "/transfers/query", b'{"address":"a","limit":101}'),
        ("POST", "/transfers/multi-chain", b'{"addresses":[]}'),
        ("POST", "/transfers/details", b'{"chain_type":"e","chain_id":1,"tx_hash":[]}'),
        ("POST", "/addresses", b'{"wallets":[]}'),
        ("POST", "/transaction/ws/replay", b'{"id":"a","data":{}}'),
        ("GET", "/transfers/detail", b""),
        ("GET", "/dex-pools/0x1/trades", b""),
    ],
)
def test_what_the_document_does_not_allow_is_answered_with_400(method: str, path: str, body: bytes) -> None:
    status, said = World().raw(method, path, body)
    assert (status, said["code"]) == (400, 400)


@pytest.mark.parametrize("query", [{"chain_id": "1"}, {"chain_id": "1", "chain_type": "e"}, {"chain_id": "x"}])
def test_a_detail_needs_all_it_is_found_by(query: dict[str, str]) -> None:
    assert World().raw("GET", "/transfers/detail", query=query)[0] == 400


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"chainType": ""}])
def test_the_trades_of_a_pool_need_a_chain_and_a_limit_in_bounds(query: dict[str, str]) -> None:
    whole = {"chainType": "evm", "chainId": "1", **query}
    assert World().raw("GET", "/dex-pools/0x1/trades", query=whole)[0] == 400


def test_a_hash_is_found_without_its_0x() -> None:
    world = World()
    world.push()
    assert world.call(gelabs.TransferDetail("ethereum", 1, "1")) == world.call(gelabs.TransferDetail("ethereum", 1, "0x1"))


def test_there_is_nothing_elsewhere() -> None:
    assert World().server.http(HttpCall("GET", "/"), 0.0, WALL).status == 404


async def next_transaction(stream: pushwire.Stream[gelabs.Event]) -> gelabs.Transaction:
    async for event in stream:
        if isinstance(event, gelabs.Transaction):
            return event
    raise AssertionError("the stream ended")


async def test_stream_and_api_of_one_key_over_a_real_socket() -> None:
    server = GelabsServer(GelabsSettings(keys=("k1",), addresses={"ethereum": [build.ADDRESS]}), random.Random(1))
    async with serve(server) as running:
        settings = gelabs.Config(
            api_key=Secret("k1"), url=running.url, api_url=running.url.replace("ws://", "http://").partition("/tx")[0]
        )
        async with pushwire.connect(settings) as stream, open_api(settings) as api:
            tx = build.transaction()
            assert await api.call(gelabs.Replay.of(tx)) == gelabs.Replayed(processed=True, tx_hash=tx.tx_hash)
            event = await next_transaction(stream)
            assert event.key() == tx.key()
            found = [row async for page in api.pages(gelabs.QueryTransfers(build.ADDRESS)) for row in page.transactions()]
            assert [row.key() for row in found] == [tx.key()]
            assert [row.movements(build.ADDRESS) for row in found] == [event.movements(build.ADDRESS)]
            assert (await api.call(gelabs.Status())).connected_clients == 1
            assert await api.call(gelabs.ContainsAddress("ethereum", build.ADDRESS)) is True
