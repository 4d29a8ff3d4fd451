"""Whom the regions refer in the demo, and what each will do: seeded, plausible, made up.

Pure: the same seed gives the same people.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from shared.contracts.region_events import CARD_FROM_AGE
from shared.reference import DIMENSIONS, MUNICIPALITIES_OF, REGIONS, THEMES

_BANDS = ("0-6", "7-12", "13-15", "16-17", "18-29", "30-64", "65-74", "75-84", "85-")
_BAND_WEIGHTS = (1, 2, 3, 3, 14, 34, 22, 16, 6)
UNRECORDED: Final = 0.03
"""At most this share of the clients is planned to be left without records of attendance."""


@dataclass(frozen=True)
class Plan:
    """One referral and the people's decisions about it. Times are in days after the start."""

    referral_id: str
    source: str
    issued_at: float
    data: dict[str, Any]
    chooses_after: float | None
    rank: int
    withdraws_after: float | None
    reason: str
    attends: tuple[bool, bool, bool]
    marked_wrongly: bool
    recorded: bool
    answers_before: bool
    answers_after: bool
    answer_on_paper: bool
    shows_the_code: bool
    """At an opisto's desk, rather than choose by way of the region."""


def people(rng: Random, count: int, issuing_days: float) -> list[Plan]:
    """`count` referrals from all regions that may refer, in proportion to their municipalities."""
    unrecorded = set(rng.sample(range(count), int(UNRECORDED * count)))
    return [
        _plan(rng, municipality, region, issuing_days, recorded=number not in unrecorded)
        for number, (region, municipality) in enumerate(_spread(rng, count))
    ]


def _spread(rng: Random, count: int) -> Iterator[tuple[str, str]]:
    regions = [code for code, region in REGIONS.items() if region.may_refer]
    weights = [len(MUNICIPALITIES_OF[code]) for code in regions]
    # Every region refers at least once where there are enough referrals to go round.
    chosen = regions[:count] + rng.choices(regions, weights, k=max(0, count - len(regions)))
    rng.shuffle(chosen)
    for region in chosen:
        yield region, rng.choice(MUNICIPALITIES_OF[region])


def _plan(rng: Random, municipality: str, region: str, issuing_days: float, *, recorded: bool) -> Plan:
    consents = rng.random() < 0.8
    attendance = tuple(rng.random() < 0.8 for _ in range(3))
    shows_the_code = rng.random() < 0.04
    return Plan(
        referral_id=str(UUID(int=rng.getrandbits(128), version=4)),
        source=f"/region/{region}",
        issued_at=rng.random() * issuing_days,
        data=_wish(rng, municipality, consents=consents),
        chooses_after=None if rng.random() < 0.04 or shows_the_code else 0.2 + rng.random() * 1.5,
        rank=rng.choices((0, 1, 2), (7, 2, 1))[0],
        withdraws_after=1 + rng.random() * 12 if rng.random() < 0.05 else None,
        reason=rng.choice(("client_wish", "moved", "consent_withdrawn")),
        attends=(attendance[0], attendance[1], attendance[2]) if rng.random() > 0.04 else (False, False, False),
        marked_wrongly=rng.random() < 0.04,
        recorded=recorded,
        answers_before=consents and rng.random() < 0.6,
        answers_after=consents and rng.random() < 0.7,
        answer_on_paper=rng.random() < 0.25,
        shows_the_code=shows_the_code,
    )


def _wish(rng: Random, municipality: str, *, consents: bool) -> dict[str, Any]:
    needs = rng.sample(DIMENSIONS, rng.randint(1, 4))
    band = rng.choices(_BANDS, _BAND_WEIGHTS)[0]
    return {
        "unit_ref": f"unit-{rng.randint(1, 40)}",
        "municipality": municipality,
        "age_band": band,
        "languages": rng.choices((["fi"], ["sv", "fi"], ["fi", "en"], ["en"]), (80, 8, 8, 4))[0],
        "needs": {need: rng.randint(3, 10) for need in needs},
        "themes": rng.sample(THEMES, rng.randint(0, 3)),
        "accessibility": rng.sample(("step_free", "quiet", "companion_welcome"), rng.choice((0, 0, 0, 1))),
        **({"max_price_cents": rng.choice((0, 2000, 5000))} if rng.random() < 0.4 else {}),
        **_funding(rng, band),
        "route": rng.choice(("service_guidance", "lifestyle_guidance", "clinic", "outreach")),
        "consent": {
            "recorded_on": "2026-08-31",
            **_given_by(band),
            "scopes": ["referral", "feedback"] if consents else ["referral"],
        },
    }


def _given_by(band: str) -> dict[str, str]:
    """Who consented: the guardian of a child, a young person together with the guardian; else the client."""
    youngest = int(band.partition("-")[0])
    if youngest >= 18:
        return {}
    return {"given_by": "guardian" if youngest < 16 else "both"}


def _funding(rng: Random, band: str) -> dict[str, Any]:
    """What else can pay: no card or voucher for a child; of the cards one in twelve ends before the courses begin."""
    got_on = f"{rng.choice((2025, *[2026] * 11))}-0{rng.randint(1, 8)}-15"
    funding = rng.choice((None, "kaikukortti", "opintoseteli", "agreement", "agreement"))
    grown_up = int(band.partition("-")[0]) >= CARD_FROM_AGE
    if funding == "kaikukortti" and grown_up:
        return {"funding": [funding], "kaikukortti_from": got_on}
    return {"funding": [funding]} if funding == "agreement" or (funding and grown_up) else {}


def answers(rng: Random, *, after: bool) -> dict[str, int]:
    """A participant's answers on the ten dimensions; a little higher after than before, mostly."""
    lift = 1 if after else 0
    return {dimension: min(10, rng.randint(3, 8) + lift) for dimension in DIMENSIONS}


def days(start: datetime, count: float) -> datetime:
    """A time so many days after the start."""
    return start + timedelta(days=count)
