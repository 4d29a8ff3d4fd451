"""What a record does to the monitor's state: it counts an event, keeps a dead letter, sends one again, settles one.

Pure: no clock, no I/O, no logging.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.monitor.model import (
    EVENT_ID,
    MOST_FORMS,
    MOST_NAMES,
    MOST_SEARCHED,
    OPEN,
    Dead,
    DeadLetterSeen,
    DeadState,
    Erasure,
    RecordSeen,
    Traced,
    can_be_redriven,
    left_of,
    names_of,
    settled_in,
    size_of,
)
from shared.contracts import monitor_events, topics
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import RedriveAnswered, RedriveOutcome
from shared.contracts.registry import CLASSES
from shared.contracts.topics import redrive_to
from shared.engine.model import Decision, Follow, OutRecord, Rejected, Waits

REFERRAL_OPENED: Final = CLASSES["ReferralOpened"].type
REFERRAL_ERASED: Final = CLASSES["ReferralErased"].type
_TYPES: Final = frozenset(one.type for one in CLASSES.values())

_changed = msgspec.structs.replace


@dataclass(frozen=True)
class ErasureContext:
    """Some or all of what the monitor keeps of an erased referral."""

    letters: Sequence[str] = field(default_factory=tuple)
    traced: Sequence[str] = field(default_factory=tuple)
    last: str = ""
    """Where the last event that was looked at stands among what was said of the referral."""
    more: bool = False


def seen(state: Traced | None, event: Event[RecordSeen], now: datetime, context: object) -> Decision[Traced]:
    """Counts the record. `context`: whether it is of an erased referral. ReferralErased begins the erasure here."""
    data = event.data
    if state is None:
        state = Traced(
            source=data.source,
            id=data.event_id,
            type=data.type,
            time=data.time,
            subject=data.about,
            correlation=data.correlation,
            causation=data.causation,
            codes=left_of(data.codes) if context else data.codes,
            opens=data.code_digest if data.type == REFERRAL_OPENED else "",
            first=data.sighting,
            heartbeat=data.heartbeat,
        )
    return Decision(
        _changed(
            state,
            seen=state.seen + 1,
            last_at=now,
            # An event that comes again with its type or subject mended is traced by the mended one.
            type=state.type if state.type in _TYPES else data.type,
            correlation=state.correlation or data.correlation,
            came_as=_forms(state, data),
        ),
        list(_begun(data)),
    )


def _forms(state: Traced, data: RecordSeen) -> tuple[tuple[str, str], ...]:
    form = (data.type, data.about)
    known = form in {(state.type, state.subject), *state.came_as} or data.type not in _TYPES
    return state.came_as if known else (*state.came_as, form)[-MOST_FORMS:]


def _begun(data: RecordSeen) -> Iterator[Follow]:
    by_its_owner = data.sighting.topic == topics.events_of("referral")
    if data.type == REFERRAL_ERASED and by_its_owner and data.correlation:
        yield Follow(monitor_events.ErasureToSpread(referral_id=data.correlation, code_digest=data.code_digest, nth=0))


def dead_letter(state: Dead | None, event: Event[DeadLetterSeen], now: datetime, context: object) -> Decision[Dead]:
    """A new dead letter, or one that was sent again and refused again: the same entry, one attempt more.

    `context`: whether it names an erased referral, of which the monitor keeps nothing; nor of a letter that no erasure
    could find. A referral may be erased at this moment, so the monitor looks once more after the save.
    """
    data = event.data
    added = data.added
    attempts = _number(added.get("dl_attempts"), 1)
    if state is not None and state.attempts >= attempts:
        return Decision(state)
    if state is not None:
        stays = state.state in {"discarded", "edited"}
        again: DeadState = state.state if stays else "discarded" if state.erased else OPEN
        tried = _changed(
            state,
            attempts=attempts,
            reason=added.get("dl_reason", state.reason),
            error="" if state.erased else added.get("dl_error", state.error),
            redrive="",
        )
        return Decision(settled_in(again, tried, now), _answer(state.redrive, tried, "refused"))
    letter = _new(data, attempts)
    too_much = len(data.names) > MOST_NAMES or size_of(data.original) > MOST_SEARCHED
    if context or too_much or _cannot_be_searched(letter):
        return Decision(_blank(letter, now))
    follow = [Follow(monitor_events.DeadLetterToErase(dl_id=letter.dl_id))] if letter.names else []
    return Decision(letter, follow)


def _cannot_be_searched(letter: Dead) -> bool:
    """Whether the letter is no text, such as packed or enciphered bytes, and names no referral in plain sight."""
    if letter.reason != "undecodable" or letter.names:
        return False
    try:
        (letter.value or b"").decode()
    except UnicodeDecodeError:
        return True
    return False


def _new(data: DeadLetterSeen, attempts: int) -> Dead:
    added, attributes, original = data.added, data.attributes, data.original
    topic = added.get("dl_topic", original.topic)
    return Dead(
        dl_id=added["dl_id"],
        reason=added.get("dl_reason", ""),
        error=added.get("dl_error", ""),
        service=added.get("dl_service", ""),
        topic=topic,
        partition=_number(added.get("dl_partition"), original.partition),
        offset=_number(added.get("dl_offset"), original.offset),
        time=data.sighting.recorded_at,
        attempts=attempts,
        sender=topics.sender_of(topic) or attributes.get("source", ""),
        type=attributes.get("type", ""),
        source=attributes.get("source", ""),
        event_id=attributes.get("id", ""),
        referral_id=data.referral_id,
        key=original.key,
        value=original.value,
        headers=original.headers,
        names=data.names,
    )


def _blank(letter: Dead, now: datetime) -> Dead:
    """What erasure leaves: which record was refused, where and for which reason, and none of its sender's own words."""
    was_open = letter.state == OPEN
    left = _changed(
        letter,
        key=None,
        value=None,
        headers=[],
        names=(),
        edit=None,
        error="",
        type=letter.type if letter.type in _TYPES else "",
        event_id=letter.event_id if EVENT_ID.fullmatch(letter.event_id) else "",
        source=letter.source if letter.source == letter.sender else "",
        by="/service/monitor" if was_open else letter.by,
        erased=True,
    )
    return settled_in("discarded", left, now) if was_open else left


def redrive(
    state: Dead | None, event: Event[monitor_events.RedriveRequested], now: datetime, context: object
) -> Decision[Dead] | Rejected | Waits:
    """Sends the letter again to the service that refused it; a second person's request for the attempt does nothing."""
    data = event.data
    if state is None:
        return Waits("the dead letter")
    if state.state != OPEN or data.attempt != state.attempts:
        return Decision(state, _answer(data.redrive, state, "skipped"))
    if not can_be_redriven(state):
        if data.redrive:
            return Decision(state, _answer(data.redrive, state, "skipped"))
        return Rejected(f"the dead letter {state.dl_id} holds nothing that could be sent again")
    record = OutRecord(redrive_to(state.service), state.key, state.value, [*state.headers, *added_to(state)])
    return Decision(_changed(state, state="redriven", by=data.by, redrive=data.redrive or ""), also=[record])


def _answer(redrive: str | None, letter: Dead, outcome: RedriveOutcome) -> list[Follow]:
    """Tells the redrive of many what became of one of its letters."""
    if not redrive:
        return []
    reason = letter.reason if outcome == "refused" else ""
    return [Follow(RedriveAnswered(redrive=redrive, dl_id=letter.dl_id, outcome=outcome, reason=reason), redrive)]


def added_to(state: Dead) -> list[tuple[str, bytes | None]]:
    """The headers by which a service knows a letter that is sent again."""
    return [
        ("dl_id", state.dl_id.encode()),
        ("dl_topic", state.topic.encode()),
        ("dl_partition", str(state.partition).encode()),
        ("dl_offset", str(state.offset).encode()),
        ("dl_attempts", str(state.attempts).encode()),
    ]


def discard(
    state: Dead | None, event: Event[monitor_events.DiscardRequested], now: datetime, context: object
) -> Decision[Dead] | Waits:
    """Lays an open letter aside."""
    data = event.data
    if state is None:
        return Waits("the dead letter")
    if state.state != OPEN:
        return Decision(state)
    aside = settled_in("discarded", _changed(state, by=data.by, why=data.why or ""), now)
    return Decision(aside, scrubs=bool(state.edit))


def undo_discard(
    state: Dead | None, event: Event[monitor_events.DiscardUndone], now: datetime, context: object
) -> Decision[Dead] | Waits:
    """A discarded letter stands open again, unless an erasure discarded it."""
    if state is None:
        return Waits("the dead letter")
    if state.state != "discarded" or state.erased:
        return Decision(state)
    return Decision(settled_in(OPEN, _changed(state, by=event.data.by, why=""), now))


def settled(state: Dead | None, event: Event, now: datetime, context: object) -> Decision[Dead] | Waits:
    """The service took the letter up."""
    if state is None:
        return Waits("the dead letter")
    taken = settled_in("resolved", _changed(state, redrive=""), now)
    return Decision(taken, _answer(state.redrive, state, "resolved"), scrubs=bool(state.edit))


# --- erasure


def spread(
    state: Erasure | None, event: Event[monitor_events.ErasureToSpread], now: datetime, context: ErasureContext
) -> Decision[Erasure]:
    """Marks the referral first, and only then looks for what the monitor keeps: anything saved later meets the mark."""
    data = event.data
    follow = [Follow(monitor_events.DeadLetterToErase(dl_id=dl_id), dl_id) for dl_id in context.letters]
    follow += [Follow(monitor_events.TraceToErase(traced=traced), traced) for traced in context.traced]
    if data.nth == 0 or context.more:
        follow.append(Follow(data.model_copy(update={"nth": data.nth + 1, "after": context.last})))
    return Decision(state or Erasure(names_of(data.referral_id, data.code_digest)), follow)


class NamesAnErased(NamedTuple):
    """Whether an erased referral is named by a letter itself, and by an edit that is proposed for it."""

    letter: bool
    edit: bool


def erase_letter(state: Dead | None, event: Event, now: datetime, context: NamesAnErased) -> Decision[Dead]:
    """Of a letter that names an erased referral the bytes go, and its outcome stays; of an edit that does, all goes.

    It was there when this was asked; if it is not, its term had passed.
    """
    if state is None or not any(context):
        return Decision(state)
    return Decision(_blank(state, now) if context.letter else _changed(state, edit=None), scrubs=True)


def erase_trace(state: Traced | None, event: Event, now: datetime, context: object) -> Decision[Traced]:
    """The id, the status and the dates stay."""
    if state is None:
        return Decision(state)
    came_as = tuple((type_, subject) for type_, subject in state.came_as if subject == state.correlation)
    left = _changed(state, subject=state.correlation, codes=left_of(state.codes), opens="", came_as=came_as)
    return Decision(left, scrubs=True)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else otherwise
