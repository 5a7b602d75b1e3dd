"""That the driver sees what it is to see, on a module of a few lines. Run by `nox -s mutants`, which has what it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.mutations import mutants_of
from tests.mutants.verdicts import ROOT

TOY = '''
"""A toy."""
import functools

LIMIT = 3

def early():
    return [1, 2]

EARLY = early()

class Base:
    def __init__(self, start: int = 1) -> None:
        self.value = start

class Counter(Base):
    def __init__(self) -> None:
        """Starts at one."""
        super().__init__()
        self.seen = False

    def add(self, step: int) -> int:
        if step < 0:
            raise ValueError("a step that is below zero")
        self.value += step
        return self.value

    def wait(self) -> None:
        while self.value > 0:
            self.value -= 1

    @functools.lru_cache
    def unasked(self) -> int:
        return 5

    def name(self) -> str:
        return min("ba", key=lambda letter: letter)

@functools.cache
def kept() -> int:
    return 7

kept()
'''
TESTS = """
import pytest
import toy

def test_a_counter_adds():
    counter = toy.Counter()
    assert counter.add(2) == 3
    with pytest.raises(ValueError):
        counter.add(-2)

def test_a_counter_that_waits_is_spent():
    counter = toy.Counter()
    counter.wait()
    assert counter.value == 0

def test_the_first_name_is_the_smallest():
    assert toy.Counter().name() == "a"

def test_what_is_kept_is_there():
    assert toy.kept()

def test_what_is_kept_is_what_it_is():
    assert toy.kept() == 7
"""
RUN = """
import json, sys
from pathlib import Path
import pytest
from tests.mutants.hunting import Hunter, Task
from tests.mutants.tracing import Record, Tracer

folder = Path(sys.argv[2])
sys.path.insert(0, str(folder / "pushwire"))
options = ["-q", "-p", "no:cacheprovider", "--capture=no", "--rootdir", str(folder), str(folder / "test_toy.py")]
path = folder / "pushwire" / "toy.py"
if sys.argv[1] == "trace":
    tracer = Tracer([path])
    code = pytest.main(options, plugins=[tracer])
    tracer.record().save(folder / "record.json")
else:
    hunter = Hunter(Task([path], 5.0), Record.load(folder / "record.json"))
    pytest.main(options, plugins=[hunter])
    (folder / "found.json").write_text(json.dumps([[each.key, each.verdict] for each in hunter.outcomes]))
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    (folder / "pushwire").mkdir()
    (folder / "pushwire" / "toy.py").write_text(TOY)
    (folder / "test_toy.py").write_text(TESTS)
    return folder


@pytest.fixture(scope="module")
def verdicts(toy: Path) -> dict[str, str]:
    for step in ("trace", "hunt"):
        subprocess.run([sys.executable, "-c", RUN, step, str(toy)], check=True, cwd=ROOT, capture_output=True)
    return dict(json.loads((toy / "found.json").read_text()))


@pytest.mark.parametrize(
    "change, verdict",
    [
        ("Counter.add: if step < 0: -> if step <= 0:", "survived"),
        ("Counter.add: if step < 0: -> if step < 1:", "survived"),
        ("Counter.add: if step < 0: -> if (not (step < 0)):", "killed"),
        ("Counter.add: self.value += step -> self.value -= step", "killed"),
        ("Counter.add: return self.value -> return None", "killed"),
        ("Counter.__init__: super().__init__() -> pass", "killed"),
        ("Counter.__init__: self.seen = False -> self.seen = True", "survived"),
        ("Counter.wait: self.value -= 1 -> self.value += 1", "killed"),
        ("Counter.unasked: return 5 -> return 6", "untested"),
        ("early: return [1, 2] -> return [2, 2]", "import"),
        ("kept: return 7 -> return 8", "killed"),
        (
            'Counter.name: return min("ba", key=lambda letter: letter) -> return min("ba", key=lambda letter: None)',
            "killed",
        ),
    ],
)
def test_a_mutant_is_judged_by_the_tests_that_run_it(verdicts: dict[str, str], change: str, verdict: str) -> None:
    assert verdicts[f"toy {change}"] == verdict


def test_what_no_test_of_behaviour_could_tell_is_not_tried(toy: Path) -> None:
    found = [mutant.text for mutant in mutants_of(toy / "pushwire" / "toy.py")]
    assert not [text for text in found if "LIMIT" in text or "below zero" in text or "Starts" in text or "start: int" in text]
    assert not [text for text in found if text.endswith("self.seen = None")]


def test_a_mutant_says_the_same_wherever_its_lines_stand(toy: Path) -> None:
    path = toy / "pushwire" / "moved.py"
    path.write_text(f"# moved\n\n{TOY}")
    before = [(mutant.function, mutant.text) for mutant in mutants_of(toy / "pushwire" / "toy.py")]
    assert [(mutant.function, mutant.text) for mutant in mutants_of(path)] == before
