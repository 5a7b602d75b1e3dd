"""The transaction's own amount beside a token row that may repeat it, and the coin that a fee is in."""

from __future__ import annotations

import pytest

from pushwire.providers import gelabs
from pushwire.testing import gelabs as build
from pushwire.testing.gelabs import ADDRESS, OTHER_ADDRESS
from tests.providers.gelabs.test_movements import USDT, short, token


@pytest.mark.parametrize("symbol", [None, "", "DAI"])
@pytest.mark.parametrize("decimals, of_row", [(18, 18), (None, 18), (18, None), (None, None)])
def test_an_amount_that_repeats_the_row_of_a_token_with_the_coins_decimals_counts_once(
    symbol: str | None, decimals: int | None, of_row: int | None
) -> None:
    row = gelabs.TokenTransfer(
        from_address=ADDRESS,
        to_address=OTHER_ADDRESS,
        raw_amount="7",
        token_contract_address=USDT,
        symbol="DAI",
        decimals=of_row,
    )
    for amount, native in (("7", []), ("5", [] if symbol else [("native", -5, None)])):
        tx = build.transaction(
            transfer_type="token", raw_amount=amount, symbol=symbol, decimals=decimals, token_transfers=(row,), raw_fee=""
        )
        assert short(tx.movements(ADDRESS)) == [*native, ("token", -7, USDT.lower())]


@pytest.mark.parametrize("own, other", [(None, None), (None, "DAI"), ("ETH", None)])
def test_a_symbol_that_is_not_told_is_no_difference(own: str | None, other: str | None) -> None:
    row = gelabs.TokenTransfer(
        from_address=ADDRESS, to_address=OTHER_ADDRESS, raw_amount="7", token_contract_address=USDT, symbol=other, decimals=18
    )
    tx = build.transaction(transfer_type="token", raw_amount="7", symbol=own, token_transfers=(row,), raw_fee="")
    assert [one.kind for one in tx.movements(ADDRESS)] == ["token"]


def test_a_fee_is_in_the_coin_and_of_the_chain_that_is_told_whatever_else_moved() -> None:
    row = token(ADDRESS, OTHER_ADDRESS, 5_000_000)
    tx = build.transaction(
        transfer_type="token", raw_amount="5000000", symbol="USDT", decimals=6, chain_id=5, token_transfers=(row,)
    )
    moved, fee = tx.movements(ADDRESS)
    assert (fee.kind, fee.asset, fee.symbol, fee.decimals) == ("fee", gelabs.Asset("ethereum", 5, None), None, 18)
    assert moved.asset == gelabs.Asset("ethereum", 5, USDT.lower())
