"""What the tests of streams share."""

from __future__ import annotations

import pytest
import trio

from tests.shell.provider import Provider


@pytest.fixture
def provider(nursery: trio.Nursery) -> Provider:
    """A provider that serves until the test ends."""
    provider = Provider()
    nursery.start_soon(provider.run)
    return provider
