"""The events of a steady load: referrals on their way, activities, faults on purpose, each with its expected effects.

Pure except for seeded chance: the same seed and start make the same events. All times lie in the past few hours, so
that no deadline falls into a run, save the last session of every other activity: those can still be proposed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle
from random import Random
from typing import Any, Final
from uuid import UUID

from tests.scenarios.oracle import Expected

REGIONS: Final = ("/region/05", "/region/06", "/region/07", "/region/11")
ON_KAFKA: Final = "/region/08"
"""A region that writes to a topic of its own; the others, and all opistos, send over HTTP."""
FIRST_ACTIVITIES: Final = 12
_JOURNEYS_AN_ACTIVITY: Final = 30
_SESSIONS: Final = ("1", "2")
_CHOSEN: Final = {"PlaceRequested": 1}
_ISSUED: Final = {"ReferralOpened": 1}
"""Proposals follow too, unless the choice overtook them."""


@dataclass(frozen=True)
class JourneyStep:
    """One sending. `by`: whose key, or whose topic on Kafka. `event` without an id is bytes that nobody can read."""

    event: Mapping[str, Any]
    by: str
    expected: Expected | None = None
    refused: bool = False
    over_http: bool = False
    """Over HTTP, although its sender has a topic of its own."""

    @property
    def on_kafka(self) -> bool:
        """Whether its sender writes to Kafka himself."""
        return self.by == ON_KAFKA and not self.over_http


Journey = list[JourneyStep]
"""Steps of one key: each goes out once a door took the one before."""


@dataclass(frozen=True)
class _Activity:
    organiser: str
    id: str


class Journeys:
    """An endless supply of journeys."""

    def __init__(self, rng: Random, began: datetime, opistos: Sequence[str]) -> None:
        self._rng = rng
        self._began = began
        self._opistos = opistos
        self._activities: list[_Activity] = []

    def journeys(self) -> Iterator[Journey]:
        """First some activities, then people, with a new activity and a mishap now and then."""
        for _ in range(FIRST_ACTIVITIES):
            yield self._new_activity()
        mishaps = cycle(self._mishaps())
        while True:
            for number in range(_JOURNEYS_AN_ACTIVITY):
                yield self._person()
                if number % 4 == 3:
                    yield [next(mishaps)()]
            yield self._new_activity()
            self._activities = self._activities[-FIRST_ACTIVITIES:]

    # --- activities

    def _new_activity(self) -> Journey:
        activity = _Activity(self._rng.choice(self._opistos), f"soak-{self._id()[:8]}")
        self._activities.append(activity)
        first = self._published(activity, 0)
        # Published again as it is, with a session more for some: referrals that follow it hear of it.
        again = self._published(activity, 1, more=self._rng.random() < 0.5)
        return [first, first, again] if self._rng.random() < 0.3 else [first, again]

    def _published(self, activity: _Activity, version: int, *, more: bool = False) -> JourneyStep:
        starts = [self._began + timedelta(hours=3 + number) for number in range(len(_SESSIONS))]
        if int(activity.id[-1], 16) % 2 or more:
            starts.append(self._began + timedelta(days=30))
        data = {
            "activity_id": activity.id,
            "title": {"fi": "Kuoro kaikille", "sv": "Kör för alla"},
            "themes": ["singing", "social"],
            "municipality": "837",
            "format": "in_person",
            "languages": ["fi", "sv"],
            "age": {},
            "capacity": 3 + int(activity.id[-2], 16),
            "waiting_list": 4,
            "price_cents": 0,
            "enrolment": {"confirm": True},
            "sessions": [
                {
                    "session_id": str(number + 1),
                    "starts_at": start.isoformat(),
                    "ends_at": (start + timedelta(minutes=45)).isoformat(),
                }
                for number, start in enumerate(starts)
            ],
        }
        return self._step(activity.organiser, "ActivityPublished", data, version / 60)

    # --- people

    def _person(self) -> Journey:
        rng = self._rng
        region = rng.choice((*REGIONS, ON_KAFKA))
        referral, activity, erased = str(self._uuid()), rng.choice(self._activities), rng.random() < 0.03
        about = {"referral_id": referral}
        shown = None if erased else referral
        # Over Kafka and HTTP there is no order between the region's events and those of others.
        in_order = region != ON_KAFKA
        issued = self._step(region, "ReferralIssued", {**about, **_WISH}, 1, effects=_ISSUED, shown=shown)
        steps = [issued]
        if rng.random() < 0.08:
            other = rng.choice([one for one in self._activities if one != activity])
            steps.append(self._chosen(region, referral, other, 1.2, shown))
        steps.append(self._chosen(region, referral, activity, 1.5, shown))
        if rng.random() < 0.05:
            return self._with_conflict(steps)
        # An erasure takes the early events with it.
        if rng.random() < 0.04 and not erased:
            steps.append(self._of_a_stranger(region, referral, activity))
        of_activity = {**about, "activity_id": activity.id}
        organiser = activity.organiser
        steps.append(
            self._step(organiser, "EnrolmentConfirmed", of_activity, 2, effects=in_order and _CHOSEN, shown=shown)
        )
        if rng.random() < 0.06 or erased:
            reason = "consent_withdrawn" if erased else "moved"
            steps.append(self._step(region, "ReferralWithdrawn", {**about, "reason": reason}, 2.5, shown=shown))
        else:
            steps += self._attendance(organiser, of_activity, shown)
            if rng.random() < 0.5:
                steps.append(self._answered(region, referral, shown))
        return self._repeated(steps)

    def _chosen(self, region: str, referral: str, activity: _Activity, hours: float, shown: str | None) -> JourneyStep:
        data = {"referral_id": referral, "organiser": activity.organiser, "activity_id": activity.id}
        return self._step(region, "ActivityChosen", data, hours, effects=region != ON_KAFKA and _CHOSEN, shown=shown)

    def _attendance(self, organiser: str, about: Mapping[str, str], shown: str | None) -> Iterator[JourneyStep]:
        for number, session in enumerate(_SESSIONS):
            name = "ActivityAttended" if self._rng.random() < 0.8 else "ActivityMissed"
            yield self._step(organiser, name, {**about, "session_id": session}, 4 + number, shown=shown)

    def _answered(self, region: str, referral: str, shown: str | None) -> JourneyStep:
        data = {
            "about": {"kind": "referral", "id": referral},
            "respondent": "participant",
            "phase": "after",
            "instrument": "experience_v1",
            "answers": {"satisfaction": self._rng.randint(1, 5), "recommend": self._rng.randint(0, 10)},
            "channel": "paper",
        }
        return self._step(region, "FeedbackSubmitted", data, 7, shown=shown)

    def _repeated(self, steps: Journey) -> Journey:
        """Sends some again later, with the same id, as honest senders do."""
        for at in range(len(steps) - 1, -1, -1):
            if self._rng.random() < 0.04:
                steps.insert(self._rng.randint(at + 1, len(steps)), steps[at])
        return steps

    # --- faults on purpose

    def _with_conflict(self, steps: Journey) -> Journey:
        issued = steps[0]
        assert issued.expected
        first = replace(issued, expected=replace(issued.expected, refusals=frozenset({"conflict"})))
        other = {**issued.event, "data": {**issued.event["data"], "unit_ref": "unit-2"}}
        return [first, *steps[1:], replace(first, event=other)]

    def _of_a_stranger(self, region: str, referral: str, activity: _Activity) -> JourneyStep:
        stranger = next(one for one in REGIONS if one != region)
        data = {"referral_id": referral, "organiser": activity.organiser, "activity_id": activity.id}
        return _waiting(self._step(stranger, "ActivityChosen", data, 1.7))

    def _mishaps(self) -> Sequence[Callable[[], JourneyStep]]:
        return (
            self._unreadable,
            self._unknown_type,
            self._forged_on_kafka,
            self._broken_on_kafka,
            self._broken_over_http,
            self._forged_over_http,
            self._of_nobody,
        )

    def _unreadable(self) -> JourneyStep:
        return JourneyStep({"subject": self._id(), "data": "{no json"}, ON_KAFKA)

    def _unknown_type(self) -> JourneyStep:
        return self._step(ON_KAFKA, "ReferralDreamt", {"referral_id": self._id()}, 1, dead="unknown_type")

    def _forged_on_kafka(self) -> JourneyStep:
        step = self._step("/region/01", "ReferralIssued", {"referral_id": self._id(), **_WISH}, 1, dead="forged_sender")
        assert step.expected
        return replace(step, by=ON_KAFKA, expected=replace(step.expected, source=ON_KAFKA))

    def _broken_on_kafka(self) -> JourneyStep:
        data = {"referral_id": self._id(), **_WISH, "municipality": "999"}
        return self._step(ON_KAFKA, "ReferralIssued", data, 1, dead="invalid")

    def _broken_over_http(self) -> JourneyStep:
        data = {"referral_id": self._id(), **_WISH, "municipality": "999"}
        return replace(self._step(REGIONS[0], "ReferralIssued", data, 1), expected=None, refused=True)

    def _forged_over_http(self) -> JourneyStep:
        step = self._step("/region/01", "ReferralIssued", {"referral_id": self._id(), **_WISH}, 1)
        return replace(step, by=REGIONS[0], expected=None, refused=True)

    def _of_nobody(self) -> JourneyStep:
        data = {"referral_id": self._id(), "activity_id": self._activities[0].id, "session_id": "1"}
        return _waiting(self._step(self._activities[0].organiser, "ActivityAttended", data, 4))

    # --- events

    def _step(
        self,
        source: str,
        name: str,
        data: Mapping[str, Any],
        hours: float,
        *,
        effects: Mapping[str, int] | bool = False,
        shown: str | None = None,
        dead: str = "",
    ) -> JourneyStep:
        event = {
            "specversion": "1.0",
            "id": self._id(),
            "source": source,
            "type": f"fi.kulttuurilahete.{name}.v1",
            "subject": data.get("referral_id") or data.get("activity_id") or data["about"]["id"],
            "time": (self._began + timedelta(hours=hours)).isoformat(),
            "data": data,
        }
        expected = Expected(
            source,
            str(event["id"]),
            fate="dead_lettered" if dead else "applied",
            effects=effects if isinstance(effects, Mapping) else {},
            refusals=frozenset({dead} if dead else ()),
            history_of=shown,
        )
        return JourneyStep(event, source, expected)

    def _id(self) -> str:
        return str(self._uuid())

    def _uuid(self) -> UUID:
        return UUID(int=self._rng.getrandbits(128), version=4)


def _waiting(step: JourneyStep) -> JourneyStep:
    assert step.expected
    return replace(step, expected=replace(step.expected, fate="waiting"))


_WISH: Final[Mapping[str, Any]] = {
    "unit_ref": "unit-1",
    "municipality": "837",
    "age_band": "65-74",
    "languages": ["fi", "sv"],
    "needs": {"friends": 9, "self_esteem": 4},
    "themes": ["singing"],
    "consent": {"recorded_on": "2026-01-01", "scopes": ["referral", "feedback"]},
}
