"""Who of one partner answers to whom of another: roles, never persons; pairs and seats; and which pair has fallen silent."""

from collections.abc import Mapping
from typing import Final

from services.partners.registration import PARTNERS
from services.partners.roles import activity, bonds, decide, look_ups
from services.partners.roles.model import BondState, KnownReferral, Role, role_key
from shared.contracts.catalogue_events import PlaceReserved, PlaceWaitlisted
from shared.contracts.cooperation_events import RoleEnded, RoleNamed
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.group_told_events import GroupSessionsStated
from shared.contracts.issues import of_a_region
from shared.contracts.opisto_events import ActivityAttended, ActivityMissed
from shared.contracts.partners_events import BondActive, BondToReview, RolesToReview, RoleToReview
from shared.contracts.referral_events import EnrolmentTaken, IssueTaken, ReferralErased, ReferralOpened
from shared.contracts.region_events import ReferralIssued
from shared.engine.model import Handler, Kind
from shared.store import Collection, Index
from shared.store.interface import Fields


def _role_fields(role: Role) -> Fields:
    bond, words = role.bond, role.words
    return {
        "role": role.key,
        "awaits": list(role.awaits),
        "parties": [one for one in (role.owner, words.counterpart) if one] if words else [],
        "listed": role.key if words else None,
        "owner": role.owner if words else None,
        "kind": words.kind if words else None,
        "state": role.state or None,
        "side": bond.side_of(role.owner) if bond else None,
        "said_at": role.said_at.timestamp() if role.said_at else None,
    }


def _bond_fields(state: BondState) -> Fields:
    bond, named = state.bond, bool(state.standing)
    return {
        "bond": bond.key,
        "parties": [bond.host, bond.organiser] if named else [],
        "kind": bond.kind if named else None,
        "host": bond.host,
        "organiser": bond.organiser,
        "standing": state.standing or None,
        "lacking": state.standing.startswith("lacks_"),
    }


def _issue_fields(state: KnownReferral) -> Fields:
    unit, issued_at = state.counted or (None, None)
    return {"unit": unit, "issued_at": issued_at.timestamp() if issued_at else None}


ROLES: Final = Kind(
    Collection(
        "roles",
        (
            Index(("role",)),
            Index(("listed",)),
            Index(("awaits",), many=True),
            Index(("parties",), many=True),
            Index(("owner",)),
            Index(("kind",)),
            Index(("state",)),
            Index(("side", "said_at")),
        ),
    ),
    Role,
    fields=_role_fields,
    deadlines=decide.deadlines,
    marked=False,
)
BONDS: Final = Kind(
    Collection(
        "bonds",
        (
            Index(("kind", "bond")),
            Index(("parties",), many=True),
            Index(("host",)),
            Index(("organiser",)),
            Index(("standing",)),
            Index(("lacking",)),
        ),
    ),
    BondState,
    fields=_bond_fields,
    deadlines=bonds.deadlines,
    marked=False,
)
KNOWN: Final = Kind(
    Collection("known_referrals", (Index(("unit", "issued_at")),)), KnownReferral, fields=_issue_fields, marked=False
)


def _own(event: Event[RoleNamed | RoleEnded]) -> str:
    return role_key(event.source, event.data.subject)


def _named(event: Event[RoleToReview]) -> str:
    return role_key(event.data.owner, event.data.role_id)


def _subject(event: Event) -> str:
    return event.data.subject


def _real(event: Event) -> str | None:
    return None if event.synthetic else event.data.subject


def _group(event: Event[GroupSessionsStated]) -> str | None:
    return None if event.synthetic else event.data.group_id


def _real_of_a_region(event: Event[ReferralIssued]) -> str | None:
    return None if event.synthetic else of_a_region(event)


def _aggregate(event: Event[DeadlinePassed]) -> str:
    return event.data.aggregate


_HAPPENED: Final = Handler(KNOWN, _real, activity.happened, look_ups.last_days)
KINDS: Final = (ROLES, BONDS, KNOWN)
HANDLERS: Final[Mapping[type[Data], Handler]] = {
    RoleNamed: Handler(ROLES, _own, decide.named, look_ups.known_partners),
    RoleEnded: Handler(ROLES, _own, decide.ended),
    RoleToReview: Handler(ROLES, _named, decide.reviewed),
    RolesToReview: Handler(PARTNERS, _subject, decide.others_to_review, look_ups.waiting_for),
    BondToReview: Handler(BONDS, _subject, bonds.reviewed, look_ups.both_sides),
    BondActive: Handler(BONDS, _subject, bonds.active),
    ReferralIssued: Handler(KNOWN, _real_of_a_region, activity.issued),
    IssueTaken: Handler(KNOWN, _real, activity.issued),
    ReferralOpened: _HAPPENED,
    PlaceReserved: _HAPPENED,
    PlaceWaitlisted: _HAPPENED,
    EnrolmentTaken: _HAPPENED,
    ActivityAttended: _HAPPENED,
    ActivityMissed: _HAPPENED,
    GroupSessionsStated: Handler(KNOWN, _group, activity.happened, look_ups.last_days),
    ReferralErased: Handler(KNOWN, _real, activity.erased),
}
DEADLINES: Final[Mapping[str, Handler]] = {
    "roles": Handler(ROLES, _aggregate, decide.deadline_passed),
    "bonds": Handler(BONDS, _aggregate, bonds.silence),
}
