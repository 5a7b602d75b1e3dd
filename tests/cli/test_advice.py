"""Every way in which a newcomer goes wrong ends in one line that says what is wrong and what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pushwire.cli.advice import misspelled, of_a_provider, of_a_subscription
from pushwire.doctor.advice import Subject, advise
from pushwire.doctor.steps import Step, Trouble
from pushwire.errors import (
    AuthenticationRefused,
    CommandRefused,
    ConnectionLost,
    InboxFull,
    NotReady,
    PushwireError,
    ReplyTimeout,
)
from pushwire.providers import load
from pushwire.sandbox import serve
from tests.cli.program import KEY, environment, gelabs, outcome, pushwire
from tests.cli.test_tail import open_mute_listener


def of_the_doctor(variables: str) -> str:
    return advise(Step.HANDSHAKE, Trouble.HTTP_401, Subject("gelabs", variables, ""))


async def complaint_of(*arguments: str, status: int, **variables: str) -> str:
    """The one line with which this ends."""
    ended, printed, complaint = await outcome(*arguments, **variables)
    assert (ended, printed) == (status, "")
    assert complaint.startswith("pushwire: ")
    assert len(complaint.splitlines()) == 1
    return complaint.removeprefix("pushwire: ").removesuffix("\n")


async def test_a_missing_key_is_named_by_its_variable() -> None:
    told = await complaint_of("tail", "gelabs", status=2)
    assert told == "api_key: environment variable PUSHWIRE_GELABS_API_KEY is not set (nor PUSHWIRE_GELABS_API_KEY_FILE)"


async def test_a_misspelled_variable_is_found() -> None:
    told = await complaint_of("tail", "gelabs", status=2, PUSHWIRE_GELABS_APIKEY="s3cret")
    assert told.endswith("; PUSHWIRE_GELABS_APIKEY is set, but nothing reads it: did you mean PUSHWIRE_GELABS_API_KEY?")
    assert "s3cret" not in told


def test_variables_that_are_read_are_not_misspelled(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUSHWIRE_PUSHER_SECRET", "PUSHWIRE_PUSHER_ENCRYPTION_MASTER_KEY_FILE", "PUSHWIRE_GELABS_API_KEY"):
        monkeypatch.setenv(name, "x")
    assert misspelled(load("pusher")) == []
    monkeypatch.setenv("PUSHWIRE_PUSHER_ENCRYPTION_KEY_FILE", "x")
    (told,) = misspelled(load("pusher"))
    assert told.endswith("did you mean PUSHWIRE_PUSHER_ENCRYPTION_MASTER_KEY_FILE?")


async def test_a_secret_file_that_is_not_there_is_named() -> None:
    told = await complaint_of("tail", "gelabs", status=2, PUSHWIRE_GELABS_API_KEY_FILE="/nowhere/key")
    assert "/nowhere/key" in told


async def test_a_refused_login_says_which_variable_holds_the_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("wrong-but-secret")
    async with serve(gelabs()) as server:
        for variables in ({"PUSHWIRE_GELABS_API_KEY": "wrong-but-secret"}, {"PUSHWIRE_GELABS_API_KEY_FILE": str(key)}):
            told = await complaint_of("tail", "gelabs", "--url", server.url, status=2, **variables)
            assert told.startswith("HTTP 401")
            assert told.endswith(f"; {of_the_doctor(next(iter(variables)))}")
            assert "wrong-but-secret" not in told


def test_a_login_that_is_refused_after_the_handshake_is_for_its_credential() -> None:
    with (
        pytest.raises(AuthenticationRefused, match="close 4001; satoriex refuses the credential: see") as caught,
        of_a_provider("satoriex"),
    ):
        raise AuthenticationRefused("close 4001", code=4001)
    assert caught.value.code == 4001


@pytest.mark.parametrize(
    "error, advice",
    [
        (CommandRefused("Subscribe", 400, "no such address"), "gelabs refuses it, for the reason shown: see its spelling"),
        (ReplyTimeout("no reply"), "no answer: the provider is slow"),
        (ConnectionLost("it is gone", sent="maybe"), "the connection ended before the answer"),
    ],
)
def test_a_subscription_that_is_not_made_has_the_doctors_advice(error: PushwireError, advice: str) -> None:
    told = str(error)
    with pytest.raises(type(error)) as caught, of_a_provider("gelabs"), of_a_subscription("gelabs"):
        raise error
    assert caught.value is error
    assert str(error).startswith(f"{told}; {advice}")


@pytest.mark.parametrize("error", [AuthenticationRefused("HTTP 401", status=401), NotReady("not ready"), InboxFull("full")])
def test_what_is_not_about_the_subscription_is_not_told_as_such(error: PushwireError) -> None:
    told = str(error)
    with pytest.raises(type(error)), of_a_subscription("gelabs"):
        raise error
    assert str(error) == told


async def test_a_provider_that_cannot_be_reached_is_for_the_doctor() -> None:
    async with await open_mute_listener() as listener:
        port = listener.socket.getsockname()[1]
    told = await complaint_of(
        *("tail", "gelabs", "--url", f"ws://127.0.0.1:{port}/", "--seconds", "0.3"), status=1, PUSHWIRE_GELABS_API_KEY=KEY
    )
    assert told.startswith("not ready within 0.3 s: connection lost: connect: ")
    assert told.endswith("; `pushwire doctor gelabs`, with the same options, says at which step and what to do")


async def test_a_provider_that_takes_its_time_is_told_of() -> None:
    async with (
        await open_mute_listener() as listener,
        pushwire(
            *("tail", "gelabs", "--url", f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/"), PUSHWIRE_GELABS_API_KEY=KEY
        ) as tail,
    ):
        assert tail.process.stderr is not None
        told = b""
        while b"\n" not in told:
            told += await tail.process.stderr.receive_some()
        assert told.decode() == "pushwire: gelabs: not ready yet, dialling\n"


async def test_an_unknown_provider_is_answered_with_those_there_are() -> None:
    assert await complaint_of("tail", "nobody", status=2) == (
        "there is no provider 'nobody'; there are: bitpanda, gelabs, pusher, quantcite, quickpay, satoriex"
    )


async def test_an_unknown_setting_is_answered_with_those_there_are() -> None:
    told = await complaint_of("tail", "gelabs", "--set", "pings=1", status=2, PUSHWIRE_GELABS_API_KEY=KEY)
    assert told.startswith("pings: there is no such setting; there are: ")
    assert "ping_interval" in told
    assert "api_key" not in told


@pytest.mark.parametrize(
    "arguments, more",
    [
        (["tale"], "pushwire --help"),
        (["--colour"], "pushwire --help"),
        (["tail"], "pushwire tail --help"),
        (["tail", "gelabs", "--colour"], "pushwire tail --help"),
        (["replay"], "pushwire replay --help"),
    ],
)
async def test_a_wrong_usage_says_where_the_right_one_stands(arguments: list[str], more: str) -> None:
    assert (await complaint_of(*arguments, status=2)).endswith(f"; `{more}` tells what there is")


@pytest.mark.parametrize("command", [["replay"], ["relay"]])
async def test_a_file_that_is_not_there_is_named(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "missing"
    assert await complaint_of(*command, str(file), status=1) == f"{file}: No such file or directory; check the path"


async def test_what_is_no_journal_is_asked_about(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no journal\n")
    told = await complaint_of("replay", str(file), status=1)
    assert told == f"journal line 1: not a JSON object; is {file} what `--journal` wrote?"


async def test_a_journal_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    file.write_text("x")
    async with serve(gelabs()) as server:
        told = await complaint_of(
            "tail", "gelabs", "--url", server.url, "--journal", str(file), status=2, PUSHWIRE_GELABS_API_KEY=KEY
        )
    assert told == f"journal {file}: the file is not empty; name a new one"


@pytest.mark.parametrize(
    "missing, arguments, told",
    [
        (
            "python_socks",
            ["tail", "gelabs", "--proxy", "socks5://127.0.0.1:1"],
            "proxy: the package python-socks is not installed (pip install 'pushwire[proxy]')",
        ),
        ("trio_websocket", ["demo"], "the package trio_websocket is not installed: pip install --upgrade 'pushwire[cli]'"),
        ("cyclopts", ["demo"], "the command line needs more packages: pip install 'pushwire[cli]'"),
    ],
)
def test_a_package_that_is_missing_is_answered_with_how_to_install_it(missing: str, arguments: list[str], told: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from pushwire.cli import main; sys.exit(main({arguments!r}))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(PUSHWIRE_GELABS_API_KEY=KEY),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert (done.stdout, done.stderr) == ("", f"pushwire: {told}\n")
