"""When a record came to Kafka. Its time is Kafka's word, or its writer's: then the time may be anything."""

from typing import Final

from aiokafka import ConsumerRecord

from shared.contracts import topics

_EARLIEST: Final = 946_684_800.0  # the year 2000: a time before it is in seconds, or in no unit at all
_AHEAD: Final = 3_600.0
_LOG_APPEND_TIME: Final = 1


def came_at(timestamp: int, now: float) -> float:
    """A record's milliseconds as seconds; `now`, in real seconds, where they can be no time at which it came."""
    at = timestamp / 1000
    return at if _EARLIEST <= at <= now + _AHEAD else now


def is_stamped(record: ConsumerRecord) -> bool:
    """Whether the record's time is Kafka's word or our own, and no stranger's."""
    return record.timestamp_type == _LOG_APPEND_TIME or not topics.is_senders_own(record.topic)


def oldest(records: tuple[ConsumerRecord, ...], now: float) -> float:
    """When the oldest record came, in real seconds; one that a stranger has stamped counts as now."""
    return min(min((came_at(one.timestamp, now) for one in records if is_stamped(one)), default=now), now)
