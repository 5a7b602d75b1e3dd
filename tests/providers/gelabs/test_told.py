"""What is told of what nobody asked for or cannot be read, and REST and its fields at their margins."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pushwire.core.commands import AnyCommand
from pushwire.core.events import Malformed, Unrecognized
from pushwire.core.fields import LARGEST
from pushwire.core.http import Response
from pushwire.errors import AuthenticationRefused, CommandRefused, LocalProtocolError
from pushwire.providers import gelabs
from pushwire.providers.gelabs.spellings import read_transaction
from pushwire.testing import gelabs as build
from tests.providers.gelabs import samples
from tests.providers.gelabs.harness import Client, config
from tests.providers.gelabs.test_rest_replies import CALLS, CONTAINS, QUERY, ok
from tests.providers.harness import expect


def at_seven(settings: gelabs.Config | None = None) -> Client:
    client = Client(settings).ready()
    client.now = 7.0
    return client


# What is told


@pytest.mark.parametrize(
    "raw, why",
    [
        (build.message("subscribe", {}, id="nobody's"), "a reply that nobody waits for"),
        (build.message("getTxHash", None), "a reply that nobody waits for"),
        (build.message("transactionACK", {}, id="nobody's"), "an ACK reply that nobody waits for"),
        ('{"type":"news","id":"nobody\'s"}', "news"),
    ],
)
def test_what_nobody_waits_for_is_told_as_it_came(raw: str, why: str) -> None:
    client = at_seven()
    client.receive(raw)
    assert client.take_events() == [Unrecognized(7.0, raw, why)]


@pytest.mark.parametrize(
    "raw, why",
    [
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"type":"subscribe","id":"nobody\'s","code":"x"}', "Expected `int`"),
        ('{"type":"subscribe","id":"nobody\'s","code":0,"data":5}', "Expected `object"),
        (build.push(raw_amount="NaN"), "amount is not"),
        ('{"type":"transaction","id":"m","code":0}', "a transaction without data"),
    ],
)
def test_what_cannot_be_read_is_told_as_it_came_and_why(raw: str, why: str) -> None:
    client = at_seven()
    client.receive(build.push(tx_hash="0x1"), raw, build.push(tx_hash="0x2"))
    before, told, after = client.take_events()
    assert [type(event) for event in (before, after)] == [gelabs.Transaction] * 2
    malformed = expect(Malformed, told)
    assert (malformed.received, malformed.raw) == (7.0, raw)
    assert why in malformed.reason


@pytest.mark.parametrize("answer", [{"code": 0, "data": 5}, {"code": 77, "data": 5}, {"code": 0, "type": "other"}])
@pytest.mark.parametrize(
    "command, other",
    [
        (gelabs.Subscribe("0xABC", "ethereum"), "unsubscribe"),
        (gelabs.Unsubscribe("0xABC"), "subscribe"),
        (gelabs.GetTransaction("ethereum", 1, "0x1"), "subscribe"),
    ],
)
def test_an_answer_that_is_no_answer_refuses_the_command_by_its_name(
    command: AnyCommand, other: str, answer: dict[str, object]
) -> None:
    client = at_seven()
    client.submit(command)
    frame = client.next_frame()
    kind = other if "type" in answer else frame["type"]
    client.receive(json.dumps({**answer, "type": kind, "id": frame["id"]}))
    (settled,) = client.take_settled()
    assert expect(CommandRefused, settled.error).command == type(command).__name__
    assert all(event.received == 7.0 for event in client.take_events())


def test_an_update_bears_the_time_it_came_and_the_time_it_was_sent() -> None:
    client = at_seven()
    client.receive(build.push(tx_status="pending", height=None, sent=1))
    client.now = 9.0
    client.receive(build.push(tx_status="success", sent=2))
    first, second = client.take_transactions()
    assert [(tx.received, tx.sent, tx.delivery) for tx in (first, second)] == [(7.0, 1, "new"), (9.0, 2, "update")]


def test_a_connection_that_is_not_accepted_is_over_at_once() -> None:
    client = Client()
    client.start()
    client.open()
    client.now = 7.0
    client.receive('{"type":"connected","code":500,"msg":"not now"}')
    (hangup,) = client.hangups
    assert (hangup.code, hangup.reason) == (1000, "not accepted: not now (code 500)")
    assert client.machine.status().since == 7.0


# REST at its margins


@pytest.mark.parametrize("name", CALLS)
def test_json_is_asked_for_at_an_address_that_has_lost_nothing_but_slashes(name: str) -> None:
    call = CALLS[name][0]
    for end in ("", "/", "//"):
        request = call.request(config(api_url=f"https://h.example/X{end}"), None)
        assert request.headers["Accept"] == "application/json"
        assert str(request.url).startswith("https://h.example/X/")
        assert "X//" not in str(request.url)


@pytest.mark.parametrize("status", [199, 300, 301])
def test_a_success_comes_with_a_status_from_200_on_and_before_300(status: int) -> None:
    with pytest.raises(CommandRefused) as caught:
        CONTAINS.decode(ok(samples.CONTAINS_REPLY, status))
    assert caught.value.code == status
    assert CONTAINS.decode(ok(samples.CONTAINS_REPLY, 299)) is True


@pytest.mark.parametrize("code", [401, 403])
def test_a_key_that_is_refused_by_code_bears_the_code(code: int) -> None:
    with pytest.raises(AuthenticationRefused) as caught:
        CONTAINS.decode(ok({"code": code, "msg": "no"}))
    assert (caught.value.status, caught.value.code) == (200, code)


@pytest.mark.parametrize(
    "cursor, following",
    [
        (0, 0),
        ("0", 0),
        (5, 5),
        ("00005", 5),
        (LARGEST, LARGEST),
        (LARGEST + 1, None),
        (-1, None),
        ("9" * 19, None if int("9" * 19) > LARGEST else int("9" * 19)),
        ("0" * 19 + "5", None),
        ("0" * 18 + "5", 5),
        ("²", None),
        (None, None),
        (1.5, None),
    ],
)
def test_the_next_page_is_asked_for_by_an_id_that_can_be_one(cursor: object, following: int | None) -> None:
    row: dict[str, Any] = json.loads(samples.QUERY_REPLY)["data"][0]  # JSON
    query = gelabs.QueryTransfers("0x1", limit=1)
    page = query.decode(ok({"code": 1, "data": [{**row, "id": cursor}]}))
    assert (page.next, page.end) == (following, "cursor_missing" if following is None else None)
    without = query.decode(ok({"code": 1, "data": [{name: row[name] for name in row if name != "id"}]}))
    assert (without.next, without.end) == (None, "cursor_missing")
    assert QUERY.decode(Response(200, body=b'{"code":1,"data":[]}')).end == "complete"


def test_a_change_adds_or_removes_and_never_the_same() -> None:
    for change in ({"adds": ["0x1"]}, {"removes": ["0x1"]}, {"adds": ["0x1"], "removes": ["0x2"]}):
        assert gelabs.ChangeAddresses("ethereum", **change).content()
    with pytest.raises(LocalProtocolError, match="must hold an address"):
        gelabs.ChangeAddresses("ethereum")
    with pytest.raises(LocalProtocolError, match=r"ChangeAddresses: 0xa cannot be both"):
        gelabs.ChangeAddresses("ethereum", adds=["0xA", "0xB"], removes=["0xa", "0xc"])


@pytest.mark.parametrize("wrong", ["0x1", b"0x1", 5, [5], [""], []])
def test_a_list_of_addresses_is_a_list_of_texts(wrong: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"^Wallet: addresses "):
        gelabs.Wallet("ethereum", wrong)
    with pytest.raises(LocalProtocolError, match=r"^AddressGroup: addresses "):
        gelabs.AddressGroup("ethereum", 1, wrong)


# Rows that came by no stream


def row_with(**fields: object) -> bytes:
    row: dict[str, Any] = json.loads(samples.QUERY_REPLY)["data"][0]  # JSON
    return json.dumps({**row, **fields}).encode()


@pytest.mark.parametrize("chain", ["bitcoin", "tron", "solana"])
def test_a_chain_that_is_named_is_that_chain_whatever_its_id(chain: str) -> None:
    tx = expect(gelabs.Transaction, read_transaction(row_with(chain_type=chain, chain_id=1)))
    assert (tx.chain_type, tx.chain_id) == (chain, 1)


@pytest.mark.parametrize(
    "raw, why", [(b"{", "truncated"), (b"5", "Expected `object`"), (row_with(amount="NaN"), "amount is not")]
)
def test_a_row_that_cannot_be_read_is_kept_with_the_reason_and_no_time(raw: bytes, why: str) -> None:
    row = expect(Malformed, read_transaction(raw))
    assert (row.received, row.raw) == (0.0, raw)
    assert why in row.reason
