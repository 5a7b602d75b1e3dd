"""What may be asked: what a command holds, how it is written, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from pushwire import gelabs
from pushwire.core.commands import AnyCommand
from pushwire.errors import LocalProtocolError
from pushwire.providers.bitpanda import FORMS, PRICE_CHANGES, PRICES, Drop, Form, Pair, Subscribe, Topic, Unsubscribe
from pushwire.providers.bitpanda.dialect import BitpandaDialect
from pushwire.providers.bitpanda.topics import Asking, form_of
from pushwire.testing.bitpanda import AAPL, BTC
from tests.providers.bitpanda.harness import Client, config

EUR, USD = Topic(PRICES, "EUR"), Topic(PRICES, "USD")


# What a command holds


def test_a_subscribe_is_about_each_pair_each_fiat_or_the_whole_channel() -> None:
    assert Subscribe(PRICES, [BTC, AAPL]).topics == (
        Topic(PRICES, "EUR", "BTC", "cr"),
        Topic(PRICES, "EUR", "AAPL", "s"),
    )
    assert Subscribe(PRICES, fiats=["EUR", "USD"]).topics == (EUR, USD)
    assert Subscribe(PRICES).topics == (Topic(PRICES),)
    assert Unsubscribe(PRICES).topics == Drop(PRICES, [BTC]).topics == ()


def test_what_is_named_twice_counts_once() -> None:
    assert Subscribe(PRICES, [BTC, AAPL, BTC]) == Subscribe(PRICES, (BTC, AAPL))
    assert Subscribe(PRICES, fiats=["EUR", "EUR"]).fiats == ("EUR",)


def test_a_pair_may_be_a_plain_tuple_and_its_type_any_code() -> None:
    plain: Any = [("xx-new", "ABC", "EUR")]
    assert Subscribe(PRICES, plain).pairs == (Pair("xx-new", "ABC", "EUR"),)


def test_topics_and_pairs_show_themselves_as_the_command_line_spells_them() -> None:
    assert str(BTC) == "cr/BTC/EUR"
    assert list(map(str, Subscribe(PRICES, [BTC]).topics)) == ["prices-v1:cr/BTC/EUR"]
    assert list(map(str, Subscribe(PRICES, fiats=["EUR"]).topics)) == ["prices-v1:EUR"]
    assert list(map(str, Subscribe(PRICES).topics)) == ["prices-v1"]


@pytest.mark.parametrize("code", ["cr", "s", "f", "i", "co", "es", "something-new"])
def test_every_type_code_is_written_as_it_is(code: str) -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES, [Pair(code, "ABC", "EUR")]))
    assert client.take_frames()[0]["payload"] == [{"type": code, "asset": "ABC", "fiat": "EUR"}]


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ({"channel": ""}, "channel must be a non-empty string"),
        ({"channel": 5}, "channel must be a non-empty string"),
        ({"pairs": ["cr/BTC/EUR"]}, "must be a Pair"),
        ({"pairs": [("cr", "BTC")]}, "must be a Pair"),
        ({"pairs": [("cr", "BTC", "")]}, "must be a Pair"),
        ({"pairs": [("cr", 5, "EUR")]}, "must be a Pair"),
        ({"pairs": [("cr", "\ud800", "EUR")]}, "must be a Pair"),
        ({"pairs": "cr"}, "must be a Pair"),
        ({"fiats": "EUR"}, "not one text"),
        ({"fiats": [""]}, "must be a symbol"),
        ({"fiats": [5]}, "must be a symbol"),
        ({"pairs": [BTC], "fiats": ["EUR"]}, "no mix of pairs and fiats"),
    ],
)
@pytest.mark.parametrize("kind", [Subscribe, Drop])
def test_a_command_that_makes_no_sense_cannot_be_made(kind: Any, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(LocalProtocolError, match=problem):
        kind(**{"channel": PRICES, **arguments})


def test_a_drop_names_something() -> None:
    with pytest.raises(LocalProtocolError, match="Unsubscribe gives up the whole channel"):
        Drop(PRICES)


# Forms are never mixed


FORMS_OF = {
    Form.PAIRS: Subscribe(PRICES, [BTC]),
    Form.FIATS: Subscribe(PRICES, fiats=["EUR"]),
    Form.ALL: Subscribe(PRICES),
}


@pytest.mark.parametrize("second", FORMS_OF)
@pytest.mark.parametrize("first", FORMS_OF)
def test_a_mix_of_forms_on_one_channel_is_refused_by_its_name(first: Form, second: Form) -> None:
    client = Client().ready()
    client.ask(FORMS_OF[first])
    if first is second:
        client.ask(FORMS_OF[second])
        return
    with pytest.raises(LocalProtocolError, match=f"prices-v1: .* while {first.value}: the provider takes no mix of"):
        client.submit(FORMS_OF[second])
    assert client.frames == []
    assert client.settled == []


def test_a_mix_is_refused_while_the_first_command_still_waits() -> None:
    client = Client()
    client.start()
    client.submit(Subscribe(PRICES, [BTC]))
    with pytest.raises(LocalProtocolError, match="no mix of pairs"):
        client.submit(Subscribe(PRICES))


def test_channels_have_forms_of_their_own() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC]))
    client.ask(Subscribe(PRICE_CHANGES))


@pytest.mark.parametrize("form", FORMS_OF)
def test_a_channel_that_was_given_up_takes_any_form(form: Form) -> None:
    client = Client().ready()
    for first in FORMS_OF.values():
        client.ask(first)
        client.ask(Unsubscribe(PRICES))
        client.ask(FORMS_OF[form])
        client.ask(Unsubscribe(PRICES))


def test_a_form_is_free_again_once_the_first_command_was_refused() -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES, fiats=["XXX"]))
    client.receive('{"action":"subscribe","channel":"prices-v1","error":"fiat not found: XXX"}')
    client.take_settled()
    client.take_frames()
    client.ask(Subscribe(PRICES, [BTC]))


def test_what_is_not_subscribed_to_cannot_be_dropped() -> None:
    client = Client().ready()
    with pytest.raises(LocalProtocolError, match="nothing to drop"):
        client.submit(Drop(PRICES, [BTC]))
    client.ask(Subscribe(PRICES, [BTC]))
    with pytest.raises(LocalProtocolError, match="not subscribed to prices-v1:s/AAPL/EUR"):
        client.submit(Drop(PRICES, [BTC, AAPL]))
    with pytest.raises(LocalProtocolError, match="no mix of pairs"):
        client.submit(Drop(PRICES, fiats=["EUR"]))
    assert client.frames == []


def test_a_frame_holds_no_more_than_the_provider_takes() -> None:
    client = Client(config(merge="only_new", items_per_frame=1)).ready()
    with pytest.raises(LocalProtocolError, match="more than the 1 items"):
        client.submit(Subscribe(PRICES, [BTC, AAPL]))
    client.ask(Subscribe(PRICES, [BTC]))


def test_a_command_of_another_provider_is_refused() -> None:
    foreign = gelabs.Subscribe("0x1", "ethereum")
    with pytest.raises(LocalProtocolError, match="not a bitpanda command"):
        Client().ready().submit(foreign)
    with pytest.raises(LocalProtocolError, match="not a bitpanda command"):
        BitpandaDialect("union", None).encode(foreign, lambda: "", (), None)
    assert BitpandaDialect("union", None).lane(foreign) is None


# The table


def test_every_pair_of_form_and_asking_is_a_transition_or_a_named_refusal() -> None:
    for form in Form:
        for asking in Asking:
            if (form, asking) in FORMS.rows:
                assert isinstance(FORMS.next(form, asking), Form)
            else:
                with pytest.raises(LocalProtocolError, match=FORMS.refusals[form]):
                    FORMS.next(form, asking)
    assert {FORMS.initial, *FORMS.rows.values()} == set(Form)


@pytest.mark.parametrize("command", FORMS_OF.values())
def test_the_form_that_follows_is_the_one_the_table_names(command: Subscribe) -> None:
    assert form_of(PRICES, command.topics) is FORMS.next(Form.NONE, command.asking)


def test_giving_up_a_channel_twice_says_it_once() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES))
    commands: list[AnyCommand] = [Unsubscribe(PRICES), Unsubscribe(PRICES)]
    for command in commands:
        client.submit(command)
    assert [frame["action"] for frame in client.take_frames()] == ["unsubscribe"]
