"""No key, secret or passphrase is shown: in no repr, event, error, frame for logs, or journal; not even one the peer echoes."""

from __future__ import annotations

import io
import random
from typing import cast

import pytest

from pushwire.core.effects import Close, Restored, SecretFrame
from pushwire.core.events import Down
from pushwire.core.journal import Header, Submit, replay
from pushwire.core.journal_lines import read_journal
from pushwire.core.machine import Machine
from pushwire.core.recording import Recording
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, LocalProtocolError
from pushwire.providers import load, quantcite
from pushwire.testing import quantcite as build
from tests.providers.harness import expect
from tests.providers.quantcite.harness import HIDDEN, KEY, WITH_PASSPHRASE, Client, config, no_ids

ECHO = " ".join(HIDDEN)
"""All that is hidden, in a text of the provider."""
OKX = quantcite.SubscribeTransactions("okx", transaction_types=("deposits",), credentials=WITH_PASSPHRASE)
VALIDATE = quantcite.ValidateCredentials("okx", credentials=WITH_PASSPHRASE)


def hides(*shown: object) -> None:
    """None of it is in what is shown of these."""
    text = "".join(f"{one!r} {one}" for one in shown)
    assert [hidden for hidden in HIDDEN if hidden in text] == []


def conversation(client: Client) -> None:
    """Everything that handles credentials, with a peer that repeats them wherever it can."""
    client.start()
    client.open()
    client.receive(build.welcome(message=KEY))
    client.submit(quantcite.GetExchanges())
    client.receive(build.exchanges_response(okx=True))
    client.submit(VALIDATE)
    client.receive(build.validation_response(exchange="okx"), build.error(ECHO, ECHO, 4002))
    client.submit(OKX)
    client.receive(build.transaction_response(exchange="okx"))
    client.submit(VALIDATE)
    client.receive(build.validation_response(success=False, message=ECHO, error=ECHO))
    client.submit(VALIDATE)
    client.receive(build.error(ECHO, ECHO, 4001))
    client.submit(OKX)
    client.receive(build.transaction_response(exchange="okx", success=False, error=ECHO, message=ECHO, transactions=[]))
    client.receive(
        build.transaction_response(exchange="okx", success=False, error=ECHO, message=ECHO, transactions=[]),
        build.error(ECHO, ECHO, ECHO),
        build.transaction_response({"transactionId": ECHO}, exchange="okx"),
        f'{{"type":"{ECHO}"}}',
        ECHO,
    )
    client.redial()
    client.open()
    client.receive(build.welcome())
    client.receive(build.authentication_error(ECHO, ECHO))
    client.closed()


def test_nothing_that_a_caller_is_shown_holds_a_secret() -> None:
    client = Client()
    conversation(client)
    assert len(client.settled) == 6
    # What the provider said is in it all the same.
    assert any("*** *** *** ***" in str(settled.error) for settled in client.settled)
    hides(*client.events, *client.settled, *(settled.error for settled in client.settled))
    hides(client.machine.status(), *client.hangups, *client.dials, *client.frames)
    refused = expect(AuthenticationRefused, client.machine.failure)
    hides(refused)
    assert "*** *** *** ***" in str(refused)


def test_frames_for_logs_hold_no_secret() -> None:
    client = Client()
    conversation(client)
    secret = [frame for frame in client.frames if isinstance(frame, SecretFrame)]
    assert len(secret) >= 4
    hides(*(frame.shown for frame in secret))
    plain = [frame for frame in client.frames if isinstance(frame, str)]
    hides(*plain)


def test_before_the_welcome_nothing_is_shown_either() -> None:
    client = Client()
    client.start()
    client.open()
    client.receive(build.error(ECHO.replace("own-", "other-"), f"{KEY} is wrong", 4003))
    client.closed()
    assert KEY not in repr((client.hangups, client.events, client.machine.status()))


@pytest.mark.parametrize("end", [Close(code=4001, reason=ECHO), Close(status=401, reason=ECHO)])
def test_what_a_peer_says_when_it_closes_holds_none_either(end: Close) -> None:
    client = Client().subscribed(OKX)
    client.closed(end)
    hides(*client.events, client.machine.status(), client.machine.failure)
    assert "*** *** *** ***" in str(expect(Down, client.events[0]).close)


def test_a_journal_holds_no_secret_and_replays() -> None:
    file = io.StringIO(newline="\n")
    header = Header(load("quantcite"), config(), 1, "id", Restored(), "1.2.3")
    machine: Machine[quantcite.Event] = config().machine(rng=random.Random(1), ids=no_ids)
    client = Client(machine=Recording(machine, header, file))
    conversation(client)
    text = file.getvalue()
    hides(text)
    records = list(read_journal(text.encode().splitlines(keepends=True), load))
    submitted = [record.command for record in records if isinstance(record, Submit)]
    hidden = Secret("***")
    assert submitted[2] == quantcite.SubscribeTransactions(
        "okx", transaction_types=("deposits",), credentials=quantcite.Credentials(hidden, hidden, hidden)
    )
    assert expect(Header, records[0]).config == quantcite.Config(api_key=hidden)
    steps = list(replay(iter(records)))
    assert [step.error for step in steps] == [None] * len(steps)
    replayed = [type(event).__name__ for step in steps for event in step.events]
    assert replayed == [type(event).__name__ for event in client.events]


def test_a_config_with_every_kind_of_setting_survives_a_journal() -> None:
    settings = config(
        tier="premium", fatal_closes=(4001,), passphrase_exchanges=("OKX",), paths={"Health": "/up"}, testnet=True, auth="query"
    )
    file = io.StringIO(newline="\n")
    header = Header(load("quantcite"), settings, 1, "id", Restored(), "1.2.3")
    Recording(cast("Machine[object]", settings.machine(rng=random.Random(1), ids=no_ids)), header, file)
    (record,) = read_journal(file.getvalue().encode().splitlines(keepends=True), load)
    read = expect(quantcite.Config, expect(Header, record).config)
    assert (read.tier, read.fatal_closes, read.passphrase_exchanges, read.paths) == (
        settings.tier,
        settings.fatal_closes,
        settings.passphrase_exchanges,
        settings.paths,
    )


@pytest.mark.parametrize("given", ["hunter2", b"hunter2", ("hunter2",)])
def test_what_is_given_in_place_of_a_secret_is_not_shown(given: object) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        quantcite.Credentials(given, Secret("s"))  # type: ignore[arg-type]  # what an untyped caller does
    assert "hunter2" not in str(caught.value)
