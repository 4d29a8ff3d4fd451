"""The demo's script: who publishes, refers, cancels, errs on which day of the platform's clock."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from importlib.resources import files
from random import Random
from typing import Final

from demo.cooperation import Cooperation
from demo.faults import Faults
from demo.groups import GroupsPlayed, group_plans
from demo.look import OPS
from demo.organisers import organisers
from demo.partners import DAY, OpistoSystem, RegionSystem
from demo.people import Plan, people
from demo.post import Post
from demo.programme import Published, programme
from demo.size import DAYS, Size
from demo.timetable import Action, Timetable
from edges.linked_events.read import convert
from shared.reference import MUNICIPALITIES, REGIONS

OWN_REGION: Final = "/region/06"
ISSUING_DAYS: Final = 11.0
KILLED_ON: Final = DAYS * 0.45
_CANCELLED_ON: Final = 13
_AGREED_ON: Final = 0.5
_CANCELLED: Final = "syksy-1"
_AT_THE_DESK: Final = "syksy-3"
_REGIONS_LOOK: Final = 0.4 * DAY
_NIGHT: Final = DAY


class Script:
    """The partners of one demo, with their actions written into the timetable."""

    def __init__(
        self, size: Size, post: Post, now: Callable[[], datetime], timetable: Timetable, rng: Random, own_opisto: str
    ) -> None:
        self._size = size
        self._post = post
        self._timetable = timetable
        self._rng = rng
        self._start = now()
        self._organisers = organisers(size.opistos, size.others)
        self.plans = {plan.referral_id: plan for plan in people(rng, size.referrals, ISSUING_DAYS)}
        self.groups = self._groups(now)
        self.cooperation = Cooperation(self._organisers, post, now)
        self._regions = {
            f"/region/{code}": RegionSystem(f"/region/{code}", post, now, timetable.at, rng, self._visit, self.groups)
            for code, region in REGIONS.items()
            if region.may_refer
        }
        self._systems = {
            one.source: OpistoSystem(one.source, post, now, timetable.at, rng, self.plan_of, self.groups)
            for one in self._organisers
        }
        self.faults = Faults(post, now, OWN_REGION, own_opisto, rng)
        self.imports_refused: list[tuple[str, list[str]]] = []

    def _groups(self, now: Callable[[], datetime]) -> GroupsPlayed:
        places = [one.municipalities[0] for one in self._organisers if may_refer(one.municipalities[0])]
        plans = group_plans(self._rng, self._size.groups, ISSUING_DAYS / 2, places)
        return GroupsPlayed({plan.group_id: plan for plan in plans}, self._post, now, self._timetable.at)

    def plan_of(self, referral_id: str) -> Plan | None:
        """Plans the actions of a referral's client."""
        return self.plans.get(referral_id)

    def _visit(self, plan: Plan, code: str) -> Action:
        near = [one for one in self._organisers if plan.data["municipality"] in one.municipalities]
        if not near:
            return lambda: None
        return partial(self._systems[near[0].source].at_the_desk, code, _AT_THE_DESK)

    @property
    def reachable(self) -> int:
        """How many clients live where an organiser of the demo has activities."""
        served = {code for one in self._organisers for code in one.municipalities}
        return sum(plan.data["municipality"] in served for plan in self.plans.values())

    @property
    def unrecorded(self) -> int:
        """How many clients' attendance their opisto will not record, if they come to have a place."""
        return sum(not plan.recorded for plan in self.plans.values())

    def write(self, kill: Callable[[], None]) -> None:
        """Writes all of it down."""
        self._partners_register()
        self._organisers_publish()
        self._import_linked_events()
        self._regions_refer()
        self._all_look_at_their_feeds()
        self._some_err()
        self._some_cancel()
        self._timetable.at(self._on(_AGREED_ON), self.cooperation.begin)
        self._timetable.at(self._on(KILLED_ON), kill)

    def _on(self, day: float) -> datetime:
        return self._start + day * DAY

    def _partners_register(self) -> None:
        for one in self._organisers:
            area = list(one.municipalities)
            self._timetable.start(
                self._register(one.source, {"name": one.name, "language": one.language, "area": area})
            )
        for source in self._regions:
            name = REGIONS[source.removeprefix("/region/")].name_fi
            self._timetable.start(self._register(source, {"name": name, "language": "fi"}))

    async def _register(self, source: str, said: Mapping[str, object]) -> None:
        await self._post.insist("partners", f"/v1/partners{source}", OPS, method="PUT", json=said)

    def _organisers_publish(self) -> None:
        for activity in programme(self._organisers, self._rng, self._start, self._size.activities_each):
            self._timetable.at(self._on(self._rng.random() * 0.25), partial(self._publish, activity))

    def _publish(self, activity: Published) -> None:
        self._systems[activity.organiser].publish(activity)

    def _import_linked_events(self) -> None:
        municipality = next(code for code, one in MUNICIPALITIES.items() if one.name_fi == "Helsinki")
        organiser = next(iter(self._systems))
        events, refusals = convert(linked_events(), organiser=organiser, now=self._start, municipality=municipality)
        for event in events:
            self._post.put(dict(event))
        self.imports_refused = [(refusal.id, list(refusal.reasons)) for refusal in refusals]

    def _regions_refer(self) -> None:
        for plan in self.plans.values():
            self._timetable.at(self._on(0.4 + plan.issued_at), partial(self._regions[plan.source].issue, plan))
        for group in self.groups.plans.values():
            self._timetable.at(self._on(0.4 + group.issued_at), partial(self.groups.issue, group))

    def _all_look_at_their_feeds(self) -> None:
        for region in self._regions.values():
            self._timetable.every(_REGIONS_LOOK, self._start + self._rng.random() * _REGIONS_LOOK, region.read_feed)
        for opisto in self._systems.values():
            self._timetable.every(_NIGHT, self._start + self._rng.random() * _NIGHT, opisto.nightly_run)

    def _some_err(self) -> None:
        victims = list(self.plans.values())
        for _ in range(max(18, self._size.referrals // 20)):
            err = partial(self.faults.make_one, self._rng.choice(victims))
            self._timetable.at(self._on(1 + self._rng.random() * 20), err)

    def _some_cancel(self) -> None:
        for number, opisto in enumerate(list(self._systems.values())[3::25]):
            replaced = "syksy-2" if number % 2 else None
            self._timetable.at(self._on(_CANCELLED_ON), partial(opisto.cancel, _CANCELLED, replaced))


def may_refer(municipality: str) -> bool:
    """Whether the municipality's region refers."""
    return REGIONS[MUNICIPALITIES[municipality].region].may_refer


def linked_events() -> object:
    """The real Linked Events rows that the demo carries; SOURCES.md names where they come from."""
    return json.loads(files("demo").joinpath("linked_events.json").read_text(encoding="utf-8"))
