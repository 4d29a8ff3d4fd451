"""The world of engine_world, once with each ring: outcomes beyond it are in the inbox, and nobody may notice."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from tests.integration.engine_world import World

RINGS = (0, 1, 64)
WORLDS = (("sqlite", 0), ("sqlite", 1), ("sqlite", 64), ("mongodb", 0), ("mongodb", 1), ("mongodb", 64))

# Handlers fail here by the hundred and on purpose; a traceback of each with all its locals is what would take the time.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest_asyncio.fixture(params=WORLDS, ids=lambda one: f"{one[0]}-ring{one[1]}")
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    store, ring = request.param
    async with World(tmp_path, ring, store) as made:
        yield made
