"""How an agreement stands: a function of the set of both sides' words, in order of their times. Pure."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from services.partners.agreements.model import Agreed, Agreement, AgreementStanding
from shared.contracts.instants import midnight_of

ENDS_SOON = timedelta(days=60)


@dataclass(frozen=True)
class AgreedVersion:
    """Terms that both said. `last_day`: one party ended it then."""

    terms: Agreed
    agreed_at: datetime
    rank: str
    last_day: date | None = None

    @property
    def ends_on(self) -> date:
        """The last day on which use counts."""
        return min(self.terms.ends_on, self.last_day or self.terms.ends_on)

    @property
    def name(self) -> str:
        """The state of the agreement that this version is."""
        return f"{self.agreed_at.isoformat()} {self.rank} {self.ends_on}"

    @property
    def half_at(self) -> datetime:
        """Half of the time for which it is, in UTC."""
        begins = midnight_of(self.terms.starts_on)
        return begins + (midnight_of(self.ends_on) - begins) / 2

    @property
    def ends_soon_at(self) -> datetime:
        """From when on it ends within 60 days, in UTC."""
        return midnight_of(self.ends_on) - ENDS_SOON


@dataclass(frozen=True)
class AgreementCourse:
    """What both agreed on, one after the other, and what one side alone says now."""

    versions: tuple[AgreedVersion, ...]
    proposed: dict[str, Agreed]

    @property
    def latest(self) -> AgreedVersion | None:
        """What both agreed on last."""
        return self.versions[-1] if self.versions else None

    @property
    def standing(self) -> AgreementStanding:
        """How it stands, in words."""
        latest = self.latest
        proposed = tuple(sorted(self.proposed.items(), key=lambda one: one[0]))
        if latest is None:
            return AgreementStanding("proposed" if proposed else "ended", None, proposed)
        return AgreementStanding("ended" if latest.last_day else "standing", latest.terms, proposed, latest.last_day)

    def on(self, day: date) -> AgreedVersion | None:
        """What holds on a day: the last agreed of those that hold from a day up to then, unless it is over."""
        for one in reversed(self.versions):
            if one.terms.from_day <= day:
                return one if one.terms.starts_on <= day <= one.ends_on else None
        return None


def course_of(agreement: Agreement) -> AgreementCourse:
    """Walks both sides' words. What one said stands alone until the other says the same; an end clears it."""
    versions: list[AgreedVersion] = []
    proposed: dict[str, Agreed] = {}
    for word in sorted(agreement.words, key=lambda one: one.order):
        latest = versions[-1] if versions else None
        if word.terms is None:
            assert word.last_day is not None
            proposed = {}
            versions = [_ended(one, word.last_day) for one in versions]
        elif latest and latest.last_day is None and word.terms == latest.terms:
            # Who says again what holds takes back what he proposed since.
            proposed.pop(word.source, None)
        elif word.terms in [terms for source, terms in proposed.items() if source != word.source]:
            versions.append(AgreedVersion(word.terms, word.time, word.rank))
            proposed = {}
        else:
            proposed[word.source] = word.terms
    return AgreementCourse(tuple(versions), proposed)


def _ended(version: AgreedVersion, last_day: date) -> AgreedVersion:
    # Who ended it earlier is not held longer by a later word.
    return replace(version, last_day=min(version.last_day or last_day, last_day))
