"""What two parties say of an agreement, in few words: days since the first of September, one region, one opisto."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from services.partners.agreements.decide import said
from services.partners.agreements.model import Agreement
from shared.contracts.agreement_events import AgreementChanged, AgreementEnded, AgreementMade
from shared.contracts.envelope import Event
from shared.engine.model import Decision
from tests.unit.facts import OPISTO, REGION, at, event

FIRST = date(2026, 9, 1)
NAME = "art-2026"
KEY = f"{REGION}{OPISTO}/{NAME}"


def day(days: int) -> date:
    """So many days after the first of September."""
    return FIRST + timedelta(days=days)


def _content(name: str, **terms: Any) -> dict[str, Any]:
    said = {
        "agreement_id": name,
        "referrer": REGION,
        "organiser": OPISTO,
        "period": {"starts_on": day(0), "ends_on": day(100)},
        "quota": {"of": "sessions", "amount": 10},
        "price_cents": 1250,
    }
    first, last = terms.pop("lasts", (0, 100))
    said["period"] = {"starts_on": day(first), "ends_on": day(last)}
    return said | terms


def made(days: float, source: str, name: str = NAME, *, synthetic: bool = False, **terms: Any) -> Event[Any]:
    """AgreementMade."""
    data = AgreementMade.model_validate(_content(name, **terms), strict=False)
    return event(data, days, source, f"made-{name}-{days:g}-{source[1:3]}", synthetic=synthetic)


def changed(days: float, source: str, from_day: int, name: str = NAME, **terms: Any) -> Event[Any]:
    """AgreementChanged, from a day on."""
    content = _content(name, **terms) | {"from_day": day(from_day)}
    data = AgreementChanged.model_validate(content, strict=False)
    return event(data, days, source, f"changed-{name}-{days:g}-{source[1:3]}")


def ended(days: float, source: str, last_day: int, name: str = NAME) -> Event[Any]:
    """AgreementEnded, with its last day."""
    data = AgreementEnded(agreement_id=name, referrer=REGION, organiser=OPISTO, last_day=day(last_day))
    return event(data, days, source, f"ended-{name}-{days:g}-{source[1:3]}")


def both(days: float, name: str = NAME, **terms: Any) -> list[Event[Any]]:
    """Both say the same, the region first."""
    return [made(days, REGION, name, **terms), made(days + 0.5, OPISTO, name, **terms)]


def after(*words: Event[Any], state: Agreement | None = None) -> tuple[Agreement, list[Any]]:
    """The agreement once all of these were said, and what followed from the last of them."""
    follow: Sequence[Any] = ()
    for word in words:
        decided = said(state, word, at(0), None)
        assert isinstance(decided, Decision), decided
        state, follow = decided.state, decided.follow
    assert state is not None
    return state, [one.data for one in follow]
