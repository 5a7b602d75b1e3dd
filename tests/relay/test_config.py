from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.providers import gelabs
from pushwire.relay.config import RelayConfig, parse, read
from pushwire.relay.serving import HttpSettings
from pushwire.relay.sinks.jsonl import JsonlSink
from pushwire.relay.sinks.sqlite import SqliteSink

WHOLE = """
ledger = "ledger.db"

[sink]
kind = "jsonl"
path = "events.jsonl"
rotate = 1000
remember = 7

[limits]
batch_events = 10
linger = 0

[timing]
stop_within = 3.5

[streams.wallets]
provider = "gelabs"
subscribe = ["ethereum:0xaa", "base:0xbb"]
settings = { resend_cap = 3600, ack_message_id = false, chain_ids = { mychain = 7 }, url = "ws://127.0.0.1:1/" }
secrets = { api_key = { env = "WALLETS_KEY" } }

[streams.prices]
provider = "bitpanda"
subscribe = ["prices-v1"]
settings = { url = "wss://example.org/ws" }
"""


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALLETS_KEY", "s3cret-of-wallets")
    monkeypatch.setenv("PUSHWIRE_BITPANDA_TOKEN", "s3cret-token")
    monkeypatch.setenv("PUSHWIRE_GELABS_API_KEY", "s3cret-key")


def parsed(text: str) -> RelayConfig:
    return parse(tomllib.loads(text))


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        parsed(text)
    assert "s3cret" not in str(wrong.value)
    return list(wrong.value.problems)


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    path.write_text(WHOLE)
    config = read(path)
    wallets, prices = config.streams
    assert isinstance(wallets.config, gelabs.Config)
    assert wallets.config.resend_cap == 3600
    assert wallets.config.ack_message_id is False
    assert wallets.config.chain_ids["mychain"] == 7
    assert wallets.config.api_key == Secret("s3cret-of-wallets")
    assert wallets.commands == [
        gelabs.Subscribe(address="0xaa", chain_type="ethereum"),
        gelabs.Subscribe(address="0xbb", chain_type="base"),
    ]
    assert (wallets.acks, prices.acks) == (True, False)
    assert (config.limits.batch_events, config.limits.linger, config.timing.stop_within) == (10, 0, 3.5)
    assert config.ledger == "ledger.db"
    assert isinstance(config.sink.make(), JsonlSink)


def test_without_secrets_named_they_come_from_the_providers_own_variables() -> None:
    config = parsed('ledger="l"\n[sink]\nkind="sqlite"\npath="e"\n[streams.a]\nprovider="gelabs"')
    assert isinstance(config.streams[0].config, gelabs.Config)
    assert config.streams[0].config.api_key == Secret("s3cret-key")
    assert isinstance(config.sink.make(), SqliteSink)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    where = f'{{ file = "{tmp_path}/key" }}'
    config = parsed(f'ledger="l"\n[sink]\nkind="sqlite"\npath="e"\n[streams.a]\nprovider="gelabs"\nsecrets.api_key = {where}')
    assert isinstance(config.streams[0].config, gelabs.Config)
    assert config.streams[0].config.api_key == Secret("from-a-file")


def test_every_wrong_field_is_named_at_once_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUSHWIRE_BITPANDA_TOKEN")
    found = problems("""
        ledger = 3
        colour = "red"
        [sink]
        kind = "sqlite"
        size = 3
        [limits]
        batch_events = 0
        max_events = -1
        [timing]
        stop_within = "soon"
        [streams.a]
        provider = "nobody"
        [streams.b]
        provider = "gelabs"
        subscribe = ["ethereum"]
        settings = { resend_min = 0, tempo = 1, api_key = "s3cret" }
        [streams.c]
        provider = "gelabs"
        secrets = { api_key = "s3cret-in-the-file", token = { env = "X" } }
        [streams.d]
        provider = "gelabs"
        secrets = { api_key = { env = "X", file = "Y" } }
        [streams.e]
        provider = "gelabs"
        secrets = { api_key = { env = "NOT_SET_ANYWHERE" } }
        [streams.f]
        provider = "gelabs"
        subscribe = "ethereum:0xaa"
        speed = 3
        [streams.g]
        provider = "bitpanda"
        settings = { url = "wss://example.org/ws" }
        [streams.h]
        provider = "bitpanda"
    """)
    for part in (
        "colour: there is no such setting; there are: ledger, sink, limits, timing, http, streams",
        "ledger: must be the path of a file",
        "sink.path: required field missing",
        "sink.size: there is no such setting",
        "limits.batch_events: must be a positive whole number",
        "limits.max_events: must be a positive whole number",
        "timing.stop_within: not a number",
        "streams.a.provider: there is no provider 'nobody'",
        "streams.b.resend_min: must be a positive number of seconds",
        "streams.b.tempo: there is no such setting",
        "streams.b.api_key: comes from the environment variable PUSHWIRE_GELABS_API_KEY",
        "streams.b.subscribe: subscription 'ethereum': must be chain_type:address",
        "streams.c.secrets.api_key: must be { env = NAME } or { file = PATH }, never the secret itself",
        "streams.c.secrets.token: there is no such secret; there are: api_key",
        "streams.d.secrets.api_key: must be { env = NAME } or { file = PATH }",
        "streams.e.secrets.api_key: environment variable NOT_SET_ANYWHERE is not set",
        "streams.f.subscribe",
        "streams.f.speed: there is no such setting",
        "streams.h.url: is needed",
        "streams.g.token: environment variable PUSHWIRE_BITPANDA_TOKEN is not set",
    ):
        assert any(problem.startswith(part) for problem in found), (part, found)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "streams: there must be one at least, as [streams.NAME]"),
        ("streams = 3", "streams: there must be one at least, as [streams.NAME]"),
        ("sink = 3", "sink: not a table"),
        ('[sink]\nkind = "tape"', "sink.kind: there is no such kind; there are: jsonl, sqlite, postgres, nats"),
        ("[sink]\nkind = 3", "sink.kind: there is no such kind; there are: jsonl, sqlite, postgres, nats"),
        ("[sink]", "sink.kind: is needed; there are: jsonl, sqlite, postgres, nats"),
        ("[streams]\na = 3", "streams.a: not a table"),
        ('[streams.a]\nprovider = "gelabs"', "ledger: is needed: what a has ACKed must be known after a restart"),
        (
            '[streams.a]\nprovider = "gelabs"\n[streams.b]\nprovider = "gelabs"',
            "streams.b: is the same account at the same place as a",
        ),
        ('[sink]\nkind = "sqlite"\npath = "a"\nzstd = true\nrotate = 3', "sink.zstd: is for jsonl alone"),
        ('ledger = "./x/../a"\n[sink]\nkind = "sqlite"\npath = "a"', "ledger: must be another file than the sink's"),
        ('[streams.a]\nprovider = "gelabs"\nsettings = 3', "streams.a.settings: not a table"),
        ('[streams.a]\nprovider = "gelabs"\nsubscribe.x = "y"', "streams.a.subscribe: not a list"),
        pytest.param(
            f'[streams.a]\nprovider = "gelabs"\nsettings.chain_ids.{".".join("a" * 5_000)} = 1',
            "streams.a.chain_ids: nested too deeply",
            id="dots",
        ),
        ('ledger = "a\\u0000"\n[sink]\nkind = "sqlite"\npath = "a"', "ledger: must be the path of a file"),
        ('[sink]\nkind = "sqlite"\npath = "\\u0000"', "sink.path: must be the path of a file"),
        (
            '[streams.a]\nprovider = "quickpay"\nsettings = { environment = "moon" }',
            "streams.a.environment: must be one of 'sandbox', 'production'",
        ),
        (
            '[streams.a]\nprovider = "gelabs"\nsecrets = { api_key = { file = "\\u0000" } }',
            "streams.a.secrets.api_key: secret file \0: ValueError",
        ),
    ],
)
def test_what_does_not_fit(text: str, problem: str) -> None:
    assert problem in problems(text)


def test_a_variable_that_names_no_file_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUSHWIRE_GELABS_API_KEY")
    monkeypatch.setenv("PUSHWIRE_GELABS_API_KEY_FILE", "/no/such/file")
    found = problems('[streams.a]\nprovider = "gelabs"\nsecrets = { api_key = { env = "X_NOT_SET" } }')
    assert "streams.a.api_key: secret file /no/such/file: FileNotFoundError" in found


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 5_000, "a = '\udcff'"])
def test_a_file_that_no_decoder_takes_is_said_with_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=r"relay\.toml: "):
        read(path)


def test_a_file_that_is_no_toml_is_said_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    path.write_text("ledger = ")
    with pytest.raises(ConfigError, match=r"relay\.toml: Invalid value"):
        read(path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")


SHARED = """
ledger = "l"
[sink]
kind = "nats"
servers = ["nats://127.0.0.1:1"]
stream = "EVENTS"
accept = ["page-cache"]
active_active = true
[streams.wallets]
provider = "gelabs"
[streams.prices]
provider = "bitpanda"
settings = { url = "wss://example.org/ws" }
"""


def test_several_relays_of_a_stream_whose_messages_have_no_ids_need_a_word_about_it() -> None:
    (problem,) = problems(SHARED)
    assert problem.startswith("streams.prices: bitpanda is at least once, since its document names no ids: ")
    config = parsed(SHARED + "accept_duplicates = true\n")
    assert config.active_active
    assert [stream.accept_duplicates for stream in config.streams] == [False, True]
    assert not parsed(SHARED.replace("active_active = true", "")).active_active


@pytest.mark.parametrize("kind", ["sqlite", "jsonl"])
def test_a_file_is_for_one_relay(kind: str) -> None:
    text = f'ledger = "l"\n[sink]\nkind = "{kind}"\npath = "e"\nactive_active = true\n[streams.a]\nprovider = "gelabs"'
    assert problems(text) == [f"sink.active_active: a {kind} sink is for one relay; for several there are: postgres, nats"]


def test_where_pages_are_shown() -> None:
    text = 'ledger = "l"\n[sink]\nkind = "sqlite"\npath = "e"\n[streams.a]\nprovider = "gelabs"\n'
    assert parsed(text).http is None
    assert parsed(text + "[http]").http == HttpSettings()
    assert parsed(text + '[http]\nlisten = "[::1]:1"\ngrace = 5\nwithin = 1').http == HttpSettings(
        listen="[::1]:1", grace=5, within=1
    )
    assert {problem.partition(":")[0] for problem in problems(text + '[http]\nlisten = "1"\ngrace = 0\npath = "/"')} == {
        "http.listen",
        "http.grace",
        "http.path",
    }


def test_pages_need_the_package_that_prints_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> None:
        assert name == "prometheus_client"

    monkeypatch.setattr("importlib.util.find_spec", found)
    with pytest.raises(ConfigError, match=r"listen: it needs another package: pip install 'pushwire\[metrics\]'"):
        HttpSettings()


def test_each_stream_may_go_through_a_proxy_and_all_through_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'ledger = "l"\n[sink]\nkind = "sqlite"\npath = "e"\n[streams.a]\nprovider = "gelabs"\n'
    text += '[streams.b]\nprovider = "bitpanda"\nsettings = { url = "wss://example.org/ws" }\n'
    assert [stream.proxy for stream in parsed(text).streams] == [None, None]
    monkeypatch.setenv("PUSHWIRE_PROXY", "socks5h://me:hunter22@out.example:1080")
    everywhere = Secret("socks5h://me:hunter22@out.example:1080")
    assert [stream.proxy for stream in parsed(text).streams] == [everywhere, everywhere]
    assert [stream.proxy for stream in parsed(text + 'proxy = "http://b.example:3128"').streams] == [
        everywhere,
        "http://b.example:3128",
    ]
    assert problems(text + 'proxy = "http://me:hunter22@b.example:3128"') == [
        "streams.b.proxy: must not hold a user name or password: set PUSHWIRE_PROXY to that URL instead"
    ]
    assert problems(text + 'proxy = "gopher://b.example"') == [
        "streams.b.proxy: must be an http://, https://, socks5:// or socks5h:// URL with a host"
    ]
