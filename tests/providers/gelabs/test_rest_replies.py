"""Each REST call reads the document's own reply, and tells a refusal and what cannot be read from it."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.events import Malformed
from pushwire.core.http import Response
from pushwire.errors import AuthenticationRefused, CommandRefused, PushwireError, RemoteProtocolError
from pushwire.providers import gelabs
from pushwire.providers.gelabs.rest import Call
from tests.providers.gelabs import samples
from tests.providers.harness import expect

AnyCall = Call[Any]  # whatever it answers with

QUERY = gelabs.QueryTransfers("0x1234...")
MULTI = gelabs.QueryMultiChain([gelabs.AddressGroup("ethereum", 1, ["0x1234..."])])
DETAILS = gelabs.TransfersDetails("ethereum", 1, "0xabc123...")
DETAIL = gelabs.TransferDetail("ethereum", 1, "0xabc123...")
TRADES = gelabs.DexPoolTrades("0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8", "evm", 1)
ADD = gelabs.AddAddresses([gelabs.Wallet("ethereum", ["0x1"])])
REMOVE = gelabs.RemoveAddresses([gelabs.Wallet("ethereum", ["0x1"])])
CHANGE = gelabs.ChangeAddresses("ethereum", adds=["0x1"])
CONTAINS = gelabs.ContainsAddress("ethereum", "0x1")
REPLAY = gelabs.Replay(samples.PUSH)
CALLS: dict[str, tuple[AnyCall, bytes]] = {
    "QueryTransfers": (QUERY, samples.QUERY_REPLY),
    "QueryMultiChain": (MULTI, samples.QUERY_REPLY),
    "TransfersDetails": (DETAILS, samples.QUERY_REPLY),
    "TransferDetail": (DETAIL, samples.DETAIL_REPLY),
    "DexPoolTrades": (TRADES, samples.TRADES_REPLY),
    "AddAddresses": (ADD, samples.CHANGED),
    "RemoveAddresses": (REMOVE, samples.CHANGED),
    "ChangeAddresses": (CHANGE, samples.CHANGED),
    "ContainsAddress": (CONTAINS, samples.CONTAINS_REPLY),
    "Status": (gelabs.Status(), samples.STATUS_REPLY),
    "Replay": (REPLAY, samples.REPLAY_REPLY),
}


def ok(body: bytes | dict[str, Any], status: int = 200) -> Response:
    return Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


# The document's replies


def test_every_call_reads_its_sample() -> None:
    assert set(CALLS) == set(gelabs.PATHS)
    for call, body in CALLS.values():
        assert call.decode(ok(body)) is not None


@pytest.mark.parametrize("call", [QUERY, MULTI], ids=lambda call: call.name)
def test_a_query_is_answered_with_transactions(call: gelabs.QueryTransfers | gelabs.QueryMultiChain) -> None:
    page = call.decode(ok(samples.QUERY_REPLY))
    (tx,) = page.transactions()
    assert page.rows == (tx,)
    assert (tx.key(), tx.value, tx.token_transfers) == (("ethereum", 1, "0xabc123..."), Decimal(1), ())


@pytest.mark.parametrize("code", [0, 1])
def test_details_are_a_list_whichever_code_says_success(code: int) -> None:
    listing = DETAILS.decode(ok({**json.loads(samples.QUERY_REPLY), "code": code}))
    assert [tx.tx_hash for tx in listing.transactions()] == ["0xabc123..."]


def test_a_detail_is_a_transaction_or_none() -> None:
    tx = expect(gelabs.Transaction, DETAIL.decode(ok(samples.DETAIL_REPLY)))
    assert (tx.tx_hash, tx.time) == ("0xabc123...", datetime(2025, 4, 18, 18, 13, 20, tzinfo=UTC))
    assert DETAIL.decode(ok(samples.DETAIL_NOT_FOUND)) is None


def test_a_detail_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(RemoteProtocolError, match="malformed"):
        DETAIL.decode(ok({"code": 0, "data": {"chain_type": "e", "txhash": "0x1", "amount": "NaN"}}))


def test_the_trades_of_a_pool_are_transactions() -> None:
    (tx,) = TRADES.decode(ok(samples.TRADES_REPLY)).transactions()
    (token,) = tx.token_transfers or (gelabs.TokenTransfer(),)
    assert (tx.chain_type, token.symbol, token.value) == ("ethereum", "USDC", Decimal(1))
    assert TRADES.decode(ok({"code": 0, "data": {"items": []}})).rows == ()


@pytest.mark.parametrize("call", [ADD, REMOVE, CHANGE], ids=lambda call: call.name)
def test_a_change_of_the_list_answers_what_the_provider_says(
    call: gelabs.AddAddresses | gelabs.RemoveAddresses | gelabs.ChangeAddresses,
) -> None:
    assert call.decode(ok(samples.CHANGED)) == "success"
    assert call.decode(ok(b'{"code":0,"data":{"failed":["0x1"]}}')) == '{"failed":["0x1"]}'


@pytest.mark.parametrize("known", [True, False])
def test_whether_an_address_is_known(known: bool) -> None:
    assert CONTAINS.decode(ok(samples.CONTAINS_REPLY)) is True
    assert CONTAINS.decode(ok({"code": 0, "message": "ok", "data": {"is_exist": known}})) is known


def test_the_status_tells_the_connections_and_what_they_have_not_acked() -> None:
    status = gelabs.Status().decode(ok(samples.STATUS_REPLY))
    assert (status.app_id, status.connected_clients) == ("current-business-identity", 2)
    assert status.clients == ("client-abc123", "client-def456")
    (client,) = status.details
    assert client == gelabs.ClientConnection(
        client_id="client-abc123", connected_at=1_745_000_000_000, uptime=3600, pending_tx_count=0
    )
    assert client.since == datetime(2025, 4, 18, 18, 13, 20, tzinfo=UTC)
    assert gelabs.ClientConnection(client_id="c").since is None


def test_a_replay_tells_what_became_of_it() -> None:
    assert REPLAY.decode(ok(samples.REPLAY_REPLY)) == gelabs.Replayed(processed=True, tx_hash="0xabc123...")


def test_a_row_that_cannot_be_read_costs_no_other_but_is_not_passed_over() -> None:
    good = json.loads(samples.QUERY_REPLY)["data"][0]
    page = QUERY.decode(ok({"code": 1, "data": [good, {**good, "amount": "1e18"}, {**good, "tx_hash": "0x2"}]}))
    assert [type(row) for row in page.rows] == [gelabs.Transaction, Malformed, gelabs.Transaction]
    assert json.loads(expect(Malformed, page.rows[1]).raw)["amount"] == "1e18"
    with pytest.raises(RemoteProtocolError, match="row 1 is malformed: amount is not"):
        page.transactions()


# Refusals


@pytest.mark.parametrize("name", CALLS)
def test_another_code_is_a_refusal_with_the_providers_code_and_text(name: str) -> None:
    call = CALLS[name][0]
    for field in ("msg", "message"):
        with pytest.raises(CommandRefused) as caught:
            call.decode(ok({"code": 500, field: "no such chain", "data": None}))
        assert (caught.value.command, caught.value.code, caught.value.text) == (name, 500, "no such chain")


@pytest.mark.parametrize("name", CALLS)
def test_success_has_its_own_code_for_each_call(name: str) -> None:
    call, body = CALLS[name]
    other = {**json.loads(body), "code": 1 - json.loads(body)["code"]}
    if name == "TransfersDetails":  # the document does not show its code
        call.decode(ok(other))
    else:
        with pytest.raises(CommandRefused):
            call.decode(ok(other))


def test_a_success_code_with_another_status_is_none() -> None:
    with pytest.raises(CommandRefused) as caught:
        CONTAINS.decode(ok(samples.CONTAINS_REPLY, status=500))
    assert caught.value.code == 500


def test_a_refusal_without_code_or_text_has_those_of_http() -> None:
    with pytest.raises(CommandRefused) as caught:
        CONTAINS.decode(ok({"error": "what"}, status=404))
    assert (caught.value.code, caught.value.text) == (404, "HTTP 404")
    with pytest.raises(CommandRefused) as caught:
        CONTAINS.decode(ok({"code": "E42", "msg": "no"}, status=400))
    assert (caught.value.code, caught.value.text) == ("E42", "no")


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_is_refused_without_the_providers_words(name: str, status: int) -> None:
    call = CALLS[name][0]
    said = {"code": status, "msg": "wrong key sk-do-not-show-this"}
    for response in (ok(said, status=status), ok(said), ok(b"<html>", status=status)):
        if response.body == b"<html>" or response.status in {200, status}:
            with pytest.raises(AuthenticationRefused) as caught:
                call.decode(response)
            assert caught.value.status == response.status
            assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b'{"code":true}',
        b'{"code":0}',
        b'{"code":1}',
        b'{"code":0,"data":[[]}',
        b'{"code":0,"data":5}',
        b'{"code":1,"data":5}',
        b'{"code":1,"data":null}',
        b'{"code":1,"data":{}}',
        b"[" * 100_000,
        b'{"code":0,"data":' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_cannot_be_read_is_an_error_of_the_provider(name: str, body: bytes) -> None:
    call = CALLS[name][0]
    if body == b'{"code":0,"data":5}' and isinstance(call, gelabs.AddAddresses | gelabs.RemoveAddresses | gelabs.ChangeAddresses):
        assert call.decode(ok(body)) == "5"
        return
    with pytest.raises(RemoteProtocolError, match=name):
        call.decode(ok(body))
    with pytest.raises(RemoteProtocolError, match=name):
        call.decode(ok(body, status=502))


def test_an_error_keeps_nothing_of_a_body_that_is_no_text() -> None:
    body = b'{"code":0,"data":"the key \xed\xb2\xbf"}'
    with pytest.raises(RemoteProtocolError, match="cannot be read") as raised:
        CALLS["AddAddresses"][0].decode(ok(body))
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


# Anything at all

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)
envelopes = st.fixed_dictionaries({}, optional=dict.fromkeys(("code", "msg", "message", "data"), values))
bodies = st.binary(max_size=40) | envelopes.map(lambda value: json.dumps(value).encode())


@given(st.sampled_from(sorted(CALLS)), bodies, st.sampled_from([200, 204, 301, 400, 401, 404, 500]))
def test_a_call_answers_or_raises_one_of_our_errors(name: str, body: bytes, status: int) -> None:
    with contextlib.suppress(PushwireError):
        CALLS[name][0].decode(Response(status, {}, body))
