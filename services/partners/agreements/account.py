"""What of an agreement is used: each use counts once, for the agreement that was agreed first of those that are for it. Pure.

Nothing is added up anywhere: whoever asks counts again from what activities' months and both parties' words say now, so
that a word, a version of an activity or a record that comes late changes the answer as if it had come in time.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from services.partners.agreements.fold import AgreedVersion, AgreementCourse, course_of
from services.partners.agreements.model import Agreed, Agreement, MonthOfUse, Surroundings, Unit
from shared.contracts.agreement_events import month_of


@dataclass(frozen=True)
class Use:
    """What was used of one activity on one day, and the terms by which it counts."""

    day: date
    activity_id: str
    places: int
    sessions: int
    terms: Agreed

    @property
    def counted(self) -> int:
        """How many of what the quota counts."""
        return self.places if self.terms.of == "places" else self.sessions


@dataclass(frozen=True)
class BilledLine:
    """A line of a month's statement: one activity at one price."""

    activity_id: str
    of: Unit
    price_cents: int | None
    places: int
    sessions: int

    @property
    def counted(self) -> int:
        """How many of what the quota counts."""
        return self.places if self.of == "places" else self.sessions

    @property
    def cents(self) -> int:
        """What the referrer pays."""
        return self.counted * (self.price_cents or 0)


def uses_of(agreement: Agreement, beside: Surroundings) -> list[Use]:
    """All that counts for this agreement, by day. `beside` holds the agreement itself too, or another state of it."""
    others = [one for one in beside.agreements if one.id != agreement.id]
    courses = _in_order([agreement, *others])
    return sorted(
        (use for month in beside.months for use in _uses(agreement.id, courses, month, beside.themes)),
        key=lambda one: (one.day, one.activity_id),
    )


def used_in_all(version: AgreedVersion, uses: Iterable[Use]) -> int:
    """How much of the quota is used, in the period of what both agreed on last."""
    first, last = version.terms.starts_on, version.ends_on
    return sum(one.places if version.terms.of == "places" else one.sessions for one in uses if first <= one.day <= last)


def lines_of(uses: Iterable[Use], month: str) -> list[BilledLine]:
    """The lines of a month, by activity and price."""
    places: dict[tuple[str, Unit, int | None], tuple[int, int]] = {}
    for use in uses:
        if month_of(use.day) == month:
            at = (use.activity_id, use.terms.of, use.terms.price_cents)
            before = places.get(at, (0, 0))
            places[at] = (before[0] + use.places, before[1] + use.sessions)
    kept = (BilledLine(*at, *counts) for at, counts in places.items() if any(counts))
    return sorted(kept, key=lambda one: (one.activity_id, one.of, one.price_cents or 0))


def months_of(uses: Iterable[Use]) -> dict[str, tuple[int, int]]:
    """Places and sessions by month, in order."""
    months: dict[str, tuple[int, int]] = {}
    for use in sorted(uses, key=lambda one: one.day):
        places, sessions = months.get(month_of(use.day), (0, 0))
        months[month_of(use.day)] = (places + use.places, sessions + use.sessions)
    return {month: counts for month, counts in months.items() if any(counts)}


def _uses(
    own: str, courses: Mapping[str, AgreementCourse], month: MonthOfUse, themes: Mapping[str, tuple[str, ...]]
) -> Iterator[Use]:
    about = themes.get(month.activity_id, ())
    for day, places, sessions in month.by_day():
        for id_, course in courses.items():
            if (version := course.on(day)) and _is_for(version.terms, month, about):
                if id_ == own:
                    yield Use(day, month.activity_id, places, sessions, version.terms)
                break


def _is_for(terms: Agreed, month: MonthOfUse, about: Iterable[str]) -> bool:
    if terms.unit_ref and terms.unit_ref != month.unit_ref:
        return False
    if terms.activities:
        return month.activity_id in terms.activities
    return not terms.themes or not set(terms.themes).isdisjoint(about)


def _in_order(agreements: Iterable[Agreement]) -> dict[str, AgreementCourse]:
    """The agreed ones, by id, the first agreed first."""
    courses = {one.id: course_of(one) for one in agreements}
    agreed = {id_: course for id_, course in courses.items() if course.versions}
    return dict(sorted(agreed.items(), key=lambda one: (*_first_agreed(one[1]), one[0])))


def _first_agreed(course: AgreementCourse) -> tuple[datetime, str]:
    return course.versions[0].agreed_at, course.versions[0].rank


def overlapping(agreement: Agreement, beside: Surroundings) -> list[str]:
    """The keys of the other agreements of the two that are for the same at the same time, as far as their terms say it:
    of one for activities and one for themes only the use of an activity shows it."""
    own = course_of(agreement).latest
    others = {one.id: course_of(one).latest for one in beside.agreements if one.id != agreement.id}
    return sorted(id_ for id_, other in others.items() if own and other and _overlap(own, other))


def _overlap(one: AgreedVersion, other: AgreedVersion) -> bool:
    a, b = one.terms, other.terms
    if max(a.starts_on, b.starts_on) > min(one.ends_on, other.ends_on):
        return False
    if a.unit_ref and b.unit_ref and a.unit_ref != b.unit_ref:
        return False
    both = [set(terms.activities) or set(terms.themes) for terms in (a, b)]
    return not all(both) or bool(both[0] & both[1])
