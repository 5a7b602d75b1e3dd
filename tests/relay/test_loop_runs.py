"""The loop through anything that may happen, crashes among it: its promises hold after every step, and all is stored and settled
in the end. That bugs break them is shown in `test_loop_planted`."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.relay.loop_world import World, WorldWithMoreInFlight

TestRuns = pytest.mark.fuzz(World.TestCase)
TestRunsWithMoreInFlight = pytest.mark.fuzz(WorldWithMoreInFlight.TestCase)
TestRuns.settings = TestRunsWithMoreInFlight.settings = settings(stateful_step_count=60)
