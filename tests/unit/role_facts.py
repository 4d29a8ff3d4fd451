"""What partners say of roles, in few words: days since `START`, one region, two organisers, one municipality."""

from datetime import date, timedelta
from typing import Any, Final

from shared.contracts import catalogue_events, opisto_events, referral_events
from shared.contracts.cooperation_events import RoleEnded, RoleNamed
from shared.contracts.envelope import Event
from shared.contracts.group_told_events import GroupSessionsStated, StatedSession
from shared.contracts.partners_events import PartnerRegistered
from tests.unit.facts import OPISTO, REGION, START, a_referral, at, event

UNIT: Final = "unit-17"
TOWN: Final = "/municipality/837"
PAIR: Final = f"pair {REGION} {UNIT} {OPISTO}"
SEAT: Final = f"hyte_seat {TOWN} - {OPISTO}"


def day(days: float) -> date:
    """The day so many days after the start."""
    return (START + timedelta(days=days)).date()


def registered(days: float, partner: str, name: str = "") -> Event[Any]:
    """PartnerRegistered."""
    said = PartnerRegistered(partner=partner, name=partner)
    return event(said, days, "/service/partners", name or f"registered-{days:g}-{partner.replace('/', '.')}")


def named(days: float, owner: str, role_id: str = "contact", *, synthetic: bool = False, **said: Any) -> Event[Any]:
    """RoleNamed: one side of the pair, if not said otherwise."""
    other = OPISTO if owner == REGION else REGION
    pair = {"counterpart": other, "unit_ref": UNIT} if said.get("kind", "pair") == "pair" else {}
    about: dict[str, Any] = {
        "role_id": role_id,
        "kind": "pair",
        "title": "teacher",
        "begins_on": day(0),
        **pair,
        **said,
    }
    return event(RoleNamed(**about), days, owner, f"named-{role_id}-{days:g}", synthetic=synthetic)


def ended(days: float, owner: str, role_id: str = "contact", *, synthetic: bool = False) -> Event[Any]:
    """RoleEnded."""
    return event(RoleEnded(role_id=role_id), days, owner, f"ended-{role_id}-{days:g}", synthetic=synthetic)


def seat(days: float, owner: str, role_id: str = "seat", *, host: str = TOWN, **said: Any) -> Event[Any]:
    """RoleNamed: a seat of the opisto in the town's group."""
    other = OPISTO if owner == host else host
    return named(days, owner, role_id, kind="hyte_seat", counterpart=other, host=host, **said)


def _word(source: str) -> str:
    return source.rpartition("/")[2]


# --- what a referral tells


def opened(
    days: float = 0, referral: str = "", *, unit_ref: str | None = UNIT, issuer: str = REGION, synthetic: bool = False
) -> Event[Any]:
    """ReferralOpened."""
    said = referral_events.ReferralOpened(
        referral_id=referral or a_referral(),
        issuer=issuer,
        region=REGION.rpartition("/")[2],
        referral_code="DKGDM5F8QK4V",
        deadlines=(),
        unit_ref=unit_ref,
    )
    return event(said, days, "/service/referral", f"opened-{days:g}-{referral[:8]}", synthetic=synthetic)


def reserved(days: float, referral: str = "", organiser: str = OPISTO, *, synthetic: bool = False) -> Event[Any]:
    """PlaceReserved."""
    said = catalogue_events.PlaceReserved(
        referral_id=referral or a_referral(),
        organiser=organiser,
        activity_id="a",
        number=1,
        answer=1,
        request="choice",
        given_at=at(days),
        promoted=False,
        confirm=False,
        sessions=(),
    )
    name = f"reserved-{days:g}-{referral[:8]}-{_word(organiser)}"
    return event(said, days, "/service/catalogue", name, synthetic=synthetic)


def taken(days: float, referral: str = "", organiser: str = OPISTO) -> Event[Any]:
    """EnrolmentTaken."""
    said = referral_events.EnrolmentTaken(
        referral_id=referral or a_referral(), organiser=organiser, activity_id="a", event_id="e", event_time=at(days)
    )
    return event(said, days, "/service/referral", f"taken-{days:g}-{referral[:8]}-{_word(organiser)}")


def attended(days: float, referral: str = "", organiser: str = OPISTO) -> Event[Any]:
    """ActivityAttended."""
    said = opisto_events.ActivityAttended(referral_id=referral or a_referral(), activity_id="a", session_id="s")
    return event(said, days, organiser, f"attended-{days:g}-{referral[:8]}-{_word(organiser)}")


def group_met(days: float, organiser: str = OPISTO, issuer: str = REGION) -> Event[Any]:
    """GroupSessionsStated: a group of the unit met there on that day; stated three days later."""
    held = StatedSession(
        organiser=organiser,
        activity_id="a",
        session_id="s",
        starts_at=at(days),
        participants=9,
        staff=1,
        above_size=False,
    )
    said = GroupSessionsStated(recipient=issuer, group_id=a_referral("group"), unit_ref=UNIT, size=9, sessions=(held,))
    return event(said, days + 3, "/service/referral", f"stated-{days:g}")


def erased(days: float, referral: str = "") -> Event[Any]:
    """ReferralErased."""
    said = referral_events.ReferralErased(referral_id=referral or a_referral(), issuer=REGION, region="06")
    return event(said, days, "/service/referral", f"erased-{days:g}")
