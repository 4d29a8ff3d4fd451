"""The world of engine_world, with each size of recent outcomes and each store: the inbox has the others, and nobody may
notice. On MongoDB only size one, which both remembers and spills: a store of its own for each process takes time.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from tests.integration.engine_world import EngineWorld

RINGS = (0, 1, 64)
WORLDS = (*(("sqlite", recent_outcomes) for recent_outcomes in RINGS), ("mongodb", 1))


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """Handlers fail here by the hundred and on purpose; a traceback of each with all its locals would take the time.

    For these tests alone: others look at what is logged.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest_asyncio.fixture(params=WORLDS, ids=lambda one: f"{one[0]}-ring{one[1]}")
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[EngineWorld]:
    store, recent_outcomes = request.param
    async with EngineWorld(tmp_path, recent_outcomes, store) as made:
        yield made
