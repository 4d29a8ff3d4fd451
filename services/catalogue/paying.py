"""What pays the places of an activity: one use of a funding for each place, counted once for the course.

Pure. A funding that pays a place goes on paying it, whatever a later version accepts or however low its quota, as no version
takes a place away; only the referral's own latest issue may end it. A place that is given back before the course has begun
was no use; later it was one. The uses of places that moved to another activity are that one's.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from services.catalogue.funding import FUNDED, Rule, covers, rule_of, spans, to_pay
from services.catalogue.model import NO_QUOTA, Activity, Claim, Payment

_changed = msgspec.structs.replace


def pay(activity: Activity, claims: dict[str, Claim], first_session: datetime | None, judged: Sequence[str]) -> None:
    """Judges what pays each place of these claims, in order of arrival; what ceases to pay one may pay another."""
    for referral_id in judged:
        claims[referral_id] = _without_what_ended(claims[referral_id])
    left = cards_left(_changed(activity, claims=claims))
    for referral_id in judged:
        claim = claims[referral_id]
        if claim.state == "reserved" and claim.paid is None and claim.means.funding and first_session:
            paid = _payment(activity, claim, first_session, left)
            claims[referral_id] = _changed(claim, paid=paid)
            left -= paid is not None and paid.rule == "kaikukortti"


def _without_what_ended(claim: Claim) -> Claim:
    if claim.paid is None or claim.spent or (claim.state == "reserved" and _goes_on(claim)):
        return claim
    return _changed(claim, paid=None)


def _goes_on(claim: Claim) -> bool:
    paid = claim.paid
    return paid is not None and covers(spans(claim.means).get(paid.rule, ()), paid.day)


def _payment(activity: Activity, claim: Claim, first_session: datetime, cards: int) -> Payment | None:
    price, accepts = activity.published["price_cents"], activity.published.get("accepts", ())
    assert claim.given_at is not None
    day = max(first_session, claim.requested_at or first_session)
    # Who moves with an activity comes beyond the quota, as beyond the capacity.
    rule = rule_of(spans(claim.means), price, accepts, day, NO_QUOTA if claim.moved else cards)
    return Payment(rule, price, day, claim.given_at) if rule in FUNDED else None


def price_of(activity: Activity, claim: Claim) -> tuple[int, Rule]:
    """What the client pays for its place, in euro cents, and by which rule."""
    price = activity.published["price_cents"]
    rule: Rule = claim.paid.rule if claim.paid else "full" if price else "free"  # type: ignore[assignment]
    return to_pay(rule, price), rule


def given_back(claim: Claim, freed_at: datetime, first_session: datetime | None) -> Claim:
    """The claim of a referral that gives its place up: what paid it stays used once the course has begun."""
    has_begun = first_session is not None and freed_at >= first_session
    spent = claim.spent or (claim.state == "reserved" and claim.paid is not None and has_begun)
    return _changed(claim, spent=spent, paid=claim.paid if spent else None)


def uses(activity: Activity, rule: Rule) -> list[Payment]:
    """The uses of one funding; none where the places have moved to the activity that replaces this one."""
    if activity.cancelled and activity.cancelled.replaced_by:
        return []
    return [paid for paid in (*_of_claims(activity.claims.values()), *activity.spent) if paid.rule == rule]


def _of_claims(claims: Iterable[Claim]) -> list[Payment]:
    return [claim.paid for claim in claims if claim.paid and (claim.spent or claim.state == "reserved")]


def cards_left(activity: Activity) -> int:
    """How many more may come with the Kaikukortti card; none where a quota was lowered under what is used."""
    quota = activity.published.get("kaikukortti_places")
    return NO_QUOTA if quota is None else max(0, quota - len(uses(activity, "kaikukortti")))
