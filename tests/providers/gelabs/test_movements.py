"""What a transaction brought to an address and took from it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.errors import LocalProtocolError
from pushwire.providers import gelabs
from pushwire.providers.gelabs.messages import Push, decode
from pushwire.providers.gelabs.spellings import read_transaction
from pushwire.testing import gelabs as build
from pushwire.testing.gelabs import ADDRESS, OTHER_ADDRESS
from tests.providers.gelabs import samples
from tests.providers.harness import expect

ETH = gelabs.Asset("ethereum", 1, None)
BTC = gelabs.Asset("bitcoin", 1, None)
SOL = gelabs.Asset("solana", 1, None)
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
MINT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
SYSTEM_PROGRAM = "11111111111111111111111111111111"
CONTRACT = "0x00000000000000000000000000000000000c0de0"


def short(movements: tuple[gelabs.Movement, ...]) -> list[tuple[str, int, str | None]]:
    """Kind, signed amount and contract of each."""
    return [(one.kind, one.delta, one.asset.contract) for one in movements]


def token(
    sender: str | None, receiver: str | None, amount: int | None, contract: str | None = USDT, **also: str
) -> gelabs.TokenTransfer:
    raw = None if amount is None else str(amount)
    row = gelabs.TokenTransfer(
        from_address=sender, to_address=receiver, raw_amount=raw, token_contract_address=contract, decimals=6, symbol="USDT"
    )
    for name, value in also.items():
        setattr(row, name, value)
    return row


def call(
    sender: str, receiver: str, amount: int, status: str | None = "success", program: str | None = None
) -> gelabs.InternalCall:
    return gelabs.InternalCall(
        from_address=sender, to_address=receiver, raw_amount=str(amount), tx_status=status, program_id=program
    )


# The document's samples


def test_the_native_sample_moved_one_ether_and_cost_the_sender_its_fee() -> None:
    tx = expect(Push, decode(samples.PUSH)).data
    assert tx is not None
    out, fee = tx.movements("0x1234...")
    assert out == gelabs.Movement("out", "native", ETH, 10**18, 18, "ETH", "0x5678...")
    assert fee == gelabs.Movement("out", "fee", ETH, 420_000_000_000_000, 18, "ETH", None)
    assert (out.value, fee.value, fee.delta) == (Decimal(1), Decimal("0.00042"), -420_000_000_000_000)
    assert tx.movements("0x5678...") == (gelabs.Movement("in", "native", ETH, 10**18, 18, "ETH", "0x1234..."),)


def test_the_erc20_sample_moved_a_token_known_by_its_contract() -> None:
    tx = expect(Push, decode(samples.PUSH_ERC20)).data
    assert tx is not None
    asset = gelabs.Asset("ethereum", 1, USDT.lower())
    assert tx.movements("0x5678...") == (gelabs.Movement("in", "token", asset, 10**9, 6, "USDT", "0x1234..."),)
    assert tx.movements("0x1234...") == (gelabs.Movement("out", "token", asset, 10**9, 6, "USDT", "0x5678..."),)
    assert tx.movements("0x5678...")[0].value == Decimal(1000)


def test_the_sample_of_a_pool_moved_a_token_to_it() -> None:
    item = json.loads(samples.TRADES_REPLY)["data"]["items"][0]
    tx = expect(gelabs.Transaction, read_transaction(json.dumps(item).encode()))
    pool, usdc = "0x8AD599c3a0ff1de082011efddc58f1908eb6e6d8", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
    assert short(tx.movements(pool)) == [("token", 10**6, usdc)]
    assert short(tx.movements("0xsender...")) == [("token", -(10**6), usdc), ("fee", -21_000_000_000_000, None)]


# Whether anything moved


@pytest.mark.parametrize("status", ["failed", "pending", "FAILED", "dropped", "reverted"])
def test_what_did_not_succeed_moved_nothing(status: str) -> None:
    tx = build.transaction(tx_status=status, token_transfers=(token(ADDRESS, OTHER_ADDRESS, 5),))
    assert tx.movements(ADDRESS) == tx.movements(OTHER_ADDRESS) == ()
    assert tx.movements(ADDRESS, without_status=True) == ()


def test_a_success_is_one_however_it_is_spelled() -> None:
    assert build.transaction(tx_status="Success").movements(OTHER_ADDRESS)


@pytest.mark.parametrize("status", [None, ""])
def test_a_message_without_a_status_counts_unless_told_otherwise(status: str | None) -> None:
    tx = build.transaction(tx_status=status)
    assert short(tx.movements(OTHER_ADDRESS)) == [("native", 10**18, None)]
    assert tx.movements(OTHER_ADDRESS, without_status=False) == ()


def test_the_fee_of_a_failed_transaction_was_paid_all_the_same() -> None:
    fee = build.transaction(tx_status="failed").fee_paid(ADDRESS)
    assert fee is not None
    assert (fee.kind, fee.delta) == ("fee", -420_000_000_000_000)
    assert build.transaction().fee_paid(ADDRESS) == fee
    assert build.transaction(tx_status="failed").fee_paid(OTHER_ADDRESS) is None


@pytest.mark.parametrize("status", ["pending", "dropped", None])
def test_a_fee_is_paid_when_the_transaction_has_ended(status: str | None) -> None:
    assert build.transaction(tx_status=status).fee_paid(ADDRESS) is None


# Whose it is


def test_evm_addresses_are_compared_without_their_case_and_others_with_it() -> None:
    tx = build.transaction(sender="0xAbCd", receiver="TJDENsfBJs4RFETt1X1uyT9pBxdnAbFnbm", fee_payer=None)
    assert short(tx.movements("0XABCD"))[0] == ("native", -(10**18), None)
    assert short(tx.movements("TJDENsfBJs4RFETt1X1uyT9pBxdnAbFnbm")) == [("native", 10**18, None)]
    assert tx.movements("tjdensfbjs4rfett1x1uyt9pbxdnabfnbm") == ()


def test_an_address_that_takes_no_part_has_no_movements() -> None:
    assert build.transaction().movements("0xother") == ()


def test_an_empty_address_is_refused_since_it_is_how_none_is_written() -> None:
    tx = build.transaction(token_transfers=(token("", "", 5),))
    with pytest.raises(LocalProtocolError):
        tx.movements("")
    with pytest.raises(LocalProtocolError):
        tx.fee_paid("")


def test_who_sends_to_himself_has_both() -> None:
    tx = build.transaction(receiver=ADDRESS, raw_fee="")
    assert short(tx.movements(ADDRESS)) == [("native", -(10**18), None), ("native", 10**18, None)]


def test_the_fee_is_the_fee_payers_else_the_senders() -> None:
    assert [one.kind for one in build.transaction(fee_payer=OTHER_ADDRESS).movements(OTHER_ADDRESS)] == ["native", "fee"]
    assert [one.kind for one in build.transaction(fee_payer=OTHER_ADDRESS).movements(ADDRESS)] == ["native"]
    for none in (None, ""):
        assert [one.kind for one in build.transaction(fee_payer=none).movements(ADDRESS)] == ["native", "fee"]


def test_amounts_of_nothing_do_not_move() -> None:
    rows = (token(ADDRESS, OTHER_ADDRESS, 0), token(ADDRESS, OTHER_ADDRESS, None))
    tx = build.transaction(raw_amount="0", raw_fee="0", token_transfers=rows, internal_calls=(call(ADDRESS, OTHER_ADDRESS, 0),))
    assert tx.movements(ADDRESS) == ()
    assert build.transaction(raw_amount=None, raw_fee=None).movements(ADDRESS) == ()


# Of which asset


def test_a_token_is_told_from_the_coin_by_its_contract_whatever_its_symbol() -> None:
    forged = gelabs.TokenTransfer(
        from_address=ADDRESS, to_address=OTHER_ADDRESS, raw_amount="7", token_contract_address=CONTRACT, symbol="ETH", decimals=18
    )
    tx = build.transaction(transfer_type="token", raw_amount="0", token_transfers=(forged,))
    assert short(tx.movements(OTHER_ADDRESS)) == [("token", 7, CONTRACT)]


def test_a_token_without_contract_or_mint_is_left_out() -> None:
    for contract in (None, ""):
        tx = build.transaction(
            transfer_type="token", raw_amount="0", token_transfers=(token(ADDRESS, OTHER_ADDRESS, 5, contract),)
        )
        assert tx.movements(OTHER_ADDRESS) == ()


def test_one_contract_is_one_asset_however_it_is_spelled() -> None:
    rows = (token(ADDRESS, OTHER_ADDRESS, 1, USDT.lower()), token(ADDRESS, OTHER_ADDRESS, 2, USDT.replace("0x", "0X").upper()))
    tx = build.transaction(transfer_type="token", raw_amount="0", token_transfers=rows)
    assert len({one.asset for one in tx.movements(OTHER_ADDRESS)}) == 1


def test_a_chain_id_that_is_not_told_is_the_known_one() -> None:
    tx = build.transaction(chain_id=None, chain_type="BSC")
    assert tx.movements(OTHER_ADDRESS)[0].asset == gelabs.Asset("bsc", 56, None)
    unknown = build.transaction(chain_id=None, chain_type="newchain", decimals=None)
    assert unknown.movements(OTHER_ADDRESS)[0].asset == gelabs.Asset("newchain", None, None)
    assert unknown.movements(OTHER_ADDRESS)[0].value is None


def test_the_coins_decimals_are_the_chains_where_the_message_gives_none_or_a_tokens() -> None:
    for decimals, kind in ((None, "native"), (6, "token")):
        tx = build.transaction(decimals=decimals, transfer_type=kind, raw_amount="5", symbol="USDT")
        fee = tx.fee_paid(ADDRESS)
        assert fee is not None
        assert fee.decimals == 18


def test_values_are_exact_up_to_the_largest_amount_and_decimals() -> None:
    tx = build.transaction(raw_amount=str(2**256 - 1), decimals=255)
    value = tx.movements(OTHER_ADDRESS)[0].value
    assert value is not None
    assert value.as_tuple() == (0, tuple(map(int, str(2**256 - 1))), -255)


# The transaction's own amount


def test_value_sent_along_with_a_token_transfer_is_native() -> None:
    tx = build.transaction(transfer_type="Token", token_transfers=(token(CONTRACT, ADDRESS, 3_000_000_000),), raw_fee="")
    assert short(tx.movements(ADDRESS)) == [("native", -(10**18), None), ("token", 3_000_000_000, USDT.lower())]


@pytest.mark.parametrize("symbol, decimals", [("USDT", 6), (None, 6), ("", 6), ("USDT", None)])
def test_an_own_amount_that_repeats_the_token_row_counts_once_and_as_the_token(symbol: str | None, decimals: int | None) -> None:
    row = token(ADDRESS, OTHER_ADDRESS, 5_000_000)
    tx = build.transaction(
        transfer_type="token", raw_amount="5000000", symbol=symbol, decimals=decimals, token_transfers=(row,), raw_fee=""
    )
    assert short(tx.movements(ADDRESS)) == [("token", -5_000_000, USDT.lower())]


def test_wrapped_ether_for_ether_moved_both() -> None:
    row = gelabs.TokenTransfer(
        from_address=CONTRACT,
        to_address=ADDRESS,
        raw_amount=str(10**18),
        token_contract_address=CONTRACT,
        symbol="WETH",
        decimals=18,
    )
    tx = build.transaction(transfer_type="token", receiver=CONTRACT, token_transfers=(row,), raw_fee="")
    assert short(tx.movements(ADDRESS)) == [("native", -(10**18), None), ("token", 10**18, CONTRACT)]


def test_an_own_amount_of_other_decimals_than_the_row_is_native() -> None:
    row = token(ADDRESS, OTHER_ADDRESS, 5)
    tx = build.transaction(transfer_type="token", raw_amount="5", symbol=None, token_transfers=(row,), raw_fee="")
    assert short(tx.movements(ADDRESS)) == [("native", -5, None), ("token", -5, USDT.lower())]


def test_an_own_amount_in_the_symbol_of_a_token_row_is_never_native_though_the_token_kept_a_fee() -> None:
    rows = (token(ADDRESS, OTHER_ADDRESS, 990), token(ADDRESS, CONTRACT, 10))
    tx = build.transaction(transfer_type="token", raw_amount="1000", symbol="USDT", token_transfers=rows, raw_fee="")
    assert short(tx.movements(OTHER_ADDRESS)) == [("token", 990, USDT.lower())]


@pytest.mark.parametrize("kind, rows", [("token", (token(ADDRESS, OTHER_ADDRESS, 4),)), (None, ())])
def test_an_own_amount_of_other_decimals_than_the_coin_is_never_native(
    kind: str | None, rows: tuple[gelabs.TokenTransfer, ...]
) -> None:
    tx = build.transaction(transfer_type=kind, raw_amount="5", symbol=None, decimals=6, token_transfers=rows, raw_fee="")
    assert [one.kind for one in tx.movements(OTHER_ADDRESS)] == ["token"] * len(rows)


@pytest.mark.parametrize("kind", ["token", "Token", "nft"])
def test_the_amount_of_a_token_whose_contract_is_not_told_is_never_taken_for_the_coin(kind: str) -> None:
    tx = build.transaction(transfer_type=kind, symbol="SCAM", token_transfers=(), raw_fee="")
    assert tx.movements(OTHER_ADDRESS) == ()


@pytest.mark.parametrize("kind", [None, "", "native", "Native"])
def test_without_a_type_or_a_token_row_the_amount_is_native(kind: str | None) -> None:
    assert short(build.transaction(transfer_type=kind).movements(OTHER_ADDRESS)) == [("native", 10**18, None)]


# Internal calls


def test_internal_calls_that_succeeded_are_native() -> None:
    calls = (
        call(CONTRACT, ADDRESS, 3),
        call(CONTRACT, ADDRESS, 4, None),
        call(CONTRACT, ADDRESS, 5, "failed"),
        call(CONTRACT, "0xother", 6),
    )
    tx = build.transaction(raw_amount="0", receiver=CONTRACT, internal_calls=calls, raw_fee="")
    assert short(tx.movements(ADDRESS)) == [("internal", 3, None), ("internal", 4, None)]
    assert tx.movements(ADDRESS)[0].counterparty == CONTRACT


def test_an_internal_call_that_repeats_the_transaction_counts_once() -> None:
    same = call(ADDRESS.upper().replace("0X", "0x"), OTHER_ADDRESS, 10**18)
    tx = build.transaction(internal_calls=(same,), raw_fee="")
    assert short(tx.movements(ADDRESS)) == [("native", -(10**18), None)]
    twice = build.transaction(internal_calls=(same, same), raw_fee="")
    assert short(twice.movements(ADDRESS)) == [("native", -(10**18), None), ("internal", -(10**18), None)]


# Solana


def solana(**fields: object) -> gelabs.Transaction:
    tx = build.transaction(chain_type="solana", sender="A", fee_payer="A", receiver="B", symbol="SOL", decimals=9, raw_fee="5000")
    for name, value in fields.items():
        setattr(tx, name, value)
    return tx


def test_a_solana_transfer_told_by_its_instruction_as_well_counts_once() -> None:
    tx = solana(internal_calls=(call("A", "B", 10**18, program=SYSTEM_PROGRAM),))
    assert short(tx.movements("A")) == [("native", -(10**18), None), ("fee", -5000, None)]
    assert tx.movements("B") == (gelabs.Movement("in", "native", SOL, 10**18, 9, "SOL", "A"),)


def test_instructions_of_the_system_program_move_lamports_and_others_do_not() -> None:
    calls = (
        call("A", "B", 7, program=SYSTEM_PROGRAM),
        call("A", "B", 8, program=TOKEN_PROGRAM),
        gelabs.InternalCall(from_address="A", to_address="B", raw_amount="9", instruction="transfer"),
        gelabs.InternalCall(from_address="A", to_address="B", raw_amount="10", instr_index=0),
    )
    tx = solana(raw_amount="0", internal_calls=calls)
    assert short(tx.movements("B")) == [("internal", 7, None)]


def test_an_spl_transfer_is_of_its_mint_and_found_by_owner_and_by_token_account() -> None:
    row = token("A", "B", 5, "", mint=MINT, program_id=TOKEN_PROGRAM, from_token_address="A1", to_token_address="B1")
    tx = solana(transfer_type="token", raw_amount="0", token_transfers=(row,))
    for receiver in ("B", "B1"):
        assert short(tx.movements(receiver)) == [("token", 5, MINT)]
    assert short(tx.movements("A1")) == [("token", -5, MINT)]
    assert short(tx.movements("A")) == [("token", -5, MINT), ("fee", -5000, None)]


def test_an_spl_transfer_whose_owners_are_not_told_is_found_by_its_accounts() -> None:
    row = token(None, "", 5, MINT, from_token_address="A1", to_token_address="B1")
    (movement,) = solana(transfer_type="token", raw_amount="0", token_transfers=(row,)).movements("B1")
    assert (movement.delta, movement.counterparty) == (5, "A1")


def test_tokens_that_are_minted_come_from_nobody() -> None:
    (movement,) = build.transaction(
        transfer_type="token", raw_amount="0", token_transfers=(token(None, OTHER_ADDRESS, 5),)
    ).movements(OTHER_ADDRESS)
    assert movement.counterparty is None


# Bitcoin


def test_inputs_and_outputs_are_what_moved_and_the_fee_is_what_they_differ_by() -> None:
    tx = build.transaction(
        chain_type="bitcoin", sender="bc1a", fee_payer=None, receiver="bc1b", symbol="BTC", decimals=None, raw_amount="70",
        raw_fee="5",
        inputs=(gelabs.UtxoInput(address="bc1a", raw_amount="60"), gelabs.UtxoInput(address="bc1c", raw_amount="40")),
        outputs=(
            gelabs.UtxoOutput(address="bc1b", raw_amount="70"),
            gelabs.UtxoOutput(address="bc1a", raw_amount="25"),
            gelabs.UtxoOutput(address=None, raw_amount="0"),
        ),
    )  # fmt: skip
    assert short(tx.movements("bc1a")) == [("utxo", -60, None), ("utxo", 25, None)]
    assert tx.movements("bc1b") == (gelabs.Movement("in", "utxo", BTC, 70, 8, "BTC", None),)
    assert short(tx.movements("bc1c")) == [("utxo", -40, None)]
    assert tx.fee_paid("bc1a") is None
    assert sum(one.delta for address in ("bc1a", "bc1b", "bc1c") for one in tx.movements(address)) == -5


def test_what_a_block_gives_its_miner_has_no_inputs() -> None:
    tx = build.transaction(chain_type="bitcoin", inputs=(), outputs=(gelabs.UtxoOutput(address="bc1a", raw_amount="5"),))
    assert short(tx.movements("bc1a")) == [("utxo", 5, None)]
    assert tx.movements(ADDRESS) == ()


# All of it

PARTIES = st.sampled_from(["0xA", "0xb", "0xC"])
AMOUNTS = st.integers(0, 10)
ROWS = st.lists(st.tuples(PARTIES, PARTIES, AMOUNTS, st.sampled_from(["0xT", "0xU", None])), max_size=3)
CALLS = st.lists(st.tuples(PARTIES, PARTIES, AMOUNTS, st.sampled_from(["success", "failed", None])), max_size=3)


@st.composite
def transactions(draw: st.DrawFn) -> gelabs.Transaction:
    return build.transaction(
        sender=draw(PARTIES),
        fee_payer=None,
        receiver=draw(PARTIES),
        raw_amount=str(draw(AMOUNTS)),
        transfer_type=draw(st.sampled_from(["native", "token", None])),
        token_transfers=tuple(token(*row) for row in draw(ROWS)),
        internal_calls=tuple(call(*row) for row in draw(CALLS)),
    )


@given(transactions())
def test_what_goes_out_of_one_address_comes_in_at_another(tx: gelabs.Transaction) -> None:
    found = [one for address in ("0xa", "0xb", "0xc") for one in tx.movements(address)]
    assert sum(one.kind == "fee" for one in found) == 1
    totals: dict[gelabs.Asset, int] = {}
    for one in found:
        assert one.amount > 0
        if one.kind != "fee":
            totals[one.asset] = totals.get(one.asset, 0) + one.delta
    assert set(totals.values()) <= {0}
