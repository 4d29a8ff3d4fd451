"""Dead letters: the record as it came, byte for byte, and why it could not be taken.

docs/contracts.md, “Dead letters”, names the headers. Where personal data is the reason, the bytes are masked instead; what
cannot be masked, since the code hides in base64, is left out whole.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from shared.clock import real_now
from shared.contracts.envelope import attributes_in, read_kafka, written
from shared.contracts.errors import EventError
from shared.contracts.fields import read_referral_id
from shared.contracts.personal_identity import bytes_hide_a_code, mask, mask_bytes
from shared.engine.model import Original, Out, OutDead

PREFIX: Final = "dl_"
MOST_BYTES: Final = 1280 * 1024  # the topic takes three times as much: masking makes three bytes of one that is no text
_LINE: Final = 500
_MOST_KEPT: Final = 32


class DeadLetter(msgspec.Struct, frozen=True):
    """One refusal, complete: which record, where it was refused, why."""

    dl_id: str
    service: str
    reason: str
    error: str
    original: Original
    attempts: int
    """How often it was tried, this one included."""


def record_of(letter: DeadLetter) -> OutDead:
    """The record for the dead-letter topic, whole where it fits."""
    original = letter.original
    masked = letter.reason == "personal_data"
    headers = [(name, value) for name, value in original.headers if not name.startswith(PREFIX)]
    if lost := _too_large(original.key, original.value, headers):
        return _in_part(letter, headers, lost)
    if masked:
        headers = [(mask(name), _masked(value)) for name, value in headers]
    return OutDead(
        key=_masked(original.key) if masked else original.key,
        value=_masked_json(original.value) if masked else original.value,
        headers=[*headers, *((name, value.encode()) for name, value in _added(letter).items())],
    )


def _too_large(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> int:
    """How many bytes it has, where those are too many."""
    size = len(key or b"") + len(value or b"") + sum(len(name) + len(content or b"") for name, content in headers)
    return size if size > MOST_BYTES else 0


def _in_part(letter: DeadLetter, headers: list[tuple[str, bytes | None]], size: int) -> OutDead:
    """Of what nobody could send again the attributes alone, where those are small: it must not be tried for ever."""
    small = [(name, value) for name, value in headers if name.startswith("ce_") and len(value or b"") <= _LINE]
    kept = small[:_MOST_KEPT] if letter.reason != "personal_data" else []
    said = f"{one_line(letter.error)[: _LINE // 2]}; of its {size} bytes no value and {len(kept)} headers are kept here"
    added = _added(msgspec.structs.replace(letter, error=said))
    return OutDead(None, None, [*kept, *((name, value.encode()) for name, value in added.items())])


def reasons_of(outs: Iterable[Out]) -> Counter[str]:
    """How many dead letters there are among what goes out, by why they are."""
    said = [value for out in outs if isinstance(out, OutDead) for name, value in out.headers if name == "dl_reason"]
    return Counter(value.decode() for value in said if value)


def _added(letter: DeadLetter) -> dict[str, str]:
    return {
        "dl_id": letter.dl_id,
        "dl_reason": letter.reason,
        "dl_error": one_line(letter.error),
        "dl_service": letter.service,
        "dl_topic": letter.original.topic,
        "dl_partition": str(letter.original.partition),
        "dl_offset": str(letter.original.offset),
        "dl_time": written(real_now()),
        "dl_attempts": str(letter.attempts),
    }


def one_line(text: str) -> str:
    """The text on one line, bounded, with no personal identity code in it."""
    return mask(" ".join(text.split()))[:_LINE]


def _masked(value: bytes | None) -> bytes | None:
    return None if value is None else _if_clean(mask_bytes(value).encode())


def _if_clean(masked: bytes) -> bytes | None:
    return None if bytes_hide_a_code(masked) else masked


def _masked_number(written: str) -> float | str:
    # 310190E0123 is a number to JSON: read as one, its digits would be kept where no sign is left to find them by.
    masked = mask(written)
    return float(written) if masked == written else masked


_NUMBERS_AS_WRITTEN: Final = msgspec.json.Decoder(float_hook=_masked_number)


def _masked_json(value: bytes | None) -> bytes | None:
    if value is None:
        return None
    try:
        # Escapes would hide a code from the mask: it must look at what a reader of the JSON sees.
        return _if_clean(msgspec.json.encode(_masked_tree(_NUMBERS_AS_WRITTEN.decode(value))))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _masked(value)


def _masked_tree(value: object) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(str(name)): _masked_tree(member) for name, member in value.items()}
    return [_masked_tree(member) for member in value] if isinstance(value, list) else value


_SENDER = re.compile(r"/(region|opisto)/[a-z0-9.-]{1,60}")


def sender_to_tell(original: Original, proven: str | None) -> str | None:
    """The partner who is told of the refusal: the one its topic proves, else the one the record names."""
    named = proven or attributes_of(original).get("source", "")
    return named if _SENDER.fullmatch(named) else None


def referral_of(original: Original) -> str | None:
    """The referral that a record is about by its subject, else by its key."""
    key = (original.key or b"").decode(errors="replace")
    return read_referral_id(attributes_of(original).get("subject", "")) or read_referral_id(key)


def attributes_of(original: Original) -> Mapping[str, str]:
    """What can be read of the record's attributes: of one that cannot be read whole, those that its headers hold."""
    try:
        return read_kafka(original.value, original.headers).attributes
    except EventError:
        return attributes_in(original.headers)


_ENVELOPE: Final = ("specversion", "id", "source", "type", "time", "subject")


def bare(letter: DeadLetter) -> DeadLetter:
    """Without what the record said, which an erasure leaves nowhere: whose event it was, which, of what class and when."""
    attributes = attributes_of(letter.original)
    headers = [(f"ce_{name}", attributes[name].encode()) for name in _ENVELOPE if name in attributes]
    original = msgspec.structs.replace(letter.original, value=None, headers=headers)
    return msgspec.structs.replace(letter, original=original)
