"""The content of each recipient's extract of an event: docs/contracts.md, “Who reads what”, in shared/contracts' shapes.

The issuer reads of its own referral; an organiser of a place only `referral_id referral_code activity_id languages accessibility
companion`, of one that is held what the client pays, of one that is free the reason, nothing else. Attendance reaches the
issuer as counts alone.
"""

from collections.abc import Mapping
from typing import Final

from services.notify.model import ToldReferral
from shared.contracts import catalogue_events, every_service_events, extracts, monitor_events
from shared.contracts.data import ToPartner
from shared.contracts.envelope import Event
from shared.contracts.extracts import TO_ISSUER, TO_ORGANISER, Extract

LAST_WORDS: Final[Mapping[type[Extract], frozenset[str]]] = {
    extracts.ReferralErasedToIssuer: frozenset(extracts.ReferralErasedToIssuer.model_fields),
    extracts.ReferralClosedToIssuer: frozenset({"referral_id", "outcome"}),
    extracts.PlaceReleasedToOrganiser: frozenset({"referral_id", "activity_id", "reason"}),
}
"""The events that still go out about an erased referral, and their fields."""


def extract_for_issuer(event: Event) -> Extract:
    """The issuer's extract: the event without the services' own counts."""
    # An organiser's own event names the organiser by its source alone.
    said = {"organiser": event.source, **dict(event.data)}
    return TO_ISSUER[type(event.data)].model_validate(said)


def extract_for_organiser(referral: ToldReferral, data: catalogue_events.PlaceAnswer) -> Extract:
    """An organiser's extract about a place."""
    said = {
        **dict(data),
        "referral_code": referral.code,
        "languages": referral.languages,
        "accessibility": referral.accessibility,
        "companion": referral.companion,
    }
    return TO_ORGANISER[type(data)].model_validate(said)


def extract_for_partner(
    data: every_service_events.DeadlinePassed
    | every_service_events.EventRefused
    | monitor_events.ViolationsReported
    | ToPartner,
) -> Extract:
    """The extract for any partner: of its own deadline, of an event of its own that was refused, of all those, or of what
    names it as its reader."""
    return TO_ISSUER[type(data)].model_validate(dict(data))
