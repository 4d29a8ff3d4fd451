"""A published record as a consumer gets it."""

from aiokafka import ConsumerRecord

from shared.kafka.producer import Record


def consumed(record: Record, offset: int, at: int = 0) -> ConsumerRecord:
    """The record on partition 0 under this offset; `at`: when it came to Kafka, in milliseconds."""
    return ConsumerRecord(record.topic, 0, offset, at, 0, record.key, record.value, None, 0, 0, tuple(record.headers))
