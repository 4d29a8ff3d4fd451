"""Tells how far each partner has read its feed, so that one who never looks is seen.

A word at each step on, and else once an hour: who polls each second costs Kafka nothing.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog
from starlette.requests import Request

from shared import log_events
from shared.clock import real_now
from shared.contracts.notify_events import FeedRead
from shared.engine.outbox import own_event, record_of
from shared.kafka.producer import BrokerUnavailable

_AGAIN: Final = 3_600.0
_WITHIN: Final = 2.0

log = structlog.get_logger()


class ToldReads:
    """How far each partner is known to have read; in memory, an instance each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, tuple[int, float]] = {}

    def is_news(self, partner: str, up_to: int) -> bool:
        """Whether the partner has read on, or has not been told of for an hour."""
        number, at = self._told.get(partner, (-1, -_AGAIN))
        return up_to > number or self._clock() - at >= _AGAIN

    def was_told(self, partner: str, up_to: int) -> None:
        """Once the word is out."""
        number, _ = self._told.get(partner, (-1, 0.0))
        self._told[partner] = (max(number, up_to), self._clock())


async def tell_read(request: Request, partner: str, up_to: int) -> None:
    """Says that the partner has read up to an entry. Without Kafka the partner has its answer all the same."""
    told: ToldReads = request.app.state.told_reads
    if not told.is_news(partner, up_to):
        return
    now = request.app.state.clock.now()
    word = own_event("notify", FeedRead(recipient=partner, up_to=up_to), now, "read", partner, up_to, real_now())
    record = record_of(word)
    assert record is not None
    try:
        await request.app.state.publisher.publish([record], within=_WITHIN)
    except BrokerUnavailable as error:
        log.warning(log_events.FEED_READ_NOT_TOLD, why=str(error))
        return
    told.was_told(partner, up_to)
