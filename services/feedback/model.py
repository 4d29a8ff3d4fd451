"""What the feedback service keeps of one referral: how it went on, who may answer, and the answers."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from shared.contracts.identity import derived_id
from shared.contracts.participant_events import AFTERWARDS
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.contracts.referral_events import ReferralOutcome
from shared.contracts.region_events import region_of

Phase = Literal["before", "after", "after_3_months", "after_6_months"]


class KnownIssue(msgspec.Struct, frozen=True, omit_defaults=True):
    """The latest ReferralIssued, as far as this service needs it."""

    time: datetime
    rank: str
    source: str
    municipality: str
    feedback: bool
    """Whether the consent covers feedback."""
    age_band: str = ""
    """Empty where the issue came before this service kept by what figures are compared, and so is the rest below."""
    unit: str = ""
    route: str = ""
    themes: tuple[str, ...] = ()
    accessibility: tuple[str, ...] = ()
    funding: tuple[str, ...] = ()
    follow_up: bool = False
    """Whether the consent covers being asked months later."""

    def covers(self, phase: Phase) -> bool:
        """Whether the consent covers being asked, and answering, in a phase."""
        return self.follow_up if phase in AFTERWARDS else self.feedback

    @property
    def region(self) -> str:
        """The region that the referral counts for."""
        return f"/region/{region_of(self.source, self.municipality)}"


class KnownMatch(msgspec.Struct, frozen=True):
    """The catalogue's latest answer to the matching."""

    number: int
    time: datetime
    id: str
    proposed: bool


class KnownPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """One activity's last answer; `had` stays true once it gave a place."""

    answer: int
    state: Literal["reserved", "waitlisted", "refused", "released"]
    time: datetime
    reason: str = ""
    had: bool = False


class KnownEnding(msgspec.Struct, frozen=True):
    """How the referral ended, by the latest event."""

    outcome: ReferralOutcome
    attended: int
    time: datetime
    id: str
    missed: int = 0
    told_ahead: int = 0
    not_recorded: int = 0
    closed_at: datetime | None = None
    """Of a closing, when the loop was closed, however often that was said since."""


class Answers(msgspec.Struct, frozen=True):
    """The latest answers of one respondent, in one phase, to one instrument."""

    respondent: str
    phase: Phase
    instrument: str
    answers: dict[str, int]
    time: datetime
    rank: str
    source: str

    @property
    def slot(self) -> tuple[str, str, str]:
        """The key of answers of which only the latest holds: each partner answers for itself."""
        by = self.source if self.respondent in PARTNER_KINDS else self.respondent
        return by, self.phase, self.instrument

    @property
    def order(self) -> tuple[datetime, str, str]:
        return self.time, self.rank, self.source


class Link(msgspec.Struct, frozen=True):
    """A link to the form that a partner got; of its token the hash alone."""

    token_hash: str
    phase: Phase
    expires: datetime
    """By the real clock."""
    issued_to: str


class ErasedFeedback(msgspec.Struct, frozen=True):
    """What erasure leaves."""

    status: Literal["completed", "lapsed", "withdrawn"]
    issued_at: datetime | None
    closed_at: datetime
    issuer: str
    region: str = ""
    """The region that it counted for; empty in what was erased while regions alone issued."""


class PartnerAnswers(msgspec.Struct, frozen=True):
    """A partner's latest answers to one instrument, of something beside a referral."""

    source: str
    instrument: str
    answers: dict[str, int]
    time: datetime
    rank: str

    @property
    def slot(self) -> tuple[str, str]:
        """The key of answers of which only the latest holds."""
        return self.source, self.instrument


class SaidTogether(msgspec.Struct, frozen=True, omit_defaults=True):
    """What partners said of a group, a training, their pair or their agreement."""

    kind: str
    parties: tuple[str, ...] = ()
    """Who may answer, by source."""
    answers: tuple[PartnerAnswers, ...] = ()


class ReferralFeedback(msgspec.Struct, frozen=True, omit_defaults=True):
    """The document here of one referral, or of something else that feedback is about, which has `cooperation` alone."""

    id: str
    issuer: str = ""
    """Whose referral it is, as the referral service said."""
    first_issued_at: datetime | None = None
    issued: KnownIssue | None = None
    synthetic: bool = False
    matched: KnownMatch | None = None
    proposed: bool = False
    """Whether the catalogue ever proposed anything."""
    places: dict[str, KnownPlace] = {}
    """By `<organiser> <activity_id>`."""
    ended: KnownEnding | None = None
    """The latest ReferralCompleted or ReferralLapsed."""
    closed: KnownEnding | None = None
    reopened_at: datetime | None = None
    asked: tuple[Phase, ...] = ()
    answers: tuple[Answers, ...] = ()
    measured: dict[str, dict[str, int]] = {}
    """The change in the latest OutcomeMeasured, by `<respondent> <instrument>`."""
    links: tuple[Link, ...] = ()
    spent: tuple[str, ...] = ()
    """Ids of the form's events that came in: they show that a link was used."""
    erased: ErasedFeedback | None = None
    cooperation: SaidTogether | None = None


class Figures(msgspec.Struct, frozen=True, array_like=True):
    """A referral as the outcomes see it: small, since each report reads all of them."""

    region: str
    municipality: str
    quarter: str
    answers: tuple[tuple[str, str, str, dict[str, int]], ...]
    """Respondent, phase, instrument, answers."""


class CooperationFigures(msgspec.Struct, frozen=True, array_like=True):
    """What partners said of one thing, as the report sees it."""

    kind: str
    parties: tuple[str, ...]
    answers: tuple[tuple[str, str, dict[str, int]], ...]
    """Source, instrument, answers."""


COMPLETED = frozenset({"completed", "discontinued"})


def place_key(organiser: str, activity_id: str) -> str:
    """An activity's name within a referral."""
    return f"{organiser} {activity_id}"


def places_at(state: ReferralFeedback, organiser: str) -> list[KnownPlace]:
    """The answers of one organiser's activities."""
    return [place for key, place in state.places.items() if key.partition(" ")[0] == organiser]


def has_the_place(state: ReferralFeedback, organiser: str) -> bool:
    """Whether the organiser has the place; where nobody has it any more, whether the organiser had it."""
    had = [place for place in places_at(state, organiser) if place.had]
    if any(place.state == "reserved" for place in state.places.values()):
        return any(place.state == "reserved" for place in had)
    return bool(had)


def is_good(state: ReferralFeedback, link: Link) -> bool:
    """Whether the link's holder could still get one: an organiser's link is dead once another has the place."""
    return link.issued_to == state.issuer or has_the_place(state, link.issued_to)


def form_event_id(token_hash: str, instrument: str) -> str:
    """The id of a form's event: the same for each POST of one link, so that a double one is a repetition."""
    return derived_id("form", token_hash, instrument)


def is_used(state: ReferralFeedback, link: Link) -> bool:
    """Whether answers came in by this link."""
    return any(form_event_id(link.token_hash, instrument) in state.spent for instrument in FORM[link.phase])


FORM: dict[Phase, tuple[str, ...]] = {
    "before": ("dimensions_v1",),
    "after": ("dimensions_v1", "experience_v1"),
    "after_3_months": ("afterwards_v1",),
    "after_6_months": ("afterwards_v1",),
}
"""The instruments that the form asks in each phase."""


def quarter_of(time: datetime) -> str:
    """The quarter, `2026-Q1`, in which a UTC time falls in Finland.

    Of the four boundaries one (1 January) falls in winter time; the others in summer time, which is in force from the
    last Sunday of March to that of October.
    """
    local = time + timedelta(hours=2 if time.month in {12, 1} else 3)
    return f"{local.year:04}-Q{(local.month + 2) // 3}"
