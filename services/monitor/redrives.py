"""A redrive: many dead letters that are sent again as one thing, one first, then ten, then a hundred at a time.

Pure. Each letter's answer comes back as an event of its own; the next step waits for all answers of the one before. So a
kill changes nothing, and of two redrives that choose the same letter one sends it: the other's entry is `skipped`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from services.monitor.model import Dead
from services.monitor.selection import Cursor, Selection, behind
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.monitor_events import (
    RedriveAnswered,
    RedriveOrdered,
    RedriveRequested,
    RedriveSteered,
    RedriveStepDue,
)
from shared.engine.model import Decision, Due, Follow, OutRow, Waits

JOURNAL: Final = "redrive_entries"
STEPS: Final = (1, 10, 100)
ANSWERED_WITHIN: Final = timedelta(minutes=2)
MOST_LEFT: Final = 1_000
"""A service that is down answers nothing, and all may wait for the same: no more than this is sent then."""
RedriveState = Literal["running", "paused", "stopped", "cancelled", "done"]
STEERED_FROM: Final[Mapping[str, frozenset[RedriveState]]] = {
    "pause": frozenset({"running"}),
    "resume": frozenset({"paused", "stopped"}),
    "cancel": frozenset({"running", "paused", "stopped"}),
}
"""In which states each of these does something."""
Outcome = Literal["resolved", "refused", "skipped", "waits", "unanswered"]

_changed = msgspec.structs.replace


class Redrive(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was ordered, how far it is, and what came of it so far."""

    id: str
    by: str
    why: str
    created: datetime
    selection: Selection
    dl_ids: tuple[str, ...]
    stop_on_error: bool
    a_minute: int
    chosen: int
    state: RedriveState = "running"
    said: str = ""
    """Why it stopped."""
    step: int = 0
    ramp: int = 0
    """Which of `STEPS` comes next: from the first again after each stop."""
    began: datetime | None = None
    due_at: datetime | None = None
    """When the next step may begin, or until when the answers to this one should be there."""
    ended: datetime | None = None
    cursor: Cursor | None = None
    position: int = 0
    sent: int = 0
    of_step: int = 0
    """How many letters the last step sent: the rate is by them."""
    outstanding: tuple[str, ...] = ()
    """Letters of the step that has no answer yet."""
    unanswered: tuple[str, ...] = ()
    """Letters of earlier steps that had no answer in time; it still counts when it comes."""
    waiting: tuple[str, ...] = ()
    """Letters that wait for another event, as their service says; how that ends still counts when it comes."""
    resolved: int = 0
    refused: int = 0
    skipped: int = 0
    rows: int = 0

    @property
    def size(self) -> int:
        """How many letters the next step has."""
        return STEPS[min(self.ramp, len(STEPS) - 1)]


class RedriveEntry(msgspec.Struct, frozen=True):
    """What became of one letter, as the journal keeps it; one that waits, or had no answer, may have a later row."""

    dl_id: str
    outcome: Outcome
    reason: str
    time: datetime


def ordered(state: Redrive | None, event: Event[RedriveOrdered], now: datetime, context: object) -> Decision[Redrive]:
    """Begins with one letter."""
    data = event.data
    if state is not None:
        return Decision(state)
    redrive = Redrive(
        id=data.redrive,
        by=data.by,
        why=data.why,
        created=event.time,
        selection=selection_of(data),
        # Where it goes on is a place among them: a letter that is named twice would lead back there for ever.
        dl_ids=tuple(dict.fromkeys(data.dl_ids)),
        stop_on_error=data.stop_on_error,
        a_minute=data.a_minute,
        chosen=data.chosen,
    )
    return Decision(redrive, [_step(redrive)])


def selection_of(data: RedriveOrdered) -> Selection:
    """The open letters that an order chooses."""
    return Selection(
        reason=data.reason,
        service=data.service,
        state="open",
        sender=data.sender,
        type=data.type,
        group=data.group,
        since=data.since.timestamp() if data.since else None,
        until=data.until.timestamp(),
    )


def _step(state: Redrive) -> Follow:
    return Follow(RedriveStepDue(redrive=state.id, nth=state.step + 1))


def stepped(
    state: Redrive | None, event: Event[RedriveStepDue], now: datetime, letters: Sequence[Dead]
) -> Decision[Redrive] | Waits:
    """Sends the next letters. `letters`: those; none: it is done."""
    if state is None:
        return Waits("the redrive")
    if state.state != "running" or state.outstanding or event.data.nth != state.step + 1:
        return Decision(state)
    if not letters:
        return Decision(_changed(state, state="done", ended=now, due_at=None))
    last = letters[-1]
    moved = _changed(
        state,
        step=state.step + 1,
        ramp=state.ramp + 1,
        began=now,
        due_at=now + ANSWERED_WITHIN,
        cursor=behind(last),
        position=state.dl_ids.index(last.dl_id) + 1 if state.dl_ids else 0,
        sent=state.sent + len(letters),
        of_step=len(letters),
        outstanding=tuple(letter.dl_id for letter in letters),
    )
    return Decision(moved, [Follow(_request(state, letter), letter.dl_id) for letter in letters])


def _request(state: Redrive, letter: Dead) -> RedriveRequested:
    place = f"{letter.topic}/{letter.partition}"
    return RedriveRequested(dl_id=letter.dl_id, attempt=letter.attempts, by=state.by, place=place, redrive=state.id)


def answered(state: Redrive | None, event: Event[RedriveAnswered], now: datetime, context: object) -> Decision[Redrive]:
    """Counts the answer; the next step follows the last one of this step. A redrive that is gone has had its term."""
    data = event.data
    if state is None:
        return Decision(state)
    waits = data.outcome == "waits"
    if data.dl_id not in (*state.outstanding, *state.unanswered, *(() if waits else state.waiting)):
        return Decision(state)
    counted = _changed(
        state,
        outstanding=_without(data.dl_id, state.outstanding),
        unanswered=_without(data.dl_id, state.unanswered),
        waiting=(*state.waiting, data.dl_id) if waits else _without(data.dl_id, state.waiting),
        resolved=state.resolved + (data.outcome == "resolved"),
        refused=state.refused + (data.outcome == "refused"),
        skipped=state.skipped + (data.outcome == "skipped"),
        rows=state.rows + 1,
    )
    row = _row(counted, counted.rows, RedriveEntry(data.dl_id, data.outcome, data.reason, now))
    if counted.state != "running":
        return Decision(counted, also=[row])
    if data.outcome == "refused" and counted.stop_on_error:
        return Decision(_stopped(counted, f"{data.dl_id} was refused again: {data.reason}"), also=[row])
    if waits and len(counted.waiting) >= MOST_LEFT:
        return Decision(_stopped(counted, f"{len(counted.waiting)} wait for other events"), also=[row])
    if counted.outstanding or not state.outstanding:
        return Decision(counted, also=[row])
    following = _following(counted, now)
    return Decision(following.state, following.follow, [row])


def _without(dl_id: str, letters: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in letters if one != dl_id)


def _following(state: Redrive, now: datetime) -> Decision[Redrive]:
    """The next step, at once or when the rate allows."""
    allowed = (state.began or now) + timedelta(minutes=state.of_step / state.a_minute)
    if now >= allowed:
        return Decision(_changed(state, due_at=None), [_step(state)])
    return Decision(_changed(state, due_at=allowed))


def _stopped(state: Redrive, why: str) -> Redrive:
    return _changed(state, state="stopped", said=why, due_at=None, ramp=0)


def _row(state: Redrive, number: int, entry: RedriveEntry) -> OutRow:
    return OutRow(JOURNAL, state.id, number, entry.dl_id, msgspec.Raw(msgspec.json.encode(entry)))


def deadline(
    state: Redrive | None, event: Event[DeadlinePassed], now: datetime, context: object
) -> Decision[Redrive] | Waits:
    """The rate allows the next step, or letters have no answer: their service is down, or far behind."""
    if state is None:
        return Waits("the redrive")
    if state.state != "running" or state.due_at != event.data.due_at:
        return Decision(state)
    if not state.outstanding:
        return Decision(_changed(state, due_at=None), [_step(state)])
    late = state.outstanding
    rows = [_row(state, state.rows + nth, RedriveEntry(one, "unanswered", "", now)) for nth, one in enumerate(late, 1)]
    moved = _changed(
        state, outstanding=(), unanswered=(*state.unanswered, *late), rows=state.rows + len(late), due_at=None
    )
    if state.stop_on_error or len(moved.unanswered) >= MOST_LEFT:
        why = f"{len(late)} had no answer in time: their service does not read, or is behind"
        return Decision(_stopped(moved, why), also=rows)
    following = _following(moved, now)
    return Decision(following.state, following.follow, rows)


def steered(
    state: Redrive | None, event: Event[RedriveSteered], now: datetime, context: object
) -> Decision[Redrive] | Waits:
    """Pauses it, lets it go on, or ends it. What is sent already gets its answer in each case."""
    if state is None:
        return Waits("the redrive")
    action, said = event.data.action, f"by {event.data.by}"
    if state.state not in STEERED_FROM[action]:
        return Decision(state)
    if action == "pause":
        return Decision(_changed(state, state="paused", due_at=None, said=said, ramp=0))
    if action == "cancel":
        return Decision(_changed(state, state="cancelled", due_at=None, said=said, ended=now))
    going = _changed(state, state="running", said="")
    if state.outstanding:
        return Decision(_changed(going, due_at=now + ANSWERED_WITHIN))
    return Decision(going, [_step(going)])


def deadlines(state: Redrive) -> list[Due]:
    """When the next step may begin, or the answers are late."""
    return [Due("redrive", state.due_at, nth=max(state.step, 1))] if state.due_at else []
