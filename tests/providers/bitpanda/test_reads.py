"""Messages of one read are taken together where they can be. What comes of them is the same as if each had come by itself."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pushwire.providers import bitpanda
from pushwire.testing import bitpanda as build
from tests.providers.bitpanda.harness import Client

NUMBERS = ("1", "1.5", "-1.5", "", ".", "1.", ".5", "1.2.3", "1\n2", "1e5", "NaN", "\u0661", "9" * 78, "9" * 79)


def price(asset: str, fiat: str, ask: str, bid: str) -> str:
    return build.push(build.price(asset=asset, fiat=fiat, raw_ask=ask, raw_bid=bid))


prices = st.builds(
    price,
    st.sampled_from(("BTC", "ETH")),
    st.sampled_from(("EUR", "USD")),
    st.sampled_from(NUMBERS),
    st.sampled_from(("1.5", "2", "x")),
)
others = st.sampled_from(
    (
        build.push(build.price_change()),
        build.success("unsubscribe", "prices-v1"),
        build.success("subscribe", "prices-v1"),
        price("BTC", "EUR", "x", "1")[:-1] + ',"action":"unsubscribe","channel":"prices-v1","status":"success"}',
        "not JSON",
        b"\xff",
    )
)
reads = st.lists(st.lists(prices | others, max_size=8), max_size=4)


def told(reads: Sequence[Sequence[str | bytes]], *, together: bool, leaving: bool) -> object:
    """All that the machine says of these reads, and of the silence behind each."""
    client = Client().ready().subscribed(bitpanda.Subscribe("prices-v1"))
    said: list[object] = []
    for read in reads:
        if leaving:
            client.submit(bitpanda.Unsubscribe("prices-v1"))
        for part in (read,) if together else [(message,) for message in read]:
            client.receive(*part)
        client.advance(45.0)
        client.answer_pings()
        said += [*client.take_events(), *client.take_frames(), *client.take_settled()]
    # As texts, since no two errors are equal.
    return list(map(repr, said)), client.machine.status()


@given(reads, st.booleans())
def test_a_read_of_many_messages_says_what_as_many_reads_of_one_say(reads: list[list[str | bytes]], leaving: bool) -> None:
    assert told(reads, together=True, leaving=leaving) == told(reads, together=False, leaving=leaving)
