"""Events about one referral, as the tests of the feedback service tell them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from services.feedback.handlers import table
from services.feedback.model import Phase, ReferralFeedback
from shared.contracts import catalogue_events, feedback_events, participant_events, referral_events, region_events
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.referral_events import ReferralOutcome
from shared.engine.model import Decision, Rejected, Waits

REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
REGION = "/region/06"
OPISTO = "/opisto/valkeakoski"
OTHER_OPISTO = "/opisto/ylojarvi"
START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
DIMENSIONS = dict.fromkeys(participant_events.INSTRUMENTS["dimensions_v1"], 5)


def event(data: Data, source: str, day: float = 0, id_: str = "", *, synthetic: bool = False) -> Event[Any]:
    """An event whose id says what it is, `day` days after the start."""
    id_ = id_ or f"{type(data).__name__}-{source.rpartition('/')[2]}-{day}"
    return Event(id_, source, START + timedelta(days=day), data, synthetic=synthetic)


def issued(
    day: float = 0,
    *,
    scopes: tuple[Literal["referral", "feedback", "follow_up"], ...] = ("referral", "feedback"),
    age_band: Any = "65-74",
    source: str = REGION,
    municipality: str = "908",
    referral: str = REFERRAL,
    synthetic: bool = False,
    **fields: Any,
) -> Event[Any]:
    said: dict[str, Any] = {
        "referral_id": referral,
        "unit_ref": "u1",
        "municipality": municipality,
        "age_band": age_band,
        "languages": ("fi",),
        "needs": {"friends": 8},
        "consent": region_events.Consent(
            recorded_on=date(2026, 8, 30),
            given_by=region_events.CONSENT_AT.get(age_band, ("client",))[0],
            scopes=scopes,
        ),
    }
    data = region_events.ReferralIssued(**said | fields)
    return event(data, source, day, f"issued-{source[-2:]}-{day}", synthetic=synthetic)


def opened(day: float = 0, *, referral: str = REFERRAL, synthetic: bool = False) -> Event[Any]:
    data = referral_events.ReferralOpened(
        referral_id=referral, issuer=REGION, region="06", referral_code="DKGDM5F8QK4V", deadlines=()
    )
    return event(data, "/service/referral", day, synthetic=synthetic)


def and_opened(events: Iterable[Event]) -> Iterator[Event]:
    """With what the referral service says to each issue."""
    for one in events:
        yield one
        if one.name == "ReferralIssued":
            yield opened(referral=one.data.subject, synthetic=one.synthetic)


def erased(day: float = 5) -> Event[Any]:
    return event(
        referral_events.ReferralErased(referral_id=REFERRAL, issuer=REGION, region="06"), "/service/referral", day
    )


def proposed(day: float = 1, number: int = 0) -> Event[Any]:
    proposal = catalogue_events.Proposal(
        organiser=OPISTO, activity_id="choir", score=90, reasons=("need",), starts_at=START, places_left=2
    )
    data = catalogue_events.ActivitiesProposed(referral_id=REFERRAL, number=number, proposals=(proposal,))
    return event(data, "/service/catalogue", day)


def none_found(day: float = 1, number: int = 0) -> Event[Any]:
    data = catalogue_events.NoActivityFound(referral_id=REFERRAL, number=number, nearest_misses={})
    return event(data, "/service/catalogue", day)


def _about(organiser: str, answer: int, activity: str, referral: str = REFERRAL) -> dict[str, Any]:
    return {
        "referral_id": referral,
        "organiser": organiser,
        "activity_id": activity,
        "number": 1,
        "answer": answer,
        "request": "choice",
    }


def reserved(
    day: float = 2, *, organiser: str = OPISTO, answer: int = 1, activity: str = "choir", referral: str = REFERRAL
) -> Event[Any]:
    about = _about(organiser, answer, activity, referral)
    data = catalogue_events.PlaceReserved(**about, given_at=START, promoted=False, confirm=False, sessions=())
    return event(data, "/service/catalogue", day, f"reserved-{organiser[-4:]}-{answer}")


def waitlisted(day: float = 2, *, organiser: str = OPISTO, answer: int = 1, activity: str = "choir") -> Event[Any]:
    data = catalogue_events.PlaceWaitlisted(**_about(organiser, answer, activity), position=1, sessions=())
    return event(data, "/service/catalogue", day, f"waitlisted-{organiser[-4:]}-{answer}")


def refused(
    reason: Any = "full", day: float = 2, *, organiser: str = OPISTO, answer: int = 1, activity: str = "choir"
) -> Event[Any]:
    data = catalogue_events.PlaceRefused(**_about(organiser, answer, activity), reason=reason)
    return event(data, "/service/catalogue", day, f"refused-{organiser[-4:]}-{answer}")


def released(day: float = 4, *, organiser: str = OPISTO, answer: int = 2, activity: str = "choir") -> Event[Any]:
    data = catalogue_events.PlaceReleased(**_about(organiser, answer, activity), reason="moved")
    return event(data, "/service/catalogue", day, f"released-{organiser[-4:]}-{answer}")


def _ending(
    class_: type[referral_events.ReferralEnd],
    outcome: ReferralOutcome,
    day: float,
    attended: int,
    referral: str = REFERRAL,
    **more: Any,
) -> Event[Any]:
    counts = referral_events.SessionCounts(attended=attended, missed=1, told_ahead=2, not_recorded=0)
    data = class_(referral_id=referral, outcome=outcome, sessions=counts, **more)
    return event(data, "/service/referral", day)


def completed(outcome: ReferralOutcome = "completed", day: float = 60, referral: str = REFERRAL) -> Event[Any]:
    return _ending(referral_events.ReferralCompleted, outcome, day, 4, referral)


def lapsed(outcome: ReferralOutcome = "not_chosen", day: float = 30) -> Event[Any]:
    return _ending(referral_events.ReferralLapsed, outcome, day, 0)


def closed(
    outcome: ReferralOutcome = "completed", day: float = 70, *, since: float | None = None, referral: str = REFERRAL
) -> Event[Any]:
    attended = 4 if outcome in {"completed", "discontinued"} else 0
    closed_at = START + timedelta(days=day if since is None else since)
    return _ending(referral_events.ReferralClosed, outcome, day, attended, referral, closed_at=closed_at)


def answered(
    answers: dict[str, int] | None = None,
    *,
    phase: Phase = "before",
    day: float = 3,
    respondent: Any = "participant",
    instrument: Any = "dimensions_v1",
    source: str = "/service/feedback",
    id_: str = "",
    channel: Any = "form",
    referral: str = REFERRAL,
) -> Event[Any]:
    data = participant_events.FeedbackSubmitted(
        about=participant_events.About(kind="referral", id=referral),
        respondent=respondent,
        phase=phase,
        instrument=instrument,
        answers=answers or DIMENSIONS,
        channel=channel,
    )
    return event(data, source, day, id_ or f"{respondent}-{phase}-{instrument}-{source.rpartition('/')[2][-4:]}-{day}")


def experienced(source: str, respondent: Any, day: float = 61) -> Event[Any]:
    answers = {"satisfaction": 4, "recommend": 9}
    return answered(
        answers,
        phase="after",
        day=day,
        respondent=respondent,
        instrument="experience_v1",
        source=source,
        channel=None,
    )


def link(
    token_hash: str = "a" * 64, phase: Phase = "before", day: float = 2.5, *, issued_to: str = REGION
) -> Event[Any]:
    data = feedback_events.FormLinkIssued(
        referral_id=REFERRAL,
        phase=phase,
        token_hash=token_hash,
        expires=START + timedelta(days=30),
        issued_to=issued_to,
    )
    return event(data, "/service/feedback", day, f"link-{token_hash[:4]}{token_hash[-4:]}-{phase}")


HANDLERS = table().handlers


def decide(state: ReferralFeedback | None, one: Event) -> Decision[ReferralFeedback] | Waits | Rejected:
    """As the engine calls it, by the service's own table."""
    return HANDLERS[type(one.data)].decide(state, one, one.time, None)


class PlayedEvents:
    """What became of a row of events: the state, what followed, what was rejected, what still waits.

    First of all the referral service says whose the referral is, but where it is `unopened`.
    """

    def __init__(self, events: Iterable[Event] = (), *, unopened: bool = False) -> None:
        self.state: ReferralFeedback | None = None
        self.follow: list[Data] = []
        self.rejected: list[tuple[str, str]] = []
        self.waiting: list[Event] = []
        self.erased = False
        for one in [*([] if unopened else [opened()]), *events]:
            self.take(one)

    def take(self, one: Event) -> None:
        """Takes an event as the engine does: what waits is tried again after each that is applied, in order of time."""
        if self._decided(one) != "applied":
            return
        progress = True
        while progress:
            progress = False
            for early in sorted(self.waiting, key=lambda waiting: waiting.order):
                self.waiting.remove(early)
                if self._decided(early) != "waiting":
                    progress = True
                    break

    def _decided(self, one: Event) -> str:
        if self.erased:
            return "erased"
        decision = decide(self.state, one)
        if isinstance(decision, Waits):
            self.waiting.append(one)
            return "waiting"
        if isinstance(decision, Rejected):
            self.rejected.append((one.id, decision.why))
            return "rejected"
        self.state = decision.state
        self.follow += [follow.data for follow in decision.follow]
        if decision.erase:
            self.erased, self.waiting = True, []
        return "applied"

    def requests(self) -> list[str]:
        """The phases that were asked, in order."""
        return [data.phase for data in self.follow if isinstance(data, feedback_events.FeedbackRequested)]

    def measured(self) -> list[feedback_events.OutcomeMeasured]:
        """The outcomes that were told, in order."""
        return [data for data in self.follow if isinstance(data, feedback_events.OutcomeMeasured)]

    def known(self) -> ReferralFeedback:
        """The state, which is there."""
        assert self.state is not None
        return self.state
