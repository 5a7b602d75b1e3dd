"""The document's own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from pushwire.core.http import Request
from pushwire.core.provider import Provider
from pushwire.providers.quickpay.provider import PROVIDER
from tests.providers.harness import expect
from tests.providers.quickpay.harness import Client
from tests.providers.transcripts import Line, Player, transcripts

OF_HTTP = {"Content-Type", "Accept"}


class QuickPay(Player[Client]):
    provider: ClassVar[Provider] = PROVIDER

    def owed(self, line: Line) -> None:
        match line:
            case {">": frame}:
                # The document has the same fields in another order.
                assert self.client.next_frame() == frame
            case {"asks": url, "headers": headers, "body": body}:
                request = expect(Request, self.client.fetches[0].what)
                assert (request.method, request.url, json.loads(request.body)) == ("POST", url, body)
                assert sorted(set(request.headers) - OF_HTTP) == headers
            case {"answer": value}:
                self.client.answer(value)
            case _:
                super().owed(line)

    def nothing_left(self) -> None:
        super().nothing_left()
        assert self.client.fetches == []


@pytest.mark.parametrize("path", transcripts(__file__), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    QuickPay(Client()).play(path)
