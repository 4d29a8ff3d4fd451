"""A dead letter as a record, and back: the original, byte for byte, with headers that say why a service refused it.

docs/contracts.md, “Dead letters”, names the headers. Where personal data is the reason, the bytes are masked instead;
a part that cannot be masked, since the code hides in base64, is left out whole.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from shared.contracts.envelope import written
from shared.contracts.error_kind import without_values
from shared.contracts.masked import masked, masked_json
from shared.contracts.original import SMALL, Headers, Original, attributes_of, small_attributes
from shared.contracts.personal_identity import mask
from shared.contracts.topics import redrive_to

PREFIX: Final = "dl_"
MOST_BYTES: Final = 1280 * 1024  # the topic takes three times as much: masking makes three bytes of one that is no text
_ENVELOPE: Final = ("specversion", "id", "source", "type", "time", "subject")


class DeadLetter(msgspec.Struct, frozen=True):
    """One refusal, complete: which record, which service refused it, why."""

    dl_id: str
    service: str
    reason: str
    error: str
    original: Original
    attempts: int
    """How many attempts there were, this one included."""


class Parts(NamedTuple):
    """The parts of a record."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def record_of(letter: DeadLetter, at: datetime) -> Parts:
    """The record for the dead-letter topic, whole where it fits. `at`: the real time."""
    original = letter.original
    headers = [(name, value) for name, value in original.headers if not name.startswith(PREFIX)]
    size = len(original.key or b"") + len(original.value or b"")
    size += sum(len(name) + len(value or b"") for name, value in headers)
    if size > MOST_BYTES:
        return _in_part(letter, headers, size, at)
    if letter.reason != "personal_data":
        return Parts(original.key, original.value, [*headers, *_added(letter, at)])
    hidden = [(mask(name), masked(value)) for name, value in headers]
    return Parts(masked(original.key), masked_json(original.value), [*hidden, *_added(letter, at)])


def _in_part(letter: DeadLetter, headers: Headers, size: int, at: datetime) -> Parts:
    """Of a record too large to send again only the small attributes, since the producer must not try it for ever."""
    kept = small_attributes(headers) if letter.reason != "personal_data" else []
    said = f"{one_line(letter.error)[: SMALL // 2]}; of its {size} bytes no value and {len(kept)} headers are kept here"
    return Parts(None, None, [*kept, *_added(msgspec.structs.replace(letter, error=said), at)])


def _added(letter: DeadLetter, at: datetime) -> Headers:
    said = {
        "dl_id": letter.dl_id,
        "dl_reason": letter.reason,
        "dl_error": one_line(letter.error),
        "dl_service": letter.service,
        "dl_topic": letter.original.topic,
        "dl_partition": str(letter.original.partition),
        "dl_offset": str(letter.original.offset),
        "dl_time": written(at),
        "dl_attempts": str(letter.attempts),
    }
    return [(name, value.encode()) for name, value in said.items()]


def redriven_from(record: Original, service: str) -> tuple[Original, int, str | None]:
    """The first record, with its attempt and the id of its dead letter; this record, 0 and None if it is the first."""
    said = _redriven(record.headers) if record.topic == redrive_to(service) else None
    if said is None:
        return record, 0, None
    # Believed on this topic alone: only the monitor may write to it.
    attempt, dl_id, (topic, partition, offset) = said
    kept = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    first = msgspec.structs.replace(record, topic=topic, partition=partition, offset=offset, headers=kept)
    return first, attempt, dl_id


def _redriven(headers: Headers) -> tuple[int, str, tuple[str, int, int]] | None:
    added: Mapping[str, str] = {
        name: value.decode(errors="replace") for name, value in headers if name.startswith(PREFIX) and value is not None
    }
    try:
        place = (added["dl_topic"], int(added["dl_partition"]), int(added["dl_offset"]))
        return int(added["dl_attempts"]), added["dl_id"], place
    except (KeyError, ValueError):
        return None


def one_line(text: str) -> str:
    """The text on one line, bounded, with no personal identity code in it."""
    return mask(" ".join(text.split()))[:SMALL]


def as_told(letter: DeadLetter) -> tuple[str, str, str]:
    """What makes a refusal news to its sender: he is told once a dead letter, and again where the reason has changed."""
    return letter.dl_id, letter.reason, without_values(one_line(letter.error))


def bare(letter: DeadLetter) -> DeadLetter:
    """The letter without the record's content, which an erasure leaves nowhere: only ids, sender, class and time."""
    attributes = attributes_of(letter.original)
    headers = [(f"ce_{name}", attributes[name].encode()) for name in _ENVELOPE if name in attributes]
    original = msgspec.structs.replace(letter.original, value=None, headers=headers)
    return msgspec.structs.replace(letter, original=original)
