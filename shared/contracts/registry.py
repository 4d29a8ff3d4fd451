"""Which classes there are: the model of each, who owns it, who may send it, on which topic it is written.

The owner is the one service that dead-letters a record for what it is in itself; other readers skip and count it.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from shared.contracts import from_outside as outside
from shared.contracts import from_services as services
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
        _classes("referral", ["region"], outside.ReferralIssued, outside.ActivityChosen, outcome="referrals"),
        _classes("referral", ["region"], outside.ReferralWithdrawn, outcome="referrals"),
        _classes("referral", ["opisto"], outside.EnrolmentConfirmed, outside.EnrolmentCancelled, outcome="referrals"),
        _classes("referral", ["opisto"], outside.ActivityAttended, outside.ActivityMissed, outcome="referrals"),
        _classes("catalogue", ["opisto"], outside.ActivityPublished, outside.ActivityCancelled, outcome="activities"),
        _classes("feedback", ["region", "opisto", "service/feedback"], outside.FeedbackSubmitted, outcome="feedback"),
        _classes("referral", ["service/referral"], services.CodeLookedUp),
        _classes("catalogue", ["service/referral"], services.PlaceRequested, services.PlaceGivenUp),
        _classes("catalogue", ["service/referral"], services.RematchRequested, services.MatchingEnded),
        _classes("notify", ["service/referral"], services.ReferralOpened, services.ReferralErased),
        _classes("notify", ["service/referral"], services.EnrolmentTaken),
        _classes("feedback", ["service/referral"], services.ReferralCompleted, services.ReferralLapsed),
        _classes("feedback", ["service/referral"], services.ReferralClosed, services.ReferralReopened),
        _classes("referral", ["service/catalogue"], services.ActivitiesProposed, services.NoActivityFound),
        _classes("referral", ["service/catalogue"], services.PlaceReserved, services.PlaceWaitlisted),
        _classes("referral", ["service/catalogue"], services.PlaceRefused, services.PlaceReleased),
        _classes("referral", ["service/catalogue"], services.SessionsChanged),
        _classes("catalogue", ["service/catalogue"], services.ActivityToMatch),
        _classes("notify", ["service/feedback"], services.FeedbackRequested),
        _classes("referral", ["service/feedback"], services.FeedbackTaken),
        _classes("feedback", ["service/feedback"], services.OutcomeMeasured, services.FormLinkIssued),
        _classes("notify", ["service/notify"], services.NotificationQueued),
        _classes("monitor", ["service/notify"], services.NotificationDelivered, services.NotificationFailed),
        _classes("monitor", _EVERY_SERVICE, services.DeadlinePassed, services.EventRefused),
        _classes("monitor", _EVERY_SERVICE, services.DeadLetterSettled, services.AccessRecorded),
        _classes("monitor", ["service/monitor"], services.PartnerRegistered, outcome="partners"),
        _classes("monitor", ["service/monitor"], services.RedriveRequested, services.DiscardRequested),
        _classes("monitor", ["service/monitor"], services.ErasureToSpread, services.DeadLetterToErase),
        _classes("monitor", ["service/monitor"], services.TraceToErase),
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


def public_names() -> list[str]:
    """The classes that partners send."""
    return [event_class.name for event_class in CLASSES.values() if event_class.public]


@lru_cache(maxsize=4096)
def kind_of(source: str) -> str:
    """`/region/06` is a region; `/service/feedback` is service/feedback."""
    kind, _, rest = source[1:].partition("/")
    return f"service/{rest}" if kind == "service" else kind
