"""The settings: every wrong one is named at once, and the key never shows."""

from __future__ import annotations

import math
import random
import re
from types import MappingProxyType

import pytest

from pushwire.core.provider import config_from_settings
from pushwire.core.ratelimit import RateLimit
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.providers import gelabs
from pushwire.providers.gelabs.provider import PROVIDER
from pushwire.providers.gelabs.topics import CHAIN_IDS
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import KEY, Client, config
from tests.providers.harness import counted


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        gelabs.Config(
            api_key=KEY,  # type: ignore[arg-type]  # what an untyped caller does
            url="ftp://example.org",
            chain_ids={"ethereum": "1"},  # type: ignore[dict-item]  # as above
            api_url="wss://example.org",
            paths={"QueryTransfers": "elsewhere"},
            rate_limit=10,  # type: ignore[arg-type]  # as above
            ping_interval=math.nan,
            resend_min=-1,
            max_message=0,
        )
    named = {problem.split(":")[0] for problem in caught.value.problems}
    assert named == {
        "api_key", "url", "chain_ids", "api_url", "paths", "rate_limit", "ping_interval", "resend_min", "max_message"
    }  # fmt: skip
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("chain_ids", [None, [], {1: 1}, {"ethereum": "1"}, {"ethereum": True}, {"ethereum": 1.0}])
def test_chain_ids_map_names_to_whole_numbers(chain_ids: object) -> None:
    with pytest.raises(ConfigError, match="chain_ids"):
        config(chain_ids=chain_ids)


def test_chain_ids_are_copied_and_found_whatever_their_case() -> None:
    mine = {"NewChain": 7}
    settings = config(chain_ids=mine)
    mine.clear()
    assert settings.chain_ids == {"newchain": 7}
    assert isinstance(settings.chain_ids, MappingProxyType)
    assert config().chain_ids == CHAIN_IDS


@pytest.mark.parametrize(
    "paths, problem",
    [
        (None, "must map names"),
        ({"QueryTransfers": 5}, "must map names"),
        ({5: "/x"}, "must map names"),
        ({"QueryTransfer": "/x"}, "there is no call 'QueryTransfer'"),
        ({"Status": ""}, "must begin with a slash"),
        ({"Status": "status"}, "must begin with a slash"),
        ({"Status": "/status?a=1"}, "must begin with a slash"),
        ({"Status": "/status#a"}, "must begin with a slash"),
        ({"Status": "/sta tus"}, "must begin with a slash"),
        ({"Status": "/{id}"}, "may hold no field"),
        ({"Status": "/{}"}, "may hold no field"),
        ({"TransferDetail": "/{tx_hash}/{pool}"}, "may hold {chain_id} {chain_type} {tx_hash}"),
        ({"TransferDetail": "/{tx_hash"}, "may hold {chain_id} {chain_type} {tx_hash}"),
        ({"TransferDetail": "/tx_hash}"}, "may hold {chain_id} {chain_type} {tx_hash}"),
        ({"DexPoolTrades": "/trades"}, "must hold {pool}"),
    ],
)
def test_a_path_that_would_lead_nowhere_is_refused(paths: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^paths: .*{re.escape(problem)}"):
        config(paths=paths)


def test_paths_that_are_not_set_are_the_documents() -> None:
    mine = {"Status": "/elsewhere"}
    settings = config(paths=mine)
    mine.clear()
    assert settings.paths == {**gelabs.PATHS, "Status": "/elsewhere"}
    assert config().paths == gelabs.PATHS


def test_the_limit_of_rest_calls_can_be_set() -> None:
    assert config().rate_limits == {"http": RateLimit(10, 1.0)}
    assert config(rate_limit=RateLimit(5, 60.0)).rate_limits == {"http": RateLimit(5, 60.0)}


def test_all_of_it_can_be_set_as_text() -> None:
    texts = {"paths": '{"Status": "/s"}', "rate_limit": '{"count": 5, "per": 60}', "api_url": "http://127.0.0.1:1"}
    settings = config_from_settings(PROVIDER, texts, {"api_key": Secret(KEY)})
    assert settings == config(
        paths={"Status": "/s"}, rate_limit=RateLimit(5, 60.0), api_url="http://127.0.0.1:1", ack_message_id=True
    )


def test_the_key_shows_in_no_repr() -> None:
    settings = config()
    assert KEY not in repr(settings)
    client = Client(settings)
    client.start()
    assert KEY not in repr(client.dials)
    assert KEY not in repr(client.machine.status())


@pytest.mark.parametrize(
    "url, dialled",
    [
        ("https://api.example.org/ws", "wss://api.example.org/ws"),
        ("http://127.0.0.1:8000/ws", "ws://127.0.0.1:8000/ws"),
        ("wss://api.example.org/ws", "wss://api.example.org/ws"),
    ],
)
def test_an_https_url_is_taken_for_its_websocket_twin(url: str, dialled: str) -> None:
    client = Client(config(url=url))
    client.start()
    assert client.dials[0].url == dialled
    assert config(url=url).namespace == config(url=dialled).namespace


def test_the_namespace_is_stable_and_tells_keys_and_urls_apart_without_the_key() -> None:
    namespace = config().namespace
    assert namespace == config(ping_interval=5.0).namespace
    assert namespace == f"gelabs wss://api.gelabs.org/tx/api/v1/transaction/ws {namespace[-16:]}"
    assert KEY not in namespace
    assert gelabs.Config(api_key=Secret("other")).namespace != namespace
    assert config(url="wss://other.example/ws").namespace != namespace


def test_with_an_account_the_ledger_outlives_the_key() -> None:
    before = config()
    replaced = gelabs.Config(api_key=Secret("other"), account=before.namespace.rpartition(" ")[2])
    assert replaced.namespace == before.namespace
    assert config(account="wallets").namespace == "gelabs wss://api.gelabs.org/tx/api/v1/transaction/ws wallets"
    assert config(account="wallets").namespace != before.namespace


def test_a_config_says_whose_it_is_and_what_is_acked() -> None:
    assert config().provider == "gelabs"
    assert config().acked() is gelabs.Transaction


def test_a_transaction_belongs_to_the_addresses_it_matched() -> None:
    tx = build.transaction(chain_type="Ethereum", listen_addresses=("0xAB", "0xcd"))
    assert config().topics(tx) == (gelabs.Topic("ethereum", "0xab"), gelabs.Topic("ethereum", "0xcd"))
    assert config().topics(build.transaction(listen_addresses=None)) == ()
    assert config().topics(gelabs.Up(0.0, 1)) == ()


def test_a_machine_needs_nothing_restored() -> None:
    machine = config().machine(rng=random.Random(1), ids=counted())
    assert not machine.finished


def test_a_push_says_when_it_was_sent_else_when_the_transaction_was() -> None:
    settings = config()
    assert settings.said_at(build.transaction(sent=1_767_225_600_500)) == 1_767_225_600.5
    assert settings.said_at(build.transaction(sent=None, tx_time=1_767_225_600_250)) == 1_767_225_600.25
    assert settings.said_at(build.transaction(sent=None, tx_time=None)) is None


def test_a_transaction_is_told_from_others_by_its_version_and_a_reply_not_at_all() -> None:
    settings = config()
    assert settings.identity(build.transaction(height=5)) != settings.identity(build.transaction(height=6))
    assert settings.identity(object()) is None
