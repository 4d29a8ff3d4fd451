"""A record as it came, before anybody believes it: what it says, and whether it hides a personal identity code."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from shared.contracts.envelope import Raw, attributes_in, read_kafka
from shared.contracts.errors import EventError
from shared.contracts.fields import read_referral_id
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.contracts.personal_identity import bytes_hide_a_code, is_searchable, may_hold_a_code

Headers = list[tuple[str, bytes | None]]
SMALL: Final = 500
"""Bytes of a header or a key that we keep of a record which we do not keep whole."""
_MOST_KEPT: Final = 32
_SENDER: Final = re.compile(rf"/({'|'.join(PARTNER_KINDS)})/[a-z0-9.-]{{1,60}}")


class Original(msgspec.Struct, array_like=True, frozen=True):
    """A record as it came, byte for byte, with its topic, partition and offset."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def parts(self) -> list[bytes]:
        """All bytes of the record, in parts that can be searched."""
        return [self.key or b"", self.value or b"", *self._of_headers()]

    @property
    def size_beside_value(self) -> int:
        """Bytes of the key and the headers."""
        return len(self.key or b"") + sum(map(len, self._of_headers()))

    def _of_headers(self) -> list[bytes]:
        names = "\n".join([name for name, _ in self.headers])
        return [names.encode(errors="replace"), *[value for _, value in self.headers if value]]

    def source(self) -> str:
        """The source that the headers name, where nothing else can be read; of several the last."""
        said = b""
        for name, value in self.headers:
            if name == "ce_source":
                said = value or b""
        try:
            return said.decode()
        except UnicodeDecodeError:
            return ""


def attributes_of(original: Original) -> Mapping[str, str]:
    """The record's attributes; if it cannot be read whole, those that its headers hold."""
    try:
        return read_kafka(original.value, original.headers).attributes
    except EventError:
        return attributes_in(original.headers)


def sender_to_tell(original: Original, proven: str | None) -> str | None:
    """The partner who hears of the refusal: the one whom the topic proves, else the one whom the record names."""
    named = proven or attributes_of(original).get("source", "")
    return named if _SENDER.fullmatch(named) else None


def referral_of(original: Original) -> str | None:
    """The referral that a record is about by its subject, else by its key."""
    key = (original.key or b"").decode(errors="replace")
    return read_referral_id(attributes_of(original).get("subject", "")) or read_referral_id(key)


# --- personal identity codes


def hides_a_code(original: Original) -> bool:
    """Whether a code stands anywhere in the record, in whatever spelling."""
    return any(bytes_hide_a_code(part) for part in original.parts)


def needs_a_closer_look(raw: Raw, original: Original) -> bool:
    """Whether more than the event's own fields must be searched, since a glance at the bytes did not clear them."""
    # A structured event's value may hide its attributes in escapes, its data in base64; else they are as they came.
    besides = [] if raw.data is original.value else [value.encode() for value in raw.attributes.values()]
    return may_hold_a_code(b"|".join([*original.parts, *besides])) or (
        raw.data is not original.value and b"data_base64" in (original.value or b"")
    )


def as_far_as_searched(original: Original) -> Original:
    """What we keep of a refused record: all, or where that cannot be searched, a small key and small attributes."""
    if is_searchable(original.parts):
        return original
    key = original.key if len(original.key or b"") <= SMALL else None
    return msgspec.structs.replace(original, key=key, value=None, headers=small_attributes(original.headers))


def small_attributes(headers: Headers) -> Headers:
    """The first small ones of an event's attributes."""
    small = [(name, value) for name, value in headers if name.startswith("ce_") and len(value or b"") <= SMALL]
    return small[:_MOST_KEPT]
