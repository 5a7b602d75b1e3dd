"""With every logger of the process open, no credential of a stream is in the log, whichever transport carries it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

import pytest
import trio

import pushwire
from pushwire import satoriex
from pushwire.core.effects import Credential
from pushwire.sandbox.satoriex import SatoriexServer
from pushwire.sandbox.satoriex_settings import SatoriexSettings
from pushwire.sandbox.server import serve
from pushwire.shell.transport import Connector
from pushwire.shell.trio_websocket import TrioWebSocketConnector
from pushwire.shell.websocket import WebSocketConnector

PASSWORD = "hunter2-of-the-login"


@pytest.mark.parametrize("transport", [WebSocketConnector, TrioWebSocketConnector])
async def test_no_credential_of_a_stream_is_logged(caplog: pytest.LogCaptureFixture, transport: Callable[[], Connector]) -> None:
    caplog.set_level(1)
    for name in logging.root.manager.loggerDict:
        caplog.set_level(1, name)
    exchange = SatoriexServer(SatoriexSettings(tokens=None), random.Random(1))
    tokens: list[str] = []
    async with serve(exchange) as server:
        login = satoriex.Login(email="bot@example.org", password=pushwire.Secret(PASSWORD))
        config = satoriex.Config(url=server.url, login=login, backoff_first=0.01, backoff_cap=0.05)
        keeper = pushwire.TokenKeeper(config.grant() or login)

        async def source(wanted: Credential) -> pushwire.Secret:
            token = await keeper(wanted)
            tokens.append(token.reveal())
            return token

        async with pushwire.connect(config, credential=source, transport=transport()) as stream:
            events = aiter(stream)
            await anext(events)
            exchange.revoke(pushwire.Secret(tokens[0]), trio.current_time())
            server.pump()
            while not isinstance(await anext(events), satoriex.Gap):
                pass
    assert len(set(tokens)) == 2
    assert caplog.records
    for secret in (PASSWORD, *tokens):
        assert secret not in caplog.text
        assert not any(secret in repr(record.__dict__) for record in caplog.records)
