"""The demo's groups of units: issued, chosen for, met at each session, and at the end where each of them stands."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from demo.post import Post
from demo.timetable import Action
from shared.reference import DIMENSIONS, MUNICIPALITIES, THEMES

DAY: Final = timedelta(days=1)
_KINDS: Final = ("long_term_care", "special_group", "rehabilitative_work", "housing_unit", "staff")
MISCOUNTED: Final = "miscounted"
"""Stands for a group of which the platform has another number of sessions than its organisers recorded."""
_MORE_CAME: Final = 0.1
"""The share of sessions to which more come than the group has."""


@dataclass(frozen=True)
class GroupPlan:
    """One group and what its unit will do. Times are in days after the start; `heads`: of whom came to each session."""

    group_id: str
    source: str
    issued_at: float
    data: dict[str, Any]
    chooses_after: float
    heads: tuple[tuple[int, int], ...]


def group_plans(rng: Random, count: int, issuing_days: float, places: Sequence[str]) -> list[GroupPlan]:
    """`count` groups of units in municipalities where something is organised. Pure: the same seed gives the same."""
    return [_plan(rng, rng.choice(places), issuing_days, _KINDS[number % len(_KINDS)]) for number in range(count)]


def _plan(rng: Random, municipality: str, issuing_days: float, kind: str) -> GroupPlan:
    size = rng.randint(2, 6)
    came = tuple((size + 2 if rng.random() < _MORE_CAME else rng.randint(1, size), rng.randint(1, 2)) for _ in range(3))
    return GroupPlan(
        group_id=str(UUID(int=rng.getrandbits(128), version=4)),
        source=f"/region/{MUNICIPALITIES[municipality].region}",
        issued_at=rng.random() * issuing_days,
        data={
            "unit_ref": f"unit-{rng.randint(1, 40)}",
            "kind": kind,
            "size": size,
            "municipality": municipality,
            "languages": ["fi", "sv"],
            "age": {"min": 18},
            "needs": {need: rng.randint(3, 10) for need in rng.sample(DIMENSIONS, 3)},
            "premises": "unit" if rng.random() < 0.3 else "organiser",
            "themes": rng.sample(THEMES, 2),
        },
        chooses_after=0.2 + rng.random(),
        heads=came,
    )


@dataclass
class GroupsPlayed:
    """The units that have groups, and the organisers' side of it, as far as their feeds tell them."""

    plans: Mapping[str, GroupPlan]
    post: Post
    now: Callable[[], datetime]
    later: Callable[[datetime, Action], None]
    placed: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """By organiser and group: what the organiser was told last of its places."""
    held: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """By group, activity and session: how many of the group came."""
    _confirmed: set[tuple[str, str]] = field(default_factory=set)

    def issue(self, plan: GroupPlan) -> None:
        """Sends the group's referral."""
        self._put(plan.source, "GroupReferralIssued", {"group_id": plan.group_id, **plan.data})

    def unit_hears(self, name: str, data: Mapping[str, Any]) -> None:
        """The unit chooses the first of what fits, each time that it is asked to."""
        plan = self.plans.get(data.get("group_id", ""))
        if plan and name == "GroupMatched" and data.get("proposals"):
            first = data["proposals"][0]
            chosen = {name: first[name] for name in ("organiser", "activity_id")}
            said = {"group_id": plan.group_id, **chosen}
            self.later(
                self.now() + plan.chooses_after * DAY, lambda: self._put(plan.source, "GroupActivityChosen", said)
            )

    def organiser_hears(self, organiser: str, name: str, data: Mapping[str, Any]) -> None:
        """The organiser confirms a group that has places, and forgets one that has none any more."""
        at = (organiser, data["group_id"])
        if name == "GroupReleased":
            self.placed.pop(at, None)
        elif name == "GroupPlaced":
            self.placed[at] = data
            if data["confirm"] and not data["confirmed"] and at not in self._confirmed:
                self._confirmed.add(at)
                said = {"group_id": data["group_id"], "activity_id": data["activity_id"]}
                self._put(organiser, "GroupPlacesConfirmed", said)

    def record(self, organiser: str) -> None:
        """Says of each session that is over how many came."""
        for (whose, group_id), data in list(self.placed.items()):
            plan = self.plans.get(group_id)
            if whose == organiser and plan:
                self._record(organiser, plan, data)

    def _record(self, organiser: str, plan: GroupPlan, data: Mapping[str, Any]) -> None:
        for index, session in enumerate(data["sessions"][: len(plan.heads)]):
            at = (plan.group_id, data["activity_id"], session["session_id"])
            if at not in self.held and datetime.fromisoformat(session["ends_at"]) < self.now():
                self.held[at], staff = plan.heads[index]
                said = {"group_id": plan.group_id, "activity_id": data["activity_id"]}
                heads = {"session_id": session["session_id"], "participants": self.held[at], "staff": staff}
                self._put(organiser, "GroupSessionHeld", {**said, **heads})

    def _put(self, source: str, name: str, data: Mapping[str, Any]) -> None:
        self.post.put(self.post.event(source, name, data, self.now(), data["group_id"]))

    async def stand(self) -> Counter[str]:
        """Where each of them stands, as its unit's region is told; `unknown` and `miscounted` must be none."""
        stand: Counter[str] = Counter()
        for plan in self.plans.values():
            answer = await self.post.insist("referral", f"/v1/groups/{plan.group_id}", plan.source)
            stand[self._of(plan, answer.json())] += 1
        return stand

    def _of(self, plan: GroupPlan, said: Mapping[str, Any]) -> str:
        recorded = sum(group_id == plan.group_id for group_id, _, _ in self.held)
        if said["held"] != recorded:
            return MISCOUNTED
        return str(said["outcome"] or said["status"])
