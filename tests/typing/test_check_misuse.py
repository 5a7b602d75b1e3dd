"""The runner for the file of misuses tells a misuse that is rejected from one that slipped through, with both type checkers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.typing.check_misuse import CHECKERS, check, compare, expected_lines, main

SAMPLES = Path(__file__).parent / "samples"


def test_a_line_counts_as_marked_only_when_the_mark_ends_it() -> None:
    assert expected_lines("a()\nb()  # expect-error\n'# expect-error' + c\n") == {2}


def test_a_misuse_that_is_accepted_and_a_use_that_is_rejected_are_both_told() -> None:
    assert compare(frozenset({3}), {5: "no"}) == [
        "line 3: accepted, must be rejected",
        "line 5: rejected, must be accepted: no",
    ]


def test_both_checkers_reject_the_marked_lines_alone() -> None:
    assert check(SAMPLES / "rejected.py") == []


def test_each_checker_tells_both_mistakes() -> None:
    problems = check(SAMPLES / "mistaken.py")
    assert len(problems) == 2 * len(CHECKERS)
    for name in CHECKERS:
        assert [f"{name}: line 10: accepted" in problem for problem in problems].count(True) == 1
        assert [f"{name}: line 11: rejected" in problem for problem in problems].count(True) == 1


def test_a_file_without_marks_proves_nothing_and_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.py"
    empty.write_text("x = 1\n")
    assert main([str(empty)]) == 1


def test_a_run_without_files_proves_nothing_and_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert capsys.readouterr().out == ""
