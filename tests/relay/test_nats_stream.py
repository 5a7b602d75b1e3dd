from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from pushwire.errors import ConfigError
from pushwire.relay.config import parse
from pushwire.relay.sinks.nats_stream import ACCEPTED, Reply, StreamConfig, StreamInfo, Wanted, covers

HOUR = 3600 * 10**9
GOOD = {"name": "E", "subjects": ["e.>"], "storage": "file", "retention": "limits", "num_replicas": 3, "duplicate_window": HOUR}


def wanted(*accepted: str) -> Wanted:
    return Wanted(name="E", subject="e.*", replicas=3, window=3600, accepted=accepted)


def config(**changes: object) -> StreamConfig:
    return msgspec.convert({**GOOD, **changes}, StreamConfig)


def test_a_stream_as_it_is_made_is_as_it_must_be() -> None:
    made = {"retention": "limits", "storage": "file", "discard": "new", "allow_direct": True}
    assert wanted().creation() == {
        "name": "E",
        "subjects": ["e.*"],
        "num_replicas": 3,
        "duplicate_window": HOUR,
        **made,
    }
    assert list(wanted().problems(msgspec.convert(wanted().creation(), StreamConfig))) == []


def test_all_that_is_wrong_with_a_stream_is_said_with_what_may_be_accepted() -> None:
    wrong = config(
        storage="memory",
        persist_mode="async",
        no_ack=True,
        sealed=True,
        subjects=["f"],
        num_replicas=1,
        duplicate_window=HOUR // 2,
        retention="interest",
    )
    assert list(wanted().problems(wrong)) == [
        "storage is memory: a restart would lose what is stored; it must be file",
        "persist_mode is async: it would answer before anything is written",
        "no_ack is set: it would never say what is stored",
        "it is sealed",
        "it does not take the subject e.*, only f",
        "num_replicas is 1, wanted are 3",
        (
            "duplicate_window is 1800 s, and what comes again within 3600 s must be known: make it longer "
            f'(nats stream edit --dupe-window 3600s), or accept = ["short-window"]: {ACCEPTED["short-window"]}'
        ),
        f'retention is interest: it must be limits or workqueue, or accept = ["interest"]: {ACCEPTED["interest"]}',
    ]
    assert len(list(wanted("short-window", "interest").problems(wrong))) == 6
    mirror = msgspec.json.decode(b'{"mirror":{"name":"o"},"storage":"file","num_replicas":3}', type=StreamConfig)
    assert "it is a mirror: nothing can be published to it" in list(wanted().problems(mirror))


@pytest.mark.parametrize(
    "limits, said",
    [
        ({}, []),
        ({"max_age": HOUR}, ["max_age is 3600 s: what is older goes away, read or not"]),
        (
            {"max_msgs": 5, "max_msgs_per_subject": 1, "discard": "old"},
            ["max_msgs is 5, max_msgs_per_subject is 1, discard is old: once full the oldest go away, read or not"],
        ),
        (
            {"max_bytes": 5, "discard": "new"},
            ["max_bytes is 5, discard is new: once full it takes nothing more, and the relay waits"],
        ),
        ({"retention": "workqueue"}, ["retention is workqueue: what its readers have acknowledged goes away"]),
    ],
)
def test_what_takes_messages_away_is_said(limits: Mapping[str, object], said: list[str]) -> None:
    lines = [line.removeprefix("stream E: ") for line in wanted().promises(StreamInfo(config(**limits)))]
    assert lines[:3] == [
        "0 messages, the last has seq 0",
        "a PubAck means that it is in a file of most of 3 servers",
        "what comes again within 3600 s is stored once",
    ]
    last = ["of what went away it is not known any more whether the same came again, or something else under its key"]
    assert lines[3:] == said + (last if said else [])


@pytest.mark.parametrize(
    "pattern, subject, whether",
    [
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a.*", True),
        ("a.b", "a.*", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a.*", True),
        ("a.*", "a.>", False),
        ("a.*", "a.b.c", False),
        ("a.b.c", "a.b", False),
        ("*.*", "a.*", True),
    ],
)
def test_which_subjects_a_pattern_takes(pattern: str, subject: str, whether: bool) -> None:
    assert covers(pattern, subject) is whether


def test_which_servers_hold_a_stream() -> None:
    said = b'{"config":{},"cluster":{"leader":"n1","replicas":[{"name":"n2","current":true},{"name":"n3"}]}}'
    info = msgspec.json.decode(said, type=Reply).info
    assert info is not None
    assert info.servers("n9") == {"n1", "n2", "n3"}
    assert StreamInfo(config()).servers("n9") == {"n9"}
    assert Reply().info is None


# Settings


def settings(**sink: object) -> list[str]:
    """What is wrong with a relay's file whose sink is this."""
    with pytest.raises(ConfigError) as caught:
        parse({"sink": {"kind": "nats", **sink}})
    assert "hunter2" not in repr(caught.value)
    return [problem for problem in caught.value.problems if problem.startswith("sink")]


RIGHT = {"servers": ["nats://a", "tls://b:4223"], "stream": "EVENTS", "monitor": ["http://a:8222", "http://b:8222"]}


def test_the_file_names_servers_a_stream_and_where_the_login_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(**RIGHT) == []
    assert settings(**RIGHT, replicas=5, window=60.0, subject="money.{provider}.x-{stream}.{kind}") == []
    assert settings() == ["sink.servers: required field missing", "sink.stream: required field missing"]
    monkeypatch.setenv("NATS_TOKEN", "hunter2")
    assert settings(**RIGHT, token={"env": "NATS_TOKEN"}) == []
    assert settings(**RIGHT, user="me", password={"env": "NATS_TOKEN"}) == []
    assert settings(**RIGHT, token="hunter2") == ["sink.token: not a table"]
    assert settings(**RIGHT, token={"env": "NOT_SET_ANYWHERE"}) == [
        "sink.token: environment variable NOT_SET_ANYWHERE is not set (nor NOT_SET_ANYWHERE_FILE)"
    ]
    monkeypatch.setenv("PUSHWIRE_NATS_CREDS", "hunter2")
    assert settings(**RIGHT) == ["sink.creds: is no credentials file of NATS"]
    assert settings(**RIGHT, token={"env": "NATS_TOKEN"}) == [], "what is named is all there is"


def test_every_wrong_setting_is_named_at_once() -> None:
    assert settings(
        servers=["nats://me:hunter2@a", "http://a", "nats://a:x"],
        stream="E.V",
        subject="{colour}",
        replicas=2,
        window=-1.0,
        monitor=["ftp://x"],
        accept=["page-cash"],
        tls_ca="/no/such/file",
    ) == [
        "sink.tls_ca, tls_cert, tls_key: FileNotFoundError: No such file or directory",
        "sink.servers: must hold no user or password, which must come from elsewhere",
        "sink.servers: must be URLs, as nats://HOST:PORT or tls://HOST:PORT",
        "sink.servers: must be URLs, as nats://HOST:PORT or tls://HOST:PORT",
        "sink.subject: may hold {stream}, {provider} and {kind}, and no other braces",
        f"sink.accept: there is no 'page-cash'; there are: {', '.join(ACCEPTED)}",
        "sink.stream: must be a name of letters, digits, _ and -",
        "sink.monitor: must be an http:// or https:// URL with a host",
        f'sink.replicas: must be 3 at least, or accept = ["fewer-replicas"]: {ACCEPTED["fewer-replicas"]}',
        "sink.window: must be a positive number of seconds",
    ]


@pytest.mark.parametrize("subject", ["{stream", "a b", "a..b", "", "{stream!r}", "{stream:>9}", "{}", "a.>"])
def test_subjects_that_cannot_be(subject: str) -> None:
    assert any(problem.startswith("sink.subject: ") for problem in settings(**RIGHT, subject=subject))


def test_weaker_promises_must_be_accepted_by_their_names() -> None:
    without = {**RIGHT, "monitor": [], "servers": [], "replicas": 1, "tls_key": "x"}
    assert [problem.partition(":")[0] for problem in settings(**without)] == [
        "sink.tls_ca, tls_cert, tls_key",
        "sink.servers",
        "sink.replicas",
        "sink.monitor",
    ]
    assert settings(**{**without, "accept": ["page-cache", "fewer-replicas"]})[-1].startswith("sink.servers")
