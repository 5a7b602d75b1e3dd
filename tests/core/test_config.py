from __future__ import annotations

import math
from datetime import UTC, datetime

import attrs
import pytest

from pushwire.core.acks import AckConfig
from pushwire.core.backoff import BackoffPolicy
from pushwire.core.config import (
    Check,
    ConnectionConfig,
    as_websocket_url,
    check_all,
    check_given,
    checked,
    count,
    flag,
    http_url,
    one_of,
    optional,
    path,
    positive,
    seconds,
    secret,
    text,
    token_or_source,
    websocket_url,
)
from pushwire.core.effects import Credential
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, LocalProtocolError

NAN = float("nan")


async def no_token(credential: Credential) -> Secret:
    raise NotImplementedError


@pytest.mark.parametrize(
    "check, good, bad",
    [
        pytest.param(
            seconds,
            [1, 0.001, 1e9, 10**300 - 1],
            [0, -1, math.inf, -math.inf, NAN, True, "1", None, 10**300, 10**400, -(10**400)],
            id="seconds",
        ),
        pytest.param(positive, [1, 0.001, math.inf], [0, -1, -math.inf, NAN, True, "1", None, 10**400], id="positive"),
        pytest.param(count, [1, 10**9], [0, -1, 1.0, True, "1", None], id="count"),
        pytest.param(flag, [True, False], [0, 1, "yes", None], id="flag"),
        pytest.param(text, ["a"], ["", 1, None, b"a"], id="text"),
        pytest.param(path, ["a", "/a b/c"], ["", "a\0b", 1, None, b"a"], id="path"),
        pytest.param(secret, [Secret("a")], ["a", None, ""], id="secret"),
        pytest.param(token_or_source, [Secret("a"), no_token], ["a", None, ""], id="token_or_source"),
        pytest.param(
            http_url,
            ["http://h", "https://h/api/v1", "https://[::1]:80/"],
            ["", "h", "wss://h", "https://", "https://h:port", "https://u:p@h", "https://h/?q", "https://h/#f", 7, None],
            id="http_url",
        ),
        pytest.param(one_of("a", "b"), ["a", "b"], ["c", None, 1], id="one_of"),
        pytest.param(
            websocket_url,
            ["ws://h", "wss://h:8443/p?q", "http://h", "https://h/p", "wss://[::1]:80/"],
            [
                "",
                "h",
                "ftp://h",
                "wss://",
                "wss:///p",
                "wss://h:port",
                "wss://h:99999",
                "wss://[::1",
                "wss://u:p@h",
                "ws://u@h",
                7,
                None,
            ],
            id="websocket_url",
        ),
    ],
)
def test_a_check_passes_what_is_good_and_says_what_is_wrong(check: Check, good: list[object], bad: list[object]) -> None:
    assert [value for value in good if check(value) is not None] == []
    assert [value for value in bad if not (check(value) or "").startswith("must ")] == []


def test_an_optional_value_may_be_none_and_nothing_else_that_is_wrong() -> None:
    check = optional(count)
    assert check(None) is check(1) is None
    assert check(0) == count(0) == "must be a positive whole number"


def test_a_url_with_a_password_is_refused_without_showing_it() -> None:
    problem = websocket_url("wss://user:hunter2@host")
    assert problem is not None
    assert "hunter2" not in problem
    assert "user name or password" in problem


@pytest.mark.parametrize(
    "url, dialled", [("http://h/p", "ws://h/p"), ("https://h", "wss://h"), ("ws://h", "ws://h"), ("wss://h", "wss://h")]
)
def test_an_http_url_is_dialled_as_a_websocket(url: str, dialled: str) -> None:
    assert as_websocket_url(url) == dialled


def test_the_defaults_are_good() -> None:
    config = AckConfig()
    assert config.backoff == BackoffPolicy(1.0, 60.0, 30.0)
    assert config.resend_min == 180.0
    assert AckConfig(backoff_first=2.0, backoff_cap=7.0, stable_after=5.0).backoff == BackoffPolicy(2.0, 7.0, 5.0)
    assert config.expendable(object()) is None


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        AckConfig(ping_interval=0, max_message=-1, compression="yes", resend_cap=math.inf)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - on purpose
    assert [problem.partition(":")[0] for problem in raised.value.problems] == [
        "ping_interval",
        "max_message",
        "compression",
        "resend_cap",
    ]
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, LocalProtocolError)
    assert "; " in str(raised.value)


def test_fields_without_a_check_are_passed_over() -> None:
    @attrs.frozen
    class Free:
        anything: object

    check_all(Free(None))


@pytest.mark.parametrize("field", [field.name for field in attrs.fields(AckConfig)])
def test_each_field_has_a_check(field: str) -> None:
    with pytest.raises(ConfigError, match=f"^{field}: must "):
        AckConfig(**{field: object()})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - on purpose


def test_a_configuration_cannot_be_changed() -> None:
    config = ConnectionConfig()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.ping_interval = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - on purpose


def test_a_resend_cap_below_the_smallest_window_is_a_mismatch_of_two_fields() -> None:
    with pytest.raises(ConfigError) as caught:
        AckConfig(resend_min=180.0, resend_cap=60.0)
    assert caught.value.problems == ("resend_cap: must not be below resend_min",)


@pytest.mark.parametrize(
    "url, dialled",
    [
        ("HTTPS://h/x", "wss://h/x"),
        ("http://h", "ws://h"),
        ("WSS://h", "wss://h"),
        ("http://http.example:8080/Http:x", "ws://http.example:8080/Http:x"),
    ],
)
def test_the_scheme_of_a_url_is_made_a_websockets_one(url: str, dialled: str) -> None:
    assert as_websocket_url(url) == dialled


def test_a_config_that_says_nothing_has_no_topics_no_credentials_and_no_limits() -> None:
    config = ConnectionConfig()
    assert config.topics(object()) == ()
    assert config.credential("token") is None
    assert config.grant() is None
    assert config.rate_limits == {}


@attrs.define
class Source:
    """What gives tokens, as a caller may write it."""

    key: Secret
    session: Session | None = None


@attrs.define
class Session:
    source: Source


def test_the_secrets_of_a_config_are_those_of_its_fields_and_their_mappings() -> None:
    @attrs.frozen(kw_only=True)
    class Signed(ConnectionConfig):
        token: object
        headers: dict[str, Secret]

    assert [*Signed(token=Secret("a"), headers={"x": Secret("b"), "y": Secret("c")}).secrets] == [*map(Secret, "abc")]
    source = Source(Secret("its own"))
    source.session = Session(source)
    assert [*Signed(token=source, headers={"x": Secret("b")}).secrets] == [Secret("b")]


def test_events_are_known_by_nothing_and_have_the_time_that_they_say() -> None:
    @attrs.frozen
    class Timed:
        time: object

    config = ConnectionConfig()
    assert config.identity(Timed("noon")) is None
    assert config.said_at(Timed(datetime(2026, 1, 1, tzinfo=UTC))) == 1_767_225_600
    assert config.said_at(Timed(None)) is config.said_at(object()) is None


def _doubled(value: int) -> int:
    return value * 2


def test_some_values_can_be_checked_before_the_others_are_there() -> None:
    @attrs.frozen
    class Partly:
        needed: int = attrs.field(metadata=checked(count))
        doubled: int = attrs.field(converter=_doubled, metadata=checked(one_of(4)))
        free: str = ""

    assert check_given(Partly, {}) == []
    assert check_given(Partly, {"doubled": 2, "free": 7}) == []
    assert check_given(Partly, {"needed": 0, "doubled": 3}) == [
        "needed: must be a positive whole number",
        "doubled: must be one of 4",
    ]
