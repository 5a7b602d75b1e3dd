"""Each provider on the command line: sandbox, tail and replay as processes of their own, and what is said of mistakes."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest

from pushwire.cli import main
from pushwire.cli.sandboxes import BUILDERS
from pushwire.providers import NAMES, load
from pushwire.testing.quickpay import keys
from tests.cli.program import outcome, pushwire

KEY = "s3cret-of-the-test"
WRONG = "wr0ng-but-secret"
MERCHANT_KEY = keys().private.reveal()


def http(url: str) -> str:
    return f"http://{urlsplit(url).netloc}"


@attrs.frozen(kw_only=True)
class Case:
    """One provider. `secrets` are those that its sandbox accepts, `wrong` what is refused, with `status` and a line that begins
    with `refusal`; `settings` are needed, by the sandbox's URL; `mistake` is no SPEC, `form` what is said of it."""

    provider: str
    secrets: Mapping[str, str]
    wrong: str
    status: int = 2
    refusal: str = "HTTP 401"
    specs: Sequence[str]
    event: str
    mistake: str
    form: str
    settings: Callable[[str], Sequence[str]] = lambda url: ()


CASES = [
    Case(
        provider="quantcite",
        secrets={"PUSHWIRE_QUANTCITE_API_KEY": KEY},
        wrong="PUSHWIRE_QUANTCITE_API_KEY",
        refusal="not authenticated: Authentication failed",
        specs=["bybit:deposits,withdrawals"],
        event="transaction",
        mistake="bybit:deposits,",
        form="'bybit:deposits,': must be exchange[:type,type...]",
        settings=lambda url: ["testnet=true"],
    ),
    Case(
        provider="bitpanda",
        secrets={"PUSHWIRE_BITPANDA_TOKEN": KEY},
        wrong="PUSHWIRE_BITPANDA_TOKEN",
        specs=["prices-v1:EUR,USD", "price-changes-v1:cr/BTC/EUR,s/AAPL/EUR"],
        event="price",
        mistake="prices-v1:cr/BTC",
        form="'prices-v1:cr/BTC': must be channel, channel:FIAT,... or channel:type/ASSET/FIAT,...",
    ),
    Case(
        provider="gelabs",
        secrets={"PUSHWIRE_GELABS_API_KEY": KEY},
        wrong="PUSHWIRE_GELABS_API_KEY",
        specs=["ethereum:0x1234"],
        event="transaction",
        mistake="ethereum",
        form="'ethereum': must be chain_type:address",
    ),
    Case(
        provider="pusher",
        secrets={"PUSHWIRE_PUSHER_SECRET": KEY},
        wrong="PUSHWIRE_PUSHER_SECRET",
        status=1,
        refusal="Subscribe refused: ",
        specs=["private-orders", "news", "cache-prices"],
        event="channel_event",
        mistake="two words",
        form="channel must be",
    ),
    Case(
        provider="quickpay",
        secrets={"PUSHWIRE_QUICKPAY_API_KEY": KEY, "PUSHWIRE_QUICKPAY_PRIVATE_KEY": MERCHANT_KEY},
        wrong="PUSHWIRE_QUICKPAY_API_KEY",
        status=1,
        refusal="Subscribe refused: ",
        specs=["payments:m1", "merchant:m1", "notifications:m1", "test-channel"],
        event="payment",
        mistake="payments:",
        form="'payments:': must be merchant:ID | payments:ID | notifications:ID | CHANNEL",
        settings=lambda url: [f"api_url={http(url)}", "environment=sandbox"],
    ),
    Case(
        provider="quickpay",
        secrets={"PUSHWIRE_QUICKPAY_API_KEY": KEY, "PUSHWIRE_QUICKPAY_JWT": "t0ken-made-elsewhere"},
        wrong="PUSHWIRE_QUICKPAY_JWT",
        status=1,
        refusal="Subscribe refused: ",
        specs=["notifications:m1"],
        event="notification",
        mistake="refunds:m1",
        form="'refunds:m1': must be merchant:ID | payments:ID | notifications:ID | CHANNEL",
        settings=lambda url: [f"api_url={http(url)}"],
    ),
    Case(
        provider="satoriex",
        secrets={"PUSHWIRE_SATORIEX_TOKEN": KEY},
        wrong="PUSHWIRE_SATORIEX_TOKEN",
        specs=["market:mkt_abc123", "marketdata:mkt_def456"],
        event="trade",
        mistake="market:",
        form="'market:': must be market:ID or marketdata:ID",
    ),
]
each_provider = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.provider}-{case.event}")


def subscribing(case: Case, url: str) -> list[str]:
    arguments = ["--url", url]
    for spec in case.specs:
        arguments += ("--subscribe", spec)
    for setting in case.settings(url):
        arguments += ("--set", setting)
    return arguments


def in_files(secrets: Mapping[str, str], directory: Path) -> dict[str, str]:
    """The environment that names files in place of secrets."""
    variables: dict[str, str] = {}
    for name, value in secrets.items():
        file = directory / name
        file.write_text(value)
        variables[f"{name}_FILE"] = str(file)
    return variables


def test_there_is_a_case_for_each_provider() -> None:
    assert {case.provider for case in CASES} == set(NAMES) == set(BUILDERS)


@each_provider
async def test_tail_prints_what_its_sandbox_sends_and_replay_prints_it_again(case: Case, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with pushwire("sandbox", case.provider, "--rate", "200", "--seed", "3", **case.secrets) as sandbox:
        url = await sandbox.line()
        async with pushwire(
            *("tail", case.provider, *subscribing(case, url), "--journal", str(journal), "--json"),
            **in_files(case.secrets, tmp_path),
        ) as tail:
            await tail.event(case.event)
            tail.signal(signal.SIGINT)
            assert await tail.ended() == 130
            assert await tail.complaint() == ""
        await is_refused(case, url)
    status, replayed, complaint = await outcome("replay", str(journal), "--json")
    assert (status, complaint) == (0, "")
    # What came after the last line that was printed stands in the journal too.
    again = replayed.splitlines()[: len(tail.printed)]
    assert [without_time(line) for line in again] == [without_time(line) for line in tail.printed]
    for secret in case.secrets.values():
        for text in (journal.read_text(), *tail.printed, url):
            assert secret not in text
            assert json.dumps(secret)[1:-1] not in text


async def is_refused(case: Case, url: str) -> None:
    """With one wrong secret, what is said is one line, which does not repeat it."""
    status, _, complaint = await outcome("tail", case.provider, *subscribing(case, url), **{**case.secrets, case.wrong: WRONG})
    assert (status, complaint.startswith(f"pushwire: {case.refusal}")) == (case.status, True), complaint
    assert len(complaint.splitlines()) == 1
    for secret in (WRONG, *case.secrets.values()):
        assert secret not in complaint


def without_time(line: str) -> tuple[str, dict[str, object]]:
    shown = json.loads(line)
    return shown["event"], shown["data"]


@each_provider
def test_what_is_no_spec_is_told_the_form_in_one_line(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, secret in case.secrets.items():
        monkeypatch.setenv(name, secret)
    url = "ws://127.0.0.1:9/app/x"
    settings = [part for setting in case.settings(url) for part in ("--set", setting)]
    assert main(["tail", case.provider, "--url", url, *settings, "--subscribe", case.mistake]) == 2
    complaint = capsys.readouterr().err
    assert len(complaint.splitlines()) == 1
    assert case.form in complaint


@each_provider
def test_a_secret_that_is_missing_is_asked_for_by_its_variables(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (*case.secrets, *(f"{name}_FILE" for name in case.secrets)):
        monkeypatch.delenv(name, raising=False)
    url = "ws://127.0.0.1:9/app/x"
    needed = load(case.provider).secrets
    assert main(["tail", case.provider, "--url", url, "--subscribe", case.mistake]) == 2
    complaint = capsys.readouterr().err
    assert len(complaint.splitlines()) == 1
    for variable in needed.values():
        assert f"environment variable {variable} is not set (nor {variable}_FILE)" in complaint


@pytest.mark.parametrize("command", ["sandbox", "tail"])
def test_a_private_key_that_is_none_is_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUSHWIRE_QUICKPAY_API_KEY", KEY)
    monkeypatch.setenv("PUSHWIRE_QUICKPAY_PRIVATE_KEY", WRONG)
    assert main([command, "quickpay"]) == 2
    assert capsys.readouterr().err == "pushwire: private_key: must be an RSA private key in PEM form, not encrypted\n"
