"""The documents' own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, cast

import pytest

from pushwire.core.provider import Provider
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused
from pushwire.providers import quantcite
from pushwire.providers.quantcite.provider import PROVIDER
from tests.providers.harness import expect
from tests.providers.quantcite.harness import Client
from tests.providers.transcripts import Line, Player, lines_of, transcripts

KEY: Final = "YOUR_API_KEY"


class QuantCite(Player[Client]):
    provider: ClassVar[Provider] = PROVIDER

    def __init__(self) -> None:
        super().__init__(Client(quantcite.Config(api_key=Secret(KEY))))

    def do(self, what: str, fields: Line) -> None:
        if what == "open":
            self.client = Client(quantcite.Config(api_key=Secret(KEY), **fields))
            self.client.start()
            self.client.dials.clear()
        super().do(what, fields)

    def command(self, name: str, fields: Line) -> Any:  # as in the base
        if "transaction_types" in fields:
            fields["transaction_types"] = tuple(fields["transaction_types"])
        if "credentials" in fields:
            fields["credentials"] = quantcite.Credentials(**{part: Secret(text) for part, text in fields["credentials"].items()})
        return super().command(name, fields)

    def owed(self, line: Line) -> None:
        if "failure" in line:
            self.client.closed()
            assert expect(AuthenticationRefused, self.client.machine.failure).code == line["failure"]
        else:
            super().owed(line)

    def check(self, value: object, name: str | None, fields: Mapping[str, object]) -> None:
        if isinstance(value, tuple):
            assert ("tuple", {"items": self.plain(cast("object", value))}) == (name, fields)
        else:
            super().check(value, name, fields)


@pytest.mark.parametrize("path", transcripts(__file__), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    QuantCite().play(path)


def test_every_message_of_the_documents_is_played() -> None:
    lines = lines_of(*transcripts(__file__))
    sent = {line[">"].get("type") or line[">"]["action"] for line in lines if ">" in line}
    received = {line["<"]["type"] for line in lines if "<" in line}
    codes = {line["<"].get("code") for line in lines if "<" in line and line["<"]["type"] == "error"}
    assert sent == {"authenticate", "ping", "subscribe_transactions", "validate_credentials", "get_exchanges"}
    assert received >= {
        "welcome",
        "authentication_success",
        "authentication_error",
        "transaction_response",
        "validation_response",
        "exchanges_response",
        "error",
        "subscription_error",
        "data_limit_exceeded",
        "data_limit_warning",
        "rate_limit_warning",
        "pong",
    }
    assert codes >= {4001, 4002, 4003, 4004, 4005, None}
