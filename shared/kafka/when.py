"""When a record came to Kafka. Its time is Kafka's word, or that of whoever wrote it: then it may be anything."""

from typing import Final

from aiokafka import ConsumerRecord

from shared.contracts import topics

_EARLIEST: Final = 946_684_800.0  # the year 2000: the time is in seconds, or in no unit at all
_AHEAD: Final = 3_600.0
_LOG_APPEND_TIME: Final = 1


def came_at(timestamp: int, now: float) -> float:
    """A record's milliseconds as seconds; `now`, which is real, where they can be no time at which it came."""
    at = timestamp / 1000
    return at if _EARLIEST <= at <= now + _AHEAD else now


def is_stamped(record: ConsumerRecord) -> bool:
    """Whether its time is Kafka's word or our own, and no stranger's."""
    return record.timestamp_type == _LOG_APPEND_TIME or not topics.is_senders_own(record.topic)


def oldest(records: tuple[ConsumerRecord, ...], now: float) -> float:
    """When the oldest of them came, in real seconds; one that a stranger has stamped came now."""
    return min(min((came_at(one.timestamp, now) for one in records if is_stamped(one)), default=now), now)
