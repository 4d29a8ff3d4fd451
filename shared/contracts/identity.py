"""How ids of events are made: always derived, so that a repetition is recognised as one."""

from datetime import datetime
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f0f4a2e-6f6b-5d3c-9c0b-6b756c747475")


def derived_id(*parts: object) -> str:
    """A UUID that is the same whenever the parts are the same."""
    return str(uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts)))


def following_id(service: str, aggregate: str, cause: tuple[str, str], name: str, natural_key: str) -> str:
    """The id of an event that follows from another. `natural_key` tells apart several of one class."""
    return derived_id("follows", service, aggregate, *cause, name, natural_key)


def deadline_id(service: str, aggregate: str, what: str, due_at: datetime, nth: int) -> str:
    """The id of the DeadlinePassed of one deadline."""
    return derived_id("deadline", service, aggregate, what, due_at.isoformat(), nth)


def dead_letter_id(service: str, topic: str, partition: int, offset: int, timestamp: int) -> str:
    """The id of the dead letter of one record at one service."""
    return derived_id("dead-letter", service, topic, partition, offset, timestamp)
