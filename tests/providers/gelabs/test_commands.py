"""Commands: what may be asked, refused where it is made or submitted, never later."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pushwire.core.commands import AnyCommand, Command
from pushwire.errors import LocalProtocolError
from pushwire.providers import gelabs
from pushwire.providers.gelabs.commands import GelabsDialect, frame
from pushwire.providers.gelabs.topics import Topic
from tests.providers.gelabs.harness import Client


@pytest.mark.parametrize(
    "make, named",
    [
        (lambda: gelabs.Subscribe("", "ethereum"), "address"),
        (lambda: gelabs.Subscribe("0x1", ""), "chain_type"),
        (lambda: gelabs.Subscribe("0x1", None), "chain_type"),  # type: ignore[arg-type]  # what an untyped caller does
        (lambda: gelabs.Subscribe("\ud800", "ethereum"), "address cannot be written"),
        (lambda: gelabs.Unsubscribe(""), "address"),
        (lambda: gelabs.Unsubscribe("0x1", ""), "chain_type"),
        (lambda: gelabs.GetTransaction("ethereum", 1), "tx_hash or message_id"),
        (lambda: gelabs.GetTransaction("ethereum", 1, ""), "tx_hash"),
        (lambda: gelabs.GetTransaction("ethereum", 1, message_id=""), "message_id"),
        (lambda: gelabs.GetTransaction("ethereum", -1, "0x1"), "chain_id"),
        (lambda: gelabs.GetTransaction("ethereum", 2**63, "0x1"), "chain_id"),
        (lambda: gelabs.GetTransaction("ethereum", True, "0x1"), "chain_id"),
        (lambda: gelabs.GetTransaction("ethereum", "1", "0x1"), "chain_id"),  # type: ignore[arg-type]  # as above
    ],
)
def test_a_command_that_could_not_be_sent_is_refused_when_it_is_made(make: Callable[[], AnyCommand], named: str) -> None:
    with pytest.raises(LocalProtocolError, match=named):
        make()


class Foreign(Command[object, None]):
    """A command of another provider."""


def test_a_foreign_command_is_refused_at_once_and_changes_nothing() -> None:
    client = Client()
    client.start()
    with pytest.raises(LocalProtocolError, match="Foreign is not a gelabs command"):
        client.submit(Foreign())
    client.ready()
    assert client.frames == []
    assert client.settled == []


def test_a_foreign_command_cannot_be_written() -> None:
    with pytest.raises(LocalProtocolError, match="Foreign"):
        GelabsDialect().encode(Foreign(), lambda: "c1", (), None)


def test_a_frame_leaves_out_what_is_none() -> None:
    assert frame("c1", "unsubscribe", {"address": "é", "chain_type": None}) == (
        '{"id":"c1","type":"unsubscribe","data":{"address":"é"}}'
    )


def test_replies_name_the_command_by_id_so_no_command_waits_for_another() -> None:
    assert GelabsDialect().lane(gelabs.Subscribe("0x1", "ethereum")) is None


def test_a_topic_is_restored_by_a_subscribe() -> None:
    dialect = GelabsDialect()
    (command,) = dialect.restore([Topic("ethereum", "0x1")])
    assert command == gelabs.Subscribe("0x1", "ethereum")
    assert command.topics == (Topic("ethereum", "0x1"),)
    assert gelabs.Unsubscribe("0x1").topics == ()


def test_what_nobody_wants_any_more_is_unsubscribed_from() -> None:
    assert GelabsDialect().release([Topic("ethereum", "0x1")], ()) == [gelabs.Unsubscribe("0x1", "ethereum")]


def test_unsubscribing_gives_up_one_chain_or_all() -> None:
    dialect = GelabsDialect()
    desired = [Topic("ethereum", "0x1"), Topic("base", "0x1"), Topic("base", "0x2")]
    assert dialect.given_up(gelabs.Unsubscribe("0X1", "Base"), desired) == [Topic("base", "0x1")]
    assert dialect.given_up(gelabs.Unsubscribe("0X1"), desired) == desired[:2]
    assert dialect.given_up(gelabs.Subscribe("0x1", "base"), desired) == ()
