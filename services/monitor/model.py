"""What the monitor keeps: each event's envelope and its records' places, each dead letter, each partner."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from shared.contracts import topics
from shared.contracts.data import Data
from shared.contracts.original import Original
from shared.contracts.referral_code import digest_of

EVENT_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
MOST_NAMES: Final = 1_000
MOST_FORMS: Final = 8
"""How many types and subjects the monitor keeps of one event."""
MOST_SEARCHED: Final = 128 * 1024
"""Bytes of a dead letter, twice those of an event: searching a larger one takes a whole second: none is kept."""


SETTLED: Final = frozenset({"resolved", "discarded", "edited"})
"""The states in which nothing more is to be done about a dead letter."""


def names_of(referral_id: str, code_digest: str) -> tuple[str, ...]:
    """All names of one referral; `code_digest` is empty where it never had a code."""
    return (referral_id, f"code:{code_digest}") if code_digest else (referral_id,)


def name_of(code: str) -> str:
    """The digest to find a code by. An erasure leaves no code, and a client may have told it to others."""
    return f"code:{digest_of(code)}"


def tells_of_a_client(name: str, value: str) -> bool:
    """Whether a code says, beside its status, something of the one referred: an erasure takes it away.

    So does an organiser's name among who was told or looked: the client goes there, or may.
    """
    if name in {"who", "recipient"}:
        return value.startswith("/") and not value.startswith(("/region/", "/service/"))
    return name in {"reason", "position", "phase"}


def left_of(codes: Mapping[str, str]) -> dict[str, str]:
    """The codes that an erasure leaves: the outcome, and which region or person looked or was told."""
    return {name: one for name, one in codes.items() if name in _LEFT and not tells_of_a_client(name, one)}


_LEFT: Final = frozenset({"outcome", "who", "recipient", "action", "ground", "allowed", "change"})


def can_be_redriven(letter: "Dead") -> bool:
    """Whether its bytes are here, and the service that refused them reads redriven ones: the monitor does not."""
    return not letter.erased and letter.service in topics.SERVICES and letter.service != "monitor"


def size_of(original: Original) -> int:
    """Bytes of key, value and headers."""
    headers = sum(len(name) + len(value or b"") for name, value in original.headers)
    return len(original.key or b"") + len(original.value or b"") + headers


def traced_as(source: str, event_id: str) -> str:
    """The id of the document in which an event is kept."""
    return f"{source} {event_id}"


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """One record of an event in Kafka."""

    topic: str
    partition: int
    offset: int
    recorded_at: datetime


class Traced(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event: its envelope and codes, never its data about a person. `seen` counts its records.

    `came_as`: further types and subjects under which it came, when it was sent again with a fault mended.
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
    last_at: datetime | None = None
    """When its last record was read, by the platform's clock."""
    seen: int = 0
    heartbeat: bool = False
    came_as: tuple[tuple[str, str], ...] = ()


DeadState = Literal["open", "redriven", "resolved", "discarded", "edited"]
OPEN: Final[DeadState] = "open"


class DeadEdit(msgspec.Struct, frozen=True):
    """Other content that somebody proposes for the event of a dead letter, until a second person decides."""

    id: str
    by: str
    why: str
    type: str
    time: str
    content: str
    """The event's data as they should be, JSON."""
    proposed_at: datetime
    names: tuple[str, ...] = ()
    """Ids of referrals, and names of their codes, that stand somewhere in the content."""


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
    settled_at: datetime | None = None
    """Since when it is resolved or discarded, by the platform's clock."""
    by: str = ""
    key: bytes | None = None
    value: bytes | None = None
    headers: list[tuple[str, bytes | None]] = []
    names: tuple[str, ...] = ()
    """Ids of referrals, and names of their codes, that stand somewhere in its bytes; none once the bytes are erased."""
    erased: bool = False
    why: str = ""
    """Why it was discarded or edited, in the words of who did it."""
    edit: DeadEdit | None = None
    """What is proposed, while it is open."""
    edited_as: str = ""
    """The id of the event that was sent instead, once it is edited."""
    redrive: str = ""
    """The redrive of many by which it is being sent again; empty once that has its answer."""


def without_bytes(letter: Dead) -> Dead:
    """What a list shows of a letter: the record itself may be enormous."""
    edit = letter.edit and msgspec.structs.replace(letter.edit, content="", names=())
    return msgspec.structs.replace(letter, key=None, value=None, headers=[], names=(), edit=edit)


def settled_in(state: DeadState, letter: Dead, now: datetime) -> Dead:
    """The letter in this state. From when it is settled, the term counts for which it is kept, and nothing is proposed."""
    if state not in SETTLED:
        return msgspec.structs.replace(letter, state=state, settled_at=None)
    return msgspec.structs.replace(letter, state=state, settled_at=letter.settled_at or now, edit=None)


class Erasure(msgspec.Struct, frozen=True):
    """An erased referral: the monitor keeps nothing of later records that name it."""

    names: tuple[str, ...]
    """The referral's id, and the name of its code if it had one."""


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
    heartbeat: bool
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
