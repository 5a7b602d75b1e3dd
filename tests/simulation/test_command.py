"""`pushwire simulate`: many stories, and what it says of one that goes wrong."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from pushwire.cli.simulate import stories, tell
from pushwire.core.backoff import Backoff


def test_stories_are_shared_among_the_providers_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert stories(None, 5, 8, 1, as_json=False)() == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "8 stories from seed 5"
    shares = [(line.split(":")[0], line.split(":")[1].split(" stories")[0].strip()) for line in said[1:]]
    assert shares == [
        ("quantcite", "2"),
        ("bitpanda", "2"),
        ("gelabs", "1"),
        ("pusher", "1"),
        ("quickpay", "1"),
        ("satoriex", "1"),
    ]


def no_delay(_: Backoff) -> float:
    return 0.0


def test_a_story_that_goes_wrong_says_how_to_play_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Backoff, "delay", no_delay)
    assert stories("quickpay", 0, 10, 1, as_json=True)() == 1
    wrong = json.loads(capsys.readouterr().out.splitlines()[0])
    assert "dials within" in wrong["violation"]
    monkeypatch.undo()
    again = subprocess.run(shlex.split(wrong["again"]), capture_output=True, text=True, check=True)
    assert again.stdout.startswith(f"seed {wrong['seed']}: ")


def test_a_story_is_told_message_by_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell("bitpanda", 1) == 0
    said = capsys.readouterr().out
    assert "client  dials, attempt 1" in said
    assert "tk-never-to-be-shown" not in said


def test_two_processes_play_the_same_stories_as_one() -> None:
    command = [sys.executable, "-m", "pushwire", "simulate", "satoriex", "--seed", "9", "--runs", "4", "--json", "--workers"]
    one, two = (subprocess.run([*command, workers], capture_output=True, text=True, check=True).stdout for workers in "12")
    assert one == two
