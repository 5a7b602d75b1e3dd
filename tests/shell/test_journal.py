"""A journal and its file."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import attrs
import pytest

from pushwire.core.effects import Restored
from pushwire.core.journal import Header, Start, Stop
from pushwire.core.journal_lines import read_journal
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from pushwire.providers import gelabs, load
from pushwire.shell.entropy import Entropy, id_source
from pushwire.shell.journal import open_journal

CONFIG = gelabs.Config(api_key=Secret("sk-hidden"))
ENTROPY = Entropy(seed=5, prefix="p")
RESTORED = Restored(mark=1.0)


def machine() -> gelabs.GelabsMachine:
    return CONFIG.machine(rng=ENTROPY.rng(), ids=id_source(ENTROPY.prefix), restored=RESTORED)


def test_without_a_path_the_machine_is_left_alone() -> None:
    bare = machine()
    with open_journal(None, object(), bare, ENTROPY, RESTORED) as same:
        assert same is bare


def test_the_file_holds_the_run_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with open_journal(path, CONFIG, machine(), ENTROPY, RESTORED) as recorded:
        recorded.start(0.0, 100.0)
        recorded.receive(["é\n"], 1.0)
        recorded.stop(2.0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"sk-hidden" not in path.read_bytes()
    with path.open("rb") as lines:
        header, start, _, stop = read_journal(lines, load)
    assert isinstance(header, Header)
    assert (header.seed, header.prefix, header.restored) == (5, "p", RESTORED)
    assert header.config == attrs.evolve(CONFIG, api_key=Secret("***"))
    assert (start, stop) == (Start(0.0, 100.0), Stop(2.0))


def test_what_was_not_a_read_is_in_the_file_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with open_journal(path, CONFIG, machine(), ENTROPY, RESTORED) as recorded:
        recorded.start(0.0, 100.0)
        assert len(path.read_bytes().splitlines()) == 2
        recorded.receive([], 1.0)
    assert len(path.read_bytes().splitlines()) == 3


def test_a_file_that_holds_something_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text("precious")
    with (
        pytest.raises(LocalProtocolError, match="journal: the file is not empty"),
        open_journal(path, CONFIG, machine(), ENTROPY, RESTORED),
    ):
        pytest.fail("opened")
    assert path.read_text() == "precious"


def test_an_empty_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.touch()
    with open_journal(str(path), CONFIG, machine(), ENTROPY, RESTORED):
        pass
    assert len(path.read_bytes().splitlines()) == 1


def test_a_file_that_cannot_be_created_is_an_os_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "journal"
    with pytest.raises(FileNotFoundError) as caught, open_journal(path, CONFIG, machine(), ENTROPY, RESTORED):
        pytest.fail("opened")
    assert caught.value.filename == str(path)


@attrs.frozen
class Impostor:
    """Says that it is gelabs'."""

    provider: str = "gelabs"


@pytest.mark.parametrize(
    "config, reason", [(object(), "no provider 'None'"), (Impostor("nobody"), "no provider 'nobody'"), (Impostor(), "Impostor")]
)
def test_a_config_of_no_known_provider_is_refused_before_there_is_a_file(tmp_path: Path, config: object, reason: str) -> None:
    path = tmp_path / "journal"
    with pytest.raises(LocalProtocolError, match=reason), open_journal(path, config, machine(), ENTROPY, RESTORED):
        pytest.fail("opened")
    assert not path.exists()


FULL = Path("/dev/full")
linux = pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")


@linux
def test_a_full_disk_ends_the_journal_with_one_warning_and_not_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pushwire"), open_journal(FULL, CONFIG, machine(), ENTROPY, RESTORED) as recorded:
        recorded.start(0.0, 100.0)
        recorded.receive(["x"], 1.0)
        recorded.stop(2.0)
        assert recorded.status().phase is Phase.ENDING
    assert [record.getMessage() for record in caplog.records] == [
        "journal /dev/full: No space left on device; it ends here, the stream goes on"
    ]


@linux
@pytest.mark.parametrize("size", [1, 2**18])
def test_a_disk_that_fills_up_later_is_noticed_by_a_write_or_at_the_end(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "journal"
    with open_journal(path, CONFIG, machine(), ENTROPY, RESTORED) as recorded:
        (descriptor,) = (int(name) for name in os.listdir("/proc/self/fd") if _leads_to(name, path))
        full = os.open(FULL, os.O_WRONLY)
        os.dup2(full, descriptor)
        os.close(full)
        recorded.receive(["x" * size], 1.0)
        recorded.receive(["x" * size], 2.0)
    assert len(caplog.records) == 1
    assert len(path.read_bytes().splitlines()) == 1


def _leads_to(name: str, path: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{name}") == str(path)
    except FileNotFoundError:  # the descriptor that listed them
        return False
