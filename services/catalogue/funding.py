"""What a client pays for an activity, and by which rule.

Pure. A Kaikukortti card is valid for a year from and including the day on which the client got it; it must be on the day
of the course's first session, where it may be asked for, or on the day of the choice where the course has begun. A study
voucher pays in the study year of a grant, from 1 August, for the groups that the grant is meant for. docs/contracts.md,
“What an activity costs”, has the sources.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Final, Literal
from zoneinfo import ZoneInfo

from services.catalogue.model import Means
from shared.reference import VOUCHER_RULES

Rule = Literal["kaikukortti", "opintoseteli", "agreement", "free", "full"]
FUNDED: Final = frozenset({"kaikukortti", "opintoseteli", "agreement"})
"""The rules by which others pay than the client."""
Span = tuple[datetime, datetime]
"""From, included, and until, excluded."""
FINLAND: Final = ZoneInfo("Europe/Helsinki")
STUDY_YEAR_BEGINS: Final = 8
"""The month; on its first day."""
_ALWAYS: Final[Sequence[Span]] = ((datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),)


def spans(means: Means) -> Mapping[str, Sequence[Span]]:
    """When each funding can pay for a client, in the order in which the referral names them."""
    when = {
        "kaikukortti": lambda: _of_the_card(means.kaikukortti_from),
        "opintoseteli": lambda: _of_vouchers(means.voucher_group),
        "agreement": lambda: _ALWAYS,
    }
    return {funding: when[funding]() for funding in means.funding}


def rule_of(
    can_pay: Mapping[str, Sequence[Span]], price_cents: int, accepts: Collection[str], day: datetime, cards_left: int
) -> Rule:
    """The rule that makes the price: the first funding, in the referral's order, that the activity accepts and that can pay.

    Args:
        can_pay: When each funding can pay, as `spans` has it.
        price_cents: What the activity costs.
        accepts: The fundings that its organiser accepts.
        day: The time of the first session, or of the choice where that is later.
        cards_left: How many more may come with the card.
    """
    if price_cents == 0:
        return "free"
    for funding, when in can_pay.items():
        has_room = funding != "kaikukortti" or cards_left > 0
        if funding in accepts and has_room and covers(when, day):
            return funding  # type: ignore[return-value]
    return "full"


def covers(when: Iterable[Span], day: datetime) -> bool:
    """Whether the time lies in one of the spans."""
    return any(begins <= day < ends for begins, ends in when)


def to_pay(rule: Rule, price_cents: int) -> int:
    """What the client pays himself, in euro cents."""
    return price_cents if rule == "full" else 0


def voucher_year(day: datetime) -> int:
    """The year of the grant that a course uses which begins then: that of the study year."""
    here = day.astimezone(FINLAND)
    return here.year if here.month >= STUDY_YEAR_BEGINS else here.year - 1


def _of_the_card(got_on: date | None) -> Sequence[Span]:
    return ((_midnight(got_on), _midnight(_a_year_after(got_on))),) if got_on else ()


def _a_year_after(day: date) -> date:
    # A card of 29 February is valid until the last day of the next February.
    return date(day.year + 1, 3, 1) if (day.month, day.day) == (2, 29) else day.replace(year=day.year + 1)


def _of_vouchers(group: str | None) -> Sequence[Span]:
    return tuple(
        (_midnight(date(year, STUDY_YEAR_BEGINS, 1)), _midnight(date(year + 1, STUDY_YEAR_BEGINS, 1)))
        for year, rule in VOUCHER_RULES.items()
        if group is None or group in rule.groups
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), FINLAND)
