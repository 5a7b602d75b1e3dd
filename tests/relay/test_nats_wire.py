from __future__ import annotations

import base64
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.nats_login import Login
from pushwire.relay.sinks.nats_wire import Command, Info, Message, Received, ServerError, Signal, WireReader, connect, publish

STATUS = b"NATS/1.0 503 No Responders\r\n\r\n"
HEADERS = b"NATS/1.0\r\nA: b\r\nPushwire-Key:  c \r\n\r\n"
DIALOGUE = (
    b'INFO {"server_name":"n1","version":"2.15.1","headers":true,"max_payload":1000,"nonce":"xyz","new":[1]} \r\n'
    b"PING\r\n+OK\r\npong\r\n"
    b"MSG a.b 1 5\r\nhe\r\no\r\n"
    b"MSG a.b 1 _INBOX.x 0\r\n\r\n"
    b"HMSG a.c 1 %d %d\r\n%b\r\n"
    % (len(STATUS), len(STATUS), STATUS)
    + b"HMSG a.d 1 re %d %d\r\n%bhi\r\n" % (len(HEADERS), len(HEADERS) + 2, HEADERS)
    + b"-ERR 'Unknown Protocol Operation'\r\n"
)
SAID: list[Received] = [
    Info(server_name="n1", version="2.15.1", headers=True, max_payload=1000, nonce="xyz"),
    Signal("PING"),
    Signal("PONG"),
    Message("a.b", b"", b"he\r\no"),
    Message("a.b", b"", b""),
    Message("a.c", STATUS, b""),
    Message("a.d", HEADERS, b"hi"),
    ServerError("Unknown Protocol Operation"),
]


def test_what_a_server_says_is_read_however_it_is_cut() -> None:
    for size in (1, 2, 3, 7, 50, len(DIALOGUE)):
        reader = WireReader()
        found: list[Received] = []
        for start in range(0, len(DIALOGUE), size):
            found += reader.receive(DIALOGUE[start : start + size])
        assert found == SAID
        assert not reader.pending


def test_headers_and_status_of_a_message() -> None:
    assert Message("a", STATUS, b"").status == 503
    assert Message("a", HEADERS, b"").status == Message("a", b"", b"").status == 0
    assert Message("a", b"NATS/1.0 \xc2\xb2\r\n\r\n", b"").status == Message("a", b"NATS/1.0 99999\r\n", b"").status == 0
    assert Message("a", HEADERS, b"").header("Pushwire-Key") == "c"
    assert Message("a", HEADERS, b"").header("Key") is None


@pytest.mark.parametrize(
    "data, problem",
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "this is no NATS server"),
        (b"INFO {\r\n", "INFO cannot be read"),
        (b'INFO {"max_payload":"much"}\r\n', "INFO cannot be read"),
        (b"INFO " + b"[" * 5000 + b"\r\n", "INFO cannot be read"),
        (b"MSG a 1\r\n", "a message without its size"),
        (b"MSG a 1 x\r\n", "a message without its size"),
        (b"MSG a 1 -1\r\n", "a message without its size"),
        (b"MSG a 1 99999999999\r\n", "a message without its size"),
        (b"MSG a 1 999999999\r\n", "a message that is too long"),
        (b"HMSG a 1 5\r\n", "a message without its size"),
        (b"HMSG a 1 9 5\r\n", "a message that is too long"),
        (b"MSG a 1 1\r\nabc", "a message longer than it said"),
        (b"x" * 70_000, "a line that is too long"),
    ],
)
def test_what_is_not_nats_is_said(data: bytes, problem: str) -> None:
    with pytest.raises(SinkError, match=problem):
        WireReader().receive(data)


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"MSG ", b"HMSG a 1 2 3\r\n", b"\r\n", b"INFO {}", b"PING\r\n", b"1"])))
def test_whatever_comes_is_read_or_refused(parts: list[bytes]) -> None:
    reader = WireReader()
    try:
        for part in parts:
            reader.receive(part)
    except SinkError:
        return


def test_what_is_sent() -> None:
    assert publish(Command.of("a.b", b"hi"), "re") == b"PUB a.b re 2\r\nhi\r\n"
    with_headers = Command.of("a.b", b"hi", {"A": "b"})
    assert publish(with_headers, "re") == b"HPUB a.b re 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n"
    assert with_headers.size == 20
    assert connect({"verbose": False}) == b'CONNECT {"verbose":false}\r\n'


# Logging in. The seed and what comes of it are those of nkeys' own documents.

SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
PUBLIC = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
CREDS = f"""-----BEGIN NATS USER JWT-----
eyJ.abc.def
------END NATS USER JWT------

************************* IMPORTANT *************************
-----BEGIN USER NKEY SEED-----
{SEED}
------END USER NKEY SEED------
"""


def test_each_way_to_log_in_says_what_the_server_wants() -> None:
    assert Login().fields("x") == {}
    assert Login(user="me", password=Secret("pw")).fields("x") == {"user": "me", "pass": "pw"}
    assert Login(token=Secret("tk")).fields("x") == {"auth_token": "tk"}
    signed = Login(nkey=Secret(SEED)).fields("nonce")
    assert set(signed) == {"nkey", "sig"}
    assert len(base64.urlsafe_b64decode(signed["sig"] + "==")) == 64
    assert signed["nkey"] == PUBLIC
    assert Login(creds=Secret(CREDS)).fields("nonce") == {"jwt": "eyJ.abc.def", "sig": signed["sig"]}


def test_what_must_be_shown_nowhere_is_known_down_to_its_parts() -> None:
    shown = [secret.reveal() for secret in Login(creds=Secret(CREDS)).secrets]
    assert shown == [CREDS, "eyJ.abc.def", SEED]
    assert [secret.reveal() for secret in Login(user="me", password=Secret("pw")).secrets] == ["pw"]
    assert SEED not in repr(Login(nkey=Secret(SEED)))


def problems(**given: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Login(**given)  # type: ignore[arg-type] # wrong on purpose
    assert "hunter2" not in str(caught.value)
    return list(caught.value.problems)


def test_what_is_wrong_with_a_login_is_said_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(user="me") == ["user: must come with a password"]
    assert problems(password=Secret("hunter2")) == ["password: must come with user"]
    assert problems(token="hunter2")[0].startswith("token: must be a pushwire.Secret")
    assert problems(token=Secret("x"), creds=Secret("hunter2")) == [
        "creds: there must be one way to log in; token is another",
        "creds: is no credentials file of NATS",
    ]
    assert problems(nkey=Secret("hunter2")) == ["nkey: is no seed of a key (SU...)"]
    assert problems(nkey=Secret(SEED[:-1] + "A")) == ["nkey: is no seed of a key (SU...)"]
    assert problems(nkey=Secret(PUBLIC)) == ["nkey: is no seed of a key (SU...)"]
    assert problems(creds=Secret(CREDS.replace(SEED, SEED.lower()))) == ["creds: is no seed of a key (SU...)"]
    account = Secret("SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI")
    assert problems(nkey=account) == ["nkey: is a key, but not the seed of a user's (SU...)"]
    monkeypatch.setitem(sys.modules, "nacl.signing", None)
    assert problems(nkey=Secret(SEED)) == ["nkey: needs PyNaCl: pip install 'pushwire[nats]'"]
