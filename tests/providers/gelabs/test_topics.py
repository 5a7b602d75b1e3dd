"""What a subscription is about, and how its parts are compared."""

from __future__ import annotations

import pytest

from pushwire.providers.gelabs.topics import CHAIN_IDS, Topic, fold, topic


@pytest.mark.parametrize(
    "text, folded",
    [
        ("0xAbC", "0xabc"),
        ("0XABC", "0xabc"),
        ("TJDENsfBJs4RFETt1X1uyT9pBxdnAbFnbm", "TJDENsfBJs4RFETt1X1uyT9pBxdnAbFnbm"),
        ("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
        ("", ""),
    ],
)
def test_only_hexadecimal_names_are_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_a_topic_is_the_same_however_chain_and_evm_address_are_spelled() -> None:
    assert topic("Ethereum", "0xABC") == topic("ethereum", "0xabc") == Topic("ethereum", "0xabc")
    assert topic("solana", "Abc") != topic("solana", "abc")


def test_the_chain_table_is_the_documents() -> None:
    assert CHAIN_IDS["ethereum"] == 1
    assert CHAIN_IDS["arbitrum"] == 42161
    assert len(CHAIN_IDS) == 9
