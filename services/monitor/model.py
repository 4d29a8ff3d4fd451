"""What the monitor keeps: each event's envelope and where it was seen, each dead letter, each partner."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from shared.contracts import topics
from shared.contracts.fields import Data
from shared.contracts.original import Original
from shared.contracts.referral_code import digest_of

MOST_NAMES: Final = 1_000
MOST_FORMS: Final = 8
"""Types and subjects that are kept of one event."""
MOST_SEARCHED: Final = 128 * 1024
"""Bytes of a dead letter, twice what an event may have: what is larger is not searched for a whole second, and not kept."""


def names_of(referral_id: str, code_digest: str) -> tuple[str, ...]:
    """All that names one referral; `code_digest` is empty where it never had a code."""
    return (referral_id, f"code:{code_digest}") if code_digest else (referral_id,)


def name_of(code: str) -> str:
    """By what a code is found again. An erasure leaves no code, and a client may have said it to others."""
    return f"code:{digest_of(code)}"


def can_be_redriven(letter: "Dead") -> bool:
    """Whether its bytes are here, and the service that refused them reads what is sent again: the monitor itself does not."""
    return not letter.erased and letter.service in topics.SERVICES and letter.service != "monitor"


def size_of(original: Original) -> int:
    """Bytes of key, value and headers."""
    headers = sum(len(name) + len(value or b"") for name, value in original.headers)
    return len(original.key or b"") + len(original.value or b"") + headers


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """One record of an event in Kafka."""

    topic: str
    partition: int
    offset: int
    recorded_at: datetime


class Traced(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event: its envelope and codes, never what it says of a person. `seen` counts its records.

    `came_as`: further types and subjects under which it came, as what is sent again with a fault mended does.
    """

    source: str
    id: str
    type: str
    time: str
    subject: str
    correlation: str = ""
    causation: str = ""
    codes: dict[str, str] = {}
    opens: str = ""
    """The digest of the referral's code, of the event that tells it to anybody: before that nobody has it in hand."""
    first: Sighting | None = None
    seen: int = 0
    came_as: tuple[tuple[str, str], ...] = ()


DeadState = Literal["open", "redriven", "resolved", "discarded"]


class Dead(msgspec.Struct, frozen=True, omit_defaults=True):
    """One dead letter. `key`, `value` and `headers` are the original's, as they came."""

    dl_id: str
    reason: str
    error: str
    service: str
    topic: str
    partition: int
    offset: int
    time: datetime
    attempts: int
    sender: str = ""
    type: str = ""
    source: str = ""
    event_id: str = ""
    referral_id: str = ""
    state: DeadState = "open"
    by: str = ""
    key: bytes | None = None
    value: bytes | None = None
    headers: list[tuple[str, bytes | None]] = []
    names: tuple[str, ...] = ()
    """Ids of referrals, and names of their codes, that stand somewhere in its bytes; none once these are erased."""
    erased: bool = False


class Erasure(msgspec.Struct, frozen=True):
    """A referral that was erased: what comes later and names it keeps nothing."""

    names: tuple[str, ...]
    """Its id, and the name of its code where it had one."""


class Partner(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a partner said of itself."""

    source: str
    name: str
    classes: tuple[str, ...] | None
    language: str
    time: datetime
    id: str


class RecordSeen(Data):
    """A record of any topic but the dead letters'."""

    source: str
    event_id: str
    type: str
    time: str
    about: str
    correlation: str
    causation: str
    codes: dict[str, str]
    code_digest: str
    sighting: Any

    @property
    def subject(self) -> str:
        return self.about


class DeadLetterSeen(Data):
    """A record of the dead letters' topic."""

    added: dict[str, str]
    original: Any
    attributes: dict[str, str]
    names: tuple[str, ...]
    referral_id: str
    sighting: Any

    @property
    def subject(self) -> str:
        return self.added.get("dl_id", "")
