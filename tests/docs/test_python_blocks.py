"""The Python on the pages does what the pages say, as it stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, blocks, page
from tests.docs.stages import ELSEWHERE, PLAYS
from tests.docs.workshop import Workshop


@pytest.mark.parametrize("name", PLAYS)
async def test_the_code_of_a_page_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play = PLAYS[name]
    monkeypatch.chdir(tmp_path)
    workshop = Workshop(monkeypatch)
    with workshop.opened(f"page_{name.removesuffix('.md').replace('-', '_')}"):
        async with play.stage(workshop):
            for block in blocks(page(name), "python"):
                await workshop.run(block, play.until.get(block.number, ()), play.signals.get(block.number))


def test_no_page_with_python_is_left_out() -> None:
    with_python = {path.name for path in PAGES if any(blocks(path, "python"))}
    assert with_python == PLAYS.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_run_elsewhere_is_run_there(name: str) -> None:
    assert name in (Path(__file__).parent.parent / ELSEWHERE[name]).read_text(encoding="utf-8")
