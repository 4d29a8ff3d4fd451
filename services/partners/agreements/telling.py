"""The words to both parties: how an agreement stands, and what of it they should look at. Pure."""

from collections.abc import Iterable
from typing import Any

from services.partners.agreements.fold import AgreedVersion
from services.partners.agreements.model import Agreed, Agreement, AgreementStanding
from shared.contracts.agreement_events import (
    AgreedTerms,
    AgreementTold,
    AgreementUseTold,
    Contribution,
    Period,
    ProposedTerms,
    Quota,
    UseNotice,
)
from shared.engine.model import Follow


def told_both(state: Agreement, standing: AgreementStanding) -> list[Follow]:
    """How the agreement stands."""
    agreed = AgreedTerms(**in_words(standing.agreed)) if standing.agreed else None
    proposed = tuple(ProposedTerms(by=by, **in_words(terms)) for by, terms in standing.proposed)
    return [
        Follow(
            AgreementTold(
                recipient=recipient,
                agreement_id=state.id.rpartition("/")[2],
                referrer=state.referrer,
                organiser=state.organiser,
                number=state.number,
                status=standing.status,
                agreed=agreed,
                proposed=proposed,
                last_day=standing.last_day,
            ),
            recipient,
        )
        for recipient in (state.referrer, state.organiser)
    ]


def notices(
    state: Agreement, what: UseNotice, latest: AgreedVersion, used: int, overlaps: Iterable[str] = ()
) -> list[Follow]:
    """What both should look at."""
    return [
        Follow(
            AgreementUseTold(
                recipient=recipient,
                agreement_id=state.id.rpartition("/")[2],
                referrer=state.referrer,
                organiser=state.organiser,
                what=what,
                used=max(0, used),
                quota=Quota(of=latest.terms.of, amount=latest.terms.quota),
                last_day=latest.ends_on,
                overlaps=tuple(overlaps)[:20],
            ),
            f"{what} {recipient}",
        )
        for recipient in (state.referrer, state.organiser)
    ]


def in_words(terms: Agreed) -> dict[str, Any]:
    """Terms as events have them."""
    return {
        "period": Period(starts_on=terms.starts_on, ends_on=terms.ends_on),
        "unit_ref": terms.unit_ref or None,
        "activities": terms.activities,
        "themes": terms.themes,
        "quota": Quota(of=terms.of, amount=terms.quota),
        "price_cents": terms.price_cents,
        "contributions": tuple(
            Contribution(by=one.by, kind=one.kind, amount=one.amount) for one in terms.contributions
        ),
        "from_day": terms.from_day,
    }
