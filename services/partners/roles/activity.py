"""What of a referral or a group tells that its region's unit and an organiser did something together. Pure.

An organiser's records count once the platform itself has given it a place or taken its enrolment: a stranger who knows a
referral's id wakes no pair.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from services.partners.roles.model import Bond, IssueOfUnit, KnownReferral, MetOn
from shared.contracts.catalogue_events import PlaceAnswer
from shared.contracts.envelope import Event
from shared.contracts.group_told_events import GroupSessionsStated
from shared.contracts.issues import issue_in
from shared.contracts.partner_kinds import is_of
from shared.contracts.partners_events import BondActive
from shared.contracts.referral_events import EnrolmentTaken, IssueTaken, ReferralErased, ReferralOpened
from shared.contracts.region_events import ReferralIssued
from shared.engine.model import Decision, Follow, Waits

MAX_MET: Final = 100
"""Organisers that one referral remembers: those who are nothing to it leave first."""
MOST_ISSUERS: Final = 32
"""Senders of one referral's id that are remembered until the referral service says whose it is."""
_changed = msgspec.structs.replace


def happened(
    state: KnownReferral | None, event: Event[Any], now: datetime, last: Mapping[str, date]
) -> Decision[KnownReferral]:
    """Keeps what happened, and tells the pairs that it is news to. `last`: each pair's last day, by its key."""
    after = with_event(state, event)
    follow = [
        Follow(
            BondActive(kind=bond.kind, host=bond.host, organiser=bond.organiser, unit_ref=bond.unit_ref, on=on),
            bond.key,
        )
        for bond, on in news(state, after)
        if bond.key not in last or last[bond.key] < on
    ]
    return Decision(after, follow)


def with_event(state: KnownReferral | None, event: Event[Any]) -> KnownReferral:
    """The referral with what an event says of it."""
    state, data = state or KnownReferral(), event.data
    if isinstance(data, ReferralOpened):
        issues = {data.issuer: state.issues[data.issuer]} if data.issuer in state.issues else {}
        return _changed(state, region=data.issuer, unit_ref=data.unit_ref or "", issues=issues)
    if isinstance(data, GroupSessionsStated):
        return _with_sessions(state, event)
    if isinstance(data, EnrolmentTaken):
        return _with(state, data.organiser, MetOn(_day(data.event_time), related=True))
    if isinstance(data, PlaceAnswer):
        return _with(state, data.organiser, MetOn(_day(event.time), related=True))
    return _with(state, event.source, MetOn(_day(event.time), related=False))


def news(before: KnownReferral | None, after: KnownReferral) -> Iterator[tuple[Bond, date]]:
    """The pairs that the change concerns, each with the day on which its two did something."""
    # A pair is a region's: the unit of a library that refers is none of the region's.
    if not (is_of(after.region, ("region",)) and after.unit_ref):
        return
    known = before.met if before and before.region else {}
    for organiser, met in after.met.items():
        if met.related and known.get(organiser) != met:
            yield Bond("pair", after.region, organiser, after.unit_ref), met.on


def issued(
    state: KnownReferral | None, event: Event[ReferralIssued | IssueTaken], now: datetime, context: object
) -> Decision[KnownReferral] | Waits:
    """Keeps when a sender issued the referral first, and the unit that its latest word names: so its units' referrals are
    counted, each once. What another than the referral's issuer issues counts for nothing."""
    event = issue_in(event)
    state = state or KnownReferral()
    if state.region and event.source != state.region:
        return Decision(state)
    known = state.issues.get(event.source)
    if known is None and len(state.issues) >= MOST_ISSUERS:
        return Waits("ReferralOpened")
    issue = IssueOfUnit(event.time, event.time, event.rank, event.data.unit_ref)
    if known:
        latest = max(known, issue, key=lambda one: (one.time, one.rank))
        issue = _changed(latest, first=min(known.first, event.time))
    return Decision(_changed(state, issues={**state.issues, event.source: issue}))


def erased(
    state: KnownReferral | None, event: Event[ReferralErased], now: datetime, context: object
) -> Decision[KnownReferral]:
    """Nothing stays of the referral; the pairs keep a day, which names nobody."""
    return Decision(KnownReferral(), erase=True)


def _with_sessions(state: KnownReferral, event: Event[GroupSessionsStated]) -> KnownReferral:
    """A unit's group and its sessions; only a region's is one of a pair."""
    data = event.data
    if not data.recipient.startswith("/region/"):
        return state
    state = _changed(state, region=data.recipient, unit_ref=data.unit_ref)
    for session in data.sessions:
        state = _with(state, session.organiser, MetOn(_day(session.starts_at or event.time), related=True))
    return state


def _with(state: KnownReferral, organiser: str, met: MetOn) -> KnownReferral:
    known = state.met.get(organiser, met)
    both = {**state.met, organiser: MetOn(max(known.on, met.on), known.related or met.related)}
    kept = sorted(both, key=lambda one: (both[one].related, both[one].on, one))[-MAX_MET:]
    return _changed(state, met={one: both[one] for one in sorted(kept)})


def _day(time: datetime) -> date:
    return time.astimezone(UTC).date()
