"""Which classes there are: the model of each, who owns it, who may send it, on which topic it is written.

The owner is the one service that dead-letters a record for what it is in itself; other readers skip and count it.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from shared.contracts import partner_events, service_events
from shared.contracts.errors import UnknownType
from shared.contracts.fields import Data
from shared.contracts.topics import SERVICES

TYPE_PREFIX: Final = "fi.kulttuurilahete."


class EventClass(NamedTuple):
    """One class of events, version 1."""

    model: type[Data]
    owner: str
    senders: frozenset[str]
    """Kinds of sources that may send it: region, opisto, or service/<name>."""
    outcome: str = ""
    """The owner's collection whose aggregates remember what became of it: of those that a partner asks after."""

    @property
    def name(self) -> str:
        return self.model.__name__

    @property
    def type(self) -> str:
        return f"{TYPE_PREFIX}{self.name}.v1"

    @property
    def public(self) -> bool:
        """Whether partners send it."""
        return not all(sender.startswith("service/") for sender in self.senders)


def _classes(owner: str, senders: Iterable[str], *models: type[Data], outcome: str = "") -> Iterable[EventClass]:
    return (EventClass(model, owner, frozenset(senders), outcome) for model in models)


_EVERY_SERVICE = [f"service/{name}" for name in SERVICES]

CLASSES: Final[Mapping[str, EventClass]] = {
    event_class.name: event_class
    for group in (
        _classes(
            "referral", ["region"], partner_events.ReferralIssued, partner_events.ActivityChosen, outcome="referrals"
        ),
        _classes("referral", ["region"], partner_events.ReferralWithdrawn, outcome="referrals"),
        _classes(
            "referral",
            ["opisto"],
            partner_events.EnrolmentConfirmed,
            partner_events.EnrolmentCancelled,
            outcome="referrals",
        ),
        _classes(
            "referral", ["opisto"], partner_events.ActivityAttended, partner_events.ActivityMissed, outcome="referrals"
        ),
        _classes(
            "catalogue",
            ["opisto"],
            partner_events.ActivityPublished,
            partner_events.ActivityCancelled,
            outcome="activities",
        ),
        _classes(
            "feedback", ["region", "opisto", "service/feedback"], partner_events.FeedbackSubmitted, outcome="feedback"
        ),
        _classes("referral", ["service/referral"], service_events.CodeLookedUp),
        _classes("catalogue", ["service/referral"], service_events.PlaceRequested, service_events.PlaceGivenUp),
        _classes("catalogue", ["service/referral"], service_events.RematchRequested, service_events.MatchingEnded),
        _classes("notify", ["service/referral"], service_events.ReferralOpened, service_events.ReferralErased),
        _classes("notify", ["service/referral"], service_events.EnrolmentTaken),
        _classes("feedback", ["service/referral"], service_events.ReferralCompleted, service_events.ReferralLapsed),
        _classes("feedback", ["service/referral"], service_events.ReferralClosed, service_events.ReferralReopened),
        _classes("referral", ["service/catalogue"], service_events.ActivitiesProposed, service_events.NoActivityFound),
        _classes("referral", ["service/catalogue"], service_events.PlaceReserved, service_events.PlaceWaitlisted),
        _classes("referral", ["service/catalogue"], service_events.PlaceRefused, service_events.PlaceReleased),
        _classes("referral", ["service/catalogue"], service_events.SessionsChanged),
        _classes("catalogue", ["service/catalogue"], service_events.ActivityToMatch),
        _classes("notify", ["service/feedback"], service_events.FeedbackRequested),
        _classes("referral", ["service/feedback"], service_events.FeedbackTaken),
        _classes("feedback", ["service/feedback"], service_events.OutcomeMeasured, service_events.FormLinkIssued),
        _classes("notify", ["service/notify"], service_events.NotificationQueued),
        _classes(
            "monitor", ["service/notify"], service_events.NotificationDelivered, service_events.NotificationFailed
        ),
        _classes("monitor", _EVERY_SERVICE, service_events.DeadlinePassed, service_events.EventRefused),
        _classes("monitor", _EVERY_SERVICE, service_events.DeadLetterSettled, service_events.AccessRecorded),
        _classes("monitor", ["service/monitor"], service_events.PartnerRegistered, outcome="partners"),
        _classes("monitor", ["service/monitor"], service_events.RedriveRequested, service_events.DiscardRequested),
        _classes("monitor", ["service/monitor"], service_events.ErasureToSpread, service_events.DeadLetterToErase),
        _classes("monitor", ["service/monitor"], service_events.TraceToErase),
    )
    for event_class in group
}


@lru_cache(maxsize=256)
def class_of(type_: str) -> EventClass:
    """The class a CloudEvents `type` names. Raises `UnknownType`."""
    name, _, version = type_.removeprefix(TYPE_PREFIX).rpartition(".v")
    found = CLASSES.get(name) if type_.startswith(TYPE_PREFIX) and version == "1" else None
    if found is None:
        raise UnknownType(
            f"no event has the type {type_[:120]!r}; version 1 of {', '.join(public_names())} can be sent"
        )
    return found


def schema_id(name: str) -> str:
    """The URI of the schema of a class or an extract: a name, not an address. RFC 8141 allows no dot in its second part."""
    return f"urn:kulttuurilahete:{name}:v1"


def public_names() -> list[str]:
    """The classes that partners send."""
    return [event_class.name for event_class in CLASSES.values() if event_class.public]


@lru_cache(maxsize=4096)
def kind_of(source: str) -> str:
    """`/region/06` is a region; `/service/feedback` is service/feedback."""
    kind, _, rest = source[1:].partition("/")
    return f"service/{rest}" if kind == "service" else kind
