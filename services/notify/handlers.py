"""Which event concerns whom: a referral's partners, or one recipient's feed."""

from datetime import datetime
from typing import Final

import msgspec

from services.notify import decide
from services.notify.model import Recipient, ToldReferral
from shared.contracts import (
    every_service_events,
    monitor_events,
    notify_events,
    opisto_events,
    referral_events,
    region_events,
)
from shared.contracts.data import ToPartner
from shared.contracts.envelope import Event
from shared.contracts.extracts import ADDRESSED, TO_ISSUER
from shared.contracts.heartbeat import BEAT, PARTNERS, beat_of
from shared.contracts.issues import of_a_region
from shared.contracts.topics import READ_BY
from shared.engine.model import Document, Handler, Kind, Table
from shared.store import Collection, Index, Journal, Store

_OF_ENROLMENT: Final = (opisto_events.EnrolmentConfirmed, opisto_events.EnrolmentCancelled)
"""An organiser's events: the issuer hears of them once they count for the referral, by EnrolmentTaken."""
_REFERRALS: Final = msgspec.json.Decoder(Document[ToldReferral])
_BY_BEAT: Final = (Index((BEAT,)),)
REFERRALS = Kind(
    Collection("referrals", _BY_BEAT),
    ToldReferral,
    fields=lambda told: beat_of(told.issuer, datetime.fromisoformat(told.issued[0]) if told.issued[0] else None),
)
RECIPIENTS = Kind(
    Collection("recipients", _BY_BEAT),
    Recipient,
    fields=lambda recipient: beat_of(recipient.source, recipient.since),
    marked=False,
)


def table() -> Table:
    """Notify's table."""
    tells = Handler(REFERRALS, _referral, decide.concerns_issuer_and_organiser)
    return Table(
        service="notify",
        gathers=True,
        topics=READ_BY["notify"],
        kinds=(REFERRALS, RECIPIENTS),
        journals=(Journal(decide.FEED),),
        handlers={
            **{model: tells for model in TO_ISSUER if model not in _OF_ENROLMENT},
            **dict.fromkeys(ADDRESSED, Handler(RECIPIENTS, _reader, decide.addressed)),
            region_events.ReferralIssued: Handler(REFERRALS, of_a_region, decide.issued),
            referral_events.IssueTaken: Handler(REFERRALS, _referral, decide.issued),
            referral_events.ReferralErased: Handler(REFERRALS, _referral, decide.erased, _in_whose_feeds),
            referral_events.ReferralOpened: Handler(REFERRALS, _referral, decide.opened),
            referral_events.EnrolmentTaken: Handler(REFERRALS, _referral, decide.enrolment_taken),
            every_service_events.DeadlinePassed: Handler(REFERRALS, _own_referral, decide.deadline),
            notify_events.NotificationQueued: Handler(RECIPIENTS, _recipient, decide.queued, _is_erased),
            every_service_events.EventRefused: Handler(RECIPIENTS, _sender, decide.refused, _is_erased),
            monitor_events.ViolationsReported: Handler(RECIPIENTS, _whose_violations, decide.violations_reported),
        },
    )


def _referral(event: Event) -> str:
    return event.data.subject


def _own_referral(event: Event[every_service_events.DeadlinePassed]) -> str | None:
    data = event.data
    return data.referral_id if data.concerns and data.what != "early" else None


def _recipient(event: Event[notify_events.NotificationQueued]) -> str:
    return _whose(event.data.recipient, event.data.referral_id)


def _sender(event: Event[every_service_events.EventRefused]) -> str:
    return _whose(event.data.sender, event.data.referral_id)


def _reader(event: Event[ToPartner]) -> str:
    return event.data.recipient


def _whose_violations(event: Event[monitor_events.ViolationsReported]) -> str:
    return event.data.sender


def _whose(recipient: str, referral_id: str | None) -> str:
    # A document for each heartbeat, which leaves with it: one for all would remember the outcomes of a year.
    return f"{recipient} {referral_id}" if recipient in PARTNERS else recipient


async def _in_whose_feeds(state: ToldReferral | None, event: Event, store: Store, now: datetime) -> list[str]:
    return await store.owners(decide.FEED, event.data.subject)


async def _is_erased(
    state: Recipient | None,
    event: Event[every_service_events.EventRefused | notify_events.NotificationQueued],
    store: Store,
    now: datetime,
) -> bool:
    referral_id = event.data.referral_id
    rows = await store.load(REFERRALS.collection.name, [referral_id] if referral_id else [])
    states = [_REFERRALS.decode(row.body).state for row in rows.values()]
    return any(state is not None and state.erased for state in states)
