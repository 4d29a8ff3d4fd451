"""An organiser that no client was ever near sends events about other organisers' clients."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from tests.integration.road import OPISTO, REGION, published
from tests.scenarios.journeys import JourneyStep
from tests.scenarios.platform import Platform, feed, step
from tests.scenarios.referrals import about, answers, referral, subject_of
from tests.scenarios.send import Senders
from tests.scenarios.table import ALL, scenario

OPENED = {"LAHETE_DUE_EARLY": "PT45S"}
"""How long a stranger's event may wait for its condition."""

REFUSED: Final = {"fate": "dead_lettered", "refusals": frozenset({"rejected"}), "history_of": None}
CLIENTS: Final = 40 if ALL else 6
ATTACKS: Final = 20 * CLIENTS
"""Five classes, before each of three honest steps and after the last."""


@scenario(32)
def test_a_stranger_takes_over_nobody_s_client(platform: Platform) -> None:
    """Clients are issued, choose an activity and are confirmed there. An opisto that nobody of them chose sends every
    class about each of them: of a course of its own with one free place, and of the course and session that they are
    really in; before the referral is issued, before the choice, before the confirmation and after it.

    Each such event waits, and is `rejected` in the end, by the oracle without any effect. Every client keeps the place
    that the region chose, with nothing recorded; the stranger's own place is still free, and its feed tells it of its
    refusals alone.
    """
    stranger = sorted(who for who in platform.place.keys if who.startswith("/opisto/") and who != OPISTO)[0]
    course, trap = platform.rng.randbytes(4).hex(), platform.rng.randbytes(4).hex()
    courses = [
        step(published(course, capacity=CLIENTS)),
        step({**published(trap, capacity=1, waiting_list=0, enrolment={"confirm": False}), "source": stranger}),
    ]
    clients = [referral(platform.rng, REGION) for _ in range(CLIENTS)]

    async def play(sender: Senders) -> None:
        await sender.send_all(courses)
        for client in clients:
            for honest in journey(platform, client, course):
                await sender.send_all(attack(platform, client, stranger, course, trap))
                await sender.send(honest)
            await sender.send_all(attack(platform, client, stranger, course, trap))

    platform.play(play)
    platform.until(lambda: refused(platform) >= ATTACKS, "all are refused", 180)
    platform.judge()
    for client in clients:
        stands = platform.ask("referral", f"/v1/referrals/{subject_of(client)}", REGION).json()
        assert (stands["status"], stands["place"]["organiser"], stands["place"]["activity_id"]) == (
            "placed",
            OPISTO,
            course,
        )
        assert {session["state"] for session in stands["sessions"]} == {"upcoming"}
    own = platform.ask("catalogue", f"/v1/activities{stranger}/{trap}", stranger).json()
    assert own["availability"] == "places"
    assert Counter(one["type"].split(".")[2] for one in feed(platform, stranger)) == {"EventRefused": ATTACKS}


def journey(platform: Platform, client: JourneyStep, course: str) -> Iterator[JourneyStep]:
    """The real events of a client."""
    here = {"referral_id": subject_of(client), "activity_id": course}
    yield client
    yield about(
        platform.rng, client, REGION, "ActivityChosen", {**here, "organiser": OPISTO}, effects={"PlaceRequested": 1}
    )
    yield about(platform.rng, client, OPISTO, "EnrolmentConfirmed", here)


def attack(platform: Platform, client: JourneyStep, stranger: str, course: str, trap: str) -> Iterator[JourneyStep]:
    """Every class that an opisto may send about a client."""
    client_id = subject_of(client)

    def sends(name: str, **data: Any) -> JourneyStep:
        return about(platform.rng, client, stranger, name, {"referral_id": client_id, **data}, **REFUSED)

    yield sends("EnrolmentConfirmed", activity_id=trap)
    yield sends("EnrolmentCancelled", activity_id=course, reason="other")
    yield sends("ActivityAttended", activity_id=course, session_id="1")
    yield sends("ActivityMissed", activity_id=trap, session_id="1")
    yield about(platform.rng, client, stranger, "FeedbackSubmitted", answers(client), **REFUSED)


def refused(platform: Platform) -> float:
    """How many dead letters say `rejected`: the feedback service's of answers, the referral service's of all else."""
    return sum(
        platform.metric(name, "lahete_dead_letters_total", reason="rejected") for name in ("referral", "feedback")
    )
