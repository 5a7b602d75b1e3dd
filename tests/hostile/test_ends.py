"""Each hostile peer of the table ends as the table says, over real sockets and on both transports."""

from __future__ import annotations

import pytest
import trio

from pushwire.core.closes import Action
from pushwire.core.effects import Close
from pushwire.core.redial import RETRY_AFTER_CAP
from pushwire.providers import NAMES, load
from pushwire.shell.transport import Connector, DialFailed
from tests.shell.sockets import client_tls, dial, read_all, serve

from .table import AT_THE_DIAL, LIMIT, ONCE_OPEN, Row
from .victim import CONNECTORS


async def end(connector: Connector, row: Row, nursery: trio.Nursery) -> Close:
    """How it ends, at the dial or later."""
    port = await serve(nursery, row.peer, None if row.tls is None else row.tls())
    scheme = "wss" if row.tls is not None or row.secure else "ws"
    wanted = dial(f"{scheme}://127.0.0.1:{port}/", max_message=LIMIT, compression=True)
    try:
        connection = await connector.dial(wanted, nursery)
    except DialFailed as failed:
        assert row in AT_THE_DIAL
        return failed.close
    assert row in ONCE_OPEN
    messages, close = await read_all(connection)
    assert messages == []
    await connection.aclose()
    return close


@pytest.mark.parametrize("transport", CONNECTORS)
@pytest.mark.parametrize("row", AT_THE_DIAL + ONCE_OPEN, ids=lambda row: row.name)
async def test_a_hostile_peer_ends_as_the_table_says(row: Row, transport: str, nursery: trio.Nursery) -> None:
    close, expected = await end(CONNECTORS[transport](tls=client_tls()), row, nursery), row.expected(transport)
    assert close.reason.startswith(expected.reason)
    assert (close.code, close.status, close.retry_after, close.by) == (
        expected.code,
        expected.status,
        expected.retry_after,
        expected.by,
    )


@pytest.mark.parametrize("provider", NAMES)
def test_what_follows_is_the_same_with_every_provider(provider: str) -> None:
    for row in AT_THE_DIAL + ONCE_OPEN:
        assert load(provider).closes.action(row.ends) is row.then, row.name
    assert all(row.then in {Action.BACK_OFF, Action.HONOUR} for row in AT_THE_DIAL + ONCE_OPEN)
    assert max(row.ends.retry_after or 0.0 for row in AT_THE_DIAL) > RETRY_AFTER_CAP
