"""Connects a service to its database and to Kafka, one after the other, and waits for them as long as they are away.

Nobody must wait for a start that does not end: SIGTERM ends the process in the middle of it, and a start that stands
still ends the process by itself, which the supervisor restarts. Why: docs/decisions/0006.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import structlog

from shared import log_events
from shared.kafka.producer import BrokerUnavailable
from shared.store import StoreUnavailable

WITHIN: Final = 120.0
"""Seconds of one attempt. Clients give up a silent server after 40 s; a group waits 10 s for a dead member."""
MIGRATED_WITHIN: Final = 6 * 3_600.0
"""The same where documents may be migrated: some millions of them take an hour."""
_PAUSE: Final = 1.0
_CANCELLED_WITHIN: Final = 5.0

log = structlog.get_logger()


async def connected(
    starts: Iterable[Callable[[], Awaitable[None]]],
    serving: asyncio.Task[None],
    not_ready: list[str],
    *,
    within: float = WITHIN,
) -> bool:
    """Starts one after the other. False: the process must stop.

    Args:
        serving: ends with SIGTERM.
        not_ready: what readiness says meanwhile; changed as that changes.

    Raises `SystemExit` where an attempt has not ended `within` so many seconds, and the exceptions of an attempt.
    """
    for start in starts:
        while not serving.done():
            try:
                await _attempt(start, serving, within)
                break
            except (BrokerUnavailable, StoreUnavailable) as error:
                if not_ready != [str(error)]:
                    log.warning(log_events.DEPENDENCY_AWAITED, why=str(error))
                not_ready[:] = [str(error)]
                await asyncio.wait([serving], timeout=_PAUSE)
    return not serving.done()


async def _attempt(start: Callable[[], Awaitable[None]], serving: asyncio.Task[None], within: float) -> None:
    attempt = asyncio.create_task(_end_of(start))
    await asyncio.wait([attempt, serving], timeout=within, return_when=asyncio.FIRST_COMPLETED)
    if attempt.done():
        if end := attempt.result():
            raise end
        return
    at = _where(attempt)
    attempt.cancel()
    await asyncio.wait([attempt], timeout=_CANCELLED_WITHIN)
    if not serving.done():
        log.critical(log_events.START_TIMED_OUT, seconds=within, at=at)
        raise SystemExit(1)


async def _end_of(start: Callable[[], Awaitable[None]]) -> SystemExit | None:
    # Raised in a task, SystemExit would break off the event loop, and with it everything that must be closed.
    try:
        await start()
    except SystemExit as end:
        return end
    return None


def _where(attempt: Any) -> str:
    """The innermost coroutine that an attempt waits in, and the line there."""
    at, inner = "", attempt.get_coro()
    while hasattr(inner, "cr_await"):
        if inner.cr_frame:
            at = f"{inner.__qualname__}, line {inner.cr_frame.f_lineno}"
        inner = inner.cr_await
    return at
