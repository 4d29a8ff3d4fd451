"""A seeded, plausible programme for each organiser, as ActivityPublished data. Made up; the opistos are real.

Pure: the same seed and start give the same programme.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from demo.organisers import Organiser
from shared.reference import MUNICIPALITIES

DAY = timedelta(days=1)

_COURSES: tuple[tuple[str, str, str, tuple[str, ...], str], ...] = (
    ("Kuoro kaikille", "Kör för alla", "A choir for all", ("singing", "social"), "course"),
    ("Kudonnan ilta", "Vävkväll", "An evening at the loom", ("crafts",), "course"),
    ("Muistojen valokuvat", "Minnenas fotografier", "Photographs and memories", ("photography", "history"), "peer"),
    ("Lempeä liike", "Mjuk rörelse", "Gentle movement", ("movement", "wellbeing"), "course"),
    ("Kirjoita itsellesi", "Skriv för dig själv", "Write for yourself", ("writing", "literature"), "peer"),
    ("Tanssia istuen", "Dans på stol", "Dancing from a chair", ("dance", "wellbeing"), "drop_in"),
    ("Yhteinen keittiö", "Gemensamt kök", "A kitchen together", ("cooking", "social"), "meets_people"),
    ("Maalataan metsässä", "Vi målar i skogen", "Painting in the forest", ("visual_arts", "nature"), "course"),
    ("Näyttämö auki", "Scenen är öppen", "The stage is open", ("theatre", "social"), "meets_people"),
    ("Puhelin haltuun", "Lär känna telefonen", "At home with your phone", ("digital",), "guidance"),
    ("Lauluja ja kahvia", "Sånger och kaffe", "Songs and coffee", ("music", "social"), "drop_in"),
    ("Elokuvakerho", "Filmklubb", "A film club", ("film", "social"), "peer"),
)
_AGES: tuple[dict[str, int], ...] = ({"min": 18}, {"min": 16}, {"min": 7, "max": 17}, {"min": 60}, {}, {"min": 18})
_AT_A_UNIT = 4
"""One organiser in so many has an activity that comes to a unit."""
_FEATURES = ("step_free", "induction_loop", "quiet", "easy_language", "companion_welcome")


@dataclass(frozen=True)
class Published:
    """One activity of the programme."""

    organiser: str
    data: dict[str, Any]

    @property
    def activity_id(self) -> str:
        return str(self.data["activity_id"])


def programme(organisers: list[Organiser], rng: Random, start: datetime, each: int) -> list[Published]:
    """`each` activities for every organiser, three sessions each, the first 14 to 17 days after `start`; beside them those
    that come to a unit."""
    return [
        Published(organiser.source, _activity(organiser, number, rng, start))
        for organiser in organisers
        for number in range(each)
    ] + [Published(one.source, _at_unit(one, rng, start)) for one in organisers[::_AT_A_UNIT]]


def _at_unit(organiser: Organiser, rng: Random, start: datetime) -> dict[str, Any]:
    """An activity that comes to a unit: the whole of it is one group's."""
    return _activity(organiser, 0, rng, start) | {
        "activity_id": "yksikossa-1",
        "format": "in_person",
        "age": {},
        "at_unit": True,
        "capacity": 12,
        "accessibility": [*_FEATURES],
    }


def _activity(organiser: Organiser, number: int, rng: Random, start: datetime) -> dict[str, Any]:
    fi, sv, en, themes, setting = rng.choice(_COURSES)
    first = start + (14 + rng.random() * 3) * DAY
    sessions = [_session(index, first + index * 2 * DAY) for index in range(3)]
    remote = rng.random() < 0.06
    languages = [language for language in organiser.languages if language in {"fi", "sv", "en"}] or ["fi"]
    return {
        "activity_id": f"syksy-{number + 1}",
        "title": {"fi": fi, "sv": sv, "en": en},
        "themes": list(themes),
        "setting": setting,
        "municipality": organiser.municipalities[0],
        "serves": list(organiser.municipalities),
        "format": "remote" if remote else "in_person",
        "place": {"name": {"fi": f"{MUNICIPALITIES[organiser.municipalities[0]].name_fi}, {organiser.name}"[:200]}},
        "accessibility": sorted(feature for feature in _FEATURES if rng.random() < 0.7),
        "languages": languages,
        "age": _AGES[(number + rng.randrange(2)) % len(_AGES)],
        "capacity": rng.randint(3, 9),
        "waiting_list": rng.choice((0, 2, 4)),
        "price_cents": rng.choice((0, 0, 1500, 3000, 4500)),
        "accepts": rng.choice(([], ["kaikukortti"], ["kaikukortti", "opintoseteli"])),
        "enrolment": {"closes": _written(first - timedelta(hours=6)), "confirm": rng.random() < 0.8},
        "sessions": sessions,
    }


def _session(index: int, starts_at: datetime) -> dict[str, str]:
    return {
        "session_id": str(index + 1),
        "starts_at": _written(starts_at),
        "ends_at": _written(starts_at + timedelta(minutes=90)),
    }


def _written(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
