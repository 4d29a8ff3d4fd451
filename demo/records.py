"""What the demo's partners record beside referrals: trainings, good practices, plans' goals, improvements, and what they say of
working together."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from demo.flows import GuidelineFlow
from demo.organisers import Organiser

_TRAININGS: Final = 12
_PRACTICES: Final = 10
_GOALS: Final = 8
_IMPROVEMENTS: Final = 9
_SAYING: Final = 8
_SOURCE: Final = "https://www.example.fi/demo"

Say = Callable[[str, str, str, Mapping[str, Any]], None]
"""Sends a partner's event: source, class, subject, data."""


@dataclass
class Records:
    """What these organisers and their regions record."""

    near: Sequence[tuple[Organiser, str]]
    say: Say

    def begin(self) -> None:
        """Records all of it; one improvement in three is done at once."""
        for number, (one, region) in enumerate(self.near):
            self._record(number, one.source, region)

    def _record(self, number: int, organiser: str, region: str) -> None:
        if number < _TRAININGS:
            self._training(number, organiser, region)
        if number < _PRACTICES:
            self._practice(number, organiser)
        if number < _GOALS:
            self._goal(number, region)
        if number < _IMPROVEMENTS:
            self._improvement(number, organiser, region)

    def _training(self, number: int, organiser: str, region: str) -> None:
        id_ = f"koulutus-{number}"
        said = {
            "training_id": id_,
            "name": {"fi": "Kulttuuri asiakastyössä", "sv": "Kultur i klientarbetet"},
            "held_on": "2026-08-28",
            "units": [{"partner": region, "unit_ref": f"unit-{unit}"} for unit in (number + 1, number + 2)],
            "audience": ["client_guidance", "social_care"],
            "came": 10 + number,
        }
        self.say(organiser, "TrainingHeld", id_, said)
        if number < _SAYING:
            self._answer(region, "training", f"{organiser} koulutus-{number}", number)

    def _practice(self, number: int, organiser: str) -> None:
        id_ = f"kaytanto-{number}"
        said = {
            "practice_id": id_,
            "name": {"fi": "Kuoro palvelutalossa"},
            "what": {"fi": "Kuoro kokoontuu palvelutalon salissa, ja naapurit tulevat mukaan."},
            "for_whom": {"fi": "Iäkkäille ja heidän naapureilleen"},
            "described_at": f"{_SOURCE}/kaytanto-{number}",
            "themes": ["singing", "social"],
            "figures": [{"measure": "completed", "theme": "singing"}],
        }
        self.say(organiser, "PracticeRecorded", id_, said)

    def _goal(self, number: int, region: str) -> None:
        id_ = f"tavoite-{number}"
        said = {
            "goal_id": id_,
            "goal": {"fi": "Kulttuurilähetteitä saa useampi"},
            "starts": "2026-01-01",
            "ends": "2029-12-31",
            "described_at": f"{_SOURCE}/hyvinvointisuunnitelma",
            "figure": {"measure": "attended"},
            "target": 100 + number,
        }
        self.say(region, "PlanGoalRecorded", id_, said)

    def _improvement(self, number: int, organiser: str, region: str) -> None:
        id_ = f"parannus-{number}"
        said = {
            "improvement_id": id_,
            "roles": [
                {"partner": region, "role": "client_counsellor"},
                {"partner": organiser, "role": "culture_coordinator"},
            ],
            "about": {"fi": "Sovitaan, kuka vastaa kysymyksiin kurssin alkaessa"},
            "due": "2026-10-15",
        }
        self.say(region, "ImprovementAgreed", id_, said)
        if number % 3 == 0:
            done = {"agreed_by": region, "improvement_id": id_}
            self.say(organiser, "ImprovementDone", f"{region} {id_}", done)

    def _answer(self, who: str, kind: str, id_: str, number: int) -> None:
        about = {"kind": kind, "id": id_}
        for instrument, answers in (
            ("experience_v1", {"satisfaction": 3 + number % 3, "recommend": 7 + number % 4}),
            ("cooperation_v1", {"roles": 4, "contact": 3 + number % 3, "agreed": 5}),
        ):
            said = {"about": about, "respondent": who.split("/")[1], "phase": "after", "instrument": instrument}
            self.say(who, "FeedbackSubmitted", f"{kind} {id_}", {**said, "answers": answers})

    async def flows(self, count: Callable[..., Awaitable[int]]) -> list[GuidelineFlow]:
        """What each guideline asks for, as meant and as the platform shows it."""

        async def of(guideline: str, what: str, most: int, path: str, **query: str) -> GuidelineFlow:
            return GuidelineFlow(guideline, what, min(most, len(self.near)), await count(path, **query))

        return [
            await of("K2", "goals of wellbeing plans, each with its figure", _GOALS, "goals"),
            await of("K3, V3", "trainings for professionals", _TRAININGS, "trainings"),
            await of("V1", "good practices", _PRACTICES, "practices"),
            await of("K5", "improvements agreed on", _IMPROVEMENTS, "improvements"),
        ]
