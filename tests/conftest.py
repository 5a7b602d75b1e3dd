"""What every test gets. Fixtures of one area live with that area's tests; what users may use too, in `pushwire.testing`."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# By the name that its entry point has as well: where pushwire is installed, it is there already, and is not registered twice.
pytest_plugins = ["pushwire.testing.plugin"]

# A test passes or fails for the same reasons each time: the same examples, no deadline on a shared machine.
settings.register_profile("pushwire", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "fuzz", deadline=None, max_examples=5_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pushwire")

# A run in the background of a script begins with Ctrl-C ignored, and so do its children: tests that send one would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
