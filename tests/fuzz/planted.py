"""Bugs that could have been: each takes the place of code that is right, for as long as a test wants it."""

from __future__ import annotations

import hmac
import importlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import msgspec
import pytest

from pushwire.core.events import Malformed
from pushwire.core.session import Session
from pushwire.errors import PushwireError, RemoteProtocolError
from pushwire.providers import gelabs
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.nats_wire import Message, WireReader
from tests.fuzz.case import Raw

__all__ = ["PLANTED", "Plant"]

Plant = Callable[[pytest.MonkeyPatch], None]


class Escaped(Exception):
    """What nobody expects to be raised."""


def escapes(module: str, name: str, *kinds: type[Exception]) -> Plant:
    """These exceptions of a decoder are not thought of by whoever calls it."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        home = importlib.import_module(f"pushwire.{module}")
        right: Callable[..., Any] = getattr(home, name)  # whatever the decoder is

        def wrong(*given: object, **named: object) -> object:
            try:
                return right(*given, **named)
            except kinds as error:
                raise Escaped(type(error).__name__) from error

        patch.setattr(home, name, wrong)

    return plant


def replaced(module: str, name: str, value: object) -> Plant:
    """Something of a module is another thing."""
    return lambda patch: patch.setattr(importlib.import_module(f"pushwire.{module}"), name, value)


def _not_redacted(patch: pytest.MonkeyPatch) -> None:
    def wrong(session: object, text: str) -> str:
        return text

    patch.setattr(Session, "_redacted", wrong)


def _cut_short(patch: pytest.MonkeyPatch) -> None:
    def wrong(now: float, raw: Raw, reason: str) -> Malformed:
        return Malformed(now, raw[:200], reason)

    patch.setattr(importlib.import_module("pushwire.providers.gelabs.machine"), "Malformed", wrong)


def _any_path(value: object) -> str | None:
    return None


def _takes_the_code(patch: pytest.MonkeyPatch) -> None:
    home = importlib.import_module("pushwire.providers.pusher.machine")
    right: Callable[..., Any] = home.PusherSession._on_error  # whatever it takes

    def wrong(self: Any, message: Any, *rest: Any) -> object:  # as above
        assert int(json.loads(bytes(message.data))["code"]) >= 0
        return right(self, message, *rest)

    patch.setattr(home.PusherSession, "_on_error", wrong)


def _nothing_hidden(secrets: object) -> Callable[[str], str]:
    return str


def _refusals_alone(patch: pytest.MonkeyPatch) -> None:
    home = importlib.import_module("pushwire.shell.api")
    right = home.clean

    def wrong(error: PushwireError, redact: Callable[[str], str]) -> None:
        if isinstance(error, RemoteProtocolError):
            right(error, redact)

    patch.setattr(home, "clean", wrong)


def _any_digit(patch: pytest.MonkeyPatch) -> None:
    def wrong(message: Message) -> int:
        words = message.headers.split(b"\r\n", 1)[0].decode(errors="replace").split(" ", 2)
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0

    patch.setattr(Message, "status", property(wrong))


def _forgets_where_it_was(patch: pytest.MonkeyPatch) -> None:
    home = importlib.import_module("pushwire.providers.gelabs.rest.transfers")

    def wrong(query: gelabs.QueryTransfers, page: gelabs.Page) -> gelabs.QueryTransfers | None:
        return None if page.next is None else attrs.evolve(query, id=page.next)

    patch.setattr(home.QueryTransfers, "next_page", wrong)


def _believes_the_size(patch: pytest.MonkeyPatch) -> None:
    right = WireReader._message

    def wrong(reader: WireReader, line: bytes, start: int) -> tuple[Message | None, int]:
        message, after = right(reader, line, start)
        if message is None and len(reader._buffer) >= start + int(line.split()[-1]):
            raise SinkError("longer than it said")
        return message, after

    patch.setattr(WireReader, "_message", wrong)


class AnySignature:
    """In the place of `hmac`."""

    new = staticmethod(hmac.new)

    @staticmethod
    def compare_digest(ours: bytes, theirs: bytes) -> bool:
        return True


@attrs.frozen
class Bug:
    """`target` is what should find it, from the seed `first` on: from 1 on it is found as well, but some take their time."""

    target: str
    plant: Plant
    first: int = 1


PLANTED: Final[Mapping[str, Bug]] = {
    "gelabs: bytes that are no UTF-8 are not thought of": Bug(
        "receive-gelabs", escapes("providers.gelabs.machine", "decode", UnicodeDecodeError)
    ),
    "satoriex: nesting too deep is not thought of": Bug(
        "receive-satoriex", escapes("providers.satoriex.machine", "decode", RecursionError)
    ),
    "bitpanda: a reply of another shape is not thought of": Bug(
        "receive-bitpanda", escapes("providers.bitpanda.machine", "decode_unknown", msgspec.ValidationError)
    ),
    "quantcite: an unknown message of another shape is not thought of": Bug(
        "receive-quantcite", escapes("providers.quantcite.machine", "decode_unknown", msgspec.ValidationError)
    ),
    "pusher: an event whose data is nested too deep is not thought of": Bug(
        "receive-pusher", escapes("providers.pusher.machine", "content", msgspec.MsgspecError)
    ),
    "pusher: the code of an error is taken to be there (KeyError, TypeError)": Bug("receive-pusher", _takes_the_code),
    "quickpay: a payment whose amount is no decimal is not thought of": Bug(
        "receive-quickpay", escapes("providers.quickpay.machine", "typed", msgspec.ValidationError)
    ),
    "gelabs: the raw text of what is malformed is cut to 200 characters": Bug("receive-gelabs", _cut_short),
    "the session does not redact what a peer repeats": Bug("receive-quantcite", _not_redacted),
    "webhook: any signature is taken": Bug("webhook-gelabs", replaced("providers.gelabs.webhook", "hmac", AnySignature)),
    "webhook: nesting too deep is not thought of": Bug(
        "webhook-quickpay", escapes("providers.quickpay.webhook", "parsed", RecursionError)
    ),
    "gelabs' REST: nesting too deep is not thought of": Bug(
        "rest-gelabs", escapes("providers.gelabs.rest.call", "_decode", RecursionError)
    ),
    "gelabs' REST: where earlier pages were asked for is forgotten": Bug("rest-gelabs", _forgets_where_it_was, first=4_400),
    "quantcite's REST: a Retry-After of any length is taken": Bug(
        "rest-quantcite", replaced("core.retry_after", "_SECONDS", re.compile("[0-9]+|inf"))
    ),
    "satoriex' REST: bytes that are no UTF-8 are not thought of": Bug(
        "rest-satoriex", escapes("providers.satoriex.envelope", "decode", UnicodeDecodeError)
    ),
    "an order whose outcome is unknown shows the token": Bug("rest-satoriex", _refusals_alone),
    "bitpanda's tokens: a secret that is sent back as a code is shown": Bug(
        "rest-bitpanda", replaced("providers.bitpanda.oauth", "Redactor", _nothing_hidden)
    ),
    "nats: a message counts as whole before its end has come": Bug("nats", _believes_the_size),
    "nats: digits of other alphabets count as a status": Bug("nats", _any_digit),
    "journal: nesting too deep is not thought of": Bug("journal", replaced("core.journal_lines", "read_json", json.loads)),
    "toml: a path that no file can have is not thought of": Bug(
        "toml", replaced("relay.config", "is_path", _any_path), first=19_500
    ),
}
