"""What an event does to feeds: per referral, the decision who must be told; per recipient, the next entry of its feed.

Pure: no clock, no I/O, no logging. One event belongs to one aggregate, so that an event for two recipients becomes two
NotificationQueued, each counted into its recipient's feed.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from services.notify.extracts import LAST_WORDS, extract_for_issuer, extract_for_organiser, extract_for_partner
from services.notify.model import Recipient, ToldReferral
from shared.contracts import (
    catalogue_events,
    every_service_events,
    monitor_events,
    notify_events,
    opisto_events,
    referral_events,
    region_events,
)
from shared.contracts.data import ToPartner
from shared.contracts.envelope import Event, type_of, written
from shared.contracts.extracts import (
    EXTRACTS,
    TO_ORGANISER,
    Extract,
    PlaceReleasedToOrganiser,
    ReferralClosedToIssuer,
)
from shared.contracts.heartbeat import PARTNERS
from shared.contracts.issues import issue_in
from shared.contracts.registry import CLASSES, schema_id
from shared.engine.model import Decision, Follow, OutBlank, OutRow, Waits

FEED: Final = "feed"
_ISSUE: Final = CLASSES["ReferralIssued"].type
_OF_AN_ERASED: Final = "the referral was erased; nothing of what was sent is kept"
_OF_LAST_WORDS: Final = TO_ORGANISER.keys() | {referral_events.ReferralClosed}

_changed = msgspec.structs.replace


# --- a referral


def issued(
    state: ToldReferral | None,
    event: Event[region_events.ReferralIssued | referral_events.IssueTaken],
    now: datetime,
    context: object,
) -> Decision[ToldReferral] | Waits:
    """Keeps what an organiser must know. If two issue the same id, the referral service says whose it is."""
    event = issue_in(event)
    data = event.data
    state = state or ToldReferral(data.referral_id)
    if state.issuer not in {None, event.source}:
        return Decision(state) if state.code or state.erased else Waits("ReferralOpened")
    order = (event.time.isoformat(timespec="microseconds"), event.rank)
    if state.erased or state.issued > order:
        return Decision(state)
    return Decision(
        _changed(
            state,
            issuer=event.source,
            languages=data.languages,
            accessibility=data.accessibility,
            companion=data.companion,
            issued=order,
            recipients=_with(state.recipients, event.source),
        )
    )


def opened(
    state: ToldReferral | None, event: Event[referral_events.ReferralOpened], now: datetime, context: object
) -> Decision[ToldReferral]:
    """The referral's issuer and code: before that nobody is told anything. Notify forgets another's issue."""
    data = event.data
    state = state or ToldReferral(data.referral_id)
    if state.erased:
        return Decision(state)
    issuer = data.issuer
    if state.issuer != issuer:
        state = ToldReferral(state.id, issuer=issuer)
    state = _changed(state, code=data.referral_code, recipients=_with(state.recipients, issuer))
    return Decision(state, [_queued(state, issuer, event, extract_for_issuer(event))])


def concerns_issuer_and_organiser(
    state: ToldReferral | None, event: Event, now: datetime, context: object
) -> Decision[ToldReferral] | Waits:
    """Tells whom docs/contracts.md, “Who reads what”, names."""
    if state is not None and state.erased:
        word = _last_word(state, event)
        return Decision(state, [word] if word else ())
    if state is None or state.issuer is None or not state.code:
        return Waits("ReferralOpened")
    if type(event.data) in TO_ORGANISER and state.issued == ("", ""):
        return Waits("ReferralIssued")
    follow = [_queued(state, state.issuer, event, extract_for_issuer(event))]
    data = event.data
    if isinstance(data, catalogue_events.PlaceAnswer) and type(data) in TO_ORGANISER:
        activity, says = f"{data.organiser} {data.activity_id}", _says(data)
        if state.places.get(activity) != says:
            follow.append(_queued(state, data.organiser, event, extract_for_organiser(state, data)))
        state = _changed(
            state,
            places={**state.places, activity: says},
            recipients=_with(state.recipients, data.organiser),
        )
    return Decision(_remembering(state, event), follow)


def enrolment_taken(
    state: ToldReferral | None, event: Event[referral_events.EnrolmentTaken], now: datetime, context: object
) -> Decision[ToldReferral] | Waits:
    """Passes an organiser's event on once it counts, under its own id, source and time."""
    data = event.data
    about = {"referral_id": data.referral_id, "activity_id": data.activity_id}
    said = (
        opisto_events.EnrolmentCancelled(**about, reason=data.cancelled)
        if data.cancelled
        else opisto_events.EnrolmentConfirmed(**about)
    )
    original = Event(
        data.event_id, data.organiser, data.event_time, said, finer=data.event_finer, synthetic=event.synthetic
    )
    return concerns_issuer_and_organiser(state, original, now, context)


def _last_word(state: ToldReferral, event: Event) -> Follow | None:
    """After an erasure the issuer still hears that the referral is closed, an organiser that its place is free."""
    data = event.data
    if isinstance(data, referral_events.ReferralClosed) and state.issuer:
        last = ReferralClosedToIssuer(referral_id=state.id, outcome=data.outcome)
        return _queued(state, state.issuer, event, last)
    if isinstance(data, catalogue_events.PlaceReleased):
        free = PlaceReleasedToOrganiser(referral_id=state.id, activity_id=data.activity_id, reason=data.reason)
        return _queued(state, data.organiser, event, free)
    return None


def _remembering(state: ToldReferral, event: Event) -> ToldReferral:
    """Keeps the last words so far: notify may read the events that follow from an erasure before the erasure itself."""
    if type(event.data) not in _OF_LAST_WORDS:
        return state
    data = event.data.model_dump()
    about = f"{data.get('organiser', state.issuer)} {data.get('activity_id', '')}"
    words = {one: word for one, word in state.last_words.items() if one != about}
    if word := _last_word(state, event):
        words[about] = word.data.model_dump_json()
    return _changed(state, last_words=words)


def _says(data: catalogue_events.PlaceAnswer) -> str:
    # Notify tells an organiser only once of a place, and not of each step on the waiting list.
    match data:
        case catalogue_events.PlaceReserved():
            said = written(data.given_at)
        case catalogue_events.PlaceReleased():
            said = data.reason
        case _:
            said = ""
    return f"{type(data).__name__} {said}"


def deadline(
    state: ToldReferral | None, event: Event[every_service_events.DeadlinePassed], now: datetime, context: object
) -> Decision[ToldReferral] | Waits:
    """Tells each partner of its own deadlines."""
    data = event.data
    if state is not None and state.erased:
        return Decision(state)
    if state is None or state.issuer is None:
        return Waits("ReferralIssued")
    if data.concerns is None:
        return Decision(state)
    state = _changed(state, recipients=_with(state.recipients, data.concerns))
    return Decision(state, [_queued(state, data.concerns, event, extract_for_partner(data))])


def erased(
    state: ToldReferral | None, event: Event[referral_events.ReferralErased], now: datetime, context: Iterable[str]
) -> Decision[ToldReferral]:
    """Blanks the referral's entries in every feed. Its issuer hears so; after that, only the last words go out.

    `context`: the owners of feeds with an entry about the referral, also strangers whose events about it were refused.
    """
    data = event.data
    state = state or ToldReferral(data.referral_id)
    follow = [
        Follow(
            notify_events.NotificationQueued(recipient=recipient, referral_id=data.referral_id, erase=True), recipient
        )
        for recipient in dict.fromkeys([*state.recipients, *context])
    ]
    # Not the engine's erasure: the state still knows who must hear the last word, and nothing else.
    left = ToldReferral(data.referral_id, issuer=data.issuer, erased=True)
    follow.append(Follow(_queued(left, data.issuer, event, extract_for_issuer(event)).data, f"{data.issuer} erased"))
    # Blanked with all other entries if the feed has it already.
    follow += [
        Follow(notify_events.NotificationQueued.model_validate_json(word), about)
        for about, word in state.last_words.items()
    ]
    return Decision(left, follow, scrubs=True)


def _with(recipients: tuple[str, ...], recipient: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*recipients, recipient]))


def _queued(referral: ToldReferral, recipient: str, event: Event, extract: Extract) -> Follow:
    queued = notify_events.NotificationQueued(
        recipient=recipient,
        referral_id=referral.id,
        notification=_notification(event, extract),
        to_issuer=recipient == referral.issuer,
    )
    # Who issued the referral may be its organiser too: of one event it then reads two extracts.
    return Follow(queued, f"{recipient} {type(extract).__name__}")


def _notification(event: Event, extract: Extract) -> notify_events.Notification:
    return notify_events.Notification(
        id=event.id,
        source=event.source,
        type=type_of(event.data),
        time=written(event.time, event.finer),
        subject=event.data.subject,
        data=extract.model_dump_json(exclude_none=True),
        extract=type(extract).__name__,
    )


# --- a recipient


def queued(
    state: Recipient | None, event: Event[notify_events.NotificationQueued], now: datetime, context: object
) -> Decision[Recipient]:
    """The next entry of the feed, or the blanking of an erased referral's. `context`: whether it is erased by now.

    An entry that was queued before its referral was erased goes in blank. One that notify reads before that is saved
    stands before the erasure on the log, and the erasure blanks it.
    """
    data = event.data
    state = state or _feed_of(data.recipient, event)
    if data.erase and data.referral_id:
        blanked = _blanked(data.recipient, data.referral_id, state.last)
        return Decision(state, also=[blanked], scrubs=True)
    if data.once_more is not None and data.referral_id:
        also = [_blanked(data.recipient, data.referral_id, data.once_more)] if context else []
        return Decision(state, also=also, scrubs=bool(also))
    notification = data.notification
    assert notification is not None
    kept = LAST_WORDS.get(EXTRACTS[notification.extract], frozenset()) if context else None
    said = notification if kept is None else _last_word_of(notification, kept)
    return _entered(
        state,
        said,
        data.referral_id,
        synthetic=event.synthetic,
        is_blank=kept == frozenset(),
        to_issuer=data.to_issuer,
    )


def _feed_of(recipient: str, event: Event) -> Recipient:
    return Recipient(recipient, since=event.time if recipient in PARTNERS else None)


def _last_word_of(notification: notify_events.Notification, kept: Iterable[str]) -> notify_events.Notification:
    """Cuts an entry queued in full before the erasure, as a redriven PlaceReleased is, down to one of after it."""
    said = {name: value for name, value in json.loads(notification.data).items() if name in kept}
    return notification.model_copy(update={"data": json.dumps(said, ensure_ascii=False, separators=(",", ":"))})


def refused(
    state: Recipient | None, event: Event[every_service_events.EventRefused], now: datetime, context: object
) -> Decision[Recipient]:
    """Tells a sender which of its events was dead-lettered and why; no more where `context`: its referral is erased.

    The erasure may happen at this moment, and not find an entry that is not in the feed yet: so notify looks once more.
    """
    data = event.data
    state = state or _feed_of(data.sender, event)
    extract = extract_for_partner(data)
    # When an issue meets an erasure, the reason is the erasure's own text.
    says_nothing = data.referral_id is None or (data.reason == "rejected" and data.event_type == _ISSUE)
    if context and not says_nothing:
        extract = extract.model_copy(update={"errors": (_OF_AN_ERASED,)})
    entered = _entered(state, _notification(event, extract), data.referral_id, synthetic=event.synthetic)
    if context or says_nothing:
        return entered
    again = notify_events.NotificationQueued(
        recipient=data.sender, referral_id=data.referral_id, once_more=state.last + 1
    )
    return _changed(entered, follow=[*entered.follow, Follow(again)])


def violations_reported(
    state: Recipient | None, event: Event[monitor_events.ViolationsReported], now: datetime, context: object
) -> Decision[Recipient]:
    """Tells a sender what it did wrong. It concerns no referral, so that no erasure finds anything in it."""
    state = state or _feed_of(event.data.sender, event)
    told = _notification(event, extract_for_partner(event.data))
    return _entered(state, told, None, synthetic=event.synthetic)


def addressed(state: Recipient | None, event: Event[ToPartner], now: datetime, context: object) -> Decision[Recipient]:
    """Tells a partner what names it as its reader. It concerns no referral, so that no erasure finds anything in it."""
    state = state or _feed_of(event.data.recipient, event)
    told = _notification(event, extract_for_partner(event.data))
    return _entered(state, told, None, synthetic=event.synthetic)


def _blanked(recipient: str, referral_id: str, up_to: int) -> OutBlank:
    return OutBlank(FEED, recipient, referral_id, up_to, _entry(_blank_entry(referral_id)))


def _entered(
    state: Recipient,
    about: notify_events.Notification,
    referral_id: str | None,
    *,
    synthetic: bool,
    is_blank: bool = False,
    to_issuer: bool = False,
) -> Decision[Recipient]:
    number = state.last + 1
    entry = _blank_entry(referral_id) if is_blank else _structured(about, synthetic=synthetic)
    row = [] if state.source in PARTNERS else [OutRow(FEED, state.source, number, referral_id or "", _entry(entry))]
    # The refusal of a partner's own event discloses nothing of a referral.
    of = None if about.type.endswith(".EventRefused.v1") else referral_id
    delivered = notify_events.NotificationDelivered(
        recipient=state.source,
        referral_id=of,
        channel="feed",
        event_id=about.id,
        event_source=about.source,
        to_issuer=to_issuer,
        number=number,
    )
    return Decision(_changed(state, last=number), [Follow(delivered)], also=row)


def _structured(notification: notify_events.Notification, *, synthetic: bool) -> dict[str, Any]:
    """The notification keeps the event's id, source and time; its data is the extract that `dataschema` names."""
    return {
        "specversion": "1.0",
        "id": notification.id,
        "source": notification.source,
        "type": notification.type,
        "subject": notification.subject,
        "time": notification.time,
        "datacontenttype": "application/json",
        "dataschema": schema_id(notification.extract),
        "dataclassification": "confidential",
        **({"synthetic": True} if synthetic else {}),
        "data": json.loads(notification.data),
    }


def _blank_entry(referral_id: str | None) -> dict[str, Any]:
    """What erasure leaves of an entry."""
    return {"erased": True, "data": {"referral_id": referral_id or "", "erased": True}}


def _entry(entry: Iterable[Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(entry))
