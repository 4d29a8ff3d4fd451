"""An edit: other content for an event that could not be taken, proposed by one person of the ops team, confirmed by another.

Pure. The event that comes of it is its sender's, with an id of its own, and names the old one. What was proposed is kept
in the dead letter, and only until somebody confirms or refuses it, the letter is settled otherwise, or a week has passed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.monitor.model import EVENT_ID, OPEN, Dead, DeadEdit, settled_in
from services.monitor.named import names_in
from shared.contracts.envelope import Event, Raw, attributes_of, check_class, decode, kafka_headers
from shared.contracts.errors import EventError, Forged
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.identity import derived_id
from shared.contracts.monitor_events import DeadLetterToErase, EditConfirmed, EditProposed, EditRefused
from shared.contracts.original import Original
from shared.contracts.original import attributes_of as attributes_in
from shared.contracts.partner_kinds import PARTNER_KINDS, is_of
from shared.contracts.registry import known_class
from shared.contracts.topics import INTAKE_HTTP
from shared.engine.model import Decision, Due, Follow, OutRecord, Rejected, Waits

STANDS: Final = timedelta(days=7)
"""For how long a proposal waits for a second person."""
NAMES_THE_OLD: Final = "editedfrom"
"""The attribute of CloudEvents by which the new event names the old one."""

_changed = msgspec.structs.replace


def why_not(letter: Dead) -> str:
    """Why the letter's event cannot be edited, whatever state it is in; empty where it can."""
    if not is_of(letter.sender, PARTNER_KINDS):
        return "no partner sent it; a service's own word is mended in the service"
    if letter.reason == Forged.reason:
        return "it came in another's name, and nobody knows whose it is"
    if letter.reason == "handler_failed":
        return "its content is not at fault; mend the platform, then send it again"
    known = known_class(letter.type)
    if letter.reason == "rejected" and known and known.owner != letter.service:
        return f"{known.owner} has taken it already, and would take the edited one besides"
    return ""


def edited_event(letter: Dead, edit: DeadEdit, now: datetime) -> Event:
    """The event that comes of it, its sender's as before. Raises `EventError` where no door would take it."""
    attributes = {
        "specversion": "1.0",
        "id": derived_id("edit", letter.dl_id, edit.id),
        "source": letter.sender,
        "type": edit.type,
        "time": edit.time,
        "causationid": edited_from(letter),
        "synthetic": attributes_in(original_of(letter)).get("synthetic", "false"),
    }
    event = decode(Raw(attributes, edit.content.encode()), now=now)
    check_class(event)
    return event


def content_of(event: Event) -> str:
    """The event's data as they are sent, JSON."""
    return event.data.model_dump_json(exclude_unset=True)


def edited_from(letter: Dead) -> str:
    """The old event's id; the dead letter's where it had none that is one."""
    return letter.event_id if EVENT_ID.fullmatch(letter.event_id) else letter.dl_id


def original_of(letter: Dead) -> Original:
    """The record as it came."""
    return Original(letter.topic, letter.partition, letter.offset, 0, letter.key, letter.value, letter.headers)


def names_of_content(content: str) -> tuple[str, ...]:
    """The referrals that an edited content names: an erasure finds the proposal by them."""
    return names_in(Original("", 0, 0, 0, None, content.encode(), []))


def proposed(state: Dead | None, event: Event[EditProposed], now: datetime, context: object) -> Decision[Dead] | Waits:
    """Keeps the proposal, unless another one stands, or it names an erased referral: `context`.

    A referral may be erased at this moment, so the monitor looks once more after the save.
    """
    data = event.data
    if state is None:
        return Waits("the dead letter")
    if state.state != OPEN or state.edit or context or why_not(state):
        return Decision(state)
    names = names_of_content(data.content)
    edit = DeadEdit(data.edit, data.by, data.why, data.event_type, data.event_time, data.content, now, names)
    return Decision(_changed(state, edit=edit), _looked_at_again(state, names))


def _looked_at_again(letter: Dead, names: Sequence[str]) -> list[Follow]:
    return [Follow(DeadLetterToErase(dl_id=letter.dl_id))] if names else []


def confirmed(
    state: Dead | None, event: Event[EditConfirmed], now: datetime, context: Sequence[bool]
) -> Decision[Dead] | Rejected | Waits:
    """Sends the edited event, at the word of another person than who proposed it, and settles the letter.

    `context`: whether letter or content names an erased referral; what takes them away may still be under way.
    """
    data = event.data
    if state is None:
        return Waits("the dead letter")
    edit = state.edit
    if state.state != OPEN or edit is None or edit.id != data.edit or edit.by == data.by or any(context):
        return Decision(state)
    try:
        edited = edited_event(state, edit, now)
    except EventError as error:
        return Rejected(f"the edited event of {state.dl_id} cannot be taken any more: {error}")
    taken = _changed(state, by=data.by, why=edit.why, edited_as=edited.id)
    return Decision(settled_in("edited", taken, now), also=[_record(edited, state)], scrubs=True)


def _record(edited: Event, letter: Dead) -> OutRecord:
    """As a door writes it: where the sender writes to a topic of its own, nobody else may."""
    headers: list[tuple[str, bytes | None]] = [
        *kafka_headers(attributes_of(edited)),
        (f"ce_{NAMES_THE_OLD}", edited_from(letter).encode()),
    ]
    return OutRecord(INTAKE_HTTP, edited.data.subject.encode(), content_of(edited).encode(), headers)


def refused(state: Dead | None, event: Event[EditRefused], now: datetime, context: object) -> Decision[Dead] | Waits:
    """Takes the proposal away; the letter stands as before."""
    if state is None:
        return Waits("the dead letter")
    stands = state.edit and state.edit.id == event.data.edit
    return Decision(_changed(state, edit=None, by=event.data.by) if stands else state, scrubs=bool(stands))


def lapsed(state: Dead | None, event: Event[DeadlinePassed], now: datetime, context: object) -> Decision[Dead]:
    """A proposal that nobody confirmed in time goes. A letter that is gone had its term."""
    stands = state and state.edit and lapses_at(state.edit) <= event.data.due_at
    return Decision(_changed(state, edit=None) if state and stands else state, scrubs=bool(stands))


def lapses_at(edit: DeadEdit) -> datetime:
    """Until when the proposal waits for a second person."""
    return edit.proposed_at + STANDS


def deadlines(letter: Dead) -> list[Due]:
    """When its proposal goes, if one stands."""
    return [Due("edit", lapses_at(letter.edit))] if letter.edit else []
