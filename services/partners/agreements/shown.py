"""Agreements in words: how one stands, what of it is used, and a month's statement. Pure."""

from collections.abc import Sequence
from typing import Final

from services.partners.agreements.account import Use, lines_of, months_of, used_in_all
from services.partners.agreements.fold import course_of
from services.partners.agreements.model import Agreed, Agreement
from services.partners.agreements.responses import (
    AgreementInUse,
    AgreementShown,
    Statement,
    StatementLine,
    TermsShown,
)
from shared.contracts.agreement_events import month_of

COLUMNS: Final = (
    "agreement_id",
    "referrer",
    "organiser",
    "month",
    "activity_id",
    "of",
    "places",
    "sessions",
    "counted",
    "price_cents",
    "cents",
)


def shown(agreement: Agreement) -> AgreementShown:
    """How it stands."""
    standing = course_of(agreement).standing
    return {
        "agreement_id": agreement.id.rpartition("/")[2],
        "referrer": agreement.referrer,
        "organiser": agreement.organiser,
        "status": standing.status,
        "agreed": _terms(standing.agreed) if standing.agreed else None,
        "proposed": [{"by": by, "terms": _terms(terms)} for by, terms in standing.proposed],
        "last_day": standing.last_day.isoformat() if standing.last_day else None,
    }


def in_use(agreement: Agreement, uses: Sequence[Use]) -> AgreementInUse:
    """How it stands, and what of it is used."""
    latest = course_of(agreement).latest
    months = months_of(uses)
    return {
        **shown(agreement),
        "used": used_in_all(latest, uses) if latest else 0,
        "months": [
            {"month": month, "places": places, "sessions": sessions} for month, (places, sessions) in months.items()
        ],
    }


def statement(agreement: Agreement, uses: Sequence[Use], month: str) -> Statement:
    """What was used in a month, by activity and price."""
    lines: list[StatementLine] = [
        {
            "activity_id": line.activity_id,
            "of": line.of,
            "places": line.places,
            "sessions": line.sessions,
            "counted": line.counted,
            "price_cents": line.price_cents,
            "cents": line.cents,
        }
        for line in lines_of(uses, month)
    ]
    before, until = _used_until(agreement, uses, month)
    latest = course_of(agreement).latest
    quota = latest.terms.quota if latest else 0
    return {
        "agreement_id": agreement.id.rpartition("/")[2],
        "referrer": agreement.referrer,
        "organiser": agreement.organiser,
        "month": month,
        "lines": lines,
        "counted": sum(line["counted"] for line in lines),
        "cents": sum(line["cents"] for line in lines),
        "quota": quota,
        "used": until,
        "beyond": max(0, until - quota) - max(0, before - quota),
    }


def rows(said: Statement) -> list[list[object]]:
    """The lines of a statement as rows of `COLUMNS`."""
    of_all = [said["agreement_id"], said["referrer"], said["organiser"], said["month"]]
    return [[*of_all, *(line[name] for name in COLUMNS[4:])] for line in said["lines"]]


def _used_until(agreement: Agreement, uses: Sequence[Use], month: str) -> tuple[int, int]:
    """How much of the quota is used before the month, and up to its end."""
    latest = course_of(agreement).latest
    if latest is None:
        return 0, 0
    before = used_in_all(latest, (use for use in uses if month_of(use.day) < month))
    return before, used_in_all(latest, (use for use in uses if month_of(use.day) <= month))


def _terms(terms: Agreed) -> TermsShown:
    return {
        "starts_on": terms.starts_on.isoformat(),
        "ends_on": terms.ends_on.isoformat(),
        "from_day": terms.from_day.isoformat(),
        "unit_ref": terms.unit_ref or None,
        "activities": list(terms.activities),
        "themes": list(terms.themes),
        "of": terms.of,
        "quota": terms.quota,
        "price_cents": terms.price_cents,
        "contributions": [{"by": one.by, "kind": one.kind, "amount": one.amount} for one in terms.contributions],
    }
