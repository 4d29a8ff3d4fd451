"""The events of one heartbeat: a synthetic referral finds an activity, gets a place, attends, and says how it was.

Pure. All follows from the beat's instant, so that two instances, and one that starts again, send the same events: a
repetition everywhere. Nobody's referral speaks `zxx`, no language, so that no partner's test meets these activities.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

from shared.contracts import heartbeat
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.identity import derived_id
from shared.contracts.opisto_events import (
    ActivityAttended,
    ActivityPublished,
    AgeLimits,
    Enrolment,
    EnrolmentConfirmed,
    Session,
)
from shared.contracts.participant_events import About, FeedbackSubmitted
from shared.contracts.region_events import ActivityChosen, Consent, ReferralIssued

FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "ReferralIssued": (
        "ReferralOpened",
        "ActivitiesProposed",
        "PlaceRequested",
        "PlaceReserved",
        "EnrolmentTaken",
        "NotificationDelivered",
    ),
    "ActivityAttended": ("ReferralCompleted", "FeedbackTaken", "OutcomeMeasured", "ReferralClosed"),
}
"""By an event that the monitor sends: what the services write because of it, in the order in which one needs another."""
SETTLED: Final = timedelta(minutes=1)
"""How long what follows may take."""
_MUNICIPALITY: Final = "091"
_LANGUAGE: Final = "zxx"
_SESSION: Final = "1"
_A_MOMENT: Final = timedelta(milliseconds=1)


def beat_at(now: datetime, every: timedelta) -> datetime:
    """The instant of the latest beat: all clocks count them from the same one."""
    since = now.timestamp()
    return datetime.fromtimestamp(since - since % every.total_seconds(), now.tzinfo)


def published(at: datetime, every: timedelta) -> list[Event]:
    """The activity, which must be there before the rest. It lasts so long that a late platform still proposes it."""
    session = Session(session_id=_SESSION, starts_at=at + every / 2, ends_at=at + 3 * every)
    activity = ActivityPublished(
        activity_id=_activity(at),
        title={"fi": "Syke", "sv": "Puls", "en": "Heartbeat"},
        themes=("wellbeing",),
        municipality=_MUNICIPALITY,
        format="in_person",
        languages=(_LANGUAGE,),
        age=AgeLimits(),
        capacity=1,
        price_cents=0,
        enrolment=Enrolment(),
        sessions=(session,),
    )
    return list(_said(at, heartbeat.OPISTO, activity))


def missing(seen: Iterable[tuple[str, datetime]], now: datetime, every: timedelta) -> list[str]:
    """The classes that did not follow upon the latest heartbeat that had its time; `seen`: classes, and when."""
    times: defaultdict[str, list[datetime]] = defaultdict(list)
    for name, at in seen:
        times[name].append(at)
    lacking: list[str] = []
    for cause, follows in FOLLOWS.items():
        if since := max((at for at in times[cause] if at <= now - SETTLED), default=None):
            lacking += [name for name in follows if not any(at > since - every / 2 for at in times[name])]
    return lacking


def begun(at: datetime) -> list[Event]:
    """The referral, until it has its place."""
    referral, activity = _referral(at), _activity(at)
    issued = ReferralIssued(
        referral_id=referral,
        unit_ref="heartbeat",
        municipality=_MUNICIPALITY,
        age_band="30-64",
        languages=(_LANGUAGE,),
        needs={"friends": 5},
        consent=Consent(recorded_on=at.date(), scopes=("referral", "feedback")),
    )
    chosen = ActivityChosen(referral_id=referral, organiser=heartbeat.OPISTO, activity_id=activity)
    confirmed = EnrolmentConfirmed(referral_id=referral, activity_id=activity)
    return [
        *_said(at, heartbeat.REGION, issued, chosen, _answers(referral, "before", 4)),
        *_said(at + _A_MOMENT * 9, heartbeat.OPISTO, confirmed),
    ]


def ended(at: datetime, every: timedelta) -> list[Event]:
    """The events by which the heartbeat that began at an instant ends, when the next begins."""
    referral = _referral(at)
    attended = ActivityAttended(referral_id=referral, activity_id=_activity(at), session_id=_SESSION)
    return [
        *_said(at + every, heartbeat.OPISTO, attended),
        *_said(at + every, heartbeat.REGION, _answers(referral, "after", 6)),
    ]


def _said(first: datetime, source: str, *data: Data) -> Iterator[Event]:
    for nth, one in enumerate(data):
        name = type(one).__name__
        id_ = derived_id("heartbeat", name, one.subject, first.isoformat())
        yield Event(id_, source, first + nth * _A_MOMENT, one, correlation=one.subject, synthetic=True)


def _referral(at: datetime) -> str:
    # The form of a random id, which this one is not: nobody could learn anything by guessing it.
    id_ = derived_id("heartbeat", at.timestamp())
    return f"{id_[:14]}4{id_[15:]}"


def _activity(at: datetime) -> str:
    return f"heartbeat-{at:%Y%m%dT%H%M%S}"


def _answers(referral: str, phase: Literal["before", "after"], answer: int) -> FeedbackSubmitted:
    return FeedbackSubmitted(
        about=About(kind="referral", id=referral),
        respondent="participant",
        phase=phase,
        instrument="dimensions_v1",
        answers={"friends": answer},
        channel="paper",
    )
