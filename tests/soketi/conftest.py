"""A soketi for every test that asks for one, or the reason why there is none."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from pytest_trio import trio_fixture
from tests.soketi.npm import needed
from tests.soketi.server import Soketi, running


@pytest.fixture(scope="session")
def soketi_program() -> Path:
    return needed(Path(__file__).parent) / "node_modules" / "@soketi" / "soketi" / "bin" / "server.js"


@trio_fixture
async def soketi(soketi_program: Path, tmp_path: Path) -> AsyncGenerator[Soketi, None]:
    async with running(soketi_program, tmp_path) as server:
        yield server
