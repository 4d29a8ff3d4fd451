"""The world of engine_world, once with each ring: outcomes beyond it are in the inbox, and nobody may notice."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from tests.integration.engine_world import World

RINGS = (0, 1, 64)

# Handlers fail here by the hundred and on purpose; a traceback of each with all its locals is what would take the time.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest_asyncio.fixture(params=RINGS, ids=lambda ring: f"ring{ring}")
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with World(tmp_path, request.param) as made:
        yield made
