"""The files in `docs/deploy/`, and what the docs say of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.core import Metric

from pushwire.core.effects import Close
from pushwire.core.events import Down
from pushwire.relay.config import read
from pushwire.relay.loop import Timing
from pushwire.relay.prometheus import RelayMetrics
from pushwire.relay.serving import HttpSettings
from pushwire.relay.tally import RelayTally
from pushwire.shell.prometheus import StreamMetrics
from tests.relay.test_looking import LOOK
from tests.shell.test_tally import CONFIG, status

ROOT: Final = Path(__file__).parent.parent.parent
DEPLOY: Final = ROOT / "docs" / "deploy"
UNIT: Final = DEPLOY / "pushwire-relay@.service"
PAGE: Final = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
CONTAINER: Final = (DEPLOY / "Containerfile").read_text(encoding="utf-8")


def value(name: str) -> str:
    """What the unit sets `name` to, once."""
    (found,) = re.findall(f"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    return str(found)


def test_the_example_is_what_the_relay_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHWIRE_GELABS_API_KEY", "k")
    config = read(DEPLOY / "relay.toml")
    assert config.http == HttpSettings()
    assert [stream.name for stream in config.streams] == ["wallets"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit_without_a_word(tmp_path: Path) -> None:
    copy = tmp_path / "pushwire-relay@wallets.service"
    copy.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/pushwire/bin/pushwire", sys.executable), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_waits_longer_for_the_end_than_the_relay_may_take() -> None:
    timing = Timing()
    assert int(value("TimeoutStopSec")) > timing.stop_within + timing.close_within + CONFIG.close_within
    assert value("SuccessExitStatus") == str(128 + 15)


def test_the_container_begins_with_the_program_itself_and_not_as_root() -> None:
    assert 'ENTRYPOINT ["/opt/pushwire/bin/pushwire"]' in CONTAINER
    assert re.search(r'^CMD \["relay", ', CONTAINER, re.MULTILINE)
    assert re.search(r"^USER [1-9]", CONTAINER, re.MULTILINE)
    assert 'VOLUME ["/var/lib/pushwire"]' in CONTAINER
    assert "WORKDIR /var/lib/pushwire" in CONTAINER
    extras = re.findall(r"\[([a-z,]+)\]'", CONTAINER)[0].split(",")
    assert all(f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8") for extra in extras)


async def names() -> set[str]:
    """The metrics there are, by the names that a query has for them."""
    tally = RelayTally(["wallets"], lambda: 0.0)
    stream = tally.streams["wallets"]
    stream.began(CONFIG, status)
    stream.saw([Down(1.0, "cut", Close(code=1006))])
    collected = [*StreamMetrics(tallies=tally.streams).collect(), *RelayMetrics(lambda: LOOK, tally).collect()]
    return {_queried(family) for family in collected}


def _queried(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


async def test_the_docs_list_each_metric_and_no_other() -> None:
    assert set(re.findall(r"^\| `(pushwire_[a-z_]+)` \|", PAGE, re.MULTILINE)) == await names()


async def test_alerts_ask_for_metrics_that_there_are_and_the_docs_say_what_to_do() -> None:
    rules = (DEPLOY / "alerts.yml").read_text(encoding="utf-8")
    asked = {name for expr in re.findall("expr: (.*)", rules) for name in re.findall("pushwire_[a-z_]+", expr)}
    assert len(asked) > 10
    assert asked <= await names()
    alerts = re.findall(r"alert: (\w+)", rules)
    assert set(alerts) == set(re.findall(r"`(Pushwire[A-Za-z]+)`", PAGE.partition("## Alerts")[2].partition("\n## ")[0]))
