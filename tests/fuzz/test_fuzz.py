"""The fuzzer itself: it finds nothing in a while of each target, plays a case again from its seed, and finds what is planted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.case import Case, Tally, decoded, encoded, shrunk
from tests.fuzz.pool import PORTION, line, portions, verdict
from tests.fuzz.run import Report, play, replay, run
from tests.fuzz.targets import TARGETS, target


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_while_of_each_target_finds_nothing(name: str) -> None:
    report = run(target(name), 1, inputs=1500)
    assert verdict([report]) == []
    assert report.tally.inputs >= 1500
    assert len(report.tally.outcomes) > 1


@pytest.mark.parametrize("name", TARGETS)
def test_the_same_seed_is_the_same_case_with_the_same_outcomes(name: str) -> None:
    first, second = target(name).draw(random.Random(5)), target(name).draw(random.Random(5))
    assert first == second
    tallies = [Tally(), Tally()]
    assert [play(target(name), 5, tally) for tally in tallies] == [None, None]
    assert tallies[0] == tallies[1]
    assert target(name).draw(random.Random(6)) != first


@pytest.mark.parametrize("name", TARGETS)
def test_a_case_is_changed_into_one_that_is_no_worse(name: str) -> None:
    rng = random.Random(3)
    case = target(name).draw(rng)
    for _ in range(30):
        case = target(name).change(rng, case)
        target(name).check(case, Tally())


def test_a_case_is_written_as_bytes_and_read_back() -> None:
    case = Case(7, ("text", b"\xff", ""))
    assert decoded(encoded(case)) == case
    assert decoded(b"") == Case(0, ("",))


@pytest.mark.parametrize("setup", range(20))
def test_whoever_is_asked_for_the_longest_pause_is_waited_for(setup: int) -> None:
    asked = '{"type":"error","error":"rate_limit_exceeded","message":"slow down","retry_after":2147483648}'
    tally = Tally()
    target("receive-quantcite").check(Case(setup, (asked,) * 5), tally)
    assert tally.inputs == 5


def test_what_a_case_does_not_need_in_order_to_fail_is_left_out() -> None:
    assert shrunk(Case(1, ("a", "b", "c", "d")), lambda case: {"b", "d"} <= {*case.inputs}) == Case(1, ("b", "d"))


def test_the_work_is_shared_out_without_a_seed_that_comes_twice() -> None:
    work = portions([target(name) for name in TARGETS], 300_000, 1)
    assert 300_000 <= sum(inputs for _, _, inputs in work) <= 300_000 + len(TARGETS)
    firsts = sorted(first for _, first, _ in work)
    assert all(later - first >= PORTION for first, later in pairwise(firsts))
    assert {name for name, _, _ in work} == set(TARGETS)


class Touchy:
    """A target that cannot stand some of its inputs."""

    name: str = "touchy"
    share: int = 1

    def draw(self, rng: random.Random) -> Case:
        return Case(0, tuple(rng.choice("abcdefgh") for _ in range(4)))

    def change(self, rng: random.Random, case: Case) -> Case:
        return case

    def check(self, case: Case, tally: Tally) -> None:
        for raw in case.inputs:
            if raw == "c":
                raise KeyError(raw)
            tally.count(raw, "accepted")


def test_each_fault_is_told_once_with_how_often_and_the_seed_that_plays_it_again() -> None:
    report = run(Touchy(), 100, inputs=200)
    ((key, fault),) = report.faults.items()
    assert report.times[key] > 5
    (told,) = verdict([report])
    assert f"python -m tests.fuzz touchy --seed {fault.seed}" in told
    assert "KeyError: 'c'" in told
    assert "tests/fuzz/test_fuzz.py:" in told
    total = Report("total")
    total.add(report)
    total.add(report)
    assert (total.cases, total.tally.inputs) == (2 * report.cases, 2 * report.tally.inputs)
    assert "inputs" in line(total)
    story: list[str] = []
    assert not replay(Touchy(), fault.seed, story.append)
    assert "needed inputs 1: ('c',)" in story[0]
    assert "KeyError" in story[-1]


@pytest.mark.parametrize(
    "arguments, said",
    [(["nobody"], "there is no target nobody"), (["--seed", "1"], "--seed needs one TARGET")],
)
def test_arguments_that_do_not_fit_are_said(arguments: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_a_case_is_told_input_by_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["receive-gelabs", "--seed", "4"]) == 0
    told = capsys.readouterr().out
    assert "malformed" in told
    assert told.endswith("all well\n")


@pytest.mark.slow
def test_a_run_in_several_processes_prints_its_base_seed_and_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["receive-satoriex", "toml", "--inputs", "600", "--base", "9", "--processes", "2"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("base seed 9\n")
    assert "receive-satoriex" in told
    assert "total" in told
