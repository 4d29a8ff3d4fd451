"""Sends the platform's heartbeats to `intake.http`, as a door that vouches for the heartbeat's two partners."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from starlette.datastructures import State

from services.monitor.heartbeat import beat_at, begun, ended, published
from shared import log_events, metrics
from shared.http.intake import why_closed, write
from shared.http.problems import ProblemError

_LOOKS: Final = 1.0
_UNTIL_PUBLISHED: Final = 5.0
"""Seconds for the catalogue to take the activity in, before a referral looks for one."""

log = structlog.get_logger()


class Heart:
    """Sends a heartbeat each `every` of the platform's time; ends only those that it began itself."""

    def __init__(self, every: timedelta, *, looks: float = _LOOKS, settles: float = _UNTIL_PUBLISHED) -> None:
        self._every = every
        self._looks = looks
        self._settles = settles
        self._began: datetime | None = None

    async def run(self, state: Mapping[str, Any]) -> None:
        """Beats until it is cancelled; what Kafka did not take is sent again, as the same events."""
        metrics.HEARTBEAT_EVERY.labels("monitor").set(self._every.total_seconds())
        place, refused = State(dict(state)), ""
        while True:
            at = beat_at(place.clock.now(), self._every)
            try:
                if at != self._began:
                    await self._beat(at, place)
                refused = ""
            except ProblemError as error:
                if error.detail != refused:
                    log.warning(log_events.HEARTBEAT_UNSENT, why=error.detail)
                refused = error.detail
            await asyncio.sleep(self._looks)

    async def _beat(self, at: datetime, place: State) -> None:
        if why := why_closed(place):
            raise ProblemError(503, why)
        await write(place.publisher, published(at, self._every))
        await asyncio.sleep(self._settles)
        before = ended(self._began, self._every) if self._began else []
        await write(place.publisher, [*begun(at), *before])
        self._began = at
