"""The demo's partners: regions that read their feed and choose, opistos that confirm and send attendance by night.

They know of the platform only what its contracts say: the feed, the doors, the form.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from demo.groups import GroupsPlayed
from demo.people import Plan, answers
from demo.post import Post
from demo.programme import Published
from demo.timetable import Action
from services.feedback.form import hash_of
from services.feedback.model import form_event_id

DAY: Final = timedelta(days=1)
_PAGE: Final = 500

Later = Callable[[datetime, Action], None]
"""Does something at a time of the platform's clock."""


@dataclass
class RegionSystem:
    """One region's system: issues, chooses, withdraws, hands out the form."""

    source: str
    post: Post
    now: Callable[[], datetime]
    later: Later
    rng: Random
    visit: Callable[[Plan, str], Action]
    """A client with a code at the desk of an opisto near by."""
    groups: GroupsPlayed
    plans: dict[str, Plan] = field(default_factory=dict)
    cursor: str = "0"
    asked: set[tuple[str, str]] = field(default_factory=set)

    def issue(self, plan: Plan) -> None:
        """Sends the referral, and plans the withdrawal where there will be one."""
        self.plans[plan.referral_id] = plan
        self._put("ReferralIssued", plan.referral_id, plan.data)
        if plan.withdraws_after is not None:
            self.later(self.now() + plan.withdraws_after * DAY, lambda: self._withdraw(plan))

    async def read_feed(self) -> None:
        """Takes its feed's entries in."""
        for event in await feed(self):
            name = event["type"].split(".")[2]
            self.groups.unit_hears(name, event["data"])
            plan = self.plans.get(event["data"].get("referral_id", ""))
            if plan and name == "ActivitiesProposed" and plan.chooses_after is not None:
                proposals = event["data"]["proposals"]
                proposal = proposals[min(plan.rank, len(proposals) - 1)]
                self.later(self.now() + plan.chooses_after * DAY, self._choice(plan, proposal))
            elif plan and name == "ReferralOpened" and plan.shows_the_code:
                when = self.now() + (0.5 + self.rng.random()) * DAY
                self.later(when, self.visit(plan, event["data"]["referral_code"]))
            elif plan and name == "FeedbackRequested":
                self._answer_later(plan, event["data"]["phase"])

    def _choice(self, plan: Plan, proposal: Mapping[str, Any]) -> Callable[[], None]:
        chosen = {"organiser": proposal["organiser"], "activity_id": proposal["activity_id"]}
        return lambda: self._put("ActivityChosen", plan.referral_id, chosen)

    def _withdraw(self, plan: Plan) -> None:
        self._put("ReferralWithdrawn", plan.referral_id, {"reason": plan.reason})

    def _answer_later(self, plan: Plan, phase: str) -> None:
        wanted = plan.answers_before if phase == "before" else plan.answers_after
        if not wanted or (plan.referral_id, phase) in self.asked:
            return
        self.asked.add((plan.referral_id, phase))
        when = self.now() + (0.3 + self.rng.random()) * DAY
        if plan.answer_on_paper:
            self.later(when, lambda: self._on_paper(plan, phase))
        else:
            self.later(when, lambda: self._by_form(plan, phase))

    def _on_paper(self, plan: Plan, phase: str) -> None:
        data = {
            "about": {"kind": "referral", "id": plan.referral_id},
            "respondent": "participant",
            "phase": phase,
            "instrument": "dimensions_v1",
            "answers": answers(self.rng, after=phase == "after"),
            "channel": "paper",
        }
        self.post.put(self.post.event(self.source, "FeedbackSubmitted", data, self.now(), plan.referral_id))

    async def _by_form(self, plan: Plan, phase: str) -> None:
        path = f"/v1/referrals/{plan.referral_id}/form-links"
        issued = await self.post.ask("feedback", path, self.source, method="POST", json={"phase": phase})
        if issued is None or issued.status_code != 201:
            return
        token = issued.json()["url"].rpartition("/")[2]
        fields = {
            f"dimensions_v1-{item}": str(answer) for item, answer in answers(self.rng, after=phase == "after").items()
        }
        fields["respondent"] = "participant"
        sent = await self.post.ask("feedback", f"/f/{token}", self.source, method="POST", data=fields)
        if sent is not None and sent.status_code == 200:
            named = ("/service/feedback", form_event_id(hash_of(token), "dimensions_v1"))
            self.post.ledger.accepted[named] += 1

    def _put(self, name: str, referral_id: str, data: Mapping[str, Any]) -> None:
        whole = {"referral_id": referral_id, **data}
        self.post.put(self.post.event(self.source, name, whole, self.now(), referral_id))


@dataclass
class OpistoSystem:
    """One opisto's registration system: confirms, cancels, and sends attendance in the nightly run."""

    source: str
    post: Post
    now: Callable[[], datetime]
    later: Later
    rng: Random
    plan_of: Callable[[str], Plan | None]
    groups: GroupsPlayed
    activities: dict[str, Published] = field(default_factory=dict)
    cursor: str = "0"
    enrolled: dict[str, str] = field(default_factory=dict)
    recorded: set[tuple[str, str]] = field(default_factory=set)

    def publish(self, activity: Published) -> None:
        """Publishes an activity, or publishes it again."""
        self.activities[activity.activity_id] = activity
        event = self.post.event(self.source, "ActivityPublished", activity.data, self.now(), activity.activity_id)
        self.post.put(event)

    def cancel(self, activity_id: str, replaced_by: str | None) -> None:
        """Cancels an activity, moving its people where it is replaced."""
        data = {"activity_id": activity_id, "reason": "merged" if replaced_by else "too_few_participants"}
        if replaced_by:
            data["replaced_by"] = replaced_by
            moved = [referral for referral, activity in self.enrolled.items() if activity == activity_id]
            self.enrolled |= dict.fromkeys(moved, replaced_by)
        self.post.put(self.post.event(self.source, "ActivityCancelled", data, self.now(), activity_id))
        self.activities.pop(activity_id, None)

    async def at_the_desk(self, code: str, activity_id: str) -> None:
        """A client shows a code: the opisto looks it up, which relates it to the referral, and enrols the client."""
        found = await self.post.ask("referral", f"/v1/codes/{code}", self.source)
        if found is None or found.status_code != 200:
            self.later(self.now() + 0.5 * DAY, lambda: self.at_the_desk(code, activity_id))
            return
        referral_id = found.json()["referral_id"]
        self.enrolled[referral_id] = activity_id
        self._put("EnrolmentConfirmed", {"referral_id": referral_id, "activity_id": activity_id})

    async def nightly_run(self) -> None:
        """Reads the feed, confirms new participants, and records the sessions that are over."""
        for event in await feed(self):
            name = event["type"].split(".")[2]
            data = event["data"]
            if name == "PlaceReserved":
                self._enrol(data["referral_id"], data["activity_id"])
            elif name == "PlaceReleased" and self._is_to_leave(data):
                del self.enrolled[data["referral_id"]]
            elif name.startswith("Group"):
                self.groups.organiser_hears(self.source, name, data)
        self._record_what_is_over()
        self.groups.record(self.source)

    def _is_to_leave(self, data: Mapping[str, Any]) -> bool:
        """A loop that is closed takes nobody off the list: sessions may still be recorded."""
        is_there = self.enrolled.get(data["referral_id"]) == data["activity_id"]
        return bool(is_there and data["reason"] != "loop_closed")

    def _enrol(self, referral_id: str, activity_id: str) -> None:
        self.enrolled[referral_id] = activity_id
        data = {"referral_id": referral_id, "activity_id": activity_id}
        if self.rng.random() < 0.03:
            data["reason"] = self.rng.choice(("not_reached", "not_suitable"))
            del self.enrolled[referral_id]
            self._put("EnrolmentCancelled", data)
        elif self.rng.random() < 0.97:
            self._put("EnrolmentConfirmed", data)

    def _record_what_is_over(self) -> None:
        now = self.now()
        for referral_id, activity_id in list(self.enrolled.items()):
            activity, plan = self.activities.get(activity_id), self.plan_of(referral_id)
            if activity is None or plan is None or not plan.recorded:
                continue
            for index, session in enumerate(activity.data["sessions"]):
                key = (referral_id, session["session_id"])
                if key not in self.recorded and datetime.fromisoformat(session["ends_at"]) < now:
                    self.recorded.add(key)
                    self._record(plan, activity_id, session["session_id"], attended=plan.attends[index])

    def _record(self, plan: Plan, activity_id: str, session_id: str, *, attended: bool) -> None:
        data = {"referral_id": plan.referral_id, "activity_id": activity_id, "session_id": session_id}
        wrong = plan.marked_wrongly and session_id == "1"
        self._put("ActivityAttended" if attended != wrong else "ActivityMissed", data)
        if wrong:
            right = "ActivityAttended" if attended else "ActivityMissed"
            self.later(self.now() + 1.5 * DAY, lambda: self._put(right, data))

    def _put(self, name: str, data: Mapping[str, Any]) -> None:
        self.post.put(self.post.event(self.source, name, data, self.now(), data["referral_id"]))


async def feed(partner: RegionSystem | OpistoSystem) -> Iterable[dict[str, Any]]:
    """What is new in a partner's feed; nothing where notify does not answer now."""
    events: list[dict[str, Any]] = []
    while True:
        response = await partner.post.ask("notify", f"/v1/feed?after={partner.cursor}&limit={_PAGE}", partner.source)
        if response is None or response.status_code != 200:
            return events
        page = response.json()
        events += page["events"]
        partner.post.heard.update(event["type"].split(".")[2] for event in page["events"])
        partner.cursor = page["next"]
        if len(page["events"]) < _PAGE:
            return events
