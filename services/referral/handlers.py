"""Which event concerns a referral, and which function decides."""

from datetime import datetime
from secrets import randbits
from typing import NamedTuple

import msgspec

from services.referral import decide
from services.referral.erasing import meets_erasure
from services.referral.groups.handlers import groups_of, handlers_of, is_taken, silence_of
from services.referral.model import Access, Referral
from services.referral.referrers import RegionsReferrers, asked_region, referrers_allowed
from services.referral.view import Durations
from shared.contracts import (
    catalogue_events,
    every_service_events,
    feedback_events,
    notify_events,
    opisto_events,
    referral_events,
    region_events,
)
from shared.contracts.envelope import Event
from shared.contracts.heartbeat import BEAT, PARTNERS, beat_of
from shared.contracts.referral_code import BITS, code_of
from shared.contracts.topics import READ_BY
from shared.engine.model import Decide, Document, Handler, Kind, Rejected, Table
from shared.store import Collection, Index, Store

COLLECTION = Collection("referrals", (Index(("code",)), Index((BEAT,))))

ACCESSES = Kind(
    Collection(
        "accesses",
        (Index(("referral_id", "at")), Index(("denied_of",)), Index(("at",))),
    ),
    Access,
    fields=lambda access: {
        "referral_id": access.referral_id,
        "at": access.time.timestamp(),
        "denied_of": None if access.allowed else access.referral_id,
    },
)


REFERRERS = Kind(Collection("referrers"), RegionsReferrers, marked=False)
"""Whom each region lets refer beside itself."""
_REFERRERS = msgspec.json.Decoder(Document[RegionsReferrers])


class Opening(NamedTuple):
    """For judging an issue: the durations, a new code, drawn by chance, the word of the client's region, and whether the
    id is a group's."""

    durations: Durations
    code: str
    word: RegionsReferrers | None = None
    of_group: bool = False


def table(durations: Durations) -> Table:
    """The referral service's table."""
    referrals = Kind(
        COLLECTION,
        Referral,
        fields=_fields,
        deadlines=decide.deadlines_of(durations),
        meets_erasure=meets_erasure,
    )

    groups = groups_of(durations)

    def by_referral(decision: Decide) -> Handler:
        return Handler(referrals, _referral, decision)

    async def with_a_code(
        state: Referral | None, event: Event[region_events.ReferralIssued], store: Store, now: datetime
    ) -> Opening:
        of_group = state is None and await is_taken(groups, event, store)
        return Opening(durations, code_of(randbits(BITS)), await _word_of(asked_region(event), store), of_group)

    return Table(
        service="referral",
        topics=READ_BY["referral"],
        kinds=(referrals, ACCESSES, groups, REFERRERS),
        context=durations,
        handlers={
            region_events.ReferralIssued: Handler(referrals, _referral, _issued, with_a_code),
            region_events.ReferrersAllowed: Handler(REFERRERS, _region, referrers_allowed),
            region_events.ActivityChosen: by_referral(decide.chosen),
            region_events.ReferralWithdrawn: by_referral(decide.withdrawn),
            opisto_events.EnrolmentConfirmed: by_referral(decide.enrolment_confirmed),
            opisto_events.EnrolmentCancelled: by_referral(decide.enrolment_cancelled),
            opisto_events.ActivityAttended: by_referral(decide.session_recorded),
            opisto_events.ActivityMissed: by_referral(decide.session_recorded),
            referral_events.CodeLookedUp: by_referral(decide.code_looked_up),
            feedback_events.FeedbackTaken: by_referral(decide.feedback_taken),
            catalogue_events.ActivitiesProposed: by_referral(decide.matched),
            catalogue_events.NoActivityFound: by_referral(decide.matched),
            catalogue_events.PlaceReserved: by_referral(decide.place_answered),
            catalogue_events.PlaceWaitlisted: by_referral(decide.place_answered),
            catalogue_events.PlaceRefused: by_referral(decide.place_answered),
            catalogue_events.PlaceReleased: by_referral(decide.place_answered),
            catalogue_events.SessionsChanged: by_referral(decide.place_answered),
            every_service_events.AccessRecorded: Handler(ACCESSES, _access, decide.accessed),
            notify_events.NotificationDelivered: Handler(ACCESSES, _disclosure, decide.disclosed),
            **handlers_of(groups, referrals, durations),
        },
        deadlines={
            "referrals": Handler(referrals, _aggregate, decide.deadline_passed),
            "groups": silence_of(groups),
        },
    )


def _issued(
    state: Referral | None, event: Event[region_events.ReferralIssued], now: datetime, opening: Opening
) -> decide.Decided:
    if opening.of_group:
        return Rejected(f"{event.data.referral_id} is the id of a unit's group; draw another for the referral")
    return decide.issued(state, event, now, opening.durations, opening.code, opening.word)


async def _word_of(region: str | None, store: Store) -> RegionsReferrers | None:
    """What a region has said of whom it lets refer; None where it has said nothing, or none is asked."""
    if region is None:
        return None
    rows = await store.load(REFERRERS.collection.name, [region])
    return _REFERRERS.decode(rows[region].body).state if region in rows else None


def _referral(event: Event) -> str:
    return event.data.subject


def _region(event: Event[region_events.ReferrersAllowed]) -> str:
    return event.data.subject


def _aggregate(event: Event[every_service_events.DeadlinePassed]) -> str:
    return event.data.aggregate


def _access(event: Event[every_service_events.AccessRecorded]) -> str | None:
    return event.id if event.data.referral_id else None


def _disclosure(event: Event[notify_events.NotificationDelivered]) -> str | None:
    # A notification to who issued the referral is no disclosure.
    data = event.data
    to_an_organiser = not data.to_issuer and data.recipient not in PARTNERS
    return event.id if to_an_organiser and data.referral_id else None


def _fields(state: Referral) -> dict[str, str | float | None]:
    beat = beat_of(state.issued.source, state.issued.time) if state.issued else beat_of()
    return {"code": state.code or None, **beat}
