"""What can be wrong with an event, by class: the class decides what happens to the event.

EventError                  never an outage: the same bytes fail the same way again
├── Undecodable             no JSON, no CloudEvent
├── UnknownType             a class or a major version that nobody knows
├── Invalid                 breaks the contract; `problems` points at the fields
├── PersonalData            a personal identity code stands in it; the message never repeats it
└── Forged                  not from whom it says
"""

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

REASONS: Final = (
    "undecodable",
    "unknown_type",
    "invalid",
    "personal_data",
    "forged_sender",
    "conflict",
    "rejected",
    "handler_failed",
)
"""The reasons of dead letters: first faults of the event itself, then those of its handling."""


class Problem(NamedTuple):
    """One fault: `path` is a JSON Pointer into the structured form of the event."""

    path: str
    message: str


class EventError(Exception):
    """A service cannot take the event. `reason` is the dead letter's reason of docs/contracts.md."""

    reason: ClassVar[str]

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class Undecodable(EventError):
    """Nobody can read the event at all."""

    reason = "undecodable"


class UnknownType(EventError):
    """The event's class, or its major version, is not in the contracts."""

    reason = "unknown_type"


class Invalid(EventError):
    """The event breaks its contract."""

    reason = "invalid"


class PersonalData(EventError):
    """A Finnish personal identity code stands in the event."""

    reason = "personal_data"


class Forged(EventError):
    """The event's source is not the sender that the topic or the key proves, or may not send this class."""

    reason = "forged_sender"
